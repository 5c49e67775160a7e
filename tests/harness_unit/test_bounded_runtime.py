"""The runtime in front of runc drops what the machine cannot give, from both files runc reads, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_apiservice.images.offline import bounded_runtime

ALL_BUT_SYS_RESOURCE = "Name:\tx\nCapBnd:\t000001fffeffffff\n"
MISSING = {"CAP_SYS_RESOURCE"}


@pytest.fixture
def runc(tmp_path, monkeypatch):
    """Have a runc that writes its arguments to the file that this yields."""
    stub = tmp_path / "bin" / "runc"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:/usr/bin:/bin")
    return tmp_path / "called"


def run(*arguments):
    subprocess.run([sys.executable, "-IS", bounded_runtime.__file__, *arguments], check=True, timeout=30)


def process(*names):
    return {"args": ["sh"], "capabilities": {"bounding": list(names), "effective": list(names)}}


def test_the_bound_of_a_machine_names_what_is_missing():
    assert bounded_runtime.missing_capabilities(ALL_BUT_SYS_RESOURCE) == MISSING


def test_only_missing_capabilities_are_dropped_from_every_set():
    given = process("CAP_CHOWN", "CAP_SYS_RESOURCE")
    bounded_runtime.fit(given, MISSING)
    assert given == process("CAP_CHOWN")


def test_a_bundle_is_fitted_and_runc_called_with_the_same_arguments(runc, tmp_path):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    unknown = "CAP_OF_ANOTHER_KERNEL"
    (bundle / "config.json").write_text(json.dumps({"process": process("CAP_CHOWN", unknown), "hostname": "n"}))
    run("--root", "/r", "create", "--bundle", str(bundle), "an-id")
    assert runc.read_text().split() == ["--root", "/r", "create", "--bundle", str(bundle), "an-id"]
    here = bounded_runtime.missing_capabilities(Path("/proc/self/status").read_text())
    kept = [name for name in ("CAP_CHOWN", unknown) if name not in here]
    assert json.loads((bundle / "config.json").read_text()) == {"process": process(*kept), "hostname": "n"}


def test_a_call_without_files_reaches_runc_untouched(runc):
    run("state", "an-id")
    assert runc.read_text().split() == ["state", "an-id"]
