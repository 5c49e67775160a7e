"""Which objects a list or watch selects: by their keys where that tells, else by their labels, and only then by their fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from extension_apiserver.objects.go_words import number, quote
from extension_apiserver.objects.values import Object, Value
from extension_apiserver.registry.kept import Kept
from extension_apiserver.selectors.asked import field_terms
from extension_apiserver.selectors.labels import label_requirements
from extension_apiserver.status import StatusError
from extension_apiserver.store.protocol import Key

from .forms.form import metadata_of
from .options import Query
from .terms import Labels, Texts

#: Of a short string, and its place in a dict.
_STRING_BYTES = 100
_NAME, _NAMESPACE = "metadata.name", "metadata.namespace"


class Seen:
    """An object as the store has it, of which what selectors ask for is read once."""

    __slots__ = ("_labels", "_texts", "_value")

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._labels: Mapping[str, str] | None = None
        self._texts: Mapping[str, str] | None = None

    def labels(self) -> Mapping[str, str]:
        """Return its labels."""
        if self._labels is None:
            self._labels = metadata_of(self._value).get("labels") or {}
        return self._labels

    def texts(self, kept: Kept, version: str) -> Mapping[str, str]:
        """Return the fields that can be selected by, in one version, as selectors compare them.

        Raises:
            StatusError: 500, a conversion failed.

        """
        if self._texts is None:
            item = kept.object(self._value, 0, version)
            paths = (field.removeprefix(".") for field in kept.resource.selectable_fields)
            self._texts = {path: _text(item, path.split(".")) for path in paths}
        return self._texts

    def settled(self, selection: Selection) -> int:
        """Read what the selection asks for, forget the rest, and return how many bytes are left."""
        self.labels()
        left = self._labels or {}
        if selection.fields:
            left = {**left, **self.texts(selection.kept, selection.version)}
        self._value = b""
        return sum(len(name) + len(value) + _STRING_BYTES for name, value in left.items())


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """What is selected.

    Attributes:
        version: of the request, in which fields are meant.
        namespace: the only one, None for all.
        name: the only one, None for any.
        fields: of objects, and what they must be.

    """

    kept: Kept
    version: str
    namespace: str | None
    name: str | None
    fields: Mapping[str, Texts]
    _labels: Labels
    _keys: Mapping[str, Texts]

    @property
    def empty(self) -> bool:
        """Whether nothing is left out."""
        return not (self._keys or self.reads)

    @property
    def reads(self) -> bool:
        """Whether an object must be read."""
        return bool(self._labels or self.fields)

    def takes(self, key: Key) -> bool:
        """Return whether an object there may be selected."""
        return all(wanted.allow(key.name if field == _NAME else key.namespace) for field, wanted in self._keys.items())

    def selects(self, key: Key, seen: Seen) -> bool:
        """Return whether an object is selected.

        Raises:
            StatusError: 500, a conversion failed.

        """
        if not self.takes(key):
            return False
        if self._labels and not self._labels.select(seen.labels()):
            return False
        if not self.fields:
            return True
        texts = seen.texts(self.kept, self.version)
        return all(wanted.allow(texts[path]) for path, wanted in self.fields.items())


def selection_of(query: Query, kept: Kept, version: str, namespace: str) -> Selection:
    """Return what a request selects; `namespace` is that of its path, "" for none.

    Raises:
        StatusError: 400, a selector cannot be read, or asks for a field that cannot be selected by.

    """
    labels = Labels([one for text in query.get("labelSelector", ())[:1] for one in label_requirements(text)])
    keys: dict[str, Texts] = {}
    fields: dict[str, Texts] = {}
    selectable = {field.removeprefix(".") for field in kept.resource.selectable_fields}
    for field, same, value in field_terms(query.get("fieldSelector", ())[:1]):
        if field == _NAME or (field == _NAMESPACE and kept.resource.namespaced):
            found = keys
        elif field in selectable:
            found = fields
        else:
            raise StatusError(400, f"field label not supported: {quote(field)[1:-1]}")
        found.setdefault(field, Texts()).require(value, same=same)
    name, only = (keys[field].first if field in keys else None for field in (_NAME, _NAMESPACE))
    return Selection(kept, version, namespace or only, name, fields, labels, keys)


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
