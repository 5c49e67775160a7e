"""Which of our forms an Accept header asks for."""

from __future__ import annotations

import pytest

from extension_apiserver.api import negotiation
from extension_apiserver.api.negotiation import as_kind, clauses, not_acceptable, preferred, require_json_body
from extension_apiserver.status import StatusError

OFFERS = ("text/plain", "application/yaml", "application/json")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain"),
        ("  ", "text/plain"),
        ("*/*", "text/plain"),
        ("application/*", "application/yaml"),
        ("application/json", "application/json"),
        ("Application/JSON", "application/json"),
        ("image/png", None),
        ("image/png, application/json", "application/json"),
        ("application/json;q=0.5, application/yaml;q=0.6", "application/yaml"),
        ("application/json ; Q = 0.7 , application/yaml;q=0.6", "application/json"),
        ('application/json;q="0.7", application/yaml;q=0.6', "application/json"),
        ("application/json;q=0", None),
        ("application/json;q=-1", None),
        ("application/json;q=x", None),
        ("application/json;q=nan", None),
        ("text/plain;q=x, application/json", "application/json"),
        ("application/json;q=0, */*", "text/plain"),
        ("*/*;q=0.1, text/plain;q=0", "application/yaml"),
        ("text/*;q=0.3, */*;q=0.9, text/plain;q=0.2", "application/yaml"),
        ("*/*, application/*;q=0.5, text/plain;q=0.4", "application/yaml"),
        ("json", None),
        (",".join(["a/b"] * 63) + ",text/plain", "text/plain"),
        (",".join(["a/b"] * 64) + ",text/plain", None),
        (" " * 4086 + "text/plain", "text/plain"),
        (" " * 4087 + "text/plain", None),
        (" " * 300 + "text/plain", "text/plain"),
    ],
)
def test_must_35_the_offer_of_the_best_quality(accept: str, expected: str | None) -> None:
    """The most specific clause tells an offer's quality; among equals the server's order decides."""
    assert preferred(accept, OFFERS) == expected


def test_a_clause_without_a_type_or_with_a_quality_below_zero_is_none() -> None:
    """Neither is passed on to whoever looks for a kind."""
    assert clauses("json, application/json;q=-1, application/json;q=nan") == ()


@pytest.mark.parametrize("size", [256, 257])
def test_what_is_usual_is_remembered_and_what_is_long_is_not(size: int) -> None:
    """To the byte: no stranger's long header stays in memory."""
    accept = "application/json".rjust(size)
    caches = (negotiation._known_clauses, negotiation._known_preferred)
    for cache in caches:
        cache.cache_clear()
    preferred(accept, OFFERS)

    assert [cache.cache_info().currsize for cache in caches] == [size == 256] * 2


TABLE = ("Table", "meta.k8s.io", "v1")
PLAIN = ("", "", "")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN),
        ("application/json", PLAIN),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", TABLE),
        ("application/json;AS=Table;v=v1;g=meta.k8s.io", TABLE),
        ('application/json;as="Table";v=v1;g=meta.k8s.io', TABLE),
        ("application/json,application/json;as=Table;v=v1;g=meta.k8s.io", PLAIN),
        ("application/json;q=0.5,application/json;as=Table;v=v1;g=meta.k8s.io", TABLE),
        ("application/json;as=Table;v=v2;g=meta.k8s.io,application/json", PLAIN),
        ("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", PLAIN),
        ("*/*", PLAIN),
        ("application/json;as=Table;v=v1;g=meta.k8s.io;q=0,application/json;q=0.1", PLAIN),
        ("application/*;as=Table;v=v1;g=meta.k8s.io", TABLE),
    ],
)
def test_must_38_the_first_kind_that_we_have(accept: str, expected: tuple[str, str, str]) -> None:
    """In the client's order, as upstream; JSON only."""
    assert as_kind(accept, [PLAIN, TABLE]) == expected


@pytest.mark.parametrize("accept", ["application/yaml", "application/json;q=0"])
def test_must_35_a_kind_that_we_do_not_have_is_406(accept: str) -> None:
    """The Status says what would be acceptable."""
    with pytest.raises(StatusError) as refusal:
        as_kind(accept, [PLAIN])

    assert (refusal.value.code, str(refusal.value)) == (
        406,
        "only the following media types are accepted: application/json",
    )
    assert str(not_acceptable(OFFERS)).endswith("text/plain, application/yaml, application/json")


def test_the_longest_header_is_read_and_no_longer_one() -> None:
    """To the byte; a refusal of as_kind names the bound."""
    fits = "application/json".rjust(4096)
    assert as_kind(fits, [PLAIN]) == PLAIN
    assert clauses(f" {fits}") == ()
    with pytest.raises(StatusError, match=r"^the Accept header must be at most 4096 bytes$") as refusal:
        as_kind(f" {fits}", [PLAIN])

    assert refusal.value.code == 406


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "Application/JSON ; charset=utf-8", " application/json"]
)
def test_must_35_json_is_taken(content_type: str) -> None:
    """A missing type counts as JSON."""
    require_json_body(content_type)


@pytest.mark.parametrize("content_type", ["text/plain", "application/yaml", "application/json-patch+json"])
def test_must_35_another_type_is_415(content_type: str) -> None:
    """The Status names what is taken."""
    with pytest.raises(StatusError, match=r"accepted media types include: application/json$") as refusal:
        require_json_body(content_type)

    assert refusal.value.code == 415
