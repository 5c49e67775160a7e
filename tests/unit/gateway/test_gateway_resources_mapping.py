"""What a mapping may say: every fault is a sentence with its place, when the program starts."""

from __future__ import annotations

from typing import Any

import pytest

from extension_apiserver.gateway.resources.entries.paths import Template, is_name
from extension_apiserver.gateway.resources.mapping import MappingError
from unit.gateway.fake_pets import Upstream, pets


def faults(*entries: Any) -> list[str]:
    """Return what is wrong with a mapping."""
    with pytest.raises(MappingError) as caught:
        Upstream().resources(*entries)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": None}, "resources[0].kind is missing: it must be a name in CamelCase such as Pet"),
        ({"kind": "pet"}, "resources[0].kind must be a name in CamelCase such as Pet, not 'pet'"),
        ({"kind": "Status"}, "resources[0].kind must not be Status, which every API has"),
        ({"plural": "Pets/"}, "resources[0].plural must be a lower-case name such as pets, not 'Pets/'"),
        ({"plural": "proxy"}, "resources[0].plural must not be proxy, which has a meaning of its own in paths"),
        ({"namespaced": "yes"}, "resources[0].namespaced must be true or false, not 'yes'"),
        ({"shortNames": "pt"}, "resources[0].shortNames must be a list, each of it a lower-case name such as pets, not 'pt'"),
        ({"upstream": "a/b"}, "resources[0].upstream must be the first segment of a path, not 'a/b'"),
        ({"feilds": {}}, "resources[0] has the unknown key 'feilds'; known are "),
        ({"fields": None}, "resources[0].fields is missing: fields.name says where the name of an item is, such as id"),
        ({"fields": {}}, "resources[0].fields.name is missing: it says where the name of an item is, such as id"),
        ({"fields": {"name": "a..b"}}, "resources[0].fields.name is no JMESPath: 'a..b': Expecting: "),
        ({"fields": {"name": "a-b"}}, "resources[0].fields.name is no JMESPath: 'a-b': Bad jmespath expression: Unknown token '-'"),
        ({"fields": {"name": "nope(@)"}}, "resources[0].fields.name is no JMESPath: 'nope(@)': there is no function 'nope'"),
        ({"fields": {"name": "join('-')"}}, "resources[0].fields.name is no JMESPath: 'join('-')': 'join' takes 2 arguments, not 1"),
        ({"fields": {"name": "merge()"}}, "resources[0].fields.name is no JMESPath: 'merge()': "),
        ({"fields": {"name": "(" * 999}}, "resources[0].fields.name is "),
        ({"fields": {"name": "a" * 1001}}, "resources[0].fields.name is longer than 1000 characters"),
        ({"fields": {"name": 7}}, "resources[0].fields.name must be a string, not 7"),
        ({"fields": {"name": "id", "namespace": "a"}}, "resources[0].fields.namespace is only for a resource with namespaced: true"),
        ({"list": {"items": "a"}}, "resources[0].list.path is missing: it must be a path of the upstream that begins with '/', such as /pets"),
        ({"list": {"path": ""}}, "resources[0].list.path must be a path of the upstream that begins with '/', such as /pets, not ''"),
        ({"list": ["/pets"]}, "resources[0].list must be an object, not a list"),
        ({"list": {"path": "/pets", "items": "["}}, "resources[0].list.items is no JMESPath: '[': "),
        ({"list": {"path": "/pets", "method": "POST"}}, "resources[0].list has the unknown key 'method'; known are items, next, "),
        ({"list": {"path": "/pets", "query": "a=b"}}, "resources[0].list.query must be an object of strings and numbers, not 'a=b'"),
        ({"list": {"path": "/pets", "nextParameter": "p"}}, "resources[0].list.nextParameter is only for a list with next"),
        ({"list": {"path": "/pets/{name}"}}, "resources[0].list.path cannot have {name}: there is none yet"),
        ({"get": {"path": "/pets"}}, "resources[0].get.path must have {name} in it"),
        ({"get": {"path": "/pets/{id}"}}, "resources[0].get.path has the unknown placeholder '{id}'; known are {name} and {namespace}"),
        ({"get": {"path": "/{namespace}/{name}"}}, "resources[0].get.path can have {namespace} only with namespaced: true"),
        ({"create": {"path": "/pets", "method": "GET"}}, "resources[0].create.method must be POST, PUT, PATCH or DELETE, not 'GET'"),
        ({"columns": {"a": "b"}}, "resources[0].columns must be a list of objects, not an object"),
        ({"columns": [{"name": "A"}]}, "resources[0].columns[0].value is missing: it says what of an item the column shows"),
        ({"columns": [{"name": "A", "value": "a", "type": "int"}]}, "resources[0].columns[0].type must be one of string, "),
        ({"columns": [{"name": "A", "value": "a", "priority": -1}]}, "resources[0].columns[0].priority must be a whole number"),
        (dict.fromkeys(("list", "get", "create", "update", "delete")), "resources[0].list is missing: a resource has at least one of "),
    ],
    ids=range(37),
)  # fmt: skip
def test_a_fault_is_told_with_its_place(changes: dict[str, Any], words: str) -> None:
    """Once, and with what would be right."""
    found = faults(pets(**changes))

    assert (len(found), found[0][: len(words)]) == (1, words)


def test_every_fault_is_told_at_once() -> None:
    """Nobody starts the program five times to hear of five faults."""
    found = faults(pets(kind="pet"), "tom", pets(get={"path": "pets"}), pets(fields={"name": "["}))

    assert [sentence.partition(" ")[0] for sentence in found] == [
        "resources[0].kind", "resources[1]", "resources[2].get.path", "resources[3].fields.name"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, "resources[1] has the name 'pets', which resources[0] has, too"),
        ({"plural": "animals", "singular": "animal"}, "resources[1] has the kind Pet, which resources[0] has, too"),
        ({"kind": "PetList"}, "resources[1] has the kind PetList, which resources[0] has, too"),
        ({"kind": "Cat", "shortNames": ["pet"]}, "resources[1] has the name 'pet', which resources[0] has, too"),
    ],
)
def test_two_resources_have_no_name_in_common(other: dict[str, Any], words: str) -> None:
    """Neither for kubectl nor in OpenAPI."""
    assert words in faults(pets(), pets(**other))


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": {"name": "id"}},
        {"fields": {"name": "id", "namespace": "a.b"}},
    ],
    ids=["no namespace", "not one field"],
)
def test_a_namespaced_resource_knows_whose_an_item_is(changes: dict[str, Any]) -> None:
    """Else who may read one namespace could read, or write, all."""
    found = faults(pets(namespaced=True, **changes))

    assert {sentence.partition(" must have {namespace} in it")[1] for sentence in found} == {
        " must have {namespace} in it"
    }
    assert ("resources[0].create.path" in {sentence.partition(" ")[0] for sentence in found}) is True


def test_what_changes_an_object_can_look_at_it() -> None:
    """A namespaced resource without get and list could not tell whose an object is."""
    entry = pets(namespaced=True, fields={"name": "id", "namespace": "a"}, list=None, get=None)

    assert [sentence.partition(" ")[0] for sentence in faults(entry)] == ["resources[0].update", "resources[0].delete"]


@pytest.mark.parametrize(
    "text",
    [
        "pets", "//[", "/a b", "/ä", "/a?b", "/a#b", "/%zz", "/a/../b", "/.", "/a/..", "/%2e%2E/b", "/a/..;x/b", "/a%2fb", "/a\\b",
        "/a%5cb", "/{", "/{}", "/}", "/{name", "/{{name}}", "/a\nb",
    ],
)  # fmt: skip
def test_a_template_is_a_path_that_stays_where_it_is(text: str) -> None:
    """As the upstream has it, percent-encoded."""
    with pytest.raises(ValueError, match=r"^(must|has) "):
        Template.of(text)


@pytest.mark.parametrize(
    "text", ["/", "/pets/{name}", "/pets('{name}')", "/a%20b/{namespace}/{name}.json", "/a//b", "/v1:x/{name}"]
)
def test_a_template_may_have_a_name_anywhere(text: str) -> None:
    """Also within a segment."""
    path = Template.of(text).filled(name="a/b", namespace="?")

    assert path.count("/") == text.count("/")
    assert "?" not in path


@pytest.mark.parametrize("text", ["a", "7", "Tom Cat", "...", "..a", "é", "a:b", "~", "a;b", "x" * 253])
def test_such_names_can_be_asked_for(text: str) -> None:
    """As kube-apiserver allows them in a path."""
    assert is_name(text)


def test_a_verb_that_the_mapping_lacks_is_none_of_the_resource() -> None:
    """`get` comes with `list`."""
    entry = {key: value for key, value in pets().items() if key in {"kind", "list", "fields"}}

    assert sorted(Upstream().resources(entry)[0].verbs) == ["get", "list"]
