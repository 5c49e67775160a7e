"""create, update, patch and apply answer as a CustomResourceDefinition does, and store what they say."""

import asyncio
import threading
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from extension_apiserver.api.resources import Api
from extension_apiserver.apps.table_group import TableGroup
from extension_apiserver.registry.writing import storing
from extension_apiserver.status import StatusError
from extension_apiserver.store.memory import MemoryStore
from extension_apiserver.store.protocol import Conflict
from extension_apiserver.trust.authentication import Caller
from extension_apiserver.trust.identity import Identity
from unit.registry.client import APPLY, GROUP, Cats, cat

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
PATCHES = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"


def merge(cats, path, patch):
    return cats.send("PATCH", path, patch, content_type=MERGE)


def apply(cats, path, body, **more):
    return cats.send("PATCH", path, body, content_type=APPLY, **more)


def test_a_creation_answers_201_with_what_the_server_adds(cats):
    answer = cats.send("POST", "", cat("tom", spec={"color": "red"}))
    metadata = answer.json["metadata"]
    assert (answer.code, answer.json["spec"]) == (201, {"color": "red", "lives": 9})
    assert (metadata["generation"], metadata["resourceVersion"], metadata["namespace"]) == (1, "1", "default")
    assert metadata["uid"]
    assert metadata["managedFields"][0]["manager"] == "tests"
    assert cats.get("tom") == answer.json


def test_a_name_that_is_taken_is_409_already_exists(cats):
    cats.create("tom")
    answer = cats.send("POST", "", cat("tom"))
    assert (answer.code, answer.json["reason"]) == (409, "AlreadyExists")
    assert answer.message == f'cats.{GROUP} "tom" already exists'
    assert answer.json["details"] == {"name": "tom", "group": GROUP, "kind": "cats"}


def test_a_name_that_is_taken_by_what_is_being_deleted_says_so(cats):
    cats.create("tom", metadata={"finalizers": ["a.example.com/b"]})
    cats.send("DELETE", "/tom")
    assert cats.send("POST", "", cat("tom")).message == f'object is being deleted: cats.{GROUP} "tom" already exists'


def test_a_generated_name_is_tried_again_when_it_is_taken(cats, monkeypatch):
    ends = iter(["bbbbb", "bbbbb", "ccccc"])
    monkeypatch.setattr("extension_apiserver.registry.writing.creating.random.choices", lambda *_, **__: next(ends))
    names = [cats.create("", metadata={"generateName": "kit-"})["metadata"]["name"] for _ in range(2)]
    assert names == ["kit-bbbbb", "kit-ccccc"]


def test_a_generated_name_that_stays_taken_is_409_after_eight_tries(cats, monkeypatch):
    tried = []
    monkeypatch.setattr(
        "extension_apiserver.registry.writing.creating.random.choices", lambda *_, **__: tried.append(1) or "bbbbb"
    )
    cats.create("", metadata={"generateName": "kit-"})
    answer = cats.send("POST", "", cat(metadata={"generateName": "kit-"}))
    assert (answer.code, answer.json["reason"], len(tried)) == (409, "AlreadyExists", 9)
    assert answer.message.endswith("already exists, the server was not able to generate a unique name for the object")
    assert answer.headers["Retry-After"] == "1"


def test_a_name_of_its_own_is_tried_once_beside_a_beginning(cats, monkeypatch):
    cats.create("kit")
    made = []
    kept = type(cats.kept).value
    monkeypatch.setattr(type(cats.kept), "value", lambda self, item: made.append(1) or kept(self, item))
    answer = cats.send("POST", "", cat("kit", metadata={"generateName": "k"}))
    assert (answer.code, answer.headers["Retry-After"], len(made)) == (409, "1", 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type"),
    [
        ("POST", "", cat("kit"), "application/json"),
        ("PUT", "/tom", None, "application/json"),
        ("PATCH", "/tom", {"spec": {"lives": 1}}, MERGE),
        ("PATCH", "/tom", cat("tom", spec={"lives": 1}), APPLY),
        ("PATCH", "/kit", cat("kit"), APPLY),
    ],
)
def test_a_dry_run_answers_alike_and_stores_nothing(cats, method, path, body, content_type):
    there = cats.create("tom")
    body = body or there | {"spec": {"lives": 1}}
    before = cats.revision
    dry = cats.send(method, f"{path}?dryRun=All&fieldManager=me&", body, content_type=content_type)
    assert cats.revision == before
    wet = cats.send(method, f"{path}?fieldManager=me", body, content_type=content_type)
    assert dry.code == wet.code
    assert dry.json.get("spec") == wet.json.get("spec")
    assert dry.json["metadata"].get("resourceVersion") == (
        None if wet.code == 201 else there["metadata"]["resourceVersion"]
    )


def test_a_write_that_changes_nothing_writes_nothing(cats):
    there = cats.create("tom", spec={"color": "red"})
    for answer in (
        cats.send("PUT", "/tom", there),
        merge(cats, "/tom", {"spec": {"color": "red"}}),
        merge(cats, "/tom/status", {"metadata": {"labels": {"a": "b"}}}),
    ):
        assert answer.json == there
    assert cats.revision == 1


def test_an_update_of_what_is_not_there_is_404_and_creates_nothing(cats):
    for answer in (cats.send("PUT", "/tom", cat("tom")), merge(cats, "/tom", {}), merge(cats, "/tom/status", {})):
        assert (answer.code, answer.message) == (404, f'cats.{GROUP} "tom" not found')
    assert cats.revision == 0


def test_an_update_that_cannot_be_read_is_400_whether_there_is_something_or_not(cats):
    for body in (cat("kit"), {"kind": "Dog"}, b"{"):
        assert cats.send("PUT", "/tom", body).code == 400


def test_an_update_from_an_old_version_is_409(cats):
    old = cats.create("tom")
    merge(cats, "/tom", {"spec": {"lives": 1}})
    answer = cats.send("PUT", "/tom", old)
    assert (answer.code, answer.json["reason"]) == (409, "Conflict")
    assert answer.message == f'Operation cannot be fulfilled on cats.{GROUP} "tom": {MODIFIED}'


def test_status_is_written_by_its_own_path_and_by_no_other(cats):
    there = cats.create("tom", spec={"lives": 3})
    changed = there | {"spec": {"lives": 4}, "status": {"mood": "fine"}}
    written = cats.send("PUT", "/tom/status", changed).json
    assert (written["spec"]["lives"], written["status"], written["metadata"]["generation"]) == (3, {"mood": "fine"}, 1)
    written = cats.send("PUT", "/tom", written | {"spec": {"lives": 4}, "status": {"mood": "bad"}}).json
    assert (written["spec"]["lives"], written["status"], written["metadata"]["generation"]) == (4, {"mood": "fine"}, 2)


@pytest.mark.parametrize(
    ("content_type", "method", "accepted"),
    [
        (STRATEGIC, "PATCH", PATCHES),
        ("", "PATCH", PATCHES),
        ("application/json", "PATCH", PATCHES),
        ("application/apply-patch+cbor", "PATCH", PATCHES),
        ("application/vnd.kubernetes.protobuf", "PUT", "application/json, application/yaml"),
        ("application/cbor", "PUT", "application/json, application/yaml"),
    ],
)
def test_a_content_type_that_cannot_be_read_is_415_and_says_which_can(cats, content_type, method, accepted):
    cats.create("tom")
    answer = cats.send(method, "/tom", {}, content_type=content_type)
    words = "the body of the request was in an unknown format - accepted media types include: "
    assert (answer.code, answer.message.removeprefix(words)) == (415, accepted)


def test_an_object_may_be_sent_as_yaml(cats):
    text = (
        b"---\napiVersion: zoo.example.com/v1\nkind: Cat\nmetadata: {name: tom}\nspec:\n  color: 'red'\n  lives: 012\n"
    )
    assert cats.send("POST", "", text, content_type="application/yaml").json["spec"] == {"color": "red", "lives": 10}


@pytest.mark.parametrize(
    ("kind", "method", "path", "query", "causes"),
    [
        ("CreateOptions", "POST", "", "dryRun=some", {"dryRun": 'Unsupported value: ["some"]: supported values: "All"'}),
        ("UpdateOptions", "PUT", "/tom", "fieldManager=" + "x" * 129, {"fieldManager": "Too long: may not be more than 128 bytes"}),
        ("PatchOptions", "PATCH", "/tom", "force=true", {"force": "Forbidden: may not be specified for non-apply patch"}),
        (
            "UpdateOptions", "PUT", "/tom", "fieldValidation=No&dryRun=",
            {
                "dryRun": 'Unsupported value: [""]: supported values: "All"',
                "fieldValidation": 'Unsupported value: "No": supported values: "", "Ignore", "Strict", "Warn"',
            },
        ),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_422_of_their_kind(cats, kind, method, path, query, causes):
    content_type = MERGE if method == "PATCH" else "application/json"
    answer = cats.send(method, f"{path}?{query}", cat("tom"), content_type=content_type)
    assert (answer.code, answer.json["details"]["kind"], answer.json["details"]["group"]) == (422, kind, "meta.k8s.io")
    assert {one["field"]: one["message"] for one in answer.json["details"]["causes"]} == causes


def test_an_apply_demands_a_field_manager(cats):
    answer = apply(cats, "/tom", cat("tom"))
    assert (answer.code, answer.json["details"]["causes"][0]["field"]) == (422, "fieldManager")


def test_an_apply_creates_then_merges_then_conflicts_unless_forced(cats):
    created = apply(cats, "/tom?fieldManager=one", cat("tom", spec={"color": "red"}))
    merged = apply(cats, "/tom?fieldManager=two", cat("tom", spec={"toys": ["ball"]}))
    assert (created.code, merged.code) == (201, 200)
    assert merged.json["spec"] == {"color": "red", "lives": 9, "toys": ["ball"]}
    refused = apply(cats, "/tom?fieldManager=two", cat("tom", spec={"color": "black"}))
    assert (refused.code, refused.json["details"]["causes"][0]["reason"]) == (409, "FieldManagerConflict")
    forced = apply(cats, "/tom?fieldManager=two&force=true", cat("tom", spec={"color": "black"}))
    assert (forced.code, forced.json["spec"]["color"]) == (200, "black")


def test_an_apply_to_the_status_of_nothing_creates_nothing(cats):
    assert apply(cats, "/tom/status?fieldManager=me", cat("tom", status={"mood": "x"})).code == 404
    assert cats.revision == 0


def test_an_apply_that_names_a_uid_never_creates(cats):
    answer = apply(cats, "/tom?fieldManager=me", cat("tom", metadata={"uid": "u"}))
    assert (answer.code, cats.revision) == (409, 0)
    assert answer.message.endswith(
        "uid mismatch: the provided object specified uid u, and no existing object was found"
    )


class Patchers:
    """Lets everybody do everything but create."""

    async def allows(self, _identity, info, _payer):
        return info.verb != "create"


def test_who_may_patch_but_not_create_applies_to_what_is_there_only(cats):
    group = TableGroup(
        api=Api(GROUP, ["v1"], [cats.kept.resource]), calls=SimpleNamespace(run=None, blocking=None), streams=None, most_body_bytes=2**20,
        registries={"cats": cats.registry}, authorizer=Patchers(),
    )  # fmt: skip

    async def ask(name):
        request, info = cats.request("PATCH", f"/{name}?fieldManager=me", cat(name), content_type=APPLY)
        return await group.answer(request, info, Caller(Identity("zoe")))

    cats.create("tom")
    assert cats.run(ask("tom")).status == 200
    with pytest.raises(StatusError) as refused:
        cats.run(ask("kit"))
    assert (refused.value.code, refused.value.message) == (
        403,
        f'cats.{GROUP} "kit" is forbidden: User "zoe" cannot create resource "cats" in API group "{GROUP}" in the namespace "default"',
    )
    assert cats.get("kit") is None


@pytest.mark.parametrize(
    "text", [b"a: &x 1\nb: *x", b"a: !!binary aGk=", b"[1, 2]: x", b"a: [", b"a: .inf", b"<<: {a: 1}", b"[" * 5000]
)
def test_yaml_that_is_not_as_json_is_400_in_one_line(cats, text):
    answer = apply(cats, "/tom?fieldManager=me", text)
    assert answer.code == 400
    assert answer.message.startswith("error converting YAML to JSON: yaml: ")
    assert "\n" not in answer.message


def test_yaml_within_braces_is_yaml(cats):
    text = b"{apiVersion: zoo.example.com/v1, kind: Cat, metadata: {name: tom}, spec: {color: red, toys: ['a', yes, 1.5e3]}}"
    answer = apply(cats, "/tom?fieldManager=me&dryRun=All", text.replace(b", yes, 1.5e3", b", 'yes'"))
    assert (answer.code, answer.json["spec"]["toys"]) == (201, ["a", "yes"])
    assert apply(cats, "/tom?fieldManager=me", text).code in {400, 422, 500}


def test_large_yaml_is_413_and_names_the_remedy(cats):
    answer = apply(cats, "/tom?fieldManager=me", b"a: b\n" * 100_000)
    assert answer.code == 413
    assert answer.message.endswith("send the same as JSON")


def test_a_patch_is_tried_again_when_another_writer_was_first(cats):
    cats.create("tom")
    cats.store.__class__ = type("Raced", (MemoryStore,), {"put": raced(times=storing.MOST_TRIES - 1)})
    answer = merge(cats, "/tom", {"spec": {"lives": 1}})
    assert (answer.code, answer.json["spec"]["lives"]) == (200, 1)


def test_a_patch_that_never_is_first_is_409_after_five_tries(cats):
    cats.create("tom")
    cats.store.__class__ = type("Raced", (MemoryStore,), {"put": raced(times=storing.MOST_TRIES)})
    answer = merge(cats, "/tom", {"spec": {"lives": 1}})
    assert (answer.code, answer.message) == (409, f'Operation cannot be fulfilled on cats.{GROUP} "tom": {MODIFIED}')


def raced(times):
    left = [times]

    async def put(self, key, value, *, expected):
        if left[0]:
            left[0] -= 1
            raise Conflict(key, expected, None)
        return await MemoryStore.put(self, key, value, expected=expected)

    return put


class SlowStore(MemoryStore):
    """One that lets others in between, as every store with a database does."""

    async def get(self, key):
        found = await super().get(key)
        await asyncio.sleep(0)
        return found


def test_thirty_patches_of_one_object_at_once_are_all_carried_out():
    with Cats(store=SlowStore()) as cats:
        cats.create("tom")

        async def all_at_once():
            patches = ({"metadata": {"labels": {f"l{number}": "x"}}} for number in range(30))
            return await asyncio.gather(*(cats.ask("PATCH", "/tom", one, content_type=MERGE) for one in patches))

        assert {answer.code for answer in cats.run(all_at_once())} == {200}
        assert len(cats.get("tom")["metadata"]["labels"]) == 30


def test_what_is_large_is_computed_beside_the_event_loop(cats, monkeypatch):
    threads = []
    kept = type(cats.kept).value
    monkeypatch.setattr(
        type(cats.kept), "value", lambda self, item: threads.append(threading.current_thread()) or kept(self, item)
    )
    cats.create("small")
    cats.create("large", metadata={"annotations": {"a.example.com/b": "x" * 100_000}})
    assert [thread is threading.main_thread() for thread in threads] == [True, False]


@pytest.mark.parametrize("op", ["copy", "\\u0063opy"])
def test_what_a_small_patch_makes_large_is_computed_beside_the_event_loop(cats, monkeypatch, op):
    cats.create("small", spec={})
    threads = []
    kept = type(cats.kept).value
    monkeypatch.setattr(
        type(cats.kept), "value", lambda self, item: threads.append(threading.current_thread()) or kept(self, item)
    )
    patch = (
        '[{"op":"%s","from":"/metadata/name","path":"/spec/color"},{"op":"replace","path":"/spec/color","value":"red"}]'
    )
    assert cats.send("PATCH", "/small", (patch % op).encode(), content_type="application/json-patch+json").code == 200
    assert [thread is threading.main_thread() for thread in threads] == [False]


@pytest.mark.parametrize("name", ["x%00y", "%E2%82%AC" * 200, "y" * 600])
def test_a_name_that_no_store_takes_is_that_of_nothing(cats, name):
    assert merge(cats, f"/{name}", {}).code == 404
    assert cats.send("DELETE", f"/{name}").code == 404
    assert apply(cats, f"/{name}?fieldManager=me", cat(unquote(name))).code == 422
    assert cats.revision == 0


def test_what_is_larger_than_a_store_takes_is_413(cats, monkeypatch):
    monkeypatch.setattr("extension_apiserver.store.checks.MOST_VALUE_BYTES", 2000)
    answer = cats.send("POST", "", cat("tom", metadata={"annotations": {"a.example.com/b": "x" * 2000}}))
    assert (answer.code, answer.json["reason"]) == (413, "RequestEntityTooLarge")
    assert len(answer.text) < 1000


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_who_owns_what_is_forgotten_where_an_object_is_too_large_with_it_but_by_an_apply(cats, monkeypatch, method):
    monkeypatch.setattr("extension_apiserver.store.checks.MOST_VALUE_BYTES", 2500)
    spec = {"friends": [{"name": f"n{number}"} for number in range(40)]}
    if method == "POST":
        answer = cats.send("POST", "", cat("tom", spec=spec))
    else:
        there = cats.create("tom")
        answer = (
            cats.send("PUT", "/tom", there | {"spec": spec}) if method == "PUT" else merge(cats, "/tom", {"spec": spec})
        )
    assert answer.code in {200, 201}
    assert "managedFields" not in answer.json["metadata"]
    assert "managedFields" not in cats.get("tom")["metadata"]
    assert apply(cats, "/kit?fieldManager=me", cat("kit", spec=spec)).code == 413


def test_an_answer_that_there_is_not_is_406_and_nothing_is_written(cats):
    assert cats.send("POST", "", cat("tom"), accept="text/html").code == 406
    assert apply(cats, "/tom?fieldManager=me", cat("tom"), accept="text/html").code == 406
    assert cats.revision == 0


def test_the_last_finalizer_of_what_is_being_deleted_takes_it_away(cats):
    cats.create("tom", metadata={"finalizers": ["a.example.com/b"]})
    cats.send("DELETE", "/tom")
    assert merge(cats, "/tom?dryRun=All", {"metadata": {"finalizers": None}}).code == 200
    assert cats.get("tom")
    answer = merge(cats, "/tom", {"metadata": {"finalizers": None}})
    assert (answer.code, answer.json["metadata"]["name"]) == (200, "tom")
    assert cats.get("tom") is None


@pytest.mark.parametrize("content_type", [MERGE, APPLY])
def test_no_finalizer_is_added_to_what_is_being_deleted(cats, content_type):
    cats.create("tom", metadata={"finalizers": ["a.example.com/b"]})
    cats.send("DELETE", "/tom")
    finalizers = ["a.example.com/b", "a.example.com/c"]
    body = cat("tom", metadata={"finalizers": finalizers})
    answer = cats.send("PATCH", "/tom?fieldManager=me", body, content_type=content_type)
    assert (answer.code, answer.json["details"]["causes"][0]["field"]) == (422, "metadata.finalizers")


def test_another_version_writes_and_is_answered_in_its_own_words():
    with Cats(versions=("v1", "v2")) as cats:
        cats.create("tom", spec={"color": "red"})
        path = f"/apis/{GROUP}/v2/namespaces/default/cats/tom"
        answer = cats.send("PATCH", path, {"spec": {"color": "black"}}, content_type=MERGE)
        assert (answer.json["apiVersion"], answer.json["spec"]["color"]) == (f"{GROUP}/v2", "black")
        assert cats.get("tom")["apiVersion"] == f"{GROUP}/v1"
        assert cats.get("tom")["metadata"]["managedFields"][1]["apiVersion"] == f"{GROUP}/v2"


@pytest.mark.parametrize(("content_type", "when"), [("", ""), (MERGE, " after mutating admission happens")])
def test_an_owner_that_comes_twice_is_kept_once_and_warned_of(cats, content_type, when):
    owner = {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u"}
    body = cat("tom", metadata={"ownerReferences": [owner, owner, owner | {"name": "y"}]})
    if content_type:
        cats.create("tom")
    answer = cats.send(
        "PATCH" if content_type else "POST", "/tom" if content_type else "", body, content_type=content_type
    )
    assert answer.json["metadata"]["ownerReferences"] == [owner, owner | {"name": "y"}]
    assert f"contains duplicate entries{when}; API server dedups" in answer.headers["Warning"]


def test_what_a_client_says_of_its_objects_deletion_is_not_taken(cats):
    metadata = {
        "deletionTimestamp": "2020-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 5,
        "selfLink": "x",
        "uid": "u",
        "generation": 7,
    }
    made = cats.create("tom", metadata=metadata)["metadata"]
    assert not {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"} & set(made)
    assert (made["generation"], made["uid"] != "u") == (1, True)


@pytest.mark.parametrize(("method", "content_type"), [("PUT", "application/json"), ("PATCH", APPLY)])
def test_an_object_without_its_name_is_400(cats, method, content_type):
    if method == "PUT":
        cats.create("tom")
    answer = cats.send(method, "/tom?fieldManager=me", cat(), content_type=content_type)
    words = "the name of the object (tom based on URL) was undeterminable: name must be provided"
    assert (answer.code, answer.message) == (400, words)


def test_another_uid_is_409_for_an_update_and_422_for_a_patch(cats):
    there = cats.create("tom")
    other = there | {"metadata": there["metadata"] | {"uid": "u"}}
    assert cats.send("PUT", "/tom", other).code == 409
    answer = merge(cats, "/tom", {"metadata": {"uid": "u"}})
    assert (answer.code, answer.json["details"]["causes"][0]["field"]) == (422, "metadata.uid")


def test_a_creation_with_a_version_is_500_as_upstream(cats):
    answer = cats.send("POST", "", cat("tom", metadata={"resourceVersion": "5"}))
    assert (answer.code, answer.message) == (500, "resourceVersion should not be set on objects to be created")
    assert "reason" not in answer.json


@pytest.mark.parametrize(
    ("method", "path", "content_type"), [("POST", "", ""), ("PUT", "/tom", ""), ("PATCH", "/tom", MERGE)]
)
def test_who_is_refused_is_told_what_was_unknown_too(cats, method, path, content_type):
    there = cats.create("tom")
    body = cat("kit" if method == "POST" else "tom", metadata=there["metadata"] if method == "PUT" else {})
    body |= {"spec": {"colour": "red", "color": "blue"}}
    answer = cats.send(method, path, body, content_type=content_type)
    assert (answer.code, answer.json["details"]["causes"][0]["field"]) == (422, "spec.color")
    assert answer.headers["Warning"] == '299 - "unknown field \\"spec.colour\\""'


def test_whose_name_is_taken_is_told_what_was_unknown_too(cats):
    cats.create("tom")
    answer = cats.send("POST", "", cat("tom", spec={"colour": "red"}, metadata={"finalizers": ["plain"]}))
    assert (answer.code, answer.headers["Warning"].count("299 - ")) == (409, 2)


def test_another_kind_is_422_with_the_name_that_it_has(cats):
    answer = cats.send("POST", "", cat("tom") | {"kind": "Dog"})
    assert (answer.code, answer.json["details"]["kind"], answer.json["details"]["causes"][0]["field"]) == (
        422,
        "Dog",
        "kind",
    )


def test_another_version_is_400_and_both_are_told(cats):
    answer = cats.send("POST", "", cat("tom") | {"apiVersion": "v1"})
    words = f"the API version in the data (v1) does not match the expected API version ({GROUP}/v1)"
    assert (answer.code, answer.json["message"]) == (400, words)


@pytest.mark.parametrize(("revision", "code"), [("x", 201), ("0", 201), ("7", 500)])
def test_only_a_number_is_a_revision_that_nothing_new_can_have(cats, revision, code):
    assert cats.send("POST", "", cat("tom", metadata={"resourceVersion": revision})).code == code


@pytest.mark.parametrize(("text", "code"), [(b"{", 400), (b"{}", 404)])
def test_a_patch_that_is_no_json_is_400_whether_there_is_something_or_not(cats, text, code):
    assert cats.send("PATCH", "/tom", text, content_type=MERGE).code == code


@pytest.mark.parametrize("metadata", [None, [], "x", {}])
def test_an_apply_with_odd_metadata_is_told_so(cats, metadata):
    assert 400 <= apply(cats, "/tom?fieldManager=me", cat("tom") | {"metadata": metadata}).code <= 500


def test_sentences_about_the_status_name_its_fields_as_seen_from_there(cats):
    cats.create("tom")
    answer = merge(cats, "/tom/status", {"status": {"mood": 1}})
    cause = answer.json["details"]["causes"][0]
    assert (cause["field"], cause["message"].partition(": ")[2]) == (
        "status.mood",
        '"integer": mood in body must be of type string: "integer"',
    )


def test_nobody_writes_a_self_link(cats):
    there = cats.create("tom")
    assert merge(cats, "/tom", {"metadata": {"selfLink": "/x"}}).json == there


@pytest.mark.parametrize("content_type", ["application/json", MERGE])
@pytest.mark.parametrize(("said", "cleared"), [([{}], True), ([], False), (None, False), ([{}, {}], False)])
def test_managed_fields_are_cleared_by_an_empty_one_only(cats, content_type, said, cleared):
    there = cats.create("tom", spec={"color": "red"})
    body = there | {"metadata": there["metadata"] | {"managedFields": said}}
    method = "PATCH" if content_type == MERGE else "PUT"
    answer = cats.send(method, "/tom", body, content_type=content_type)
    assert answer.code == 200
    assert ("managedFields" not in answer.json["metadata"]) is cleared
