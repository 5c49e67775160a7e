"""What `make load` makes of COMMAND, the local program that stands for an image."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from load import command_of
from pytest_apiservice.base.errors import HarnessError

LOAD = Path(__file__).resolve().parents[2] / "ci" / "commands" / "load.py"


def test_programs_and_files_are_found_from_anywhere(tmp_path, monkeypatch):
    """As pods start in another folder than the user."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-backend").write_text("#!/bin/sh\n")
    (tmp_path / "my-backend").chmod(0o755)
    (tmp_path / "some.conf").touch()
    found = command_of("./my-backend --flag 'two words' some.conf")
    assert found.entrypoint == (f"{tmp_path}/my-backend", "--flag", "two words", f"{tmp_path}/some.conf")
    assert Path(command_of("sh -c true").entrypoint[0]).is_absolute()


@pytest.mark.parametrize("command", ["./absent --flag", " ", "'open"])
def test_a_command_that_is_none_is_a_sentence(command):
    with pytest.raises(
        HarnessError, match=r"COMMAND (begins with '.*', which is no program here: give its path|is not quoted)"
    ):
        command_of(command)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "error: IMAGE is not set: make load IMAGE="),
        ({"IMAGE": "nginx:1", "CLUSTER": "existing"}, "error: the demo makes a cluster of its own"),
        ({"IMAGE": "nginx:1", "CLUSTER": "kind", "COMMAND": "true"}, "error: COMMAND is for the embedded cluster"),
        ({"IMAGE": "mine:1", "COMMAND": "true"}, "error: the demo does not run: make demo starts it"),
    ],
)
def test_what_cannot_be_loaded_is_a_sentence(variables, words, tmp_path):
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(str(LOAD.parents[2] / folder) for folder in ("tests", "backend")),
        "APISERVICE_CACHE": str(tmp_path),
    }
    answer = subprocess.run(
        [sys.executable, LOAD], check=False, env=environment | variables, capture_output=True, text=True, timeout=60
    )
    assert (answer.returncode, words in answer.stderr, "Traceback" in answer.stderr) == (1, True, False), answer.stderr
