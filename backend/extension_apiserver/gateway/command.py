"""`extension-apiserver gateway`, and `doctor` and `selftest` for it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from extension_apiserver.cli import CALLED_WRONGLY, examine, serving
from extension_apiserver.cluster.kubernetes import ApiClient
from extension_apiserver.diagnose import doctor, selftest
from extension_apiserver.diagnose.findings import Finding
from extension_apiserver.serve import host
from extension_apiserver.settings import DEFAULT_PREFIX, Settings, SettingsError

from .configuration_file import ConfigError, read_config
from .gateway import Gateway
from .health import findings

#: A body on its way to an upstream is never held, so the upstream is to say what is too much.
_DEFAULTS = {f"{DEFAULT_PREFIX}MAX_STREAMED_BODY_BYTES": str(2**40)}
_DESCRIPTION = """\
gateway   serve a group of Kubernetes' API by passing verified requests on to --upstream, or to those in --config
doctor    look at everything between kube-apiserver and the upstreams, and say what is wrong
selftest  call the API through kube-apiserver, and the backend directly with a forged identity"""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run a command and return the exit code.

    Args:
        arguments: by default those of the process.
        environ: by default that of the process.

    """
    parser = argparse.ArgumentParser(
        "extension-apiserver", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("gateway", "doctor", "selftest"))
    parser.add_argument(
        "--upstream", metavar="URL", help="the service to pass requests on to, e.g. http://127.0.0.1:8000"
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="JSON or YAML, see docs/gateway.md")
    given = parser.parse_args(arguments)
    try:
        settings = Settings.from_environ({**_DEFAULTS, **(os.environ if environ is None else environ)})
        if given.command == "selftest":
            return examine(selftest.examine, settings)
        if given.command == "doctor" and given.config is None and given.upstream is None:
            return examine(doctor.examine, settings)
        gateway = Gateway(read_config(given.config, given.upstream), settings)
    except (SettingsError, ConfigError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return CALLED_WRONGLY
    if given.command == "gateway":
        return serving(host(gateway.host, gateway.api, settings), settings)

    async def both(client: ApiClient, settings: Settings) -> AsyncIterator[Finding]:
        async for finding in findings(gateway.upstreams):
            yield finding
        async for finding in doctor.examine(client, settings):
            yield finding

    return examine(both, settings)
