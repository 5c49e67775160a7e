"""The versions of a kind, as far as the owners of fields have to do with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from extension_apiserver.objects.values import Object, Value, same

from .typed.atoms import Atom
from .typed.validation import check


class UnknownVersionError(Exception):
    """There is no such version any more: what managers own by its names is forgotten."""


@dataclasses.dataclass(frozen=True, slots=True)
class Typed:
    """An object of one version, with its type."""

    value: Value
    atom: Atom

    def same_as(self, other: Typed) -> bool:
        """Return whether both are the same object."""
        return same(self.value, other.value)


@dataclasses.dataclass(frozen=True, slots=True)
class Versions:
    """All versions of a kind.

    Attributes:
        atoms: apiVersion → type of the objects.
        convert: (object, apiVersion) → the object in that version, which is one of ``atoms``.

    """

    atoms: Mapping[str, Atom]
    convert: Callable[[Object, str], Object]

    def typed(self, value: Object, *, repeated: bool = True) -> Typed:
        """Return an object with the type of its own version.

        Raises:
            UnknownVersionError: there is no such version.
            TypedError: it does not fit.

        """
        atom = self._atom(value["apiVersion"])
        check(value, atom, repeated=repeated)
        return Typed(value, atom)

    def to(self, typed: Typed, api_version: str) -> Typed:
        """Return the object in another version, or in the one that it has.

        Raises:
            UnknownVersionError: there is no such version.
            TypedError: what the conversion made does not fit.

        """
        if isinstance(typed.value, dict) and typed.value.get("apiVersion") == api_version:
            return typed
        self._atom(api_version)
        return self.typed(self.convert(typed.value, api_version))

    def _atom(self, api_version: str) -> Atom:
        if api_version not in self.atoms:
            raise UnknownVersionError(api_version)
        return self.atoms[api_version]
