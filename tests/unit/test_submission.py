"""A body that is built to cost much costs no more than another of its size."""

from __future__ import annotations

import json

import pytest

from unit.fake_aggregator import Aggregator
from unit.running import BASE

BEGIN = '{"apiVersion":"cats.example.com/v1","kind":"Echo",'
MANY = 80_000


def post(aggregator: Aggregator, text: str, query: str = "") -> tuple[int, bytes, str]:
    """Return code, body and warnings of a create."""
    answer = aggregator.request("POST", f"{BASE}/echoes{query}", body=(BEGIN + text + "}").encode())
    return answer.status, answer.body, answer.header("Warning")


def test_one_duplicate_among_many_names(aggregator: Aggregator) -> None:
    """It is found in time, which looking each name up in a list of all would not."""
    names = ",".join(f'"k{number}":1' for number in range(MANY))
    code, body, _ = post(aggregator, f'"metadata":{{"name":"x"}},"spec":{{{names},"k7":1}}', "?fieldValidation=Strict")

    assert (code, 'duplicate field "k7"' in json.loads(body)["message"]) == (400, True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('"metadata":{"name":"x","finalizers":[' + ",".join("1" * MANY) + "]}", 422),
        ('"metadata":{"name":"x",' + ",".join(f'"k{number}":1' for number in range(MANY)) + "}", 201),
        ('"metadata":{"name":"x"},"spec":{"a":[' + ",".join(['{"b":1,"b":2}'] * (MANY // 2)) + "]}", 201),
    ],
)
def test_many_faults_make_a_short_complaint(aggregator: Aggregator, text: str, code: int) -> None:
    """The first of them are named, in a few lines of header or a short Status."""
    answer = post(aggregator, text)

    assert answer[0] == code
    assert len(answer[2]) < 8192
    if code == 422:
        assert 10 < len(json.loads(answer[1])["details"]["causes"]) <= 101
        assert len(answer[1]) < 65536


def test_unknown_fields_in_strict_mode_make_a_short_complaint(aggregator: Aggregator) -> None:
    """A Status, not a megabyte."""
    names = ",".join(f'"k{number}":1' for number in range(MANY))
    code, body, _ = post(aggregator, f'"metadata":{{"name":"x"}},{names}', "?fieldValidation=Strict")

    assert code == 400
    assert len(body) < 65536


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_a_number_that_is_none_is_refused(aggregator: Aggregator, number: str) -> None:
    """It would make an answer that is no JSON."""
    code, body, _ = post(aggregator, f'"metadata":{{"name":"x"}},"spec":{{"a":{number}}}')

    assert (code, json.loads(body)["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("namespace", ['{"a":1}', '["a"]', "5", "true"])
def test_a_namespace_that_is_no_text_is_refused(aggregator: Aggregator, namespace: str) -> None:
    """Not taken for a fault of the application."""
    code, _, _ = post(aggregator, f'"metadata":{{"name":"x","namespace":{namespace}}}')

    assert code == 400


def test_many_commas_in_a_selector(aggregator: Aggregator) -> None:
    """A selector is read once from left to right."""
    for selector in ("," * 15000, "a in (" * 2500, "(" * 15000):
        data = aggregator.request("GET", f"{BASE}/echoes?labelSelector={selector[:5000]}")

        assert data.status in {200, 400}


def test_commas_in_parentheses_do_not_part(aggregator: Aggregator) -> None:
    """The label selector `a in (b,c),!d` has two terms."""
    answer = aggregator.request("GET", f"{BASE}/echoes?labelSelector=a notin (b,c),!d")

    assert (answer.status, len(answer.json()["items"])) == (200, 1)
