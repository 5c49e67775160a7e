"""From what a client sent to an object that the schema knows: pruned, filled in, with what fieldValidation says about it.

https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/customresource_handler.go (unstructuredSchemaCoercer)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

from extension_apiserver.status import StatusError

from .causes import MOST_CAUSES, Cause, invalid, not_supported
from .go_words import shortened
from .json_text import parse
from .kind import Kind
from .metadata.shape import WrongTypeError, shaped
from .schema.defaulting import fill_defaults
from .schema.embedded import shape_embedded
from .schema.pruning import prune, prune_nulls
from .values import MOST_OWN_LEVELS, Object, Value, too_deep

_SHOWN = 30
#: The default is what kube-apiserver takes since 1.27.
DIRECTIVES = ("Ignore", "Warn", "Strict")


def directive_causes(directive: str) -> list[Cause]:
    """Return what is wrong with the query parameter fieldValidation; "" is Warn."""
    if directive in {"", *DIRECTIVES}:
        return []
    return [not_supported("fieldValidation", directive, ["", "Ignore", "Strict", "Warn"])]


def decode(text: bytes, kind: Kind, directive: str) -> tuple[Object, list[str]]:
    """Return the object in a body, and the warnings about it.

    Args:
        text: JSON.
        kind: what it must be.
        directive: one of DIRECTIVES, or "" for Warn.

    Raises:
        StatusError: 400, it is no such object; with Strict, fields are unknown or came twice.

    """
    value, twice = parse(text)
    if not isinstance(value, dict):
        raise StatusError(400, "the body of the request must be a JSON object")
    beginning = f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: '
    if not value.get("kind"):
        raise StatusError(400, _without_kind(text, kind, directive, beginning))
    said = value.get("apiVersion") or ""
    if not isinstance(said, str) or not isinstance(value["kind"], str):
        raise StatusError(400, "apiVersion and kind of the object must be strings")
    # That it is of another kind is told with the name that it has, see admission.
    if said != kind.api_version:
        words = f"the API version in the data ({shortened(said)}) does not match the expected API version ({kind.api_version})"
        raise StatusError(400, words)
    try:
        unknown = coerce(value, kind)
    except WrongTypeError as error:
        raise StatusError(400, f"{beginning}{error}") from None
    faults = complaints(twice, unknown)
    if faults and directive == "Strict":
        raise StatusError(400, f"{beginning}{strict_words(faults)}")
    fill_defaults(value, kind.schema)
    return value, faults if directive in {"", "Warn"} else []


def _without_kind(text: bytes, kind: Kind, directive: str, beginning: str) -> str:
    body = text.decode(errors="replace")
    missing = f"Object 'Kind' is missing in '{shortened(body)}'"
    if directive == "Ignore":
        return beginning + missing
    shown = body if len(body) <= _SHOWN else f"{body[:_SHOWN]} ..."
    return f"the object provided is unrecognized (must be of type {kind.name}): {missing} ({shown})"


def coerce(value: Object, kind: Kind, *, applied: bool = False) -> list[str]:
    """Give an object the shape of its schema, in place; return the paths of what was unknown.

    Args:
        value: the object.
        kind: what it is.
        applied: nulls stay, to be refused: who applies a field wants to own it.

    Raises:
        StatusError: 400, it is deeper than MOST_OWN_LEVELS.
        WrongTypeError: its metadata, or that of an object within it, has a value of a wrong type.

    """
    if too_deep({name: item for name, item in value.items() if name != "metadata"}, MOST_OWN_LEVELS):
        raise StatusError(400, f"the object is nested deeper than {MOST_OWN_LEVELS} levels")
    metadata, unknown = shaped(value.get("metadata"), "metadata")
    unknown += prune(value, kind.schema)
    if not applied:
        prune_nulls(value, kind.schema)
    embedded: list[str] = []
    shape_embedded(value, kind.schema, embedded)
    # Whatever the schema says about it, the metadata is there.
    value["metadata"] = metadata
    kind.tidy(value)
    return unknown + sorted(embedded)


def complaints(twice: Sequence[str], unknown: Sequence[str]) -> list[str]:
    """Return a sentence for each field that came twice or is unknown, the first MOST_CAUSES."""
    faults = chain(
        (f'duplicate field "{shortened(name)}"' for name in twice),
        (f'unknown field "{shortened(name)}"' for name in unknown),
    )
    return list(islice(faults, MOST_CAUSES))


def strict_words(faults: Sequence[str]) -> str:
    """Return the sentence of fieldValidation=Strict."""
    return f"strict decoding error: {', '.join(faults)}"


def type_causes(value: Object, kind: Kind) -> list[Cause]:
    """Return what is wrong with apiVersion and kind of an object that is to be stored."""
    wanted: tuple[tuple[str, Value], ...] = (("kind", kind.name), ("apiVersion", kind.api_version))
    return [invalid(name, value.get(name, ""), f"must be {word}") for name, word in wanted if value.get(name) != word]
