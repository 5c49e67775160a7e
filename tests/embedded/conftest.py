"""Let the tests import the scripts of ci/ and the readers of documents that they use; and our distributions, built once."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "docs"), str(ROOT / "ci")]

import distributions  # noqa: E402 - found by the line above
from pytest_apiservice.programs.cache import locked  # noqa: E402


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Yield a function (name, make) → a folder that ``make(folder)`` has filled, in whichever worker of this run came first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def filled(name, make):
        folder, made = shared / name, shared / f"{name}.made"
        with locked(f"wheelhouse-{name}"):
            if not made.exists():
                make(folder)
                made.touch()
        return folder

    return filled


@pytest.fixture(scope="module")
def built(once):
    """Yield the folder with the wheel and the sdist of each distribution."""
    return once("built", distributions.build)
