"""One object is answered in the form that a client asks for, made of the text that the store has."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from extension_apiserver.api.column import Column
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.reading.answers import Answers
from extension_apiserver.registry.reading.forms import cells
from extension_apiserver.registry.reading.forms.warned import warning_headers
from extension_apiserver.request import Connection, Request, Response
from extension_apiserver.status import StatusError
from unit.registry.cats import REVISION, cat, cats

_TABLE, _PARTIAL = "as=Table;g=meta.k8s.io", "as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
KUBECTL = f"application/json;{_TABLE};v=v1,application/json;{_TABLE};v=v1beta1,application/json"
METADATA_CLIENT = f"application/vnd.kubernetes.protobuf;{_PARTIAL},application/json;{_PARTIAL},application/json"


def asking(accept: str = "", query: str = "") -> Request:
    async def no_body() -> bytes:
        return b""

    headers = [(b"accept", accept.encode())] if accept else []
    return Request("GET", f"/?{query}", headers, Connection(), no_body)


def document(response: Response) -> Any:
    assert ("Content-Type", "application/json") in response.headers
    assert response.body.endswith(b"\n")
    return json.loads(response.body)


def both(kept: Kept, request: Request, version: str = "v1") -> Any:
    """Return the answer, which is the same for an object and for what the store has of it."""
    item = cat("tom", color="red")
    value = kept.value(item)
    answers = Answers(kept)
    of_text = document(answers.of_text(request, version, value, REVISION))
    whole = kept.object(value, REVISION, version)
    assert of_text == document(answers.of_object(request, version, whole))
    return of_text


def test_an_object_is_answered_as_it_is() -> None:
    found = both(cats(), asking())

    assert found["metadata"]["resourceVersion"] == str(REVISION)
    assert {**cat("tom", color="red"), "metadata": found["metadata"]} == found


def test_an_object_is_answered_in_the_version_that_is_asked_for() -> None:
    found = both(cats(), asking(), "v2")

    assert (found["apiVersion"], found["spec"]["colour"]) == ("zoo.example.com/v2", "red")


def test_kubectl_gets_a_table_of_one_row() -> None:
    found = both(cats(), asking(KUBECTL))

    assert {"kind": "Table", "apiVersion": "meta.k8s.io/v1"}.items() <= found.items()
    assert found["metadata"] == {"resourceVersion": str(REVISION)}
    assert [one["name"] for one in found["columnDefinitions"]] == ["Name", "Color"]
    assert [row["cells"] for row in found["rows"]] == [["tom", "red"]]
    assert found["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert found["rows"][0]["object"]["metadata"]["resourceVersion"] == str(REVISION)


@pytest.mark.parametrize(
    ("include", "kind"), [("None", None), ("Metadata", "PartialObjectMetadata"), ("Object", "Cat")]
)
def test_a_row_carries_what_is_asked_for(include: str, kind: str | None) -> None:
    found = both(cats(), asking(KUBECTL, f"includeObject={include}"))

    assert kind == (found["rows"][0]["object"] or {}).get("kind")


def test_a_row_that_carries_something_else_is_refused_in_upstreams_words() -> None:
    words = "Unable to convert to Table as requested: includeObject: Invalid value: \"All\": must be 'Metadata', 'Object', 'None', or empty"
    with pytest.raises(StatusError) as caught:
        both(cats(), asking(KUBECTL, "includeObject=All"))

    assert (400, words) == (caught.value.code, caught.value.message)
    both(cats(), asking("", "includeObject=All"))


def test_a_metadata_client_gets_the_metadata_alone() -> None:
    found = both(cats(), asking(METADATA_CLIENT), "v2")

    assert {"kind", "apiVersion", "metadata"} == set(found)
    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert found["metadata"]["name"] == "tom"


def test_another_form_is_406() -> None:
    for accept in ("text/html", "application/json;as=Table;v=v2;g=meta.k8s.io", "application/vnd.kubernetes.protobuf"):
        with pytest.raises(StatusError) as caught:
            Answers.check(asking(accept))
        assert caught.value.code == 406, accept


def test_a_column_that_fails_has_empty_cells_and_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    columns = [
        Column("Broken", lambda item: item["nothing"]),
        Column("Odd", lambda _: object()),
        Column("Nan", lambda _: float("nan")),
    ]
    kept = cats(columns=columns)
    with caplog.at_level(logging.ERROR):
        found = both(kept, asking(KUBECTL))
        answers = Answers(kept)
        for revision in range(20):
            answers.of_text(asking(KUBECTL), "v1", kept.value(cat("tom")), 100 + revision)

    assert [row["cells"] for row in found["rows"]] == [["tom", None, None, None]]
    told = [one.getMessage() for one in caplog.records]
    assert len(told) == 2 * len(columns), told  # of two Answers


def test_cells_are_computed_once_for_each_state_of_an_object() -> None:
    calls: list[int] = []
    kept = cats(columns=[Column("Calls", lambda _: calls.append(1) or len(calls))])
    answers = Answers(kept)
    value = kept.value(cat("tom"))
    cells_seen = [
        document(answers.of_text(asking(KUBECTL), "v1", value, revision))["rows"][0]["cells"] for revision in (7, 7, 8)
    ]

    assert cells_seen == [["tom", 1], ["tom", 1], ["tom", 2]]


def test_a_date_is_shown_as_the_age_that_it_has_now() -> None:
    now = [1_000_000_000.0]
    columns = [Column("Age", lambda item: item.get("then"), type="date")]
    shown = cells.Cells("cats", lambda: now[0])

    def age(then: object, revision: int = 0) -> object:
        return json.loads(shown.text(columns, "v1", lambda: {"metadata": {"name": "tom"}, "then": then}, revision))[1]

    assert age("2001-09-09T01:46:35Z", 3) == "5s"
    now[0] += 60
    assert age("2001-09-09T01:46:35Z", 3) == "65s"
    for then, expected in ((None, None), ("yesterday", "<invalid>"), (5, None), ("2001-09-09T01:46:35", "<invalid>")):
        assert expected == age(then), then


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (-1.5, "0s"), (119, "119s"), (120, "2m"), (121, "2m1s"), (600, "10m"), (10_799, "179m"), (10_800, "3h"),
        (11_000, "3h3m"), (28_800, "8h"), (172_800, "2d"), (176_400, "2d1h"), (691_200, "8d"), (63_072_000, "2y"), (63_158_400, "2y1d"),
        (283_824_000, "9y"),
    ],
)  # fmt: skip
def test_durations_are_those_of_kubectl(seconds: float, text: str) -> None:
    assert text == cells.duration(seconds)


def test_warnings_are_quoted_each_once_and_bounded() -> None:
    assert warning_headers(['a "b" \\ c', "", 'a "b" \\ c', "line\nbreak", "\ud800"]) == [
        ("Warning", '299 - "a \\"b\\" \\\\ c"')
    ]
    assert '299 - "ä"'.encode().decode("latin-1") == warning_headers(["ä"])[0][1]
    many = [value for _, value in warning_headers(f"{number} {'x' * 300}" for number in range(1000))]
    assert len(many) == 16
    assert {256 + len('299 - ""')} == {len(one) for one in many}
    assert len(warning_headers(["x" * 4000])[0][1]) > 4000


def test_a_hundred_thousand_warnings_are_looked_at_no_further_than_there_is_room():
    seen = []
    texts = {f"{number} {'x' * 300}": None for number in range(100)}

    class Text(str):
        __slots__ = ()

        def __len__(self):
            seen.append(self)
            return super().__len__()

    assert warning_headers(map(Text, texts)) == warning_headers(texts)
    assert len(set(seen)) < 50
