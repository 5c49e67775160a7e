"""delete and deletecollection answer as a CustomResourceDefinition does, and what has finalizers stays until they go."""

import pytest

from extension_apiserver.registry.writing import collecting
from extension_apiserver.registry.writing.delete_options import UNREADABLE
from unit.registry.client import CATS, GROUP, cat

KEPT = {"finalizers": ["a.example.com/b"]}


def names(cats):
    page = cats.run(cats.store.page(cats.kept.table))
    return [stored.key.name for stored in page.items]


def test_a_deletion_answers_success_and_says_what_is_gone(cats):
    there = cats.create("tom")
    answer = cats.send("DELETE", "/tom")
    assert (answer.code, answer.json["kind"], answer.json["status"]) == (200, "Status", "Success")
    assert answer.json["details"] == {"name": "tom", "group": GROUP, "kind": "cats", "uid": there["metadata"]["uid"]}
    assert cats.get("tom") is None


def test_a_deletion_of_nothing_is_404(cats):
    answer = cats.send("DELETE", "/tom")
    assert (answer.code, answer.message) == (404, f'cats.{GROUP} "tom" not found')


def test_what_has_finalizers_stays_and_is_marked_once(cats):
    cats.create("tom", metadata=KEPT)
    answer = cats.send("DELETE", "/tom")
    metadata = answer.json["metadata"]
    assert (answer.code, answer.json["kind"]) == (200, "Cat")
    assert metadata["deletionTimestamp"]
    assert (metadata["deletionGracePeriodSeconds"], metadata["generation"]) == (0, 2)
    assert cats.send("DELETE", "/tom?gracePeriodSeconds=30").json == answer.json
    assert cats.get("tom") == answer.json


@pytest.mark.parametrize(
    ("options", "finalizers"),
    [
        ("propagationPolicy=Orphan", ["orphan"]),
        ("propagationPolicy=Foreground", ["foregroundDeletion"]),
        ("orphanDependents=true", ["orphan"]),
        ("propagationPolicy=Background", None),
        ("orphanDependents=false", None),
    ],
)
@pytest.mark.parametrize("in_body", [False, True])
def test_the_garbage_collector_finds_what_the_policy_asks_of_it(cats, options, finalizers, in_body):
    cats.create("tom")
    name, value = options.split("=")
    body = {name: value if name == "propagationPolicy" else value == "true"}
    answer = cats.send("DELETE", "/tom", body) if in_body else cats.send("DELETE", f"/tom?{options}")
    assert answer.code == 200
    there = cats.get("tom")
    assert (there and there["metadata"]["finalizers"]) == finalizers


def test_a_later_policy_takes_the_finalizer_of_an_earlier_one_away(cats):
    cats.create("tom")
    cats.send("DELETE", "/tom?propagationPolicy=Foreground")
    assert cats.send("DELETE", "/tom?propagationPolicy=Background").json["status"] == "Success"
    assert cats.get("tom") is None


def test_an_older_client_is_told_202_while_dependents_are_deleted(cats):
    cats.create("tom", metadata=KEPT)
    assert cats.send("DELETE", "/tom?orphanDependents=false").code == 202


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"uid": "u"}, "the UID in the precondition (u) does not match the UID in record ({uid}). The object might have been deleted and then recreated"),
        ({"resourceVersion": "7"}, "the ResourceVersion in the precondition (7) does not match the ResourceVersion in record (1). The object might have been modified"),
    ],
)  # fmt: skip
def test_a_precondition_that_does_not_hold_is_409(cats, conditions, words):
    uid = cats.create("tom")["metadata"]["uid"]
    answer = cats.send("DELETE", "/tom", {"preconditions": conditions})
    assert (answer.code, answer.json["reason"]) == (409, "Conflict")
    assert answer.message == f'Operation cannot be fulfilled on Cat.{GROUP} "tom": {words.format(uid=uid)}'
    assert cats.get("tom")


def test_preconditions_that_hold_let_it_be_deleted(cats):
    metadata = cats.create("tom")["metadata"]
    body = {"preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}}
    assert cats.send("DELETE", "/tom", body).code == 200
    assert cats.get("tom") is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("propagationPolicy=Orphan&orphanDependents=true", "propagationPolicy"),
        ("propagationPolicy=Sideways", "propagationPolicy"),
        ("dryRun=some", "dryRun"),
    ],
)
def test_options_that_cannot_be_are_422(cats, query, field):
    cats.create("tom")
    for path in ("/tom", ""):
        answer = cats.send("DELETE", f"{path}?{query}")
        assert (answer.code, answer.json["details"]["kind"]) == (422, "DeleteOptions")
        assert answer.json["details"]["causes"][0]["field"] == field
    assert cats.get("tom")


@pytest.mark.parametrize("version", ["v1", "meta.k8s.io/v1", "apps/v1", f"{GROUP}/v1"])
def test_options_may_be_of_any_group_that_clients_send(cats, version):
    cats.create("tom")
    body = {"apiVersion": version, "kind": "DeleteOptions", "dryRun": ["All"]}
    assert cats.send("DELETE", "/tom", body).json["status"] == "Success"
    assert cats.get("tom")


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"3", {"apiVersion": "v1", "kind": "Pod"},
        {"dryRun": "All"}, {"dryRun": [3]}, {"gracePeriodSeconds": "x"}, {"preconditions": []}, {"preconditions": {"uid": 3}},
        {"propagationPolicy": {}}, {"orphanDependents": "no"}, {"kind": ["a"]}, {"apiVersion": {}},
    ],
)  # fmt: skip
def test_a_body_that_is_no_options_is_400(cats, body):
    cats.create("tom")
    for path in ("/tom", ""):
        assert cats.send("DELETE", path, body).code == 400
    assert cats.get("tom")


def test_what_can_be_read_is_not_deleted_as_what_cannot(cats):
    cats.create("tom")
    answer = cats.send("DELETE", f"/tom?{UNREADABLE}=true")
    assert (answer.code, answer.json["reason"]) == (409, "Conflict")
    assert answer.message.endswith("unsafe deletion is not allowed because the object is decodable from storage")
    for path in (f"/tom?{UNREADABLE}=true&gracePeriodSeconds=1", f"?{UNREADABLE}=true"):
        assert cats.send("DELETE", path).json["details"]["causes"][0]["field"] == UNREADABLE
    assert cats.get("tom")


def test_a_collection_goes_as_far_as_it_is_selected(cats):
    for name, color in (("a", "red"), ("b", "black"), ("c", "red")):
        cats.create(name, metadata={"labels": {"color": color}})
    answer = cats.send("DELETE", "?labelSelector=color%3Dred")
    assert (answer.json["kind"], [one["metadata"]["name"] for one in answer.json["items"]]) == ("CatList", ["a", "c"])
    assert names(cats) == ["b"]
    assert cats.send("DELETE", "?fieldSelector=metadata.name%3Dz").json["items"] == []
    cats.send("DELETE", "?fieldSelector=metadata.name%3Db")
    assert names(cats) == []


def test_a_collection_goes_in_parts_of_a_limit(cats):
    for name in "abc":
        cats.create(name)
    first = cats.send("DELETE", "?limit=2").json
    assert names(cats) == ["c"]
    assert first["metadata"]["remainingItemCount"] == 1
    second = cats.send("DELETE", f"?limit=2&continue={first['metadata']['continue']}").json
    assert [one["metadata"]["name"] for one in second["items"]] == ["c"]
    assert not second["metadata"].get("continue")


def test_a_collection_leaves_other_namespaces_and_what_has_finalizers(cats):
    elsewhere = CATS.replace("default", "elsewhere")
    cats.send("POST", elsewhere, cat("far"))
    cats.create("kept", metadata=KEPT)
    cats.create("near")
    assert cats.send("DELETE", "").code == 200
    assert names(cats) == ["kept", "far"]
    assert cats.get("kept")["metadata"]["deletionTimestamp"]


def test_there_is_no_deletion_across_namespaces(cats):
    assert cats.send("DELETE", f"/apis/{GROUP}/v1/cats").code == 405


def test_a_dry_run_deletes_no_collection(cats):
    cats.create("tom")
    assert len(cats.send("DELETE", "?dryRun=All").json["items"]) == 1
    assert names(cats) == ["tom"]


def test_a_collection_is_told_in_the_form_that_is_asked_for(cats):
    cats.create("tom")
    form = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    told = cats.send("DELETE", "?dryRun=All", accept=form).json
    assert (told["kind"], told["items"][0]["kind"]) == ("PartialObjectMetadataList", "PartialObjectMetadata")
    assert cats.send("DELETE", "", accept="text/html").code == 406
    assert names(cats) == ["tom"]


def test_a_long_list_of_what_was_deleted_is_a_status_instead(cats, monkeypatch):
    monkeypatch.setattr(collecting, "MOST_ANSWER_BYTES", 1000)
    for name in "abc":
        cats.create(name, metadata={"annotations": {"a.example.com/b": "x" * 500}})
    answer = cats.send("DELETE", "")
    assert (answer.json["kind"], answer.json["status"], names(cats)) == ("Status", "Success", [])


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-", "continue=x", "labelSelector=a%20in%20(", "fieldSelector=spec.nothing%3Dx"]
)
def test_a_collection_that_cannot_be_read_is_400(cats, query):
    cats.create("tom")
    assert cats.send("DELETE", f"?{query}").code == 400
    assert cats.get("tom")
