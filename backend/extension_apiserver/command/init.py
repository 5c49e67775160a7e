"""`extension-apiserver init`: a folder with an API that runs, its image, its values for the chart, and a test."""

from __future__ import annotations

import argparse
import keyword
import re
import shlex
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from extension_apiserver.apps.upstream.origin import origin

from .errors import CommandError

#: What is a Python module, the first label of a group and the name of a release of the chart.
_NAME = re.compile(r"[a-z][a-z0-9]{0,39}")
#: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris: a kind is CamelCase, its resource in lower case.
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,39}")
#: File to be: the template it is made of.
_COMMON = {
    "Dockerfile": "app/Dockerfile",
    "requirements.txt": "app/requirements.txt",
    "values.yaml": "app/values.yaml",
    "conftest.py": "app/conftest.py",
    "test_app.py": "app/test_app.py",
    "README.md": "app/README.md",
    ".github/workflows/test.yaml": "app/test.yaml",
}
_WSGI = {"app.py": "wsgi/app.py", **_COMMON}
_ASGI = {"app.py": "asgi/app.py", **_COMMON}
_GATEWAY = {
    "values.yaml": "gateway/values.yaml",
    "Dockerfile": "gateway/Dockerfile",
    "requirements.txt": "gateway/requirements.txt",
    "conftest.py": "gateway/conftest.py",
    "stand_in.py": "gateway/stand_in.py",
    "test_gateway.py": "gateway/test_gateway.py",
    "README.md": "gateway/README.md",
    ".github/workflows/test.yaml": "app/test.yaml",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those of `init`."""
    parser.add_argument(
        "name", metavar="NAME", help="of the folder, which must be empty or not there, and so of the API"
    )
    parser.add_argument("--kind", help="of its one resource, e.g. Animal (default: Thing)")
    parser.add_argument("--asgi", action="store_true", help="with FastAPI instead of Flask")
    parser.add_argument("--gateway", metavar="URL", help="no app.py, but a gateway to a service that is there already")


def run(given: argparse.Namespace) -> int:
    """Make the folder and return the exit code.

    Raises:
        CommandError: a name or a URL is none, two options exclude each other, or the folder cannot be made.

    """
    folder = Path(given.name)
    templates, words = _chosen(given, folder.resolve().name)
    made = {path: _filled(template, words) for path, template in templates.items()}
    try:
        if folder.exists() and any(folder.iterdir()):
            raise CommandError(f"{folder} is not empty: choose another NAME, or empty it")
        for path, text in made.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{folder} cannot be made: {error.strerror}") from None
    there = [f"cd {shlex.quote(given.name)}"] if folder.resolve() != Path.cwd() else []
    lines = [*there, "pip install -r requirements.txt pytest-apiservice", words["next"]]
    sys.stdout.write("".join(f"{folder / path}\n" for path in made))
    sys.stdout.write("\nNext, and README.md says more:\n\n" + "".join(f"  {line}\n" for line in lines))
    return 0


def _chosen(given: argparse.Namespace, name: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return what to make of which template, and the words for its placeholders."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise CommandError(
            f"NAME cannot be '{name}': write small letters (a to z) and digits, a letter first, at most 40, and no keyword of Python; Kubernetes and Python will know it by that name"
        )
    words = {"name": name, "group": f"{name}.example.com"}
    if given.gateway is not None:
        if given.asgi or given.kind:
            raise CommandError("--gateway makes no app.py, so leave out --asgi and --kind")
        try:
            origin(given.gateway)
        except ValueError as error:
            raise CommandError(f"--gateway: {error}") from None
        quoted = shlex.quote(given.gateway)
        words |= {"url": given.gateway, "quoted": quoted, "next": f"extension-apiserver dev --upstream {quoted}"}
        return _GATEWAY, words
    kind = given.kind or "Thing"
    if not _KIND.fullmatch(kind) or keyword.iskeyword(kind):
        raise CommandError(f"--kind must be up to 40 letters and digits, a capital first, such as Animal, not '{kind}'")
    singular = kind.lower()
    if keyword.iskeyword(f"{singular}s") or f"{singular}s" in ("apps", "mains", "hellos"):
        raise CommandError(f"--kind {kind} would give a variable of app.py a name that it has already: choose another")
    words |= {"kind": kind, "singular": singular, "plural": f"{singular}s", "next": "extension-apiserver dev"}
    if given.asgi:
        return _ASGI, {**words, "framework": "fastapi", "app": "FastAPI"}
    return _WSGI, {**words, "framework": "flask", "app": "Flask"}


def _filled(template: str, words: Mapping[str, str]) -> str:
    path = files(__package__) / "templates" / f"{template}.tmpl"
    return Template(path.read_text(encoding="utf-8")).substitute(words)
