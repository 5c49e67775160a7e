"""A request makes of an object what kube-apiserver makes of it, by its sources: the words are theirs."""

import datetime as dt
import json

import pytest

from extension_apiserver.objects import patching, writing
from extension_apiserver.objects.apply.typed.atoms import atom_of_kind
from extension_apiserver.objects.apply.versions import Versions
from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.kind import Kind
from extension_apiserver.objects.request import Request
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.objects.values import MOST_OWN_LEVELS
from extension_apiserver.status import StatusError

SPEC = {
    "type": "object",
    "properties": {"size": {"type": "integer", "maximum": 9}, "mode": {"type": "string", "default": "easy"}},
}
STATUS = {"type": "object", "properties": {"phase": {"type": "string"}}}
KIND = Kind(
    "cats.example.com",
    "v1",
    "Cat",
    "cats",
    structural({"type": "object", "properties": {"spec": SPEC, "status": STATUS}}),
    has_status=True,
)
VERSIONS = Versions({KIND.api_version: atom_of_kind(KIND.schema)}, lambda value, _version: value)
NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
CAT = {"apiVersion": KIND.api_version, "kind": "Cat"}


def request(name="tom", manager="me", **how):
    return Request(KIND, VERSIONS, "home", name, manager, NOW, **how)


def text(spec, **metadata):
    return json.dumps(CAT | {"metadata": metadata, "spec": spec}).encode()


@pytest.fixture
def tom():
    """Return an object as it is stored."""
    made, _ = writing.create(text({"size": 1}, name="tom"), request(""), uid="u", suffix="xxxxx")
    made["metadata"]["resourceVersion"] = "7"
    return made


def test_a_creation(tom):
    metadata = tom["metadata"]
    assert tom["spec"] == {"size": 1, "mode": "easy"}
    assert (metadata["namespace"], metadata["uid"], metadata["generation"]) == ("home", "u", 1)
    assert metadata["creationTimestamp"] == "2026-11-28T00:00:00Z"
    assert [one["manager"] for one in metadata["managedFields"]] == ["me"]


def test_a_name_is_generated():
    made, _ = writing.create(text({}, generateName="be-"), request(""), uid="u", suffix="xxxxx")
    assert made["metadata"]["name"] == "be-xxxxx"


@pytest.mark.parametrize(
    ("metadata", "code", "said"),
    [
        (
            {"resourceVersion": "7", "name": "other"},
            400,
            "the name of the object (other) does not match the name on the URL (tom)",
        ),
        ({"resourceVersion": "7", "name": ""}, 400, "the name of the object (tom based on URL) was undeterminable"),
        ({"resourceVersion": "7", "namespace": "away"}, 400, "the namespace of the provided object does not match"),
        (
            {"resourceVersion": "6"},
            409,
            'Operation cannot be fulfilled on cats.cats.example.com "tom": the object has been modified',
        ),
        (
            {"resourceVersion": "7", "uid": "x"},
            409,
            "Precondition failed: UID in precondition: x, UID in object meta: u",
        ),
        ({}, 422, "metadata.resourceVersion: Invalid value: 0: must be specified for an update"),
    ],
    ids=range(6),
)
def test_an_update_that_is_refused(tom, metadata, code, said):
    with pytest.raises(StatusError) as caught:
        writing.update(text({"size": 2}, **({"name": "tom"} | metadata)), tom, request())
    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value.message


def test_an_update_that_changes_nothing_is_none(tom):
    later = Request(KIND, VERSIONS, "home", "tom", "me", NOW + dt.timedelta(hours=1))
    assert writing.update(json.dumps(tom).encode(), tom, later)[0] is tom
    assert patching.patch(b"{}", tom, later, patching.MERGE_PATCH)[0] is tom


def test_patches(tom):
    merged, _ = patching.patch(b'{"spec":{"size":2}}', tom, request(), patching.MERGE_PATCH)
    patched, warnings = patching.patch(
        b'[{"op":"add","path":"/spec/size","value":2},{"op":"add","path":"/spec/odd","value":2}]',
        tom,
        request(),
        patching.JSON_PATCH,
    )
    assert merged["spec"] == patched["spec"] == {"size": 2, "mode": "easy"}
    assert merged["metadata"]["generation"] == 2
    assert warnings == ['unknown field "spec.odd"']
    assert tom["spec"]["size"] == 1, "what is stored stays as it is"


@pytest.mark.parametrize(
    ("patch", "code", "said"),
    [
        (b'{"spec":{"size":99}}', 422, "spec.size in body should be less than or equal to 9"),
        (b'{"metadata":{"resourceVersion":"6"}}', 409, "the object has been modified"),
        (b'{"metadata":{"labels":1}}', 422, "patch: Invalid value"),
        (b'{"spec":{"odd":1}}', 422, 'strict decoding error: unknown field \\"spec.odd\\"'),
        (b'{"kind":null}', 422, "Object 'Kind' is missing"),
        (b"nonsense", 400, "is no JSON"),
    ],
    ids=range(6),
)
def test_a_patch_that_is_refused(tom, patch, code, said):
    with pytest.raises(StatusError) as caught:
        patching.patch(patch, tom, request(directive="Strict"), patching.MERGE_PATCH)
    assert (caught.value.code, said.replace("\\", "") in caught.value.message) == (code, True), caught.value.message


def test_the_status_is_changed_by_its_subresource_only(tom):
    changed = tom | {"status": {"phase": "Fed"}, "spec": {"size": 3}}
    by_itself, _ = writing.update(json.dumps(changed).encode(), tom, request())
    by_status, _ = writing.update(json.dumps(changed).encode(), tom, request(subresource="status"))
    assert ("status" in by_itself, by_itself["spec"]["size"], by_itself["metadata"]["generation"]) == (False, 3, 2)
    assert (by_status["status"], by_status["spec"]["size"], by_status["metadata"]["generation"]) == (
        {"phase": "Fed"},
        1,
        1,
    )


def applied(body, old, name="me", **how):
    said, twice = parse(body)
    return patching.apply(said, twice, old, request(manager=name), force=False, uid="v", **how)


def test_an_apply_creates_and_merges(tom):
    made, _ = applied(text({"size": 1}, name="tom"), None)
    assert (made["metadata"]["uid"], made["spec"]) == ("v", {"size": 1, "mode": "easy"})
    assert [one["operation"] for one in made["metadata"]["managedFields"]] == ["Apply"]
    shared, _ = applied(text({"size": 1}, name="tom"), tom, "flux")
    assert {one["manager"] for one in shared["metadata"]["managedFields"]} == {"flux", "me"}
    with pytest.raises(StatusError, match='conflict with "me" using'):
        applied(text({"size": 2}, name="tom"), tom, "flux")


@pytest.mark.parametrize(
    ("body", "name", "code"),
    [
        (b"[]", "me", 400),
        (b'{"apiVersion":"v1","kind":"Cat"}', "me", 400),
        (text({"size": 99}, name="tom"), "me", 422),
        (text({}), "", 422),
    ],
    ids=range(4),
)
def test_an_apply_that_is_refused(body, name, code):
    with pytest.raises(StatusError) as caught:
        applied(body, None, name)
    assert caught.value.code == code


HOSTILE = [None, True, 0, -1.5, "", "x", [], [None], {}, {"": None}, {"a": {"b": [1, {}]}}, [[]]]
PLACES = [
    ("metadata",),
    ("spec",),
    ("status",),
    ("apiVersion",),
    *(
        ("metadata", name)
        for name in ("name", "labels", "annotations", "finalizers", "ownerReferences", "managedFields", "generation")
    ),
    *(
        ("metadata", name)
        for name in ("uid", "creationTimestamp", "deletionTimestamp", "resourceVersion", "generateName", "namespace")
    ),
    ("spec", "size"),
]


def writes(value, place, tom):
    """Return all ways to write an object in which this value is at that place."""
    sent = json.loads(json.dumps(tom))
    holder = sent
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    body = json.dumps(sent).encode()
    operations = json.dumps([{"op": "replace", "path": "/" + "/".join(place), "value": value}]).encode()
    return (
        lambda: writing.create(body, request(""), uid="u", suffix="xxxxx"),
        lambda: writing.update(body, tom, request()),
        lambda: writing.update(body, tom, request(subresource="status")),
        lambda: patching.patch(body, tom, request(), patching.MERGE_PATCH),
        lambda: patching.patch(operations, tom, request(), patching.JSON_PATCH),
        lambda: applied(body, None),
        lambda: applied(body, tom),
    )


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_no_value_in_any_place_is_a_fault_of_ours(tom, place):
    """Whatever is sent is stored, or refused by a Status; never answered by a traceback."""
    for value in HOSTILE:
        for write in writes(value, place, tom):
            try:
                made, _ = write()
            except StatusError as error:
                made = json.loads(error.body())
            assert json.dumps(made)


def test_the_deepest_object_is_written_in_every_way():
    """Each level costs several frames of Python's thousand."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = structural({"type": "object", "properties": {"spec": free}})
    kind = Kind("cats.example.com", "v1", "Cat", "cats", schema)
    versions = Versions({kind.api_version: atom_of_kind(schema)}, lambda value, _version: value)
    how = Request(kind, versions, "home", "tom", "me", NOW)
    deep = "x"
    for _ in range(MOST_OWN_LEVELS):
        deep = {"a": deep}
    with pytest.raises(StatusError, match="nested deeper than 90 levels"):
        writing.create(text(deep, name="tom"), how, uid="u", suffix="")
    deep = deep["a"]  # with the object around it, as deep as may be
    body = text(deep, name="tom")
    made, _ = writing.create(body, how, uid="u", suffix="")
    made["metadata"]["resourceVersion"] = "7"
    changed = json.loads(json.dumps(made).replace('"x"', '"y"'))
    updated, _ = writing.update(json.dumps(changed).encode(), made, how)
    patched, _ = patching.patch(json.dumps({"spec": changed["spec"]}).encode(), made, how, patching.MERGE_PATCH)
    merged, _ = patching.apply(json.loads(text(changed["spec"], name="tom")), [], made, how, force=True)
    assert updated["spec"] == patched["spec"] == merged["spec"] == changed["spec"]
