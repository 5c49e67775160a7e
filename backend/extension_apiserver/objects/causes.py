"""What is wrong with an object, field by field, in the words of k8s.io/apimachinery.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/validation/field/errors.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from extension_apiserver.status import StatusError

from .go_words import quote, shortened, supported, value_words
from .values import Value

#: A body of 1 MiB may have half a million faults, and an answer with all of them takes more memory than a pod has.
MOST_CAUSES = 100
#: How Go prints the path of a fault that belongs to no field.
NO_FIELD = "<nil>"


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """One `cause` in the details of a Status.

    Attributes:
        reason: for programs, `FieldValueInvalid`.
        field: path such as `spec.items[0].name`.
        message: for people.

    """

    reason: str
    field: str
    message: str


def required(field: str, detail: str = "") -> Cause:
    """The field is missing."""
    return Cause("FieldValueRequired", field, _sentence("Required value", detail))


def invalid(field: str, value: Value, detail: str) -> Cause:
    """The value breaks a rule."""
    return Cause("FieldValueInvalid", field, _sentence(f"Invalid value: {value_words(value)}", detail))


def invalid_of(field: str, detail: str, *value: Value) -> Cause:
    """The value breaks a rule; that of an object or a list is not told."""
    return invalid(field, value[0], detail) if value else Cause("FieldValueInvalid", field, f"Invalid value: {detail}")


def type_invalid(field: str, value: Value, detail: str) -> Cause:
    """The value is of another type."""
    return Cause("FieldValueTypeInvalid", field, _sentence(f"Invalid value: {value_words(value)}", detail))


def not_supported(field: str, value: Value, values: Sequence[Value]) -> Cause:
    """The value is none of an enumeration."""
    return Cause(
        "FieldValueNotSupported", field, _sentence(f"Unsupported value: {value_words(value)}", supported(values))
    )


def duplicate(field: str, *value: Value) -> Cause:
    """The value is there twice; that of an object or a list need not be told."""
    return Cause("FieldValueDuplicate", field, ": ".join(["Duplicate value", *map(value_words, value)]))


def forbidden(field: str, detail: str) -> Cause:
    """The value may not be there."""
    return Cause("FieldValueForbidden", field, _sentence("Forbidden", detail))


def too_long(field: str, most_bytes: int) -> Cause:
    """The text is too long."""
    return Cause(
        "FieldValueTooLong", field, f"Too long: may not be more than {most_bytes} byte{'' if most_bytes == 1 else 's'}"
    )


def too_many(field: str, actual: int, most: int) -> Cause:
    """The list or map has too many entries."""
    return Cause(
        "FieldValueTooMany", field, f"Too many: {actual}: must have at most {most} item{'' if most == 1 else 's'}"
    )


def _sentence(words: str, detail: str) -> str:
    return f"{words}: {detail}" if detail else words


def invalid_object(group: str, kind: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """Return the 422 with these causes, of which the first MOST_CAUSES are told."""
    told = causes[:MOST_CAUSES]
    sentences = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in told))
    text = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    subject = f"{kind}.{group}" if group else kind
    details = {
        "name": shortened(name),
        "group": group,
        "kind": kind,
        "causes": [dataclasses.asdict(cause) for cause in told],
    }
    return StatusError(
        422,
        f"{subject} {quote(name)} is invalid: {text}",
        details={key: value for key, value in details.items() if value},
    )
