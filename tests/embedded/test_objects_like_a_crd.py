"""The functions of extension_apiserver.objects answer as a CustomResourceDefinition of kube-apiserver does, word by word.

Each difference that is allowed is named here, with its reason.
"""

import copy
import json

import pytest

from embedded.crd_twin import APPLY, Twins, await_definition, of_yaml
from pytest_apiservice.client.api import Api

pytestmark = pytest.mark.only_on("embedded", reason="it asks a control plane of its own for each of many objects")

SCHEMA = of_yaml("""
type: object
properties:
  spec:
    type: object
    required: [size]
    properties:
      size: {type: integer, minimum: 1, maximum: 9}
      even: {type: integer, multipleOf: 2}
      small: {type: integer, format: int32}
      ratio: {type: number, exclusiveMinimum: true, minimum: 0}
      word: {type: string, minLength: 2, maxLength: 5, pattern: '^[a-z]+$'}
      color: {type: string, enum: [red, green]}
      level: {type: integer, enum: [1, 2]}
      on: {type: boolean}
      day: {type: string, format: date}
      when: {type: string, format: date-time}
      address: {type: string, format: ipv4}
      port: {x-kubernetes-int-or-string: true}
      mode: {type: string, default: easy}
      maybe: {type: string, nullable: true}
      deep: {type: object, default: {}, properties: {inner: {type: string, default: kept}}}
      free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: object, properties: {a: {type: string}}}}}
      labels: {type: object, additionalProperties: {type: string}, maxProperties: 2, minProperties: 1}
      plain: {type: array, minItems: 1, maxItems: 2, items: {type: string}}
      tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
      whole: {type: object, x-kubernetes-map-type: atomic, properties: {a: {type: integer}, b: {type: integer}}}
      ports:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [port, protocol]
        items:
          type: object
          required: [port]
          properties: {port: {type: integer}, protocol: {type: string, default: TCP}, name: {type: string}}
      rows:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [name]
        items: {type: object, required: [name], properties: {name: {type: string}, value: {type: integer}, tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}}}
      any: {type: integer, anyOf: [{minimum: 5}, {maximum: 2}]}
      one: {type: integer, oneOf: [{minimum: 5}, {minimum: 7}]}
      all: {type: integer, allOf: [{minimum: 5}, {maximum: 7}]}
      nope: {type: integer, not: {minimum: 5}}
      object: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
  status:
    type: object
    properties: {phase: {type: string, enum: [Ready, Broken]}, count: {type: integer}}
""")


@pytest.fixture(scope="module")
def twins(cluster):
    """Yield a CRD and our functions, of one schema."""
    api = Api(cluster)
    await_definition(api, SCHEMA)
    return Twins(api, SCHEMA)


def twin(name="a", metadata=None, **spec):
    return {
        "apiVersion": "twins.example.com/v1",
        "kind": "Twin",
        "metadata": {"name": name, **(metadata or {})},
        "spec": {"size": 1, **spec},
    }


def owner(**changes):
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u", **changes}


NEW = {
    "good": twin(),
    "defaults": twin(deep=None, mode=None, maybe=None, color=None),
    "null item": twin(plain=["a", None]),
    "integral float": twin(size=3.0, ratio=2),
    "free": twin(free={"x": {"y": 1}, "known": {"a": "b", "c": 1}}),
    "port number": twin(port=80),
    "port word": twin(port="http"),
    "port neither": twin(port=True),
    "too small": twin(size=0),
    "too large": twin(size=10),
    "wrong type": twin(size="x"),
    "fraction": twin(size=1.5),
    "object for text": twin(word={"a": 1}),
    "list for object": twin(deep=[1]),
    "text for list": twin(plain="x"),
    "text for boolean": twin(on="true"),
    "odd": twin(even=3),
    "int32": twin(small=3000000000),
    "zero ratio": twin(ratio=0),
    "negative ratio": twin(ratio=-0.5),
    "short": twin(word="a"),
    "long": twin(word="abcdef"),
    "pattern": twin(word="A1"),
    "unicode": twin(word='é\n"x'),
    "enum": twin(color="blue"),
    "enum number": twin(level=3),
    "day": twin(day="2026-02-30"),
    "when": twin(when="yesterday"),
    "address": twin(address="1.2.3"),
    "few": twin(plain=[]),
    "many": twin(plain=["a", "b", "c"]),
    "few properties": twin(labels={}),
    "many properties": twin(labels={"a": "1", "b": "2", "c": "3"}),
    "number in map": twin(labels={"a": 1}),
    "twice in set": twin(tags=["a", "b", "a", "a"]),
    "twice in map": twin(rows=[{"name": "a"}, {"name": "a", "value": 2}]),
    "twice by default": twin(ports=[{"port": 1}, {"port": 1, "protocol": "TCP"}]),
    "key missing": twin(rows=[{"value": 1}]),
    "any": twin(any=3),
    "one of two": twin(one=8),
    "one of none": twin(one=1),
    "all": twin(all=9),
    "not": twin(nope=9),
    "embedded": twin(
        object={
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "x", "labels": {"a": "b"}, "odd": 1},
            "spec": {},
        }
    ),
    "embedded without kind": twin(object={"apiVersion": "v1"}),
    "embedded labels": twin(object={"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"-": "b"}}}),
    "embedded kind": twin(object={"apiVersion": "a/b/c", "kind": "P od"}),
    "missing size": {**twin(), "spec": {}},
    "missing spec": {name: value for name, value in twin().items() if name != "spec"},
    "several": twin(size=0, word="A", color="x"),
    "status is dropped": {**twin(), "status": {"phase": "Ready"}},
    "upper name": twin("Bad_Name"),
    "long name": twin("a" * 254),
    "name with dash": twin("-a"),
    "beginning": twin("", {"generateName": "be-"}),
    "long beginning": twin("", {"generateName": "b" * 100}),
    "bad beginning": twin("", {"generateName": "B_"}),
    "no name": twin(""),
    "label key": twin(metadata={"labels": {"a/b/c": "x"}}),
    "label prefix": twin(metadata={"labels": {"/b": "x"}}),
    "label prefix letters": twin(metadata={"labels": {"A_/b": "x"}}),
    "label name": twin(metadata={"labels": {"x.y/": "x"}}),
    "label long": twin(metadata={"labels": {"a" * 64: "x"}}),
    "label value": twin(metadata={"labels": {"a": "x y"}}),
    "label value long": twin(metadata={"labels": {"a": "x" * 64}}),
    "annotation key": twin(metadata={"annotations": {"a b": "x"}}),
    "annotation upper": twin(metadata={"annotations": {"A.B/c": "x"}}),
    "annotations": twin(metadata={"annotations": {"a": "x" * (256 * 1024)}}),
    "empty maps": twin(metadata={"labels": {}, "annotations": {}, "finalizers": []}),
    "null label": twin(metadata={"labels": {"a": None}}),
    "finalizer": twin(metadata={"finalizers": ["bad one"]}),
    "finalizer without domain": twin(metadata={"finalizers": ["one", "two.three"]}),
    "finalizers of deletion": twin(metadata={"finalizers": ["orphan", "foregroundDeletion"]}),
    "owner": twin(metadata={"ownerReferences": [owner(controller=False)]}),
    "owner empty": twin(metadata={"ownerReferences": [{}]}),
    "owner version": twin(metadata={"ownerReferences": [owner(apiVersion="a/b/c")]}),
    "owner event": twin(metadata={"ownerReferences": [owner(kind="Event")]}),
    "two controllers": twin(metadata={"ownerReferences": [owner(controller=True), owner(controller=True, uid="v")]}),
    "client's own metadata": twin(
        metadata={"uid": "x", "generation": 7, "creationTimestamp": "2020-01-01T00:00:00Z", "selfLink": "/x"}
    ),
    "negative generation": twin(metadata={"generation": -1}),
    "deletion": twin(metadata={"deletionTimestamp": "2020-01-01T00:00:00Z", "deletionGracePeriodSeconds": 3}),
    "other namespace": twin(metadata={"namespace": "kube-system"}),
    "managed fields": twin(
        metadata={
            "managedFields": [
                {
                    "manager": "x",
                    "operation": "Update",
                    "apiVersion": "twins.example.com/v1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {"f:size": {}, "f:gone": {}}},
                }
            ]
        }
    ),
    "managed fields operation": twin(metadata={"managedFields": [{"manager": "x", "operation": "Patch"}]}),
    "labels of a wrong type": twin(metadata={"labels": ["a"]}),
    "label of a wrong type": twin(metadata={"labels": {"a": 1}}),
    "name of a wrong type": twin(5),
    "finalizers of a wrong type": twin(metadata={"finalizers": "a"}),
    "owner of a wrong type": twin(metadata={"ownerReferences": [{"uid": 1}]}),
    "generation of a wrong type": twin(metadata={"generation": "x"}),
    "unknown fields": {
        **twin(x=1, deep={"y": 1, "inner": "a"}, rows=[{"name": "a", "z": 1}]),
        "top": 1,
        "metadata": {"name": "a", "odd": 1, "ownerReferences": [owner(more=1)]},
    },
}


@pytest.mark.parametrize("name", NEW)
def test_a_new_object(twins, name):
    theirs, ours = twins.send("POST", "", NEW[name], dryRun="All", fieldValidation="Warn")
    assert theirs == ours


BODIES = {
    "twice": b'{"apiVersion":"twins.example.com/v1","kind":"Twin","metadata":{"name":"a"},"spec":{"size":1,"size":2,"x":1,"rows":[{"name":"a","name":"b"}]}}',
    "without type": b'{"metadata":{"name":"a"},"spec":{"size":1}}',
    "unknown": json.dumps(NEW["unknown fields"]).encode(),
}


@pytest.mark.parametrize("directive", ["Ignore", "Warn", "Strict", ""])
@pytest.mark.parametrize("name", BODIES)
def test_field_validation(twins, name, directive):
    theirs, ours = twins.send("POST", "", BODIES[name], dryRun="All", fieldValidation=directive)
    assert theirs == ours


def changed(twins, name, change):
    def sent(side):
        value = copy.deepcopy(twins.current(name)(side))
        change(value)
        return value

    return sent


CHANGES = {
    "nothing": lambda value: value,
    "spec": lambda value: value["spec"].update(size=2),
    "label": lambda value: value["metadata"].update(labels={"a": "b"}),
    "status is ignored": lambda value: value.update(status={"phase": "Broken"}),
    "bad label": lambda value: value["metadata"].update(labels={"-": "b"}),
    "bad size": lambda value: value["spec"].update(size=0),
    "no revision": lambda value: value["metadata"].pop("resourceVersion"),
    "name": lambda value: value["metadata"].update(name="other"),
    "generation": lambda value: value["metadata"].update(generation=77),
    "creation": lambda value: value["metadata"].update(creationTimestamp="2020-01-01T00:00:00Z"),
    "deletion": lambda value: value["metadata"].update(deletionTimestamp="2020-01-01T00:00:00Z"),
    "clears managed fields": lambda value: value["metadata"].update(managedFields=[{}]),
    "drops managed fields": lambda value: value["metadata"].pop("managedFields"),
    "sets bad managed fields": lambda value: value["metadata"].update(
        managedFields=[
            {"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"x": {}}}
        ]
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_object(twins, name, request):
    called = f"changed-{list(CHANGES).index(name)}"
    assert twins.send("POST", "", twin(called, rows=[{"name": "a"}]), fieldManager="maker")[0]["code"] == 201
    theirs, ours = twins.send("PUT", f"/{called}", changed(twins, called, CHANGES[name]), fieldManager="changer")
    assert theirs == ours


def test_the_status_of_an_object(twins):
    twins.send("POST", "", twin("status"), fieldManager="maker")
    for change in (
        lambda value: value.update(status={"phase": "Ready"}, spec={"size": 5}),
        lambda value: value["metadata"].update(labels={"a": "b"}),
        lambda value: value.update(status={"phase": "Lost"}),
        lambda value: value.pop("status", None),
    ):
        theirs, ours = twins.send("PUT", "/status/status", changed(twins, "status", change), fieldManager="controller")
        assert theirs == ours


PATCHES = {
    "add": [{"op": "add", "path": "/spec/size", "value": 3}],
    "replace what is missing": [
        {"op": "replace", "path": "/spec/mode", "value": "hard"},
        {"op": "replace", "path": "/spec/color", "value": "red"},
    ],
    "remove what is missing": [{"op": "remove", "path": "/spec/color"}],
    "test": [{"op": "test", "path": "/spec/size", "value": 1}, {"op": "add", "path": "/spec/size", "value": 2}],
    "test fails": [{"op": "test", "path": "/spec/size", "value": 2}],
    "test null": [{"op": "test", "path": "/spec/gone", "value": None}, {"op": "add", "path": "/spec/size", "value": 2}],
    "negative index": [{"op": "add", "path": "/spec/tags/-1", "value": "z"}],
    "index beyond": [{"op": "add", "path": "/spec/tags/9", "value": "z"}],
    "end": [{"op": "add", "path": "/spec/tags/-", "value": "z"}],
    "copy and move": [
        {"op": "copy", "from": "/spec/tags/0", "path": "/spec/tags/2"},
        {"op": "move", "from": "/spec/tags/1", "path": "/spec/tags/0"},
    ],
    "makes invalid": [{"op": "replace", "path": "/spec/size", "value": 99}],
    "unknown": [{"op": "add", "path": "/spec/unknown", "value": 99}],
    "path without slash": [{"op": "add", "path": "spec/size", "value": 4}],
    "no operation": [{"op": "spin", "path": "/spec"}],
    "no list": {"op": "add"},
    "metadata": [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}],
    "without kind": [{"op": "remove", "path": "/kind"}],
    "name": [{"op": "replace", "path": "/metadata/name", "value": "else"}],
    "old revision": [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}],
}
#: kube-apiserver says only "the server rejected our request due to an error in our request"; we add why.
WHY = "the server rejected our request due to an error in our request"


@pytest.mark.parametrize("directive", ["Strict", "Warn"])
@pytest.mark.parametrize("name", PATCHES)
def test_a_json_patch(twins, name, directive):
    called = f"json-{list(PATCHES).index(name)}-{directive.lower()}"
    twins.send("POST", "", twin(called, tags=["x", "y"]), fieldManager="maker")
    theirs, ours = twins.send(
        "PATCH",
        f"/{called}",
        PATCHES[name],
        "application/json-patch+json",
        fieldValidation=directive,
        fieldManager="patcher",
    )
    assert without_why(theirs) == without_why(ours)


def without_why(answer):
    said = answer["answer"]
    if isinstance(said.get("message"), str) and said["message"].startswith(WHY):
        said["message"] = WHY
    return answer


MERGES = {
    "changes": {"spec": {"size": 2, "tags": ["n"], "free": {"a": None, "b": [{"c": None}], "d": 1}}},
    "removes": {"spec": {"tags": None}},
    "removes what is required": {"spec": {"size": None}},
    "no object": [1],
    "unknown": {"spec": {"unknown": 1}},
    "nothing": {},
    "list for object": {"spec": {"deep": [1]}},
    "finalizers": {"metadata": {"finalizers": ["a.b/c"]}},
}


@pytest.mark.parametrize("name", MERGES)
def test_a_merge_patch(twins, name):
    called = f"merge-{list(MERGES).index(name)}"
    twins.send("POST", "", twin(called, tags=["x", "y"]), fieldManager="maker")
    theirs, ours = twins.send(
        "PATCH",
        f"/{called}",
        MERGES[name],
        "application/merge-patch+json",
        fieldValidation="Strict",
        fieldManager="patcher",
    )
    assert theirs == ours


def applied(name, manager, spec, force=None, metadata=None, status=None):
    body = {
        "apiVersion": "twins.example.com/v1",
        "kind": "Twin",
        "metadata": {"name": name, **(metadata or {})},
        "spec": spec,
    }
    if status is not None:
        body["status"] = status
    return body, {"fieldManager": manager, **({"force": "true"} if force else {})}


#: Steps one after the other on one object: (manager, spec, …) is applied; a dict is a merge patch by the manager "patcher".
APPLIES = {
    "creates": [("one", {"size": 1})],
    "again": [("one", {"size": 1}), ("one", {"size": 1})],
    "shares": [("one", {"size": 1}), ("two", {"size": 1})],
    "conflicts": [("one", {"size": 1}), ("two", {"size": 2})],
    "conflicts in several": [("one", {"size": 1, "word": "abc", "tags": ["a"]}), ("two", {"size": 2, "word": "abd"})],
    "forces": [("one", {"size": 1}), ("two", {"size": 2}, True), ("one", {"size": 1})],
    "drops": [("one", {"size": 1, "word": "abc"}), ("one", {"size": 1})],
    "drops what is shared": [("one", {"size": 1, "word": "abc"}), ("two", {"word": "abc"}), ("one", {"size": 1})],
    "drops what a patch took": [("one", {"size": 1, "word": "abc"}), {"spec": {"word": "abd"}}, ("one", {"size": 1})],
    "sets": [
        ("one", {"size": 1, "tags": ["a", "b"]}),
        ("two", {"tags": ["c", "a"]}),
        ("one", {"size": 1, "tags": ["b"]}),
    ],
    "maps": [
        ("one", {"size": 1, "rows": [{"name": "a", "value": 1}, {"name": "b", "value": 1}]}),
        ("two", {"rows": [{"name": "c"}, {"name": "b", "tags": ["x"]}]}),
        ("one", {"size": 1, "rows": [{"name": "b"}]}),
    ],
    "maps with a default key": [
        ("one", {"size": 1, "ports": [{"port": 1}, {"port": 1, "protocol": "UDP"}]}),
        ("two", {"ports": [{"port": 1, "name": "x"}]}),
    ],
    "atomic map": [("one", {"size": 1, "whole": {"a": 1}}), ("two", {"whole": {"b": 1}})],
    "atomic list": [("one", {"size": 1, "plain": ["a"]}), ("two", {"plain": ["b"]}, True)],
    "granular map": [("one", {"size": 1, "labels": {"a": "1"}}), ("two", {"labels": {"b": "1"}}), ("one", {"size": 1})],
    "free": [
        ("one", {"size": 1, "free": {"a": {"b": 1}, "l": [1]}}),
        ("two", {"free": {"a": {"c": 1}}}),
        ("two", {"free": {"l": [2]}}),
    ],
    "embedded": [
        (
            "one",
            {
                "size": 1,
                "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}},
            },
        )
    ],
    "twice in a set": [("one", {"size": 1, "tags": ["a", "a"]})],
    "twice in a map": [("one", {"size": 1, "rows": [{"name": "a"}, {"name": "a"}]})],
    "unknown": [("one", {"size": 1, "unknown": 1})],
    "wrong type": [("one", {"size": "x"})],
    "wrong type of list": [("one", {"size": 1, "tags": "x"})],
    "invalid": [("one", {"size": 99})],
    "null": [("one", {"size": 1, "word": None})],
    "null and value": [("one", {"size": 1, "word": "abc"}), ("one", {"size": 1, "word": None})],
    "labels": [
        ("one", {"size": 1}, False, {"labels": {"a": "b"}, "annotations": {"x": "y"}, "finalizers": ["a.b/c"]}),
        ("two", {"size": 1}, False, {"labels": {"a": "c"}}),
    ],
    "owners": [
        ("one", {"size": 1}, False, {"ownerReferences": [owner()]}),
        ("two", {}, False, {"ownerReferences": [owner(uid="v")]}),
        ("one", {"size": 1}),
    ],
    "managed fields": [("one", {"size": 1}, False, {"managedFields": []})],
    "status is ignored": [("one", {"size": 1}, False, {}, {"phase": "Ready"})],
    "no manager": [("", {"size": 1})],
    "after a patch": [{"spec": {"word": "abc"}}, ("one", {"word": "abd"})],
    "cleared": [
        ("one", {"size": 1}),
        {"metadata": {"managedFields": [{}]}},
        ("two", {"size": 1}),
        ("one", {"size": 2}),
    ],
    "old revision": [("one", {"size": 1}), ("one", {"size": 2}, False, {"resourceVersion": "1"})],
    "kubectl": [
        ("one", {"size": 1}),
        ("kubectl", {"size": 2}, False, {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}),
    ],
    "ten patches": [
        ("one", {"size": 1}),
        *({"spec": {"word": f"ab{letter}"}, "by": f"patcher-{letter}"} for letter in "abcdefghijkl"),
    ],
}
#: Where kube-apiserver prints Go's own notation of a value.
GO_VALUES = ("expected string, got", "expected list, got", "expected map, got")


@pytest.mark.parametrize("name", APPLIES)
def test_an_apply(twins, name):
    called = f"apply-{list(APPLIES).index(name)}"
    if not isinstance(APPLIES[name][0], tuple):
        twins.send("POST", "", twin(called), fieldManager="maker")
    for number, step in enumerate(APPLIES[name]):
        if isinstance(step, tuple):
            body, query = applied(called, *step)
            theirs, ours = twins.send("PATCH", f"/{called}", body, APPLY, **query)
        else:
            body = {key: value for key, value in step.items() if key != "by"}
            theirs, ours = twins.send(
                "PATCH", f"/{called}", body, "application/merge-patch+json", fieldManager=step.get("by", "patcher")
            )
        assert without_go_values(theirs) == without_go_values(ours), f"step {number}"


def without_go_values(answer):
    said = answer["answer"]
    for words in GO_VALUES:
        if isinstance(said.get("message"), str) and words in said["message"]:
            said["message"] = said["message"].partition(words)[0] + words
    return answer


def test_an_apply_of_the_status(twins):
    twins.send("POST", "", twin("applied-status"), fieldManager="maker")
    for phase, manager, force in (
        ("Ready", "one", False),
        ("Broken", "two", False),
        ("Broken", "two", True),
        (None, "two", False),
    ):
        status = {"phase": phase} if phase else {"count": 1}
        body, query = applied("applied-status", manager, {"size": 1}, force, None, status)
        theirs, ours = twins.send("PATCH", "/applied-status/status", body, APPLY, **query)
        assert theirs == ours, phase
