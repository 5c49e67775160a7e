"""The subresource `scale` answers as that of a CustomResourceDefinition."""

import pytest

from extension_apiserver.registry.scaling.scale_fields import to_object, to_scale
from unit.registry.client import APPLY, GROUP, Cats, cat

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
V = f"{GROUP}/v1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def scale(replicas=None, **metadata):
    spec = {} if replicas is None else {"replicas": replicas}
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "tom", **metadata}, "spec": spec}


def owners(item):
    return {
        (one["manager"], one["operation"], one.get("subresource", ""))
        for one in item["metadata"]["managedFields"]
        if "f:replicas" in one["fieldsV1"].get("f:spec", {})
    }


def test_a_scale_tells_what_is_wanted_and_what_there_is(cats):
    there = cats.create("tom", spec={"replicas": 3})
    cats.send("PATCH", "/tom/status", {"status": {"replicas": 2, "selector": "a=b"}}, content_type=MERGE)
    got = cats.send("GET", "/tom/scale").json
    assert (got["apiVersion"], got["kind"]) == ("autoscaling/v1", "Scale")
    assert (got["spec"], got["status"]) == ({"replicas": 3}, {"replicas": 2, "selector": "a=b"})
    assert (got["metadata"]["uid"], got["metadata"]["resourceVersion"]) == (there["metadata"]["uid"], "2")
    assert set(got["metadata"]) == {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}


def test_a_scale_as_a_table_has_both_numbers(cats):
    cats.create("tom", spec={"replicas": 3})
    table = cats.send("GET", "/tom/scale", accept=TABLE).json
    assert [one["name"] for one in table["columnDefinitions"]][:3] == ["Name", "Desired", "Available"]
    assert table["rows"][0]["cells"][:3] == ["tom", 3, 0]


def test_what_wants_no_number_has_no_scale(cats):
    cats.create("tom")
    answer = cats.send("GET", "/tom/scale")
    assert (answer.code, answer.json["reason"]) == (500, "InternalError")
    assert answer.message == 'Internal error occurred: the spec replicas field ".spec.replicas" does not exist'


@pytest.mark.parametrize(
    ("method", "body", "content_type"),
    [
        ("PUT", scale(5), "application/json"),
        ("PATCH", {"spec": {"replicas": 5}}, MERGE),
        ("PATCH", [{"op": "replace", "path": "/spec/replicas", "value": 5}], JSON_PATCH),
        ("PATCH", scale(5), APPLY),
    ],
)
def test_a_scale_written_changes_the_object_and_its_generation(cats, method, body, content_type):
    cats.create("tom", spec={"replicas": 3, "color": "red"})
    answer = cats.send(
        method, "/tom/scale?fieldManager=me&" + "force=1" * (content_type == APPLY), body, content_type=content_type
    )
    there = cats.get("tom")
    assert (answer.code, answer.json["kind"], answer.json["spec"]) == (200, "Scale", {"replicas": 5})
    assert (there["spec"], there["metadata"]["generation"]) == ({"replicas": 5, "color": "red", "lives": 9}, 2)
    assert owners(there) == {("me", "Apply" if content_type == APPLY else "Update", "scale")}


def test_a_scale_that_changes_nothing_splits_what_its_owner_has_as_upstream(cats):
    cats.create("tom", spec={"replicas": 3, "color": "red"})
    cats.send("PUT", "/tom/scale", scale(3), agent="other")
    entries = [(one["manager"], one["fieldsV1"], "time" in one) for one in cats.get("tom")["metadata"]["managedFields"]]
    rest = {"f:spec": {".": {}, "f:color": {}, "f:lives": {}}}
    assert entries == [("tests", {"f:spec": {"f:replicas": {}}}, False), ("tests", rest, True)]


def test_a_scale_of_what_has_no_managers_gives_it_none_by_changing_nothing(cats):
    there = cats.create("tom", spec={"replicas": 3})
    there["metadata"]["managedFields"] = [{}]
    cats.send("PUT", "/tom", there)
    cats.send("PUT", "/tom/scale", scale(3))
    assert "managedFields" not in cats.get("tom")["metadata"]


def test_nobody_owns_a_number_that_was_scaled_to_zero_as_upstream(cats):
    cats.create("tom", spec={"replicas": 3})
    for body in (scale(0), scale(0), scale()):
        cats.send("PUT", "/tom/scale", body)
        assert cats.get("tom")["spec"]["replicas"] == 0
        assert owners(cats.get("tom")) == set()
    assert cats.send("PUT", "/tom/scale", scale(False)).code == 400


def test_a_scale_without_a_number_sets_zero_by_update_and_is_refused_as_patch(cats):
    cats.create("tom", spec={"color": "red"})
    refused = cats.send("PATCH", "/tom/scale", {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    assert (refused.code, refused.message) == (400, 'the spec replicas field ".spec.replicas" cannot be empty')
    assert cats.send("PUT", "/tom/scale", scale()).code == 200
    assert cats.get("tom")["spec"]["replicas"] == 0


def test_a_scale_fills_in_what_is_there_by_default_beside_its_number(cats):
    cats.create("tom")
    cats.send("PUT", "/tom/scale", scale(2))
    assert cats.get("tom")["spec"] == {"replicas": 2, "lives": 9}


def test_a_scale_below_zero_is_422(cats):
    cats.create("tom", spec={"replicas": 3})
    answer = cats.send("PUT", "/tom/scale", scale(-1))
    assert (answer.code, answer.json["details"]["causes"]) == (
        422,
        [
            {
                "reason": "FieldValueInvalid",
                "field": ".spec.replicas",
                "message": "Invalid value: -1: should be a non-negative integer",
            }
        ],
    )


def test_an_object_whose_number_cannot_be_scaled_is_422_on_every_path(cats):
    cats.create("tom")
    for path, part in (("/tom", "spec"), ("/tom/status", "status")):
        for number in (-1, 2**31):
            answer = cats.send("PATCH", path, {part: {"replicas": number}}, content_type=MERGE)
            assert (answer.code, answer.json["details"]["causes"][0]["field"]) == (422, f".{part}.replicas")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (scale(5, resourceVersion="7"), 409),
        (scale(5, uid="other"), 409),
        (scale(5, name="kit"), 400),
        (scale("5"), 400),
        (scale(2**31), 400),
        (scale(True), 400),
        (scale(5) | {"spec": 5}, 400),
        (cat("tom"), 400),
        (scale(5) | {"apiVersion": "autoscaling/v2"}, 400),
    ],
)
def test_a_scale_that_does_not_fit_changes_nothing(cats, body, code):
    cats.create("tom", spec={"replicas": 3})
    assert cats.send("PUT", "/tom/scale", body).code == code
    assert cats.get("tom")["spec"]["replicas"] == 3


def test_the_scale_of_nothing_is_404(cats):
    for answer in (
        cats.send("GET", "/tom/scale"),
        cats.send("PUT", "/tom/scale", scale(1)),
        cats.send("PATCH", "/tom/scale?fieldManager=me", scale(1), content_type=APPLY),
    ):
        assert (answer.code, answer.message) == (404, f'cats.{GROUP} "tom" not found')


def test_a_dry_run_scales_nothing(cats):
    cats.create("tom", spec={"replicas": 3})
    assert cats.send("PUT", "/tom/scale?dryRun=All", scale(5)).json["spec"] == {"replicas": 5}
    assert cats.get("tom")["spec"]["replicas"] == 3


def test_unknown_fields_of_a_scale_are_warned_of_or_refused(cats):
    cats.create("tom", spec={"replicas": 3})
    body = scale(5) | {"spec": {"replicas": 5, "x": 1}}
    assert cats.send("PUT", "/tom/scale", body).headers["Warning"] == '299 - "unknown field \\"spec.x\\""'
    assert cats.send("PUT", "/tom/scale?fieldValidation=Strict", body).code == 400


def test_an_apply_to_the_scale_conflicts_with_who_owns_the_number(cats):
    cats.send("PATCH", "/tom?fieldManager=main", cat("tom", spec={"replicas": 3}), content_type=APPLY)
    answer = cats.send("PATCH", "/tom/scale?fieldManager=auto", scale(5), content_type=APPLY)
    assert (answer.code, answer.json["details"]["causes"][0]["field"]) == (409, ".spec.replicas")
    assert 'conflict with "main"' in answer.message
    cats.send("PATCH", "/tom/scale?fieldManager=auto&force=1", scale(5), content_type=APPLY)
    assert owners(cats.get("tom")) == {("auto", "Apply", "scale")}


def test_conflicts_with_a_manager_are_told_in_upstreams_order_that_of_its_subresource_first(cats):
    cats.create("tom", spec={"replicas": 3, "color": "red"})
    cats.send("PUT", "/tom/scale", scale(4))
    answer = cats.send(
        "PATCH", "/tom?fieldManager=me", cat("tom", spec={"replicas": 5, "color": "black"}), content_type=APPLY
    )
    assert [one["field"] for one in answer.json["details"]["causes"]] == [".spec.replicas", ".spec.color"]


def test_a_resource_without_a_scale_has_no_such_path():
    with Cats(scale=None) as cats:
        cats.create("tom")
        assert cats.send("GET", "/tom/scale").code == 404


def entry(manager, operation, fields, subresource="", version=V):
    made = {
        "manager": manager,
        "operation": operation,
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return made | ({"subresource": subresource} if subresource else {})


REPLICAS, SELECTOR = {"f:spec": {"f:replicas": {}}}, {"f:spec": {"f:selector": {}}}
BOTH = {"f:spec": {"f:replicas": {}, "f:selector": {}}}
PATH = ("f:spec", "f:replicas")


@pytest.mark.parametrize("theirs", ["Apply", "Update"])
@pytest.mark.parametrize("ours", ["Apply", "Update"])
@pytest.mark.parametrize("manager", ["scale", "test"])
def test_who_scales_takes_the_number_from_who_had_it(ours, theirs, manager):
    # https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/managedfields/scalehandler_test.go
    of_scale = [entry(manager, ours, REPLICAS, "scale", "autoscaling/v1")]
    made = to_object([entry("test", theirs, BOTH)], of_scale, PATH, [V], V)
    assert sorted(made, key=str) == sorted(
        [entry("test", theirs, SELECTOR), entry(manager, ours, REPLICAS, "scale")], key=str
    )


def test_a_scale_knows_the_owners_of_its_number_only():
    entries = [
        entry("a", "Apply", BOTH),
        entry("b", "Apply", SELECTOR),
        entry("c", "Apply", REPLICAS, version="gone/v1"),
    ]
    assert to_scale(entries, PATH, [V]) == [entry("a", "Apply", REPLICAS, version="autoscaling/v1")]
