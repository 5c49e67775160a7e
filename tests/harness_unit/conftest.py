"""The harness's own tests show no progress of what they build and wait for: it is captured with everything else."""

import sys

import pytest

from pytest_apiservice.base.progress import console


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Have progress go where the test's output goes."""
    monkeypatch.setattr(console, "file", sys.stderr)
