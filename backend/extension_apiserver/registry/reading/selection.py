"""Which objects a list or watch selects: by their keys where that tells, else by their labels, and only then by their fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from extension_apiserver.objects.go_words import number, quote
from extension_apiserver.objects.values import Object, Value
from extension_apiserver.registry.kept import Kept
from extension_apiserver.selectors.asked import field_terms
from extension_apiserver.selectors.labels import Requirement, label_requirements, whole_number
from extension_apiserver.status import StatusError
from extension_apiserver.store.protocol import Key

from .forms.form import metadata_of
from .options import Query

_NAME, _NAMESPACE = "metadata.name", "metadata.namespace"


class Seen:
    """An object as the store has it, of which what selectors ask for is read once."""

    __slots__ = ("_items", "_labels", "value")

    def __init__(self, value: bytes) -> None:
        self.value = value
        self._labels: Mapping[str, str] | None = None
        self._items: dict[str, Object] = {}

    def labels(self) -> Mapping[str, str]:
        """Return its labels."""
        if self._labels is None:
            self._labels = metadata_of(self.value).get("labels") or {}
        return self._labels

    def item(self, kept: Kept, version: str) -> Object:
        """Return it in a version.

        Raises:
            StatusError: 500, a conversion failed.

        """
        if version not in self._items:
            self._items[version] = kept.object(self.value, 0, version)
        return self._items[version]


class Labels:
    """The requirements of a label selector, so arranged that an object costs what its own labels do, however many requirements there are."""

    def __init__(self, requirements: Sequence[Requirement]) -> None:
        self._needed: dict[str, frozenset[str] | None] = {}
        self._unwanted: dict[str, set[str] | None] = {}
        self._between: dict[str, tuple[int, int]] = {}
        for one in requirements:
            if one.operator == "DoesNotExist":
                self._unwanted[one.key] = None
            elif one.operator == "NotIn":
                unwanted = self._unwanted.setdefault(one.key, set())
                if unwanted is not None:
                    unwanted |= one.values
            elif one.operator == "In":
                known = self._needed.get(one.key)
                self._needed[one.key] = one.values if known is None else known & one.values
            else:
                self._needed.setdefault(one.key, None)
                if one.operator != "Exists":
                    low, high = self._between.get(one.key, (-(2**64), 2**64))
                    bounds = (max(low, one.number), high) if one.operator == "Gt" else (low, min(high, one.number))
                    self._between[one.key] = bounds

    def __bool__(self) -> bool:
        """Whether anything is required."""
        return bool(self._needed or self._unwanted)

    def select(self, labels: Mapping[str, str]) -> bool:
        """Return whether something with these labels is selected."""
        if len(self._needed) > len(labels):
            return False
        for key, values in self._needed.items():
            if key not in labels or (values is not None and labels[key] not in values):
                return False
        for key, (low, high) in self._between.items():
            number = whole_number(labels[key])
            if number is None or not low < number < high:
                return False
        if self._unwanted:
            for key, value in labels.items():
                if key in self._unwanted:
                    unwanted = self._unwanted[key]
                    if unwanted is None or value in unwanted:
                        return False
        return True


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """What is selected.

    Attributes:
        version: of the request, in which fields are meant.
        namespace: the only one, None for all.
        name: the only one, None for any.

    """

    kept: Kept
    version: str
    namespace: str | None
    name: str | None
    _labels: Labels
    _keys: Sequence[tuple[str, bool, str]]
    _fields: Sequence[tuple[Sequence[str], bool, str]]

    @property
    def empty(self) -> bool:
        """Whether nothing is left out."""
        return not (self._keys or self.reads)

    @property
    def reads(self) -> bool:
        """Whether an object must be read."""
        return bool(self._labels or self._fields)

    def takes(self, key: Key) -> bool:
        """Return whether an object there may be selected."""
        for field, same, value in self._keys:
            if ((key.name if field == _NAME else key.namespace) == value) is not same:
                return False
        return True

    def selects(self, key: Key, seen: Seen) -> bool:
        """Return whether an object is selected.

        Raises:
            StatusError: 500, a conversion failed.

        """
        if not self.takes(key):
            return False
        if self._labels and not self._labels.select(seen.labels()):
            return False
        if not self._fields:
            return True
        item = seen.item(self.kept, self.version)
        return all((_text(item, path) == wanted) is same for path, same, wanted in self._fields)


def selection_of(query: Query, kept: Kept, version: str, namespace: str) -> Selection:
    """Return what a request selects; `namespace` is that of its path, "" for none.

    Raises:
        StatusError: 400, a selector cannot be read, or asks for a field that cannot be selected by.

    """
    labels = Labels([one for text in query.get("labelSelector", ())[:1] for one in label_requirements(text)])
    keys: list[tuple[str, bool, str]] = []
    fields: list[tuple[Sequence[str], bool, str]] = []
    selectable = {field.removeprefix(".") for field in kept.resource.selectable_fields}
    for field, same, value in dict.fromkeys(field_terms(query.get("fieldSelector", ())[:1])):
        if field == _NAME or (field == _NAMESPACE and kept.resource.namespaced):
            keys.append((field, same, value))
        elif field in selectable:
            fields.append((field.split("."), same, value))
        else:
            raise StatusError(400, f"field label not supported: {quote(field)[1:-1]}")
    names, namespaces = (
        [value for field, same, value in keys if same and field == wanted] for wanted in (_NAME, _NAMESPACE)
    )
    only = namespace or next(iter(namespaces), None)
    return Selection(kept, version, only, next(iter(names), None), labels, keys, fields)


def _text(item: Object, path: Sequence[str]) -> str:
    """Return a field as selectors compare it."""
    value: Value = item
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return number(value) if isinstance(value, int | float) else str(value)
