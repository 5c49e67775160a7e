"""The forms in which an object can be asked for, as JSON made of what the store has: plain, a row of a Table, PartialObjectMetadata.

https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

from extension_apiserver.api.column import NAME_COLUMN
from extension_apiserver.api.negotiation import as_kind
from extension_apiserver.objects.values import Object
from extension_apiserver.registry.kept import Kept
from extension_apiserver.request import Request
from extension_apiserver.status import StatusError

from .cells import Cells

_META = "meta.k8s.io"
_TABLE, _PARTIAL = "Table", "PartialObjectMetadata"
_VERSIONS = ("v1", "v1beta1")
_PLAIN = [("", "", "")]
_TABLES = [(_TABLE, _META, version) for version in _VERSIONS]
#: Values of (as, group, version) in Accept for one object and for events, and for a list.
OBJECT = (*_PLAIN, *_TABLES, *((_PARTIAL, _META, version) for version in _VERSIONS))
LIST = (*_PLAIN, *_TABLES, *((f"{_PARTIAL}List", _META, version) for version in _VERSIONS))

_METADATA = '"metadata":'
_DECODER = json.JSONDecoder()


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """One form.

    Attributes:
        kind: "" for the object as it is, Table or PartialObjectMetadata.
        meta_version: of the kind.
        include_object: how much of its object a row of a Table carries: None, Metadata or Object.

    """

    kind: str = ""
    meta_version: str = ""
    include_object: str = ""

    @property
    def is_table(self) -> bool:
        """Whether it is a Table."""
        return self.kind == _TABLE


def wanted(
    request: Request, query: Mapping[str, Sequence[str]], kinds: Sequence[tuple[str, str, str]] = OBJECT
) -> Form:
    """Return the form that a request asks for, of those that there are.

    Raises:
        StatusError: 406, there is no such form; 400, a row cannot carry that.

    """
    kind, _, meta_version = as_kind(request.header(b"accept"), kinds)
    if kind != _TABLE:
        return Form(kind.removesuffix("List"), meta_version)
    value = query.get("includeObject", [""])[0]
    if value not in {"", "None", "Metadata", "Object"}:
        why = f"includeObject: Invalid value: {json.dumps(value)}: must be 'Metadata', 'Object', 'None', or empty"
        raise StatusError(400, f"Unable to convert to Table as requested: {why}")
    return Form(kind, meta_version, value or "Metadata")


class Forms:
    """Makes the JSON of one resource's objects; for any thread."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._cells = Cells(kept.resource.plural)

    def item(self, form: Form, version: str, value: bytes, revision: int, *, state: bool = True) -> bytes:
        """Return an object as the store has it as an item of a list of that form: for a Table, its row.

        Args:
            form: of the list.
            version: of the request.
            value: as the store has it.
            revision: as `Kept.text` has it.
            state: the revision made the object what it is; a deletion's did not.

        Raises:
            StatusError: 500, a conversion failed.

        """
        if not form.kind:
            return self._kept.text(value, revision, version)
        if not form.is_table:
            return _partial(form, _metadata(value, revision))
        columns = self._kept.columns(version)
        cells = self._cells.text(
            columns, version, lambda: self._kept.object(value, revision, version), revision if state else None
        )
        included = b"null"
        if form.include_object == "Object":
            included = self._kept.text(value, revision, version)
        elif form.include_object == "Metadata":
            included = _partial(form, _metadata(value, revision))
        return _row(cells, included)

    def whole(
        self, form: Form, version: str, value: bytes, revision: int, *, state: bool = True, columns: bool = True
    ) -> bytes:
        """Return an object as the store has it in a form, by itself; the arguments as for `item` and `table`, and so is what is raised."""
        item = self.item(form, version, value, revision, state=state)
        return self.table(form, version, item, str(revision), columns=columns) if form.is_table else item

    def of_object(self, form: Form, version: str, item: Object) -> bytes:
        """Return an object of the version in a form, by itself."""
        if not form.kind:
            return self._kept.encoded(item)
        metadata = json.dumps(item["metadata"], ensure_ascii=False, separators=(",", ":")).encode()
        if not form.is_table:
            return _partial(form, metadata)
        cells = self._cells.text(self._kept.columns(version), version, lambda: item)
        included = b"null"
        if form.include_object == "Object":
            included = self._kept.encoded(item)
        elif form.include_object == "Metadata":
            included = _partial(form, metadata)
        return self.table(form, version, _row(cells, included), item["metadata"].get("resourceVersion", ""))

    def table(self, form: Form, version: str, row: bytes, revision: str, *, columns: bool = True) -> bytes:
        """Return a Table of one row; without what says of its columns what a client knows already, if so wanted."""
        definitions = self.definitions(version) if columns else b"null"
        return b'{"kind":"Table","apiVersion":"%b","metadata":%b,"columnDefinitions":%b,"rows":[%b]}' % (
            f"{_META}/{form.meta_version}".encode(),
            json.dumps({"resourceVersion": revision} if revision else {}).encode(),
            definitions,
            row,
        )

    def bookmark(self, form: Form, version: str, revision: int, *, initial_end: bool, columns: bool) -> bytes:
        """Return what a bookmark carries: a revision, and whether with it the state is complete that a watch began with."""
        metadata: Object = {"resourceVersion": str(revision)}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        text = json.dumps(metadata).encode()
        gist = f'{{"kind":"{self._kept.resource.kind}","apiVersion":"{self._kept.group}/{version}","metadata":'.encode()
        plain = b"%b%b}" % (gist, text)
        if not form.is_table:
            return _partial(form, text) if form.kind else plain
        included = plain if form.include_object == "Object" else _partial(form, text)
        if form.include_object == "None" and not initial_end:
            included = b"null"
        cells = json.dumps(["", *(None for _ in self._kept.columns(version))]).encode()
        return self.table(form, version, _row(cells, included), str(revision), columns=columns)

    def definitions(self, version: str) -> bytes:
        """Return what a Table says of its columns."""
        found = [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format,
                "description": column.description or column.name,
                "priority": column.priority,
            }
            for column in (NAME_COLUMN, *self._kept.columns(version))
        ]
        return json.dumps(found, ensure_ascii=False).encode()


def _row(cells: bytes, included: bytes) -> bytes:
    return b'{"cells":%b,"object":%b}' % (cells, included)


def _partial(form: Form, metadata: bytes) -> bytes:
    return b'{"kind":"PartialObjectMetadata","apiVersion":"%b","metadata":%b}' % (
        f"{_META}/{form.meta_version}".encode(),
        metadata,
    )


def metadata_of(value: bytes) -> Object:
    """Return the metadata of an object as the store has it, which has no resourceVersion; the rest is not read."""
    return _found(value)[0]


def _metadata(value: bytes, revision: int) -> bytes:
    """Return the metadata of an object as the store has it, with its resourceVersion. Versions do not differ in it."""
    _, text, begin, end = _found(value)
    return f'{{"resourceVersion":"{revision}",{text[begin + 1 : end]}'.encode()


def _found(value: bytes) -> tuple[Object, str, int, int]:
    text = value.decode()
    begin = text.index(_METADATA) + len(_METADATA)
    metadata, end = _DECODER.raw_decode(text, begin)
    return metadata, text, begin, end
