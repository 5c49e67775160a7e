"""Server-side apply and managedFields do what kube-apiserver does: by named cases, and by merges that its own packages made."""

import datetime as dt
import json
import time
from pathlib import Path

import pytest

from extension_apiserver.objects.apply.elements import FieldsError
from extension_apiserver.objects.apply.field_manager import apply, track_update
from extension_apiserver.objects.apply.field_set import decoded, encoded
from extension_apiserver.objects.apply.managers import manager_name
from extension_apiserver.objects.apply.typed.atoms import atom_of_kind
from extension_apiserver.objects.apply.versions import Versions
from extension_apiserver.objects.apply.writer import Writer, with_old_times
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.objects.values import copied
from extension_apiserver.status import StatusError
from unit.objects.play import play

#: Written by ci/tools/interop/structured-merge-diff: scenarios of scenarios.py, and what kube-apiserver's packages made of them.
MERGES = [json.loads(line) for line in (Path(__file__).parent / "merges.jsonl").read_text().splitlines()]
V1, V2 = "cats.example.com/v1", "cats.example.com/v2"
ROWS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}},
}


def schema(size="size"):
    spec = {
        size: {"type": "integer"},
        "word": {"type": "string"},
        "rows": ROWS,
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    }
    status = {"type": "object", "properties": {"phase": {"type": "string"}}}
    return structural(
        {"type": "object", "properties": {"spec": {"type": "object", "properties": spec}, "status": status}}
    )


def convert(value, version):
    """v2 calls `width` what v1 calls `size`."""
    made = copied(value) | {"apiVersion": version}
    old, new = ("size", "width") if version == V2 else ("width", "size")
    if old in made.get("spec", {}):
        made["spec"][new] = made["spec"].pop(old)
    return made


VERSIONS = Versions({V1: atom_of_kind(schema()), V2: atom_of_kind(schema("width"))}, convert)


def writer(name, version=V1, minute=0, **how):
    return Writer(name, version, dt.datetime(2026, 1, 1, 0, minute, tzinfo=dt.UTC), **how)


def cat(spec, version=V1, **metadata):
    return {"apiVersion": version, "kind": "Cat", "metadata": {"name": "tom", **metadata}, "spec": spec}


def stored(value):
    value = copied(value)
    value["metadata"]["uid"] = "u"
    return value


def owners(value):
    return {(one["manager"], one["operation"]): one["fieldsV1"] for one in value["metadata"].get("managedFields", [])}


@pytest.mark.parametrize("merge", MERGES, ids=lambda merge: str(merge["seed"]))
def test_a_merge_that_upstream_made(merge):
    assert play(merge) == merge["results"]


def test_an_apply_that_changes_what_another_owns_is_refused():
    live = stored(apply(None, cat({"size": 1, "rows": [{"name": "a", "n": 1}]}), writer("one"), VERSIONS))
    with pytest.raises(StatusError) as caught:
        apply(live, cat({"size": 2}), writer("two"), VERSIONS)
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.size"}
    assert (caught.value.code, caught.value.reason, caught.value.details) == (409, "Conflict", {"causes": [cause]})
    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "one": .spec.size'


def test_conflicts_are_told_by_manager():
    live = stored(apply(None, cat({"size": 1}), writer("one"), VERSIONS))
    live = track_update(live, live | {"spec": {"size": 1, "rows": [{"name": "a", "n": 1}]}}, writer("two"), VERSIONS)
    with pytest.raises(StatusError) as caught:
        apply(live, cat({"size": 2, "rows": [{"name": "a", "n": 2}]}), writer("three"), VERSIONS)
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.size\n'
        f'conflicts with "two" using {V1}:\n- .spec.rows[name="a"].n'
    )


def test_force_takes_over():
    live = stored(apply(None, cat({"size": 1, "word": "x"}), writer("one"), VERSIONS))
    live = apply(live, cat({"size": 2}), writer("two"), VERSIONS, force=True)
    assert live["spec"] == {"size": 2, "word": "x"}
    assert owners(live) == {
        ("one", "Apply"): {"f:spec": {"f:word": {}}},
        ("two", "Apply"): {"f:spec": {"f:size": {}}},
    }


def test_what_its_only_owner_drops_goes():
    live = stored(apply(None, cat({"size": 1, "word": "x", "map": {"a": 1}}), writer("one"), VERSIONS))
    live = apply(live, cat({"word": "x"}), writer("two"), VERSIONS)
    live = apply(live, cat({"size": 1}), writer("one"), VERSIONS)
    assert live["spec"] == {"size": 1, "word": "x"}


def test_fields_are_owned_across_versions():
    live = stored(apply(None, cat({"size": 1, "word": "x"}), writer("one"), VERSIONS))
    with pytest.raises(StatusError, match=r"spec\.size"):
        apply(convert(live, V2), cat({"width": 2}, V2), writer("two", V2), VERSIONS)
    again = apply(convert(live, V2), cat({"width": 1}, V2), writer("one", V2), VERSIONS)
    assert again["spec"] == {"width": 1}, "dropped in one version, what was applied in the other goes"
    assert owners(again) == {("one", "Apply"): {"f:spec": {"f:width": {}}}}


def test_managers_of_a_version_that_is_no_more_are_forgotten():
    live = stored(apply(None, cat({"size": 1}), writer("one"), VERSIONS))
    live["metadata"]["managedFields"][0]["apiVersion"] = "cats.example.com/v0"
    live = apply(live, cat({"size": 2}), writer("two"), VERSIONS)
    assert owners(live) == {("two", "Apply"): {"f:spec": {"f:size": {}}}}


def test_an_update_owns_what_it_changes_and_nothing_else():
    live = stored(track_update(None, cat({"size": 1, "word": "x"}), writer("one"), VERSIONS))
    live = track_update(live, live | {"spec": {"size": 2, "word": "x"}}, writer("two", minute=1), VERSIONS)
    assert owners(live) == {
        ("one", "Update"): {"f:spec": {".": {}, "f:word": {}}},
        ("two", "Update"): {"f:spec": {"f:size": {}}},
    }


def test_the_status_is_owned_by_its_subresource():
    live = stored(
        track_update(None, cat({"size": 1}) | {"status": {"phase": "x"}}, writer("one", has_status=True), VERSIONS)
    )
    assert owners(live) == {("one", "Update"): {"f:spec": {".": {}, "f:size": {}}}}
    del live["status"]  # as a creation does
    changed = live | {"status": {"phase": "y"}, "spec": {"size": 9}}
    live = track_update(live, changed, writer("two", subresource="status", has_status=True), VERSIONS)
    (entry,) = (one for one in live["metadata"]["managedFields"] if one["manager"] == "two")
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {".": {}, "f:phase": {}}})


def test_a_client_may_clear_managed_fields():
    live = stored(apply(None, cat({"size": 1}), writer("one"), VERSIONS))
    for asked in ([{}], []):
        cleared = track_update(
            live, live | {"metadata": live["metadata"] | {"managedFields": asked}}, writer("two"), VERSIONS
        )
        assert "managedFields" not in cleared["metadata"]


def test_a_client_that_knows_nothing_of_managed_fields_keeps_them():
    live = stored(apply(None, cat({"size": 1}), writer("one"), VERSIONS))
    for sent in (
        {"name": "tom", "uid": "u"},
        {"name": "tom", "uid": "u", "managedFields": [{"manager": "x", "operation": "Fly"}]},
    ):
        kept = track_update(live, live | {"metadata": sent}, writer("two"), VERSIONS)
        assert owners(kept) == owners(live)


def test_the_first_apply_to_an_object_without_managers_finds_its_fields_owned():
    live = cat({"size": 1}, uid="u")
    with pytest.raises(StatusError, match='conflict with "before-first-apply" using'):
        apply(live, cat({"size": 2}), writer("one"), VERSIONS)


def test_ten_managers_of_updates_are_kept():
    live = stored(track_update(None, cat({"map": {}}), writer("first"), VERSIONS))
    for number in range(14):
        entries = live["spec"]["map"] | {f"k{number}": number}
        live = track_update(
            live, live | {"spec": {"map": entries}}, writer(f"m{number:02}", minute=number + 1), VERSIONS
        )
    managers = [one["manager"] for one in live["metadata"]["managedFields"]]
    assert managers == ["ancient-changes", *(f"m{number:02}" for number in range(5, 14))]


def test_nothing_is_written_where_only_times_differ():
    live = stored(apply(None, cat({"size": 1}), writer("one"), VERSIONS))
    later = copied(live)
    later["metadata"]["managedFields"][0]["time"] = "2027-01-01T00:00:00Z"
    assert with_old_times(later, live) is live
    assert with_old_times(later | {"spec": {}}, live) != live


def test_kubectl_goes_on_where_it_applied_on_its_side():
    last = json.dumps(cat({"size": 1, "word": "x"}))
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": last}
    live = stored(
        track_update(
            None, cat({"size": 1, "word": "x"}, annotations=annotations), writer("kubectl-client-side-apply"), VERSIONS
        )
    )
    new = apply(live, cat({"size": 2}), writer("kubectl"), VERSIONS)
    assert new["spec"]["size"] == 2
    assert json.loads(next(iter(new["metadata"]["annotations"].values()))) == cat({"size": 2})
    with pytest.raises(StatusError, match="conflict"):
        apply(live, cat({"size": 2}), writer("flux"), VERSIONS)


@pytest.mark.parametrize(
    ("applied", "code", "said"),
    [
        (cat({"size": 1}, V2), 400, "Incorrect version specified in apply patch"),
        (cat({"size": 1}, managedFields=[]), 400, "metadata.managedFields must be nil"),
        (cat({"odd": 1}), 500, ".spec.odd: field not declared in schema"),
        (cat({"size": "x"}), 500, ".spec.size: expected numeric (int or float), got string"),
        (cat({"rows": [{"name": "a"}, {"name": "a"}]}), 500, '.spec.rows: duplicate entries for key [name="a"]'),
        (
            cat({"rows": [{}]}),
            500,
            ".spec.rows: element 0: associative list with keys has an element that omits all key fields",
        ),
        (cat({"rows": "x"}), 500, ".spec.rows: expected list"),
    ],
    ids=range(7),
)
def test_what_cannot_be_applied_is_told(applied, code, said):
    with pytest.raises(StatusError) as caught:
        apply(None, applied, writer("one"), VERSIONS)
    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value.message


def test_fields_are_read_as_they_are_written():
    fields = {"f:a": {".": {}, 'k:{"d":1,"n":"x"}': {"f:y": {}}}, "f:s": {'v:"q\\"\\u003c"': {}, "v:1": {}}, "i:0": {}}
    assert encoded(decoded(fields)) == fields
    assert encoded(decoded({"f:a": {'k:{"n":"x", "d":1.0}': {}, "z:later": {}}})) == {"f:a": {'k:{"d":1,"n":"x"}': {}}}


@pytest.mark.parametrize("fields", [{"x": {}}, {"k:1": {}}, {"v:": {}}, {"i:x": {}}, [], {"f:a": 1}], ids=str)
def test_what_is_no_fields_v1_is_refused(fields):
    with pytest.raises(FieldsError):
        decoded(fields)


@pytest.mark.parametrize(
    ("field_manager", "agent", "name"),
    [
        ("me", "kubectl/v1.37", "me"),
        ("", "kubectl/v1.37 (linux)", "kubectl"),
        ("", "a\x00b", "ab"),
        ("", "x" * 500, "x" * 128),
        ("", "é" * 100, "é" * 64),
        ("", "", ""),
    ],
)  # fmt: skip
def test_a_write_without_a_manager_is_that_of_its_program(field_manager, agent, name):
    assert manager_name(field_manager, agent) == name


@pytest.mark.unmeasured
def test_a_long_list_costs_no_more_than_its_length():
    def seconds(items):
        live = stored(
            apply(None, cat({"rows": [{"name": f"n{n}", "n": 1} for n in range(items)]}), writer("one"), VERSIONS)
        )
        reverse = cat({"rows": [{"name": f"n{n}", "n": 2} for n in reversed(range(items))]})
        spent = time.process_time()
        apply(live, reverse, writer("two"), VERSIONS, force=True)
        return time.process_time() - spent

    short, long = min(seconds(300) for _ in range(3)), min(seconds(2400) for _ in range(2))
    assert long < 8 * short * 4, f"{short:.3f} s for 300 items, {long:.3f} s for 2400"


@pytest.mark.unmeasured
def test_conflicts_in_all_of_a_large_object_are_told_shortly():
    live = stored(apply(None, cat({"map": {f"k{n}": 1 for n in range(5000)}}), writer("one"), VERSIONS))
    with pytest.raises(StatusError) as caught:
        apply(live, cat({"map": {f"k{n}": 2 for n in range(5000)}}), writer("two"), VERSIONS)
    assert caught.value.message.startswith("Apply failed with 5000 conflicts: ")
    assert len(caught.value.details["causes"]) == 100
    assert len(caught.value.body()) < 50_000
