"""A list that is asked for a part answers with that part."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from extension_apiserver.selectors.asked import selectors
from extension_apiserver.selectors.labels import label_requirements
from extension_apiserver.status import StatusError
from unit.fake_aggregator import Aggregator
from unit.running import BASE, Pki, prepare, start
from unit.test_rest import cats

CATS: dict[str, dict[str, str]] = {
    "tom": {"colour": "grey", "tail": "long"},
    "tux": {"colour": "black"},
    "leo": {},
}


@pytest.fixture(scope="module")
def labelled(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aggregator]:
    """A backend with three cats, one without labels."""
    backend = prepare(pki, tmp_path_factory.mktemp("cats"))
    items = [{"metadata": {"name": name, "namespace": "home", "labels": labels}} for name, labels in CATS.items()]
    start(backend, resources=[cats(list=lambda _call: items)])
    yield backend.aggregator()
    backend.close()


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("labelSelector=colour=grey", "tom"),
        ("labelSelector=colour==black", "tux"),
        ("labelSelector=colour!=grey", "tux leo"),
        ("labelSelector=colour", "tom tux"),
        ("labelSelector=!colour", "leo"),
        ("labelSelector=colour in (grey, black),tail", "tom"),
        ("labelSelector=colour notin (grey)", "tux leo"),
        ("labelSelector=colour=grey,tail=short", ""),
        ("labelSelector=", "tom tux leo"),
        ("fieldSelector=metadata.name=tux", "tux"),
        ("fieldSelector=metadata.name!=tux,metadata.namespace=home", "tom leo"),
        ("labelSelector=colour&fieldSelector=metadata.name=tom", "tom"),
        ("fieldSelector=metadata.name=to\\,m", ""),
        ("fieldSelector=,metadata.name=tom,", "tom"),
    ],
)
def test_must_37_a_selector_selects(labelled: Aggregator, selector: str, names: str) -> None:
    """Labels as kubectl -l writes them; fields by name and namespace."""
    items = labelled.request("GET", f"{BASE}/cats?{quote(selector, safe='=&')}").json()["items"]

    assert [item["metadata"]["name"] for item in items] == names.split()


def test_must_37_what_has_no_namespace_has_an_empty_one() -> None:
    """An object of cluster scope, for a field selector."""
    cat = {"metadata": {"name": "tom"}}
    asked = {"": True, "home": False}

    assert {name: selectors({"fieldSelector": [f"metadata.namespace={name}"]})[0](cat) for name in asked} == asked


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("a>1", [True, False, False]),
        ("a<5", [True, False, False]),
        ("a>3", [False] * 3),
        ("a>1,a<2", [False] * 3),
        ("!a", [False, False, True]),
    ],
)
def test_labels_are_compared_as_numbers(text: str, labels: list[bool]) -> None:
    """What is no number is neither more nor less."""
    found = [all(one.selects(those) for one in label_requirements(text)) for those in ({"a": "3"}, {"a": "x"}, {})]
    assert found == labels


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a==", None),
        ("a in ()", None),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ],
)
def test_a_selector_is_told_about_in_the_words_of_kubernetes(text: str, words: str | None) -> None:
    """As https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/labels/selector.go."""
    try:
        label_requirements(text)
        said = None
    except StatusError as error:
        said = error.message
    assert said == words


@pytest.mark.parametrize(
    "selector",
    [
        "labelSelector=a=b=c",
        "labelSelector=in (a)",
        "fieldSelector=spec.age=3",
        "fieldSelector=x",
        "fieldSelector=metadata.name=a=b",
        "fieldSelector=metadata.name=a\\",
        "fieldSelector=metadata.name=a\\b",
    ],
)
def test_must_41_a_selector_that_cannot_be_read_is_400(labelled: Aggregator, selector: str) -> None:
    """An answer to a question nobody asked would be worse."""
    answer = labelled.request("GET", f"{BASE}/cats?{quote(selector, safe='=&')}")

    assert (answer.status, answer.json()["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", []), ("  ", []), ("a", ["a"]), ("!a", ["!a"]), ("! a , b", ["!a", "b"]), ("a=b", ["a=b"]), ("a == b,c!=d", ["a=b", "c notin (d)"]),
        ("a=", ["a="]), ("a=,b", ["a=", "b"]), ("a in (x, y,x)", ["a in (x,y)"]), ("a notin(x)", ["a notin (x)"]), ("a in ()", ["a in ()"]),
        ("a in (,x)", ["a in (,x)"]), ("in in (in)", ["in in (in)"]), ("in", ["in"]), ("example.com/a>5", ["example.com/a>5"]), ("a<5", ["a<5"]),
    ],
)  # fmt: skip
def test_a_label_selector_is_read_as_upstream_reads_it(text: str, written: list[str]) -> None:
    """Asked of labels.Parse of k8s.io/apimachinery 0.37.2."""
    assert [str(one) for one in label_requirements(text)] == written


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("=", "found '=', expected: !, identifier, or 'end of string'"),
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("a=b,", "found '', expected: identifier after ','"),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        ("a in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a=(", "unable to parse requirement: found '(', expected: identifier"),
        ("a>b", "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("x" * 64, f'unable to parse requirement: <nil>: Invalid value: "{"x" * 64}": name part must be no more than 63 bytes'),
        ("x=" + "y" * 64, f'unable to parse requirement: values[0][x]: Invalid value: "{"y" * 64}": must be no more than 63 bytes'),
    ],
)  # fmt: skip
def test_a_label_selector_that_cannot_be_read_is_refused_in_upstreams_words(text: str, words: str) -> None:
    """As kube-apiserver 1.37.2 answers for a CustomResource."""
    with pytest.raises(StatusError) as caught:
        label_requirements(text)

    assert (caught.value.code, caught.value.message) == (400, words)


@pytest.mark.parametrize(
    "text",
    [
        "-x",
        "x-=1",
        "a/b/c=1",
        "/a",
        "a/",
        "A/b",
        "x=-",
        "x=a b",
        "x\0y",
        "é",
        "x" * 100_000,
        "(" * 100_000,
        "!" * 100_000,
    ],
)
def test_what_is_no_label_is_refused_in_a_short_sentence(text: str) -> None:
    """Whatever its length."""
    with pytest.raises(StatusError) as caught:
        label_requirements(text)

    assert caught.value.code == 400
    assert len(caught.value.message) < 1100


def test_numbers_are_compared_as_numbers() -> None:
    """A label that is none is not selected."""
    labels = [{}, {"a": "4"}, {"a": "5"}, {"a": "+6"}, {"a": "10"}, {"a": "x"}, {"a": str(2**63)}]

    for text, selected in (("a>5", ["+6", "10"]), ("a<5", ["4"]), ("a>4,a<10", ["5", "+6"])):
        requirements = label_requirements(text)
        assert [one["a"] for one in labels if all(want.selects(one) for want in requirements)] == selected, text
