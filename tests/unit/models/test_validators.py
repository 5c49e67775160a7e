"""What validators refuse, with a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, create_model

from extension_apiserver.models import resource
from extension_apiserver.models.validation import MOST_VALUES
from unit.models.cats import CATS_RESOURCE, WHITE, causes, fields_of
from unit.registry.client import APPLY, Cats, cat


def even(number: int) -> int:
    """Refuse an odd number."""
    if number % 2:
        raise ValueError("must be even")
    return number


@pytest.fixture
def cats() -> Iterator[Cats]:
    """Yield a client of a resource with a store in memory, which is of the model."""
    with Cats(**fields_of(CATS_RESOURCE)) as client:
        yield client


def test_defaults_of_the_model_are_stored(cats: Cats) -> None:
    """As of any schema."""
    assert cats.create("tom", spec={})["spec"] == {"colour": "tabby", "kittens": 0, "toys": []}


def test_the_schema_speaks_before_the_model(cats: Cats) -> None:
    """One cause for one fault, in the words of Kubernetes."""
    answer = cats.send("POST", "", cat("tom", spec={"kittens": -1}))

    assert causes(answer) == [
        ("spec.kittens", "Invalid value: -1: spec.kittens in body should be greater than or equal to 0")
    ]


TOY = ("spec.toys[0].name", 'Invalid value: "Ball": must be in lower case')


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"colour": "white", "kittens": 1}, [WHITE]),
        ({"toys": [{"name": "Ball"}, {"name": "a"}, {"name": "C"}]},
         [TOY, ("spec.toys[2].name", 'Invalid value: "C": must be in lower case')]),
        ({"toys": [{"name": "a", "price": "cheap"}]},
         [("spec.toys[0].price", 'Invalid value: "cheap": Input should be a valid decimal')]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["create", "update", "merge patch", "apply that creates", "apply"])
def test_what_a_validator_refuses_is_a_cause_of_its_field(
    cats: Cats, how: str, spec: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    """Whichever way it comes; nothing is stored."""
    if not how.endswith("creates") and how != "create":
        cats.create("tom", spec={})
    before = cats.get("tom")
    body = cat("tom", spec=spec)
    if how == "create":
        answer = cats.send("POST", "", body)
    elif how == "update":
        answer = cats.send("PUT", "/tom", {**before, "spec": spec})
    elif how == "merge patch":
        answer = cats.send("PATCH", "/tom", {"spec": spec}, content_type="application/merge-patch+json")
    else:
        answer = cats.send("PATCH", "/tom?fieldManager=me&force=true", body, content_type=APPLY)

    assert causes(answer) == wanted
    assert cats.get("tom") == before


def test_a_validator_of_the_whole_may_look_at_metadata(cats: Cats) -> None:
    """Its cause has no field."""
    answer = cats.send("POST", "", cat("blackie", spec={}))

    assert causes(answer) == [("<nil>", "Invalid value: `blackie` must be black")]
    assert cats.send("POST", "", cat("blackie", spec={"colour": "black"})).code == 201


def test_a_union_that_schema_and_model_take_keeps_its_fields(cats: Cats) -> None:
    """The cause's path has no tag in it."""
    assert cats.create("tom", spec={"pet": {"kind": "dog", "name": "rex"}})["spec"]["pet"] == {
        "kind": "dog",
        "name": "rex",
    }
    refused = cats.send("POST", "", cat("tim", spec={"pet": {"kind": "bird"}}))
    assert causes(refused) == [("spec.pet.wings", "Required value")]


def test_the_status_is_checked_where_it_is_written_and_nothing_else(cats: Cats) -> None:
    """Whoever writes a spec can't do anything about a status, and a controller nothing about a spec."""
    tom = cats.create("tom", spec={}, status={"meals": 9})

    refused = cats.send("PUT", "/tom/status", {**tom, "status": {"meals": 9}})
    assert causes(refused) == [("status.meals", "Invalid value: 9: must be few")]
    assert cats.send("PUT", "/tom/status", {**tom, "status": {"meals": 2}}).code == 200


def stored_before(client: Cats, name: str, **fields: Any) -> Any:
    """Store an object that the model would refuse, as if it were older than the validator; return it."""
    item = client.create(name, spec={"colour": "black"}, metadata={"finalizers": ["example.com/a"]}) | fields
    key = client.kept.key("default", name)
    client.run(client.store.put(key, client.kept.value(item), expected=int(item["metadata"]["resourceVersion"])))
    return client.get(name)


def test_what_was_wrong_before_may_stay_but_nothing_else(cats: Cats) -> None:
    """Ratcheting, as of a schema: labels and finalizers of an object that is older than its validator can be changed."""
    tom = stored_before(cats, "tom", spec={"toys": [{"name": "Ball"}]}, status={"meals": 9})

    spec = {"colour": "black", "toys": [{"name": "Ball"}, {"name": "B"}]}
    assert causes(cats.send("PUT", "/tom", {**tom, "spec": spec})) == [
        ("spec.toys[1].name", 'Invalid value: "B": must be in lower case')
    ]
    assert causes(cats.send("PUT", "/tom/status", {**tom, "status": {"meals": 8}})) == [
        ("status.meals", "Invalid value: 8: must be few")
    ]
    status = cats.send("PUT", "/tom/status", {**tom, "status": {"meals": 9, "fed": True}})
    assert status.code == 200, status.text
    metadata = status.json["metadata"] | {"finalizers": []}
    assert (
        cats.send(
            "PUT", "/tom", {**status.json, "spec": spec | {"toys": [{"name": "Ball"}]}, "metadata": metadata}
        ).code
        == 200
    )


def test_what_was_wrong_of_a_whole_may_stay_while_all_of_it_does(cats: Cats) -> None:
    """But for metadata, which controllers must be able to change."""
    tom = stored_before(cats, "tom", spec={"colour": "white", "kittens": 1})
    assert causes(cats.send("PUT", "/tom", {**tom, "spec": tom["spec"] | {"kittens": 2}})) == [WHITE]
    assert cats.send("PUT", "/tom", {**tom, "metadata": tom["metadata"] | {"finalizers": []}}).code == 200
    blackie = stored_before(cats, "blackie", spec={"colour": "tabby"})
    assert (
        cats.send("PUT", "/blackie", {**blackie, "metadata": blackie["metadata"] | {"labels": {"a": "b"}}}).code == 200
    )


def test_a_strict_model_takes_the_texts_of_json(cats: Cats) -> None:
    """A moment is no text in Python, and JSON has nothing else."""
    assert cats.create("tom", spec={"born": "2026-01-02T03:04:05Z"})["spec"]["born"] == "2026-01-02T03:04:05Z"


class Even(BaseModel):
    """Has numbers, each of which must be even."""

    spec: list[Annotated[int, AfterValidator(even)]]


def client_of(model: type[BaseModel]) -> Cats:
    """Return a client of a resource with a store."""
    return Cats(**fields_of(resource(model, plural="cats", store=True, namespaced=True, kind="Cat")))


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (3, None),
        (2000, "Invalid value: 2000 values are invalid, too many to tell"),
        (MOST_VALUES + 1, f"Invalid value: it has more than {MOST_VALUES} values"),
    ],
)
def test_many_faults_cost_little(count: int, words: str | None) -> None:
    """Pydantic notes all before it says one, so that a body of 1 MiB would take 330 MiB."""
    with client_of(Even) as client:
        answer = client.send("POST", "", cat("tom", spec=[1] * count))

    found = causes(answer)
    assert found == (
        [("<nil>", words)] if words else [(f"spec[{n}]", "Invalid value: 1: must be even") for n in range(3)]
    )


def test_a_text_with_many_commas_is_one_value() -> None:
    """Values are not counted by them."""
    with client_of(create_model("Text", __doc__="A text.", spec=(str, ...))) as client:
        assert client.send("POST", "", cat("tom", spec="," * (2 * MOST_VALUES))).code == 201
