"""`extension-apiserver dev`: an API behind a kube-apiserver of this machine, served anew whenever its file changes.

The control plane is that of pytest-apiservice, which this distribution does not require.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.gateway.configuration_file import read_config

from .child import ENDING, Child, say
from .errors import CommandError

_HARNESS = "pytest_apiservice"
#: Of a program with resources that have a store; which one that is, nobody knows before it runs.
_STORE_URL = "EXTENSION_APISERVER_STORE_URL"
#: Between two looks at the files; while a start is awaited, at that.
_PERIOD_SECONDS, _SOON_SECONDS = 0.1, 0.02
#: Folders with names such as these hold what others wrote.
_NOT_OURS = re.compile(r"\..*|__pycache__|node_modules|venv|env|build|dist|reports")
#: A look at so many takes a few milliseconds; further ones are not looked at.
_MOST_FILES = 2000
_NO_LABEL = re.compile(r"[^a-z0-9]+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those of `dev`."""
    parser.add_argument("app", nargs="?", type=Path, metavar="app.py", help="the program (default: app.py)")
    parser.add_argument("--upstream", metavar="URL", help="no program: a gateway to the service that runs there")
    parser.add_argument("--config", metavar="FILE", type=Path, help="of that gateway")


def run(given: argparse.Namespace) -> int:
    """Serve until Ctrl-C, and return the exit code.

    Raises:
        CommandError: two options exclude each other, the program is not there, or no control plane can be had.
        ConfigError: there can be no such gateway.

    """
    command, watched, folder = _served(given)
    if importlib.util.find_spec(_HARNESS) is None:
        raise CommandError(f"dev needs a control plane, which is pytest-apiservice's: {_pip('pytest-apiservice')}")
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)
    try:
        return _serve(given, command, watched, folder)
    except KeyboardInterrupt:
        say("ended")
    return 0


def _serve(given: argparse.Namespace, command: Sequence[str], watched: Path | None, folder: Path) -> NoReturn:
    """Serve until an interrupt."""
    # Not imported by name: this distribution does not require it, and its absence was said.
    harness: Any = importlib.import_module(f"{_HARNESS}.embedded.outside")
    try:
        group, versions = harness.registration(folder / "values.yaml")
        with harness.outside(_service_name(group), group, versions) as outside:
            path = f"/apis/{group}/{versions[0]}"
            first = f"get --raw {path}/" if given.upstream else f"api-resources --api-group={group}"
            say(f"serving {path} from {given.upstream or given.config or command[-1]}; in another terminal:")
            say(f"\n  {outside.export}\n  kubectl {first}\n\nCtrl-C ends it all")
            environ = _environment(os.environ, outside.environment)
            waits = given.upstream is None and given.config is None
            if waits and _STORE_URL not in os.environ:
                say(f"objects that a store keeps, too, unless {_STORE_URL} names a place of yours")
            _develop(Child(command, environ, folder, harness.die_with_parent(), waits=waits), watched, outside)
    except harness.HarnessError as error:
        raise CommandError(str(error)) from None


def _environment(own: Mapping[str, str], outside: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables of the process that serves: all of ours, as the control plane needs them; a store of ours stays."""
    kept = {_STORE_URL: own[_STORE_URL]} if _STORE_URL in own else {}
    return {**own, **outside, **kept, "PYTHONUNBUFFERED": "1"}


def _served(given: argparse.Namespace) -> tuple[Sequence[str], Path | None, Path]:
    """Return the command of the process that serves, what to watch, and where it runs."""
    if given.upstream is not None or given.config is not None:
        if given.app is not None:
            raise CommandError(f"choose between {given.app} and --upstream or --config: both would serve the same API")
        if given.upstream is not None:
            try:
                origin(given.upstream)
            except ValueError as error:
                raise CommandError(f"--upstream: {error}") from None
        read_config(given.config, given.upstream)
        options = [f"--upstream={given.upstream}"] if given.upstream is not None else []
        config = given.config.resolve() if given.config is not None else None
        options += [f"--config={config}"] if config is not None else []
        return [sys.executable, "-m", "extension_apiserver", "gateway", *options], config, Path.cwd()
    app = (given.app or Path("app.py")).resolve()
    if not app.is_file():
        raise CommandError(
            f"{app} is no file: go to the folder of your app.py, or `extension-apiserver init NAME` makes one"
        )
    return [sys.executable, "-P", "-m", f"{__package__}.warm", str(app)], app, app.parent


def _develop(child: Child, watched: Path | None, outside: Any) -> NoReturn:  # noqa: ANN401 - of a distribution that may be missing
    """Have the child run, and begin anew when a file changes; for ever."""
    seen: Mapping[Path, int] | None = None
    known = waiting = False
    try:
        while True:
            outside.demand_control_plane()
            now = dict(_times(watched)) if watched else {}
            if now != seen:
                if seen is not None:
                    say("a file has changed: starting anew")
                child.stop()
                seen = dict(_times(watched)) if watched else {}  # others that were saved meanwhile
                known = waiting = False
                if watched is None or seen[watched]:
                    child.start()
                else:
                    say(f"{watched.name} is not there: it starts when it is there again")
                    waiting = True
            elif child.ended is not None and not waiting:
                what = f"save {watched.name}, and it starts anew" if watched else "Ctrl-C, and begin again"
                say(f"it has ended with exit code {child.ended}: {what}")
                waiting = True
                child.prepare_next()
            elif not known and not waiting and child.is_ready(outside.address, outside.trust):
                outside.discover()
                known = True
                say("ready")
                child.prepare_next()
            time.sleep(_PERIOD_SECONDS if known or waiting else _SOON_SECONDS)
    finally:
        child.close()


def _times(watched: Path) -> Iterator[tuple[Path, int]]:
    """Yield when the files were changed: that one, and the Python files of its folder."""
    files = [watched]
    if watched.suffix == ".py":
        for folder, folders, names in os.walk(watched.parent):
            folders[:] = [name for name in folders if not _NOT_OURS.fullmatch(name)]
            files += [Path(folder) / name for name in names if name.endswith(".py")]
            if len(files) > _MOST_FILES:
                break
    for file in files[:_MOST_FILES]:
        try:
            yield file, file.stat().st_mtime_ns
        except OSError:  # an editor is about to put the new one in its place
            yield file, 0


def _service_name(group: str) -> str:
    """Return a DNS label for the Service, which is not that of Kubernetes."""
    return f"dev-{_NO_LABEL.sub('-', group.partition('.')[0].lower())[:50]}".rstrip("-")


def _pip(distribution: str) -> str:
    return f"{sys.executable} -m pip install {distribution}"


def _interrupt(_number: int, _frame: object) -> NoReturn:
    for number in ENDING:  # a second one would leave half of it
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
