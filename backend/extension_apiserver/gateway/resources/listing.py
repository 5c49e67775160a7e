"""The list of an upstream: its pages, its items, and each only once."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

from extension_apiserver.api.call import Call, Object
from extension_apiserver.status import StatusError

from .answers import document_of
from .asking import Upstream, query_of
from .entries.actions import Action
from .entries.expressions import ExpressionError
from .metadata import Objects, text_of_name
from .words import quoted, shown

#: Of one list, all pages together: ten thousand are 25 MiB of memory while they are answered.
MOST_ITEMS = 20_000
_MOST_PAGES = 100
_LONGEST_TOKEN = 4096
#: kube-apiserver has given up by then.
_MOST_SECONDS = 55
#: JSON that is made into objects at once, of all lists: it takes eight times its length then. One page alone may be longer.
_MOST_BYTES = 16 * 2**20


class Room:
    """Lets so many bytes in at once; who needs more waits."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Hold room for so many bytes.

        Raises:
            StatusError: 429 if there is none in time.

        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._used or self._used + size <= self._most, self._seconds):
                raise StatusError(429, "too many large lists are being made; try again", headers=[("Retry-After", "1")])
            self._used += size
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._changed.notify_all()


_ROOM = Room(_MOST_BYTES, seconds=30)


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """The list of one resource."""

    _upstream: Upstream
    _objects: Objects

    def objects(self, call: Call) -> Iterator[Object]:
        """Yield the objects that a call may see; the next page is asked for when it is needed.

        Raises:
            StatusError: 502 if the answer does not fit the mapping; 405 if there is no list across namespaces.

        """
        action = self._upstream.entry.actions["list"]
        scoped = "namespace" in action.path.names
        if scoped and not call.namespace:
            raise StatusError(
                405,
                f"{self._upstream.entry.plural} can only be listed in a namespace: the upstream has no list of all",
                headers=[("Allow", "")],
            )
        seen: dict[tuple[str, str], int] = {}
        count = 0
        for items, what in self._pages(call, action):
            if count + len(items) > MOST_ITEMS:
                raise StatusError(
                    502,
                    f"{what}: more than {MOST_ITEMS} items; list.query or list.items of the mapping can leave out some",
                )
            for number, item in enumerate(items, count):
                where = f"{what}: item {number}"
                found = self._objects.of(item, call, where, scoped=scoped)
                if not is_of(found, call):
                    continue
                key = (found["metadata"].get("namespace", ""), found["metadata"]["name"])
                if key in seen:
                    raise StatusError(
                        502, f"{what}: items {seen[key]} and {number} have the same name {quoted(key[1])}"
                    )
                seen[key] = number
                yield found
            count += len(items)

    def _pages(self, call: Call, action: Action) -> Iterator[tuple[Sequence[Any], str]]:
        query = query_of(action, call)
        asked: set[Any] = set()
        deadline = time.monotonic() + _MOST_SECONDS
        while True:
            fetched, what = self._upstream.ask(call, action, query=query)
            with _ROOM.of(len(fetched.body)):
                document = document_of(fetched, what)
                items = result_of(action, document, what, "list.items")
                if not isinstance(items, list):
                    hint = "; if that means none, write it with || `[]`" if items is None else ""
                    raise StatusError(
                        502,
                        f"{what}: list.items {quoted(action.result.text)} gives {shown(items)}, and must give a list{hint}",
                    )
                yield items, what
            following = _following(action, document, what)
            if following is None:
                return
            asked.add(tuple(query))
            query = following if not action.next_parameter else [*query_of(action, call), *following]
            if tuple(query) in asked or len(asked) >= _MOST_PAGES or time.monotonic() > deadline:
                raise StatusError(
                    502,
                    f"{what}: list.next leads to a page that was there, to more than {_MOST_PAGES}, or takes more than {_MOST_SECONDS} s",
                )


def result_of(action: Action, document: object, what: str, key: str) -> Any:  # noqa: ANN401 - what JSON can say
    """Return what an action takes from a document.

    Raises:
        StatusError: 502 if its expression, which stands at `key`, cannot be applied.

    """
    try:
        return action.result.of_value(document)
    except ExpressionError as error:
        raise StatusError(502, f"{what}: {key} {error}") from None


def is_of(found: Object, call: Call) -> bool:
    """Return whether an object is in the namespace of a call."""
    return not call.namespace or found["metadata"]["namespace"] == call.namespace


def _following(action: Action, document: object, what: str) -> list[tuple[str, str]] | None:
    """Return the parameters of the next page, None if there is none. Of a URL only they count: path and host stay those of the mapping."""
    if action.next is None:
        return None
    try:
        value = action.next.of_value(document)
    except ExpressionError as error:
        raise StatusError(502, f"{what}: list.next {error}") from None
    if value is None or value is False or value == "":
        return None
    text = text_of_name(value) or ""
    if action.next_parameter and text.isprintable() and 0 < len(text) <= _LONGEST_TOKEN:
        return [(action.next_parameter, text)]
    if not action.next_parameter and "?" in text and text.isprintable() and len(text) <= _LONGEST_TOKEN:
        return parse_qsl(text.partition("?")[2].partition("#")[0], keep_blank_values=True)
    expected = "a short string or a number" if action.next_parameter else "a URL with a query"
    raise StatusError(
        502, f"{what}: list.next {quoted(action.next.text)} gives {shown(value)}, and must give {expected}"
    )
