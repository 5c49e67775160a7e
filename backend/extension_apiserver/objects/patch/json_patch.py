"""JSON Patch, RFC 6902, as kube-apiserver does it by evanphx/json-patch v4.

It differs from the RFC: `replace` sets what is not there, `test` for null passes where nothing is, negative indexes count from the end, and the
whole object can be replaced, but not added. A library of PyPI that keeps the RFC would refuse what clients send to a CustomResourceDefinition.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from extension_apiserver.objects.go_words import not_of_go, shortened
from extension_apiserver.objects.json_text import refuse_depth
from extension_apiserver.objects.values import Object, Value, copied, same
from extension_apiserver.status import StatusError

from .pointer import Container, PatchError, find, get, index_of

#: https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/patch.go (maxJSONPatchOperations)
MOST_OPERATIONS = 10_000
#: By which all copies of a patch may make an object grow; JSONPatchMaxCopyBytes of kube-apiserver.
MOST_COPIED_BYTES = 3 * 1024 * 1024
#: Items of lists that all operations may push aside: each insertion at the front of a long list moves all of it.
MOST_MOVED_ITEMS = 500_000_000
_REJECTED = "the server rejected our request due to an error in our request"


def json_patch(value: Object, patch: Value) -> Value:
    """Return a patched object.

    Args:
        value: stays as it is.
        patch: as it was sent, parsed.

    Raises:
        StatusError: 400, it is no patch; 413, it has more than MOST_OPERATIONS; 422, an operation cannot be done.

    """
    if not isinstance(patch, list):
        raise StatusError(400, f"error decoding patch: {not_of_go(patch, '[]handlers.jsonPatchOp')}")
    for one in patch:
        if not isinstance(one, dict):
            raise StatusError(400, f"error decoding patch: {not_of_go(one, 'handlers.jsonPatchOp')}")
    if len(patch) > MOST_OPERATIONS:
        raise StatusError(413, f"The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {len(patch)}")
    document = _Document(copied(value))
    try:
        for operation in patch:
            document.apply(operation)
    except PatchError as error:
        raise StatusError(422, f"{_REJECTED}: {error}", reason="Invalid") from None
    except RecursionError:
        raise StatusError(422, f"{_REJECTED}: the object is nested too deep") from None
    refuse_depth(document.root, 422)
    return document.root


class _Document:
    """What is patched, and how much that has cost."""

    def __init__(self, root: Value) -> None:
        self.root = root
        self._copied_bytes = 0
        self._moved_items = 0

    def apply(self, operation: Object) -> None:
        known: Mapping[Value, Callable[[Object], None]] = {
            "add": self._add,
            "remove": self._remove,
            "replace": self._replace,
            "move": self._move,
            "test": self._test,
            "copy": self._copy,
        }
        kind = operation.get("op")
        if not isinstance(kind, str) or kind not in known:
            raise PatchError(f"Unexpected kind: {shortened(kind) if isinstance(kind, str) else 'unknown'}")
        known[kind](operation)

    def _add(self, operation: Object) -> None:
        path = _text(operation, "path", "add")
        holder, key = self._holder(path, "add operation does not apply: doc is missing path")
        self._put(holder, key, copied(operation.get("value")), f"error in add for path: '{shortened(path)}'")

    def _remove(self, operation: Object) -> None:
        path = _text(operation, "path", "remove")
        holder, key = self._holder(path, "remove operation does not apply: doc is missing path")
        self._take(holder, key, f"error in remove for path: '{shortened(path)}'")

    def _replace(self, operation: Object) -> None:
        path, value = _text(operation, "path", "replace"), copied(operation.get("value"))
        if not path:
            if not isinstance(value, dict | list):
                raise PatchError("replace operation value must be object or array")
            self.root = value
            return
        holder, key = self._holder(path, "replace operation does not apply: doc is missing path")
        if isinstance(holder, dict):
            holder[key] = value
        else:
            holder[
                _index(holder, key, 0, f"replace operation does not apply: doc is missing key: {shortened(path)}")
            ] = value

    def _move(self, operation: Object) -> None:
        source, path = _text(operation, "from", "move"), _text(operation, "path", "move")
        holder, key = self._holder(source, "move operation does not apply: doc is missing from path")
        value = self._take(holder, key, f"error in move for path: '{shortened(key)}'")
        holder, key = self._holder(path, "move operation does not apply: doc is missing destination path")
        self._put(holder, key, value, f"error in move for path: '{shortened(path)}'")

    def _copy(self, operation: Object) -> None:
        source, path = _text(operation, "from", "copy"), _text(operation, "path", "copy")
        holder, key = self._holder(source, "copy operation does not apply: doc is missing from path")
        value = _got(holder, key, f"error in copy for from: '{shortened(source)}'")
        holder, key = self._holder(path, "copy operation does not apply: doc is missing destination path")
        self._copied_bytes += len(json.dumps(value, separators=(",", ":")))
        if self._copied_bytes > MOST_COPIED_BYTES:
            raise PatchError(
                f"Unable to complete the copy, the accumulated size increase of copy is {self._copied_bytes}, "
                f"exceeding the limit {MOST_COPIED_BYTES}"
            )
        self._put(holder, key, copied(value), "error while adding value during copy")

    def _test(self, operation: Object) -> None:
        path, value = _text(operation, "path", "test"), operation.get("value")
        if path:
            holder, key = self._holder(path, "test operation does not apply: is missing path")
            there = _got(holder, key, f"error in test for path: '{shortened(path)}'")
        else:
            there = self.root
        if not same(there, value):
            raise PatchError(f"testing value {shortened(path)} failed: test failed")

    def _holder(self, path: str, otherwise: str) -> tuple[Container, str]:
        found = find(self.root, path)
        if found is None:
            raise PatchError(f'{otherwise}: "{shortened(path)}": missing value')
        return found

    def _put(self, holder: Container, key: str, value: Value, otherwise: str) -> None:
        if isinstance(holder, dict):
            holder[key] = value
        elif key == "-":
            holder.append(value)
        else:
            index = _index(holder, key, 1, otherwise)
            self._count(len(holder) - index)
            holder.insert(index, value)

    def _take(self, holder: Container, key: str, otherwise: str) -> Value:
        if isinstance(holder, dict):
            if key not in holder:
                raise PatchError(f"{otherwise}: Unable to remove nonexistent key: {shortened(key)}: missing value")
            return holder.pop(key)
        index = _index(holder, key, 0, otherwise)
        self._count(len(holder) - index)
        return holder.pop(index)

    def _count(self, items: int) -> None:
        self._moved_items += items
        if self._moved_items > MOST_MOVED_ITEMS:
            raise PatchError("the operations move too many items of lists: replace the list instead")


def _index(holder: list[Value], key: str, more: int, otherwise: str) -> int:
    try:
        return index_of(holder, key, more)
    except PatchError as error:
        raise PatchError(f"{otherwise}: {error}") from None


def _got(holder: Container, key: str, otherwise: str) -> Value:
    try:
        return get(holder, key)
    except PatchError as error:
        raise PatchError(f"{otherwise}: {error}") from None


def _text(operation: Object, name: str, kind: str) -> str:
    text = operation.get(name)
    if not isinstance(text, str):
        raise PatchError(f"{kind} operation failed to decode {name}: missing value")
    return text
