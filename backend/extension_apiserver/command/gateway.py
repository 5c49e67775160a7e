"""`extension-apiserver gateway`, and `doctor` and `selftest` for it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from extension_apiserver.cli import examine, examine_both, serving
from extension_apiserver.diagnose import doctor, selftest
from extension_apiserver.gateway.configuration_file import read_config
from extension_apiserver.gateway.gateway import Gateway
from extension_apiserver.gateway.health import findings
from extension_apiserver.host import host
from extension_apiserver.settings import DEFAULT_PREFIX, Settings

#: A body on its way to an upstream is never held, so the upstream is to say what is too much.
_DEFAULTS = {f"{DEFAULT_PREFIX}MAX_STREAMED_BODY_BYTES": str(2**40)}


def run(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run `given.command` and return the exit code.

    Raises:
        SettingsError: see there.
        ConfigError: the configuration file cannot be used.
        ValueError: the URL of the upstream is none.

    """
    settings = Settings.from_environ({**_DEFAULTS, **environ})
    if given.command == "selftest":
        return examine(selftest.examine, settings)
    if given.command == "doctor" and given.config is None and given.upstream is None:
        return examine(doctor.examine, settings)
    if not settings.versions:
        raise ValueError(f"{DEFAULT_PREFIX}VERSIONS is empty, and a gateway serves a group: say its versions")
    gateway = Gateway(read_config(given.config, given.upstream), settings)
    if given.command == "gateway":
        return serving(host(gateway.host, settings), settings)
    return examine_both(lambda: findings(gateway.upstreams), settings)
