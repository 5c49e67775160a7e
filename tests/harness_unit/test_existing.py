"""An existing cluster is used only by name, and only if it can be left as it was found."""

import json
import socket
import sys
from types import SimpleNamespace

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.clusters.existing import RELAY, ExistingCluster
from pytest_apiservice.clusters.existing_checks import demand_cert_manager, demand_rights, is_openshift
from pytest_apiservice.clusters.relay import relayed

KUBECONFIG = """
apiVersion: v1
kind: Config
contexts:
- {name: staging, context: {cluster: a, user: a}}
- {name: production, context: {cluster: b, user: b}}
current-context: production
"""


@pytest.fixture
def kubeconfig(tmp_path, monkeypatch):
    """Yield the user's kubeconfig, with two contexts."""
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def test_no_context_is_taken_for_granted(kubeconfig):
    with pytest.raises(HarnessError, match="set KUBECONTEXT to one of production, staging"):
        ExistingCluster(context=None).create()


def test_a_context_that_does_not_exist_lists_the_known_ones(kubeconfig):
    with pytest.raises(HarnessError, match="no context 'prod': set KUBECONTEXT to one of production, staging"):
        ExistingCluster(context="prod").create()


def test_an_empty_kubeconfig_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(HarnessError, match="your kubeconfig has none: set KUBECONFIG"):
        ExistingCluster(context="prod").create()


def test_deleting_what_was_never_opened_does_nothing(kubeconfig):
    ExistingCluster(context="staging").delete()
    assert kubeconfig.read_text() == KUBECONFIG


def test_the_relay_inside_a_pod_passes_bytes_both_ways():
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        argv = [sys.executable, "-c", RELAY, host, str(port)]
        with relayed(argv) as endpoint, socket.create_connection(endpoint, timeout=30) as near:
            near.sendall(b"question")
            far, _ = server.accept()
            with far:
                assert far.recv(100) == b"question"
                far.sendall(b"answer")
                far.shutdown(socket.SHUT_WR)
                assert near.recv(100) == b"answer"


def answering(stdout="", code=0):
    """Return a kubectl that always prints ``stdout`` and ends with ``code``."""
    return lambda *_, **__: SimpleNamespace(stdout=stdout, returncode=code)


@pytest.mark.parametrize(("group", "known"), [("config.openshift.io", True), ("apps", False)])
def test_openshift_is_known_by_its_api_group(group, known):
    assert is_openshift(answering(json.dumps({"groups": [{"name": group}]}))) is known


def test_lacking_rights_are_all_named():
    with pytest.raises(HarnessError, match=r"'prod' may not create namespaces, .*impersonate users: name a context of"):
        demand_rights(answering("no\n"), "prod")


def test_cert_manager_is_demanded_not_installed():
    with pytest.raises(HarnessError, match="'prod' has no cert-manager and this run may not install it"):
        demand_cert_manager(answering(code=1), "prod")
