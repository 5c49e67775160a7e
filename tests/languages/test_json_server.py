"""json-server (Node, Express), unmodified, behind the gateway; a middleware of its user says what it sees of the caller."""

import json

import pytest

from languages.behind import FORGED
from languages.programs import json_server
from pytest_apiservice.base.errors import HarnessError


@pytest.fixture(scope="module")
def service(behind, tmp_path_factory):
    """Yield it."""
    pets = {
        "kind": "Animal",
        "list": {"path": "/pets", "items": "@"},
        "get": {"path": "/pets/{name}", "object": "@"},
        "delete": {"method": "DELETE", "path": "/pets/{name}"},
        "fields": {"name": "to_string(id)"},
        "columns": [{"name": "Species", "value": "kind"}],
    }
    command = json_server(tmp_path_factory.mktemp("json-server"))
    with behind("json-server", command, readinessPath="/db", resources=[pets]) as service:
        yield service


def test_the_caller_arrives(service):
    user, _ = service.caller()
    assert service.call("/pets").headers["Seen-User"] == user


def test_nobody_claims_to_be_somebody_else(service):
    user, _ = service.caller()
    headers = service.call("/pets", headers=FORGED).headers
    assert headers["Seen-User"] == user
    assert [name for name in headers["Seen-Headers"].split() if "_" in name or "forwarded-user" in name] == []


def test_a_pet_is_made_read_changed_and_gone(service):
    made = service.call("/pets", "POST", json={"name": "ada", "kind": "cat"})
    assert made.status_code == 201, made.text
    path = f"/pets/{made.json()['id']}"
    changed = service.call(path, "PATCH", json={"name": "ida"})
    read = service.call(path)
    gone = service.call(path, "DELETE")
    assert (changed.status_code, read.json()["name"], gone.status_code) == (200, "ida", 200)
    assert service.call(path).status_code == 404


def test_its_query_language_arrives(service):
    assert [pet["name"] for pet in service.call("/pets?kind=dog&_sort=name&_order=desc").json()] == ["rex"]
    assert [pet["name"] for pet in service.call("/pets?name_like=%5Et").json()] == ["tom"]


def test_what_has_not_changed_is_not_sent(service):
    tag = service.call("/pets").headers["ETag"]
    answer = service.call("/pets", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_its_page_arrives(service):
    """Not at proxy/ itself: kube-apiserver wants a name behind it."""
    answer = service.call("/proxy/index.html", headers={"Accept": "text/html"})
    assert (answer.status_code, "<title>JSON Server</title>" in answer.text) == (200, True), answer.text[:200]


def animals(service, *words):
    """Return what kubectl says about its collection, which it was told is one of animals."""
    verb, *rest = words
    return service.kubectl(verb, f"animals.{service.group}", *rest).stdout


def test_kubectl_lists_its_collection(service):
    head, *rows = animals(service, "get").splitlines()
    assert head.split() == ["NAME", "SPECIES"]
    assert [row.split()[:2] for row in rows][:2] == [["1", "cat"], ["2", "dog"]]


def test_kubectl_gets_one(service):
    found = json.loads(animals(service, "get", "2", "-o", "json"))
    assert (found["kind"], found["metadata"]["name"], found["spec"]["name"]) == ("Animal", "2", "rex")


def test_kubectl_deletes_one(service):
    made = service.call("/pets", "POST", json={"name": "ada", "kind": "cat"}).json()
    animals(service, "delete", str(made["id"]))
    assert service.call(f"/pets/{made['id']}").status_code == 404


def test_kubectl_is_told_which_is_not_there(service):
    with pytest.raises(HarnessError, match="NotFound"):
        animals(service, "get", "99")
