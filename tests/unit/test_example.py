"""The examples are what a user would start from, so they work: examples/zoo.py, and the README's few lines."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from extension_apiserver import Api
from extension_apiserver.registry.stores import Stores
from unit.running import Backend, start

EXAMPLES = Path(__file__).parents[2] / "examples"
BASE = "/apis/zoo.example.com/v1"


def example(name: str) -> ModuleType:
    """Return the example as a module of its own."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def zoo() -> ModuleType:
    """The example zoo.py."""
    return example("zoo")


@pytest.mark.parametrize(("name", "lines"), [("zoo", 40), ("cats", 30)])
def test_it_has_not_more_lines_than_a_screen(name: str, lines: int) -> None:
    """A whole backend fits on it."""
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= lines


def test_the_resource_with_a_store_can_be_kept() -> None:
    """tests/e2e/test_cats.py does with it what people do."""
    (kept,) = Stores(Api("pets.example.com", ["v1"], [example("cats").cats]), "memory:").kept
    assert kept.table == "cats.pets.example.com"


def test_the_controller_writes_no_status_that_is_there_already() -> None:
    """Else each of its writes would be an event for it to write again. Conditions of others stay."""
    controller, others = example("cats_controller"), {"type": "Vaccinated", "status": "False"}
    cat = {"metadata": {"generation": 1}, "spec": {"kittens": 2}, "status": {"conditions": [others]}}
    once = controller.reconciled(cat)

    assert once["kittens"] == 2
    assert [one["type"] for one in once["conditions"]] == ["Vaccinated", "Ready"]
    once["conditions"][1]["lastTransitionTime"] = "2026-01-01T00:00:00Z"  # that it is so, is not new
    assert controller.reconciled({**cat, "status": once}) == once


def test_it_is_a_whole_api(own: Backend, zoo: ModuleType) -> None:
    """Its resource is discovered, listed, created and refused a second time, and has a log; its own path knows the visitor."""
    start(own, app=zoo.app, resources=[zoo.animals], blocking=True, GROUP="zoo.example.com")
    client = own.aggregator()
    rex = {"apiVersion": "zoo.example.com/v1", "kind": "Animal", "metadata": {"name": "rex"}, "spec": {"legs": 3}}

    assert client.request("GET", BASE).json()["resources"][0]["verbs"] == ["create", "get", "list"]
    assert client.request("POST", f"{BASE}/animals?dryRun=All", body=rex).status == 201
    assert client.request("GET", f"{BASE}/animals/rex").status == 404
    assert client.request("POST", f"{BASE}/animals", body=rex).status == 201
    assert client.request("POST", f"{BASE}/animals", body=rex).json()["reason"] == "AlreadyExists"
    assert client.request("GET", f"{BASE}/animals/rex").json()["spec"] == {"legs": 3}
    assert client.request("POST", f"{BASE}/animals", body={**rex, "spec": {"legs": "three"}}).status == 422
    table = client.request("GET", f"{BASE}/animals", accept="application/json;as=Table;v=v1;g=meta.k8s.io").json()
    assert [row["cells"] for row in table["rows"]] == [["leo", "lion"], ["rex", None]]
    assert client.request("GET", f"{BASE}/animals/leo/log").text == "leo sleeps\n"
    assert client.request("GET", f"{BASE}/animals/tom/log").json()["reason"] == "NotFound"
    assert client.request("GET", f"{BASE}/opening-hours", user="bob").json()["visitor"] == "bob"
    assert client.request("GET", f"{BASE}/closing-hours").json()["reason"] == "NotFound"


def test_the_twelve_lines_of_the_readme_are_a_whole_api(own: Backend) -> None:
    """A resource that kubectl lists, and a path of its own that knows the caller."""
    readme = (EXAMPLES.parent / "README.md").read_text()
    (lines,) = re.findall(r"^# cats\.py\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    cats = ModuleType("cats")
    exec(lines, vars(cats))  # noqa: S102 - our own README
    start(own, app=cats.app, resources=[cats.cats], blocking=True)
    client = own.aggregator()
    base = "/apis/cats.example.com/v1"

    assert [cat["metadata"]["name"] for cat in client.request("GET", f"{base}/cats").json()["items"]] == ["tom"]
    assert client.request("GET", f"{base}/hello", user="bob").text == "hello bob\n"
