"""A resource with a store, served: its way through the server, and what becomes of programs that do not say where objects are."""

from __future__ import annotations

import json

import pytest

from extension_apiserver import Resource, main
from extension_apiserver.store.memory import MemoryStore
from unit.running import BASE, GROUP, Backend, start

TOM = {"apiVersion": f"{GROUP}/v1", "kind": "Pet", "metadata": {"name": "tom"}}


def pets(store: MemoryStore | bool) -> Resource:
    return Resource(kind="Pet", plural="pets", description="A pet.", schema={"spec": {"type": "object"}}, store=store)


def test_it_is_created_listed_watched_and_deleted(own: Backend) -> None:
    start(own, resources=[pets(MemoryStore())])
    aggregator = own.aggregator()

    created = aggregator.request("POST", f"{BASE}/pets", body=TOM)
    assert created.status == 201
    listed = aggregator.request("GET", f"{BASE}/pets").json()
    assert [one["metadata"]["name"] for one in listed["items"]] == ["tom"]
    watched = aggregator.request("GET", f"{BASE}/pets?watch=1&timeoutSeconds=1&resourceVersion=0")
    assert json.loads(watched.body.splitlines()[0])["type"] == "ADDED"
    assert aggregator.request("DELETE", f"{BASE}/pets/tom").json()["status"] == "Success"


def test_a_list_of_nothing_is_of_a_revision_that_a_watch_can_begin_with(own: Backend) -> None:
    """0 is none: a watch from there begins with whatever is there then."""
    start(own, resources=[pets(MemoryStore())])
    aggregator = own.aggregator()

    own.wait_for(lambda: aggregator.request("GET", f"{BASE}/pets").json()["metadata"]["resourceVersion"] != "0")
    assert aggregator.request("GET", f"{BASE}/pets").json()["items"] == []


@pytest.mark.parametrize(("path", "code"), [("pets?watch=1", 503), ("pets", 400)])
def test_who_wants_a_websocket_is_told_so_and_with_a_code_after_which_clients_watch_without_one(
    own: Backend, path: str, code: int
) -> None:
    """https://github.com/kubernetes/kubernetes/issues/25126."""
    start(own, resources=[pets(MemoryStore())])
    headers = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    refused = own.aggregator().request("GET", f"{BASE}/{path}", headers=headers)

    assert refused.status == code
    assert "ask without the header Upgrade" in refused.json()["message"]


def test_a_program_that_does_not_say_where_objects_are_says_what_to_set(
    own: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(None, [pets(store=True)], arguments=["serve"], environ=own.environ())

    assert code == 2
    assert capsys.readouterr().err.startswith(
        "EXTENSION_APISERVER_STORE_URL is empty, and resource 'pets' has a store: set it to sqlite:///path/of/the/file, "
    )
