"""`extension-apiserver metrics-mux`, and `doctor` for it."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from extension_apiserver.cli import examine_both, serving
from extension_apiserver.host import host
from extension_apiserver.metrics_mux.configuration_file import is_mux, read_config
from extension_apiserver.metrics_mux.findings import findings
from extension_apiserver.metrics_mux.mux import Mux
from extension_apiserver.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those of `metrics-mux`."""
    parser.add_argument(
        "--config", metavar="FILE", type=Path, required=True, help="JSON or YAML, see docs/metrics-mux.md"
    )


def is_meant(given: argparse.Namespace) -> bool:
    """Tell whether the command is about a multiplexer."""
    about_one = given.command == "doctor" and given.config is not None and given.upstream is None
    return given.command == "metrics-mux" or (about_one and is_mux(given.config))


def run(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run `given.command` and return the exit code.

    Raises:
        SettingsError: see there.
        ConfigError: the configuration file cannot be used.
        ValueError: a file that it names cannot be used.

    """
    settings = dataclasses.replace(Settings.from_environ(environ), versions=())
    mux = Mux(read_config(given.config), settings)
    if given.command == "metrics-mux":
        return serving(host(mux.host, settings), settings)
    return examine_both(lambda: findings(mux.providers), settings)
