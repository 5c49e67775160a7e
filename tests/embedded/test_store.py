"""An API that stores passes what Kubernetes' own conformance test asks of an aggregated API: by path, by discovery, and when a namespace goes.

https://github.com/kubernetes/kubernetes/blob/master/test/e2e/apimachinery/aggregator.go
"""

import json

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.embedded.node.images import of_this_python
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on(
    "embedded", reason="its backend is a file of this test, whose command stands for an image"
)

GROUP = "notes.example.com"
PROGRAM = """
from flask import Flask
from extension_apiserver import Resource, main, not_found

stored = {}

def create(call):
    return stored.setdefault((call.namespace, call.body["metadata"]["name"]), call.body)

def get(call):
    if (call.namespace, call.name) not in stored:
        raise not_found("notes.example.com", "notes", call.name)
    return stored[call.namespace, call.name]

def delete(call):
    get(call)
    del stored[call.namespace, call.name]

def listed(call):
    return [note for (namespace, _), note in stored.items() if call.namespace in ("", namespace)]

verbs = {"create": create, "get": get, "list": listed, "delete": delete}
notes = Resource(kind="Note", plural="notes", namespaced=True, description="A note.", verbs=verbs)
raise SystemExit(main(Flask(__name__), [notes]))
"""
NOTE = json.dumps({"apiVersion": f"{GROUP}/v1", "kind": "Note", "metadata": {"name": "hello"}})


@pytest.fixture(scope="module")
def notes(cluster, cert_manager, base_values, run_id, tmp_path_factory):
    """Yield the API server, once it serves notes: a backend that stores in its memory, installed with the chart."""
    program = tmp_path_factory.mktemp("notes") / "notes.py"
    program.write_text(PROGRAM)
    cluster.load_image("notes:1", of_this_python(str(program)))
    own = {
        "image.repository": "notes",
        "image.tag": "1",
        "apiService.group": GROUP,
        "userRoles.resources": ["notes"],
        "replicas": 1,
    }
    with fresh_namespace(cluster, f"header-echo-{run_id}-notes") as namespace:
        helm = Helm(cluster, namespace, explain=explain_pods)
        helm.upgrade({**base_values, **own})
        api = Api(cluster, GROUP)
        api.wait_for_available()
        yield api
        helm.uninstall()


def names(api, namespace):
    answer = api.get(f"{api.path}/namespaces/{namespace}/notes")
    assert answer.status_code == 200, answer.text
    return [note["metadata"]["name"] for note in answer.json()["items"]]


def test_an_object_is_created_listed_and_deleted_by_its_path(notes, other_namespace):
    path = f"{notes.server}{notes.path}/namespaces/{other_namespace}/notes"
    with notes.session() as session:
        created = session.post(path, data=NOTE, headers={"Content-Type": "application/json"}, timeout=30)
        assert (created.status_code, names(notes, other_namespace)) == (201, ["hello"]), created.text
        deleted = session.delete(f"{path}/hello", timeout=30)
    assert (deleted.status_code, names(notes, other_namespace)) == (200, []), deleted.text


def test_an_object_is_created_listed_and_deleted_by_who_only_knows_discovery(notes, cluster, other_namespace):
    kubectl = Kubectl(cluster, other_namespace)

    def created():
        answer = kubectl("create", "-f", "-", input=NOTE, check=False)
        if answer.returncode != 0:  # the API server merges discovery documents every few seconds
            raise NotYet(answer.stderr.strip())

    wait_for("discovery to know notes", created, timeout_seconds=120)
    assert kubectl("get", "notes", "-o", "name").stdout == f"note.{GROUP}/hello\n"
    kubectl("delete", "note", "hello")
    assert kubectl("get", "notes", "-o", "name").stdout == ""


def test_objects_go_with_their_namespace(notes, cluster, run_id):
    namespace = f"header-echo-{run_id}-goes"
    kubectl = Kubectl(cluster, namespace)
    with fresh_namespace(cluster, namespace), notes.session() as session:
        path = f"{notes.server}{notes.path}/namespaces/{namespace}/notes"
        session.post(path, data=NOTE, headers={"Content-Type": "application/json"}, timeout=30).raise_for_status()

    def gone():
        answer = kubectl("get", "namespace", namespace, "-o", "jsonpath={.status}", check=False)
        if answer.returncode == 0:
            raise NotYet(answer.stdout)

    wait_for(f"namespace {namespace} to go", gone, timeout_seconds=120)
    assert names(notes, namespace) == []
