"""Programs of FastAPI's tutorial (Python), unmodified, on uvicorn behind the gateway. The second one reads one header: it is told the groups in that."""

import re

import pytest

from languages.behind import MIB, demand_no_forgery
from languages.programs import fastapi
from pytest_apiservice.base.wait import NotYet, wait_for


@pytest.fixture(scope="module")
def service(behind):
    """Yield them."""
    things = {
        "kind": "Thing",
        "list": {"path": "/listed/items/", "items": "@"},
        "fields": {"name": "item_name"},
        "schema": "Item",
    }
    values = {
        "identity": {"groupHeader": "X-Token"},
        "readinessPath": "/docs",
        "openapiPath": "/body/openapi.json",
        "resources": [things],
    }
    with behind("fastapi", fastapi(), **values) as service:
        yield service


def test_the_groups_arrive_one_by_one_in_the_header_that_it_reads(service):
    _, groups = service.caller()
    assert sorted(service.call("/headers/items/").json()["X-Token values"]) == sorted(groups)


def test_the_header_that_it_reads_is_not_the_clients(service):
    forged = service.call("/headers/items/", headers={"X-Token": "mallory", "X_Token": "mallory"})
    _, groups = service.caller()
    assert sorted(forged.json()["X-Token values"]) == sorted(groups)
    demand_no_forgery(service, "/headers/items/")


def test_json_is_taken_and_what_is_wrong_with_it_is_said(service):
    item = {"name": "tom", "description": None, "price": 3.5, "tax": None}
    wrong = service.call("/body/items/", "POST", json={"name": "tom"})
    assert service.call("/body/items/", "POST", json=item).json() == item
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["body", "price"])


def test_a_file_of_five_mebibytes_arrives(service):
    answer = service.call("/files/files/", "POST", files={"file": bytes(5 * MIB)})
    assert answer.json() == {"file_size": 5 * MIB}


def test_events_arrive_in_order(service):
    lines = service.call("/events/items/stream").text.splitlines()
    names = [line.split('"')[3] for line in lines if line.startswith("data: ")]
    assert names == ["Plumbus", "Portal Gun", "Meeseeks Box"]


def test_a_story_arrives_whole(service):
    assert service.call("/proxy/stream/story/stream").text.endswith("Got a surprise for you Morty.")


def test_an_error_in_json_is_its_own(service):
    answer = service.call("/errors/items/bar")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Item not found"})


def test_a_missing_slash_is_followed_inside(service):
    answer = service.call("/headers/items")
    assert (answer.status_code, "X-Token values" in answer.json()) == (200, True)


def test_a_cookie_arrives(service):
    answer = service.call("/cookies/items/", headers={"Cookie": "ads_id=tom"})
    assert answer.json() == {"ads_id": "tom"}


def test_a_chat_answers(service):
    with service.websocket("/proxy/chat/ws") as socket:
        socket.send("miaow")
        assert socket.recv() == "Message text was: miaow"


def test_kubectl_lists_what_one_of_them_lists(service):
    shown = service.kubectl("get", f"things.{service.group}", "-o", "name").stdout.splitlines()
    assert shown == [f"thing.{service.group}/{name}" for name in ("Foo", "Bar", "Baz")]


def test_kubectl_explains_what_the_openapi_of_one_says(service):
    def explained():
        said = service.kubectl("explain", f"things.{service.group}.spec", check=False)
        if said.returncode != 0:
            raise NotYet(said.stderr)
        return said.stdout

    text = wait_for("the API server to have its OpenAPI", explained, timeout_seconds=90)
    assert re.findall(r"^  (\w+)\t<(\w+)>", text, re.MULTILINE) == [
        ("description", "string"),
        ("name", "string"),
        ("price", "number"),
        ("tax", "number"),
    ]
