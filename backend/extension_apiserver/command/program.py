"""The command line of `extension-apiserver`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from extension_apiserver.cli import CALLED_WRONGLY
from extension_apiserver.gateway.configuration_file import ConfigError
from extension_apiserver.settings import SettingsError

from . import dev, gateway, init, metrics_mux
from .errors import CommandError

_OF_A_GATEWAY = {
    "gateway": "serve a group of Kubernetes' API by passing verified requests on to --upstream, or to those in --config",
    "doctor": "look at everything between kube-apiserver and the upstreams, and say what is wrong",
    "selftest": "call the API through kube-apiserver, and the backend directly with a forged identity",
}


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run a command and return the exit code.

    Args:
        arguments: by default those of the process.
        environ: by default that of the process.

    """
    parser = argparse.ArgumentParser("extension-apiserver", description="Kubernetes APIs of your own.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    init.add_arguments(commands.add_parser("init", help="make a folder with an API to begin from"))
    dev.add_arguments(
        commands.add_parser("dev", help="run app.py, or --upstream, behind a kube-apiserver of this machine")
    )
    words = "serve the metrics of several providers as one API, by the routes in --config"
    metrics_mux.add_arguments(commands.add_parser("metrics-mux", help=words, description=words))
    for name, words in _OF_A_GATEWAY.items():
        _add_config(commands.add_parser(name, help=words, description=words))
    given = parser.parse_args(arguments)
    try:
        if given.command == "init":
            return init.run(given)
        if given.command == "dev":
            return dev.run(given)
        serve = metrics_mux.run if metrics_mux.is_meant(given) else gateway.run
        return serve(given, os.environ if environ is None else environ)
    except (CommandError, SettingsError, ConfigError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return CALLED_WRONGLY


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--upstream", metavar="URL", help="whom to pass requests on to, e.g. http://127.0.0.1:8000")
    parser.add_argument("--config", metavar="FILE", type=Path, help="JSON or YAML, see docs/gateway.md")
