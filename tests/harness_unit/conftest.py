"""The harness's own tests show no progress of what they build and wait for: it is captured with everything else."""

import io
import sys
from pathlib import Path

import pytest

from pytest_apiservice.base.progress import console

CI = Path(__file__).resolve().parents[2] / "ci"
sys.path[:0] = map(str, (CI, CI / "commands"))  # for the tests of how it builds images and pins releases


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Have progress go where the test's output goes."""
    monkeypatch.setattr(console, "file", sys.stderr)


@pytest.fixture
def said(quiet, monkeypatch):
    """Yield the file that progress and messages go to instead."""
    file = io.StringIO()
    monkeypatch.setattr(console, "file", file)
    return file
