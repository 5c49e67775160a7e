"""A version of a kind: what its objects are called, and its schema."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from .causes import Cause
from .schema.structural import Structural
from .values import Object


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One version of a kind.

    Attributes:
        schema: of the whole object; says nothing about apiVersion, kind and metadata unless the author wants it to.
        namespaced: objects are in namespaces.
        has_status: there is the subresource `status`; the object's own path then ignores that field, and `/status` all others.
        also: returns what else is wrong with an object, given it and the subresource by which it is written, or "".
        tidy: gives an object the shape that its type has upstream, in place, where its schema does not say it all.
        check: the author's own, called if nothing else is wrong: given the object, what it was, None for a new one, and the subresource.

    """

    group: str
    version: str
    name: str
    plural: str
    schema: Structural
    namespaced: bool = True
    has_status: bool = False
    also: Callable[[Object, str], Iterable[Cause]] = lambda _item, _subresource: ()
    tidy: Callable[[Object], None] = lambda _item: None
    check: Callable[[Object, Object | None, str], Iterable[Cause]] = lambda _new, _old, _subresource: ()

    @property
    def api_version(self) -> str:
        """Group and version, `cats.example.com/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version
