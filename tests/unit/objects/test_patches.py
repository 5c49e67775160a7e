"""JSON Patch and JSON Merge Patch do what kube-apiserver's library does, and no patch costs more than it may."""

import json
import time
from pathlib import Path

import pytest

from extension_apiserver.objects.patch.json_patch import MOST_OPERATIONS, json_patch
from extension_apiserver.objects.patch.merge_patch import merge_patch
from extension_apiserver.objects.values import same, too_deep
from extension_apiserver.status import StatusError

SUITE = Path(__file__).parent / "json_patch_suite"
CASES = [
    (f"{path.stem}-{number}", case)
    for path in sorted(SUITE.glob("*.json"))
    for number, case in enumerate(json.loads(path.read_text()))
    if "patch" in case and not case.get("disabled")
]
#: Where evanphx/json-patch v4, and so kube-apiserver, does not keep RFC 6902; each was tried with evanphx/json-patch v4.13.0.
OTHERWISE = {
    "tests-16": ({"bar": [1, 2, "5"]}, "negative indexes count from the end"),
    "tests-59": (None, "the whole object cannot be added, only replaced"),
    "tests-70": ([1, None], "a missing value is null"),
    "tests-71": ([None], "a missing value is null"),
    "tests-72": ([None], "a missing value is null"),
}


def outcome(document, patch):
    """Return the patched document; None if it is refused."""
    try:
        return json_patch(document, patch)
    except StatusError:
        return None


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_the_suite(name, case):
    expected = None if "error" in case else case.get("expected", case["doc"])
    if name in OTHERWISE:
        expected, _ = OTHERWISE[name]
    before = json.dumps(case["doc"])

    assert same(outcome(case["doc"], case["patch"]), expected)
    assert json.dumps(case["doc"]) == before, "the document that was patched stays as it is"


def test_replace_sets_what_is_not_there():
    assert json_patch({}, [{"op": "replace", "path": "/a", "value": 1}]) == {"a": 1}


def test_null_is_there_where_nothing_is():
    assert json_patch({}, [{"op": "test", "path": "/a", "value": None}]) == {}


def test_true_is_not_one():
    assert outcome({"a": 1}, [{"op": "test", "path": "/a", "value": True}]) is None


@pytest.mark.parametrize("patch", [{}, "x", [1], [[]], None], ids=repr)
def test_what_is_no_patch_is_told(patch):
    with pytest.raises(
        StatusError,
        match=r"error decoding patch: json: cannot unmarshal \w+ into Go value of type (\[\])?handlers.jsonPatchOp",
    ) as caught:
        json_patch({}, patch)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"op": "spin", "path": "/a"}, "Unexpected kind: spin"),
        ({"path": "/a"}, "Unexpected kind: unknown"),
        ({"op": {}, "path": "/a"}, "Unexpected kind: unknown"),
        ({"op": "add", "value": 1}, "add operation failed to decode path: missing value"),
        ({"op": "remove", "path": "/x"}, "Unable to remove nonexistent key: x"),
        ({"op": "add", "path": "/x/y", "value": 1}, 'doc is missing path: "/x/y"'),
        ({"op": "add", "path": "/l/9", "value": 1}, "Unable to access invalid index: 9"),
        ({"op": "add", "path": "/l/٣", "value": 1}, "value was not a proper array index: '٣'"),
        ({"op": "replace", "path": "", "value": 1}, "replace operation value must be object or array"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("op"),
)
def test_why_an_operation_fails_is_told(operation, said):
    with pytest.raises(StatusError) as caught:
        json_patch({"a": 1, "l": []}, [operation])
    assert caught.value.code == 422
    assert said in caught.value.message


def test_more_operations_than_upstream_allows_are_refused():
    with pytest.raises(StatusError) as caught:
        json_patch({}, [{"op": "test", "path": "/a"}] * (MOST_OPERATIONS + 1))
    assert (caught.value.code, caught.value.message) == (
        413,
        "The allowed maximum operations in a JSON patch is 10000, got 10001",
    )


def test_copies_that_double_end_at_three_mebibytes():
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/{n}"} for n in range(40)]
    with pytest.raises(StatusError, match="the accumulated size increase of copy is"):
        json_patch({"a": {"text": "x" * 1000}}, doubling)


def test_an_object_is_not_nested_deeper_by_a_patch():
    deeper = [
        operation
        for _ in range(1500)
        for operation in (
            {"op": "add", "path": "/b", "value": {}},
            {"op": "move", "from": "/a", "path": "/b/a"},
            {"op": "move", "from": "/b", "path": "/a"},
        )
    ]
    for last in ({"op": "test", "path": "/a", "value": 1}, {"op": "copy", "from": "/a", "path": "/c"}):
        with pytest.raises(StatusError, match="nested") as caught:
            json_patch(
                {"a": {}}, [*deeper, {"op": "add", "path": "/x", "value": 1}, last][: 4501 if "value" in last else None]
            )
        assert caught.value.code == 422


@pytest.mark.unmeasured
def test_the_most_costly_patch_ends():
    """Ten thousand insertions at the front of the longest list that fits into a body."""
    long = {"a": [0] * 500_000}
    spent = time.process_time()
    with pytest.raises(StatusError, match="move too many items of lists"):
        json_patch(long, [{"op": "add", "path": "/a/0", "value": 1}] * MOST_OPERATIONS)
    assert time.process_time() - spent < 10, "it takes a second where all of it took minutes"


# https://www.rfc-editor.org/rfc/rfc7396#appendix-A, the cases whose document and patch are objects
MERGES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    # Not in the RFC: what is new loses its nulls in lists too.
    ({}, {"a": [{"b": None}, None]}, {"a": [{}, None]}),
    ({"a": {"b": 1}}, {"a": [{"b": None}]}, {"a": [{"b": None}]}),
]


@pytest.mark.parametrize(("document", "patch", "expected"), MERGES, ids=json.dumps)
def test_a_merge_patch(document, patch, expected):
    before = json.dumps([document, patch])
    assert merge_patch(document, patch) == expected
    assert json.dumps([document, patch]) == before, "neither the document nor the patch changes"


def test_a_merge_patch_is_an_object():
    with pytest.raises(
        StatusError, match="error decoding patch: json: cannot unmarshal array into Go value of type map"
    ) as caught:
        merge_patch({}, [1])
    assert caught.value.code == 400


def test_depth_is_found_without_recursion():
    deep = {}
    for _ in range(100_000):
        deep = {"a": [deep]}
    assert too_deep(deep)
    assert not too_deep({"a": [{"b": 1}]})
