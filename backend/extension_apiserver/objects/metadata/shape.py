"""ObjectMeta's shape: what is no part of it goes, what is empty goes, and a value of a wrong type is refused in Go's words.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/apis/meta/v1/types.go
https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/schema/objectmeta/coerce.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

from extension_apiserver.objects.go_words import kind_words, not_of_go, quote
from extension_apiserver.objects.values import Object, Value

from .times import moment, written

#: An object is copied by its fields; "text", "int64", "bool", "time", "texts", "map" and "raw" say how.
_Fields = Mapping[str, str]
_OWNER: Final[_Fields] = {
    "apiVersion": "text",
    "kind": "text",
    "name": "text",
    "uid": "text",
    "controller": "bool",
    "blockOwnerDeletion": "bool",
}
_ENTRY: Final[_Fields] = {
    "manager": "text",
    "operation": "text",
    "apiVersion": "text",
    "time": "time",
    "fieldsType": "text",
    "fieldsV1": "raw",
    "subresource": "text",
}
_META: Final[_Fields] = {
    "name": "text",
    "generateName": "text",
    "namespace": "text",
    "selfLink": "text",
    "uid": "text",
    "resourceVersion": "text",
    "generation": "int64",
    "creationTimestamp": "time",
    "deletionTimestamp": "time",
    "deletionGracePeriodSeconds": "int64",
    "labels": "map",
    "annotations": "map",
    "ownerReferences": "owners",
    "finalizers": "texts",
    "managedFields": "entries",
}
_LISTS = {
    "owners": (_OWNER, "OwnerReference", "[]v1.OwnerReference", "v1.OwnerReference"),
    "entries": (_ENTRY, "ManagedFieldsEntry", "[]v1.ManagedFieldsEntry", "v1.ManagedFieldsEntry"),
}
_GO_TYPES = {"text": "string", "int64": "int64", "bool": "bool", "texts": "[]string", "map": "map[string]string"}
#: Written even when it is 0, since it is a pointer.
_KEPT = {"deletionGracePeriodSeconds"}


class WrongTypeError(ValueError):
    """The metadata has a value of a wrong type; says which, in Go's words."""


def shaped(metadata: Value, path: str) -> tuple[Object, list[str]]:
    """Return the metadata as it is stored, and the paths of fields that ObjectMeta does not have.

    Args:
        metadata: as it was sent.
        path: its own, `metadata`, or where an embedded resource has it.

    Raises:
        WrongTypeError: a value is of a wrong type.

    """
    if metadata is None:
        return {}, []
    if not isinstance(metadata, dict):
        raise WrongTypeError(not_of_go(metadata, "v1.ObjectMeta"))
    reader = _Reader([])
    return reader.fields(metadata, _META, "ObjectMeta", (), path), reader.unknown


@dataclasses.dataclass(frozen=True, slots=True)
class _Reader:
    unknown: list[str]

    def fields(self, value: Object, known: _Fields, struct: str, stack: Sequence[str], path: str) -> Object:
        clean: Object = {}
        for name, item in value.items():
            if name not in known:
                self.unknown.append(f"{path}.{name}")
            elif item is not None:
                read = self._field(item, known[name], struct, (*stack, name), f"{path}.{name}")
                if read or read is False or name in _KEPT:
                    clean[name] = read
        if known is _OWNER:
            return {**dict.fromkeys(("apiVersion", "kind", "name", "uid"), ""), **clean}
        return clean

    def _field(self, item: Value, how: str, struct: str, stack: Sequence[str], path: str) -> Value:
        if how == "raw":
            return item
        if how == "time":
            return _time(item)
        if how in _LISTS:
            return self._list(item, how, struct, stack, path)
        if how == "texts":
            _expect(item, list, "texts", struct, stack)
            return [self._text(one, struct, stack) for one in item]
        if how == "map":
            _expect(item, dict, "map", struct, stack)
            return {name: self._text(one, struct, stack) for name, one in item.items()}
        if how == "int64" and (isinstance(item, bool) or not isinstance(item, int)):
            said = f"number {item}" if isinstance(item, float) else kind_words(item)
            raise WrongTypeError(_refusal(said, "int64", struct, stack))
        if how in {"text", "bool"}:
            _expect(item, str if how == "text" else bool, how, struct, stack)
        return item

    def _list(self, item: Value, how: str, struct: str, stack: Sequence[str], path: str) -> list[Object]:
        known, name, list_type, item_type = _LISTS[how]
        if not isinstance(item, list):
            raise WrongTypeError(_refusal(kind_words(item), list_type, struct, stack))
        read = []
        for index, one in enumerate(item):
            if one is not None and not isinstance(one, dict):
                raise WrongTypeError(_refusal(kind_words(one), item_type, struct, stack))
            read.append(self.fields(one or {}, known, name, stack, f"{path}[{index}]"))
        return read

    def _text(self, one: Value, struct: str, stack: Sequence[str]) -> str:
        if one is None:
            return ""
        _expect(one, str, "text", struct, stack)
        return str(one)


def _expect(item: Value, kind: type, how: str, struct: str, stack: Sequence[str]) -> None:
    if not isinstance(item, kind):
        wanted = "types.UID" if stack[-1] == "uid" else _GO_TYPES[how]
        raise WrongTypeError(_refusal(kind_words(item), wanted, struct, stack))


def _refusal(said: str, wanted: str, struct: str, stack: Sequence[str]) -> str:
    return f"json: cannot unmarshal {said} into Go struct field {struct}.{'.'.join(stack)} of type {wanted}"


def _time(item: Value) -> str:
    if not isinstance(item, str):
        raise WrongTypeError(not_of_go(item, "string"))
    when = moment(item)
    if when is None:
        raise WrongTypeError(f'parsing time {quote(item)} as "2006-01-02T15:04:05Z07:00": it is no such moment')
    return written(when)
