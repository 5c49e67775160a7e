"""YAML means what it means to kube-apiserver, and costs no more than its length."""

import json

import pytest

from extension_apiserver.registry.writing.yaml_text import json_of_yaml
from extension_apiserver.status import StatusError


def read(text):
    return json.loads(json_of_yaml(text.encode()))


# https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/goyaml.v2/resolve.go
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, True) for word in ("y", "Yes", "true", "ON")),
        *((word, False) for word in ("n", "No", "FALSE", "off")),
        *((word, None) for word in ("~", "null", "")),
        ("012", 10), ("0o12", 10), ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("-7", -7), ("+7", 7), ("0", 0), ("-0x10", -16),
        ("1e3", 1000.0), (".5", 0.5), ("1.5", 1.5), ("-1.", -1.0), ("18446744073709551615", 18446744073709551615),
        ("2001-01-01", "2001-01-01"), ("12:30", "12:30"), ("1.2.3", "1.2.3"), ("0o9", "0o9"), ("09", 9.0), ("yEs", "yEs"),
        ("'yes'", "yes"), ('"12"', "12"), ("!!str 12", "12"), ("|\n    a\n    b\n", "a\nb\n"), (">\n    a\n    b\n", "a b\n"),
        ("[1, {b: c}]", [1, {"b": "c"}]), ("\n  - 1\n  - b: c\n", [1, {"b": "c"}]), ("{}", {}), ("[]", []), ("€ \U0001f431", "€ \U0001f431"),
    ],
)  # fmt: skip
def test_a_value_is_what_it_is_upstream(text, value):
    found = read(f"a: {text}")
    assert (found, type(found["a"])) == ({"a": value}, type(value))


@pytest.mark.parametrize(("key", "name"), [("12", "12"), ("yes", "true"), ("1.5", "1.5"), ("'yes'", "yes"), ('""', "")])
def test_a_key_is_text(key, name):
    assert read(f"{key}: 1") == {name: 1}


def test_only_the_first_document_counts():
    assert read("---\na: 1\n---\nb: 2\n") == {"a": 1}
    assert [json_of_yaml(text) for text in (b"", b"---\n", b"# nothing\n")] == [b"null"] * 3


def test_what_comes_twice_does_so_in_json():
    assert json_of_yaml(b"a: 1\nb: {c: 2, c: 3}\na: 4\n") == b'{"a":1,"b":{"c":2,"c":3},"a":4}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x", "line 2: an alias is refused"),
        ("&x [*x]", "line 1: an alias is refused"),
        ("a: !!binary aGk=", "line 1: the tag tag:yaml.org,2002:binary is refused"),
        ("a: !own {}", "line 1: the tag !own is refused"),
        ("[1]: x", "line 1: a key is no text"),
        ("{a: b}: x", "line 1: a key is no text"),
        ("~: x", "line 1: a key is null"),
        ("<<: {a: b}", "line 1: the key << is refused"),
        ("a: .inf", "line 1: .inf is no number"),
        ("a: -.INF", "is no number"),
        ("a: .nan", "is no number"),
        ("a: 1e999", "is no number"),
        ("[" * 200 + "]" * 200, "nested deeper than"),
        ("a: 'x", "found unexpected end of stream"),
        ("a: \x01", "control characters are not allowed"),
        ("\ta: 1", "cannot start any token"),
    ],
)
def test_what_json_has_not_is_400(text, said):
    with pytest.raises(StatusError) as refused:
        read(text)
    assert refused.value.code == 400
    assert said in refused.value.message
    assert len(refused.value.message) < 1200


def test_bytes_that_are_no_text_are_400():
    with pytest.raises(StatusError) as refused:
        json_of_yaml(b"a: \xff\xfe\xff")
    assert refused.value.code == 400
