"""The metadata of an object has the shape and the rules that kube-apiserver gives it."""

import datetime as dt

import pytest

from extension_apiserver.objects.metadata.lifecycle import prepare_create, prepare_status_update, prepare_update
from extension_apiserver.objects.metadata.rules import create_causes, finalizer_warnings, manager_causes, update_causes
from extension_apiserver.objects.metadata.shape import WrongTypeError, shaped
from extension_apiserver.selectors.names import SUFFIX_LENGTH, generated

NOW = dt.datetime(2026, 11, 28, 15, 0, 0, 999, tzinfo=dt.UTC)
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u"}
KEY = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"


def told(metadata):
    found = create_causes({"name": "a", "namespace": "n", **metadata}, namespaced=True)
    return [f"{one.field}: {one.message}" for one in found]


WRONG = {
    "metadata.name: Required value: name or generateName is required": {"name": ""},
    "metadata.namespace: Required value": {"namespace": ""},
    'metadata.namespace: Invalid value: "a.b": must not contain dots': {"namespace": "a.b"},
    f'metadata.labels: Invalid value: "-": name part {KEY}': {"labels": {"-": "x"}},
    'metadata.labels: Invalid value: "/a": prefix part must be non-empty': {"labels": {"/a": "x"}},
    f'metadata.finalizers: Invalid value: "a b": name part {KEY}': {"finalizers": ["a b"]},
    "metadata.annotations: Too long: may not be more than 262144 bytes": {"annotations": {"a": "x" * 262144}},
    "metadata.ownerReferences[0].uid: Required value: must not be empty": {"ownerReferences": [OWNER | {"uid": ""}]},
    'metadata.ownerReferences[0].apiVersion: Invalid value: "a/b/c": must be <group>/<version> or <version>': {"ownerReferences": [OWNER | {"apiVersion": "a/b/c"}]},
    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set': {"finalizers": ["orphan", "foregroundDeletion"]},
    'metadata.managedFields[0].operation: Unsupported value: "Patch": supported values: "Apply", "Update"': {"managedFields": [{"operation": "Patch"}]},
}  # fmt: skip


@pytest.mark.parametrize("sentence", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_told_in_upstream_s_words(sentence):
    assert told(WRONG[sentence]) == [sentence]


def test_an_object_has_one_controller():
    owners = [OWNER | {"controller": True}, OWNER | {"controller": True, "name": "d"}]
    (sentence,) = told({"ownerReferences": owners})
    end = (
        'Only one reference can have Controller set to true. Found "true" in references for ConfigMap/c and ConfigMap/d'
    )
    assert sentence.endswith(end)


@pytest.mark.parametrize("name", ["a", "a.b", "a-b", "0", "a" * 253])
def test_good_names(name):
    assert told({"name": name}) == []


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "a..b", "a" * 254, "ä", "a\n"])
def test_bad_names(name):
    (sentence,) = told({"name": name})
    assert sentence.startswith("metadata.name: Invalid value: ")


def test_a_generated_name_has_a_bounded_beginning():
    assert generated("b" * 100, "x" * SUFFIX_LENGTH) == "b" * 58 + "xxxxx"


def test_what_is_empty_or_unknown_goes():
    sent = {"name": "a", "labels": {}, "finalizers": [], "generateName": "", "odd": 1, "creationTimestamp": None}
    assert shaped(sent, "metadata") == ({"name": "a"}, ["metadata.odd"])


def test_times_are_whole_seconds_of_utc():
    clean, _ = shaped({"creationTimestamp": "2026-01-01T02:00:00.5+02:00"}, "metadata")
    assert clean == {"creationTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (
            {"labels": ["a"]},
            "json: cannot unmarshal array into Go struct field ObjectMeta.labels of type map[string]string",
        ),
        ({"labels": {"a": 1}}, "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string"),
        (
            {"generation": 1.5},
            "json: cannot unmarshal number 1.5 into Go struct field ObjectMeta.generation of type int64",
        ),
        ({"deletionTimestamp": "x"}, 'parsing time "x" as'),
        ({"ownerReferences": [{"uid": 1}]}, "OwnerReference.ownerReferences.uid of type types.UID"),
        ("x", "json: cannot unmarshal string into Go value of type v1.ObjectMeta"),
    ],
    ids=str,
)
def test_a_value_of_a_wrong_type_is_refused(sent, said):
    with pytest.raises(WrongTypeError) as caught:
        shaped(sent, "metadata")
    assert said in str(caught.value)


def cat(spec=1, status=None, **metadata):
    return {"metadata": {"name": "a", **metadata}, "spec": spec, **({"status": status} if status else {})}


def test_a_new_object_gets_what_only_the_server_sets():
    sent = cat(status="x", uid="mine", generation=9, deletionTimestamp="2020-01-01T00:00:00Z", selfLink="/")
    new = prepare_create(sent, name="a", uid="ours", now=NOW, has_status=True)
    expected = {"name": "a", "uid": "ours", "generation": 1, "creationTimestamp": "2026-11-28T15:00:00Z"}
    assert new == {"metadata": expected, "spec": 1}


@pytest.mark.parametrize(
    ("sent", "generation"),
    [
        (cat(), 3),
        (cat(labels={"a": "b"}), 3),
        (cat(2), 4),
        (cat(status="y"), 3),
        (cat(generation=77), 3),
    ],
)
def test_generation_counts_changes_of_anything_but_metadata_and_status(sent, generation):
    old = cat(status="x", uid="u", generation=3, creationTimestamp="2020-01-01T00:00:00Z")
    new = prepare_update(sent, old, has_status=True)
    assert new["metadata"]["generation"] == generation
    assert new["status"] == "x"
    assert new["metadata"]["creationTimestamp"] == "2020-01-01T00:00:00Z"


def test_the_subresource_status_changes_nothing_else():
    old = cat(status="x", uid="u", resourceVersion="1", labels={"a": "b"})
    new = prepare_status_update(cat(9, status="y", resourceVersion="1", labels={"c": "d"}), old)
    assert new == cat(status="y", uid="u", resourceVersion="1", labels={"a": "b"})


def test_no_finalizer_is_added_once_deletion_began():
    old = {
        "name": "a",
        "uid": "u",
        "resourceVersion": "1",
        "deletionTimestamp": "2020-01-01T00:00:00Z",
        "finalizers": ["a/b"],
    }
    (cause,) = update_causes(old | {"finalizers": ["a/b", "c/d"]}, old, namespaced=False)
    words = (
        'Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"c/d"}'
    )
    assert (cause.field, cause.message) == ("metadata.finalizers", words)
    assert list(update_causes(old | {"finalizers": []}, old, namespaced=False)) == []


def test_names_of_finalizers_without_a_domain_are_warned_about():
    assert finalizer_warnings(["one", "a.b/c", "orphan"]) == [
        'metadata.finalizers: "one": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers'
    ]
    assert finalizer_warnings(["one"], ["one"]) == []


def test_the_name_of_a_manager_is_short_and_printable():
    assert [one.message for one in manager_causes("x" * 129)] == ["Too long: may not be more than 128 bytes"]
    assert [one.message for one in manager_causes("a\nb")] == [
        r'Invalid value: "a\nb": invalid character U+000A (at position 1)'
    ]
