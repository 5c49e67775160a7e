"""What a user may ask for, and what the harness says to the rest."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.cluster import Choice

ROOT = Path(__file__).resolve().parents[2]


def test_kind_is_the_default():
    assert Choice.read(environ={}).kind == "kind"


def test_an_option_wins_over_the_environment():
    assert Choice.read("embedded", {"CLUSTER": "kind"}).kind == "embedded"


def test_an_unknown_cluster_names_the_known_ones():
    with pytest.raises(HarnessError, match="CLUSTER is 'minikube' and must be one of kind, embedded, existing"):
        Choice.read(environ={"CLUSTER": "minikube"})


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(HarnessError, match=f"API_PORT is '{port}' and must be a port number from 1 to 65535"):
        Choice.read(environ={"API_PORT": port})


@pytest.mark.parametrize(("keep", "kept"), [("1", True), ("0", False), ("", False)])
def test_keep_is_said_by_one(keep, kept):
    assert Choice.read(environ={"KEEP": keep}).keep is kept


def test_pytest_says_it_in_one_line_before_any_test():
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/e2e", "-q"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "CLUSTER": "minikube", "PYTHONPATH": "tests:backend"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 4
    assert answer.stderr.strip() == (
        "ERROR: CLUSTER is 'minikube' and must be one of kind, embedded, existing: try CLUSTER=embedded"
    )


def test_a_taken_port_is_a_sentence():
    from pytest_apiservice.clusters.kind import _demand_free_port

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(HarnessError, match=f"API_PORT {port} is taken on this machine .*: choose another"):
            _demand_free_port(port)
