"""A list that is asked for a part answers with that part."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from extension_apiserver.selectors.asked import selectors
from unit.fake_aggregator import Aggregator
from unit.running import BASE, Pki, prepare, start
from unit.test_rest import cats

CATS: dict[str, dict[str, str]] = {
    "tom": {"colour": "grey", "tail": "long"},
    "tux": {"colour": "black"},
    "leo": {},
}


@pytest.fixture(scope="module")
def labelled(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aggregator]:
    """A backend with three cats, one without labels."""
    backend = prepare(pki, tmp_path_factory.mktemp("cats"))
    items = [{"metadata": {"name": name, "namespace": "home", "labels": labels}} for name, labels in CATS.items()]
    start(backend, resources=[cats(list=lambda _call: items)])
    yield backend.aggregator()
    backend.close()


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("labelSelector=colour=grey", "tom"),
        ("labelSelector=colour==black", "tux"),
        ("labelSelector=colour!=grey", "tux leo"),
        ("labelSelector=colour", "tom tux"),
        ("labelSelector=!colour", "leo"),
        ("labelSelector=colour in (grey, black),tail", "tom"),
        ("labelSelector=colour notin (grey)", "tux leo"),
        ("labelSelector=colour=grey,tail=short", ""),
        ("labelSelector=", "tom tux leo"),
        ("fieldSelector=metadata.name=tux", "tux"),
        ("fieldSelector=metadata.name!=tux,metadata.namespace=home", "tom leo"),
        ("labelSelector=colour&fieldSelector=metadata.name=tom", "tom"),
        ("fieldSelector=metadata.name=to\\,m", ""),
        ("fieldSelector=,metadata.name=tom,", "tom"),
    ],
)
def test_must_37_a_selector_selects(labelled: Aggregator, selector: str, names: str) -> None:
    """Labels as kubectl -l writes them; fields by name and namespace."""
    items = labelled.request("GET", f"{BASE}/cats?{quote(selector, safe='=&')}").json()["items"]

    assert [item["metadata"]["name"] for item in items] == names.split()


def test_must_37_what_has_no_namespace_has_an_empty_one() -> None:
    """An object of cluster scope, for a field selector."""
    cat = {"metadata": {"name": "tom"}}
    asked = {"": True, "home": False}

    assert {name: selectors({"fieldSelector": [f"metadata.namespace={name}"]})[0](cat) for name in asked} == asked


@pytest.mark.parametrize(
    "selector",
    [
        "labelSelector=a=b=c",
        "labelSelector=in (a)",
        "fieldSelector=spec.age=3",
        "fieldSelector=x",
        "fieldSelector=metadata.name=a=b",
        "fieldSelector=metadata.name=a\\",
        "fieldSelector=metadata.name=a\\b",
    ],
)
def test_must_41_a_selector_that_cannot_be_read_is_400(labelled: Aggregator, selector: str) -> None:
    """An answer to a question nobody asked would be worse."""
    answer = labelled.request("GET", f"{BASE}/cats?{quote(selector, safe='=&')}")

    assert (answer.status, answer.json()["reason"]) == (400, "BadRequest")
