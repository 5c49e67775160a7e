"""helm and kubectl are told on every call where to act: nothing depends on somebody's current context."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.programs import tools

CLUSTER = SimpleNamespace(kubeconfig=Path("/given/kubeconfig"), context="given")
WHERE = {"kubeconfig": "/given/kubeconfig", "namespace": "ours"}
RECORDING = """#!/bin/sh
printf '%s\\n' "$@" > "$RECORD"
echo '{}'
"""


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Have programs that only note their arguments; yield a function that returns those of the last call."""
    program = tmp_path / "program"
    program.write_text(RECORDING)
    program.chmod(0o755)
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    for name in ("helm", "kubectl"):
        monkeypatch.setenv(tools.variable(name), str(program))
    tools._found.cache_clear()
    yield lambda: (tmp_path / "record").read_text().splitlines()
    tools._found.cache_clear()


def options(words):
    return dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--") and "=" in word)


HELM = {
    "upgrade": lambda helm: helm.upgrade({"replicas": 1}, wait=False),
    "uninstall": lambda helm: helm.uninstall(),
    "test": lambda helm: helm.test(),
    "get": lambda helm: helm("get", "manifest", "header-echo"),
}
KUBECTL = {
    "get": lambda kubectl: kubectl.get("pods"),
    "apply": lambda kubectl: kubectl.apply("{}"),
    "delete": lambda kubectl: kubectl("delete", "pods", "--all"),
}


@pytest.mark.parametrize("command", HELM)
def test_helm_is_told_kubeconfig_context_and_namespace(recorded, command):
    HELM[command](Helm(CLUSTER, "ours"))
    assert recorded()[0] == command
    assert {**WHERE, "kube-context": "given"}.items() <= options(recorded()).items()


@pytest.mark.parametrize("command", ["upgrade", "uninstall", "test"])
def test_helm_has_a_deadline_where_it_waits(recorded, command):
    HELM[command](Helm(CLUSTER, "ours"))
    assert options(recorded())["timeout"] == "120s"


@pytest.mark.parametrize("command", KUBECTL)
def test_kubectl_is_told_kubeconfig_context_and_namespace(recorded, command):
    KUBECTL[command](Kubectl(CLUSTER, "ours"))
    assert command in recorded()
    assert {**WHERE, "context": "given"}.items() <= options(recorded()).items()


def test_values_reach_helm_as_json(recorded):
    Helm(CLUSTER, "ours").upgrade({"replicas": 1, "env": [{"name": "A", "value": "it's"}]}, wait=False)
    given = [word.removeprefix("--set-json=").split("=", 1) for word in recorded() if word.startswith("--set-json=")]
    assert {key: json.loads(value) for key, value in given} == {"replicas": 1, "env": [{"name": "A", "value": "it's"}]}
