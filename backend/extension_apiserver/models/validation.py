"""What the validators of a model say of an object, as causes of a Status.

They run after the schema, on what it takes: constraints that a structural schema has not, and functions of the author.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from extension_apiserver.objects.causes import NO_FIELD
from extension_apiserver.objects.go_words import shortened, value_words
from extension_apiserver.objects.paths import ROOT, field, item, told
from extension_apiserver.objects.schema.defaulting import fill_defaults
from extension_apiserver.objects.schema.structural import Structural
from extension_apiserver.objects.values import Object, Value, copied, same

from .structure import TYPE_META

Model = TypeVar("Model", bound=BaseModel)

#: Pydantic notes each invalid value before it says anything, in 700 bytes: of the half a million that a body of 1 MiB has room for, 330 MiB.
MOST_VALUES = 50_000
#: Each takes another kilobyte to tell.
_MOST_FAULTS = 1000
_MISSING = "Required value"
#: What pydantic puts before the words of a ValueError and an AssertionError.
_PREFIXES = ("Value error, ", "Assertion failed, ")


@dataclasses.dataclass(frozen=True, slots=True)
class _Fault:
    """One error of pydantic's.

    Attributes:
        field: its path in the object.
        words: for people, without the value.
        value: that of the field; of the object itself without its metadata, which controllers must be able to change.

    """

    field: str
    words: str
    value: Value

    def sentence(self) -> tuple[str, str]:
        if self.words == _MISSING:
            return self.field, self.words
        scalar = self.value is not None and not isinstance(self.value, dict | list)
        shown = f"{value_words(self.value)}: " if scalar else ""
        return self.field, f"Invalid value: {shown}{self.words}"


class Invalid(Exception):
    """An object is none of a model.

    Attributes:
        faults: as (path of the field, sentence).

    """

    def __init__(self, faults: Sequence[_Fault]) -> None:
        super().__init__(faults)
        self.found = faults
        self.faults = [fault.sentence() for fault in faults]


class Reader(Generic[Model]):
    """Reads objects as models."""

    def __init__(self, model: type[Model], schema: Structural) -> None:
        """Take the model and its schema; apiVersion, kind and metadata are given to it if it has fields for them."""
        names = {found.alias or name for name, found in model.model_fields.items()}
        self._model, self._schema = model, schema
        self._not_its = frozenset(TYPE_META) - names

    def has(self, name: str) -> bool:
        """Return whether the model has a field for one of apiVersion, kind and metadata."""
        return name not in self._not_its

    def read(self, value: Object) -> Model:
        """Return an object as a model.

        Raises:
            Invalid: it is none.

        """
        own = {name: one for name, one in value.items() if name not in self._not_its}
        # As JSON: a strict model takes no text for a moment where it is given Python's values.
        text = json.dumps(own)
        if text.count(",") >= MOST_VALUES and _count(own) > MOST_VALUES:
            raise Invalid([_Fault(NO_FIELD, f"it has more than {MOST_VALUES} values", _without_metadata(own))])
        try:
            return self._model.model_validate_json(text, by_alias=True)
        except ValidationError as error:
            raise Invalid(_faults(error, own)) from None

    def check(self, new: Object, old: Object | None, subresource: str) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with an object, as Resource.check.

        What was wrong before, of a value that stays as it is, may stay (ratcheting): else nobody could take the finalizer of an object
        away that is older than its validator. As long as it stays, pydantic does not call the validators of the models around it.
        """
        new_faults = self._found(new)
        if not new_faults:
            return
        before = {(fault.field, fault.words): fault.value for fault in self._found_before(old)}
        for fault in new_faults:
            if subresource == "status" and not f"{fault.field}.".startswith(("status.", "status[")):
                continue
            key = fault.field, fault.words
            if key not in before or not same(fault.value, before[key]):
                yield fault.sentence()

    def _found_before(self, old: Object | None) -> Sequence[_Fault]:
        if old is None:
            return ()
        filled = copied(old)
        # It may be older than a default, with which a write is compared.
        fill_defaults(filled, self._schema)
        return self._found(filled)

    def _found(self, value: Object) -> Sequence[_Fault]:
        try:
            self.read(value)
        except Invalid as error:
            return error.found
        return ()


def _faults(error: ValidationError, value: Object) -> list[_Fault]:
    count = error.error_count()
    if count > _MOST_FAULTS:
        return [_Fault(NO_FIELD, f"{count} values are invalid, too many to tell", _without_metadata(value))]
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [_fault(one["loc"], one["type"], one["msg"], value) for one in found]


def _without_metadata(value: Object) -> Object:
    return {name: one for name, one in value.items() if name != "metadata"}


def _count(value: Value) -> int:
    if isinstance(value, dict | list):
        return 1 + sum(map(_count, value.values() if isinstance(value, dict) else value))
    return 1


def _fault(steps: Sequence[int | str], kind: str, words: str, value: Value) -> _Fault:
    path = ROOT
    for step in steps:
        if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            path, value = item(path, step), value[step]
        elif isinstance(value, dict) and str(step) in value:
            path, value = field(path, str(step)), value[str(step)]
        # Else it is what the object lacks, or which member of a union or function says so.
    if kind == "missing":
        path, value, words = field(path, str(steps[-1])), None, _MISSING
    if path == ROOT:
        value = _without_metadata(value)
    for prefix in _PREFIXES:
        words = words.removeprefix(prefix)
    return _Fault(told(path) or NO_FIELD, shortened(words) or "the model refuses it", value)
