"""docs/contract.md names a module and a test for each of the 46 musts, and none that is not there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [line for line in (ROOT / "docs" / "contract.md").read_text().splitlines() if re.match(r"\| \d+ \|", line)]
NUMBERED = re.compile(r"test_must_(\d\d)(?:_and_(\d\d))?_")


@functools.cache
def names_of(file: str) -> frozenset[str]:
    """Return the names of the test functions of a file that are not skipped."""
    path = ROOT / file
    if not path.exists():
        return frozenset()
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return frozenset(f.name for f in functions if not any("mark.skip" in ast.unparse(d) for d in f.decorator_list))


def named(row: str) -> list[str]:
    """Return the tests a row names."""
    return re.findall(r"`(tests/[^`]+)`", row)


def kept_in(row: str) -> list[str]:
    """Return what a row names as the places that keep it."""
    return [name.strip() for name in row.split("|")[3].split(",")]


def test_there_are_46_rows() -> None:
    """In order, each with at least one test."""
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 47))
    assert [row for row in ROWS if not named(row)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_named_module_exists(row: str) -> None:
    """A module that was moved or renamed is missed here."""
    elsewhere = {"chart": ROOT / "chart", "header_echo": ROOT / "backend" / "header_echo"}
    library = ROOT / "backend" / "extension_apiserver"
    missing = [name for name in kept_in(row) if not elsewhere.get(name, library / f"{name}.py").exists()]

    assert missing == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_named_test_exists(row: str) -> None:
    """A test that was renamed or skipped is missed here."""
    missing = [name for name in named(row) if name.partition("::")[2] not in names_of(name.partition("::")[0])]

    assert missing == []


def test_every_numbered_test_is_named_in_its_row() -> None:
    """Who writes a test for a must tells the document."""
    unnamed = [
        f"{file.name}::{name}"
        for file in sorted((ROOT / "tests" / "unit").glob("test_*.py"))
        for name in names_of(f"tests/unit/{file.name}")
        if (match := NUMBERED.match(name))
        for number in filter(None, match.groups())
        if f"tests/unit/{file.name}::{name}" not in named(ROWS[int(number) - 1])
    ]

    assert unnamed == []


def test_every_named_unit_test_ran(request: pytest.FixtureRequest) -> None:
    """In the files of this run none of the named tests was left out."""
    if request.config.getoption("keyword") or any("::" in argument for argument in request.config.args):
        pytest.skip("only some tests were asked for")
    collected = {item.nodeid.partition("[")[0] for item in request.session.items}
    files = {name.partition("::")[0] for name in collected}
    named_here = [name for row in ROWS for name in named(row) if name.partition("::")[0] in files]

    assert [name for name in named_here if name not in collected] == []
