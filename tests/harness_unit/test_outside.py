"""Which API `extension-apiserver dev` registers."""

import json
import socket
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.embedded import outside
from pytest_apiservice.embedded.control_plane import _reserve_port
from pytest_apiservice.embedded.folder import Lock
from pytest_apiservice.embedded.outside import Outside, _created, registration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apiService: {group: zoo.example.com}", ("zoo.example.com", ["v1"])),
        ("apiService: {versions: [{name: v2}, {name: v1}]}", ("cats.example.com", ["v2", "v1"])),
        ("", ("cats.example.com", ["v1"])),
        ("image: {tag: '1'}", ("cats.example.com", ["v1"])),
    ],
)
def test_group_and_versions_are_those_of_the_values(tmp_path, text, expected):
    (tmp_path / "values.yaml").write_text(text)
    assert registration(tmp_path / "values.yaml") == expected


def test_without_values_they_are_the_librarys(tmp_path):
    assert registration(tmp_path / "values.yaml") == ("cats.example.com", ["v1"])


@pytest.mark.parametrize(
    "text", ["- a", "apiService: a", "apiService: {versions: [v1]}", "{", "apiService: {versions: 3}"]
)
def test_what_is_no_values_file_is_one_sentence(tmp_path, text):
    (tmp_path / "values.yaml").write_text(text)
    with pytest.raises(HarnessError, match="is no values file of the chart"):
        registration(tmp_path / "values.yaml")


def test_the_port_of_another_cluster_is_taken():
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(HarnessError, match="cannot be had"):
            _reserve_port(other.getsockname()[1])


def test_what_the_api_server_has_to_know_goes_to_the_path_of_its_kind():
    """As GET /api and /apis list them."""
    sent, roles = [], []

    def send(method, path, body=None):
        sent.append((method, path))
        roles.extend(rule for rule in (body or {}).get("rules", []))
        node = {"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}
        return {"items": [node], "status": {"token": "abc"}}

    assert _created(send, "dev-a", "a.example.com", ["v2", "v1"], b"") == ("10.0.0.1", "abc")
    namespaced, rbac = "namespaces/default", "/apis/rbac.authorization.k8s.io/v1"
    assert sent == [
        ("GET", "/api/v1/nodes"),
        ("POST", f"/api/v1/{namespaced}/serviceaccounts"),
        ("POST", f"{rbac}/clusterroles"),
        ("POST", f"{rbac}/clusterrolebindings"),
        ("POST", f"{rbac}/clusterrolebindings"),
        ("POST", f"{rbac}/namespaces/kube-system/rolebindings"),
        ("POST", f"/api/v1/{namespaced}/services"),
        ("POST", f"/apis/discovery.k8s.io/v1/{namespaced}/endpointslices"),
        ("POST", "/apis/apiregistration.k8s.io/v1/apiservices"),
        ("POST", "/apis/apiregistration.k8s.io/v1/apiservices"),
        ("POST", f"/api/v1/{namespaced}/serviceaccounts/dev-a/token"),
    ]
    assert roles == [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}]


def test_objects_of_a_store_are_in_a_file_that_ends_with_the_cluster(tmp_path, monkeypatch):
    """Also where the folder has a character that a URL writes otherwise."""
    place = tmp_path / "a folder"
    place.mkdir()
    (tmp_path / "ca.crt").touch()
    cluster = SimpleNamespace(directory=tmp_path, kubeconfig=tmp_path / "kubeconfig")
    api = SimpleNamespace(session=nullcontext, send=print, ca_file=tmp_path / "ca.crt", server="https://127.0.0.1:6443")
    monkeypatch.setattr(outside, "Api", lambda *_: api)
    monkeypatch.setattr(outside, "tool", Path)
    monkeypatch.setattr(outside, "_created", lambda *_: ("10.0.0.1", "abc"))
    url = outside.registered(cluster, place, "dev-a", "a.example.com", ["v1"]).environment[
        "EXTENSION_APISERVER_STORE_URL"
    ]
    assert url == f"sqlite:///{tmp_path}/a%20folder/objects.db"


@pytest.mark.parametrize(
    ("state", "lives", "words"),
    [
        ("ready", True, None),
        ("failed", True, "etcd ended"),
        ("failed", False, "etcd ended"),
        (None, False, "somebody has killed its supervisor"),
    ],
)
def test_a_control_plane_that_has_ended_is_noticed(tmp_path, state, lives, words):
    if state:
        (tmp_path / "state.json").write_text(json.dumps({"phase": state, "message": words or ""}))
    served = Outside({}, "", ("", 0), None, None, ["v1"], tmp_path)
    with Lock(tmp_path) if lives else nullcontext():
        if words:
            with pytest.raises(HarnessError, match=words):
                served.demand_control_plane()
        else:
            served.demand_control_plane()
