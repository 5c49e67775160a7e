"""Makes an object of Kubernetes out of one item of an upstream."""

from __future__ import annotations

import datetime as dt
import logging
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from extension_apiserver.api.call import Call, Object
from extension_apiserver.status import StatusError

from .entries.entry import Entry
from .entries.expressions import Expression, ExpressionError
from .entries.paths import is_name
from .words import quoted, shown

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_WORD}")
_LABEL_VALUE = re.compile(rf"({_WORD})?")
_MOST_LABELS = 100
_SECONDS = re.compile(r"\d{9,20}(\.\d{1,9})?")
#: From here on it is not seconds but thousandths of what is below: 1e11 seconds are the year 5138.
_NO_SECONDS = 1e11
#: Space of uuid5, made for this once.
_UIDS = uuid.UUID("6f0c1a3e-6d0b-4d59-9d3d-0f7b7c0c3f0e")

_log = logging.getLogger(__name__)


class Objects:
    """What the items of one resource become."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._said: set[str] = set()

    def of(self, item: object, call: Call, where: str, *, scoped: bool) -> Object:
        """Return {metadata, spec}, with the item as `spec`; it need not be in the call's namespace.

        Args:
            item: what the upstream has.
            call: what for.
            where: the item is, for messages, such as 'GET /pets of the upstream: item 3'.
            scoped: the upstream was asked for the call's namespace, so an item that names none is in that.

        Raises:
            StatusError: 502 if it is no object, or has no name or namespace that Kubernetes can use.

        """
        if not isinstance(item, dict):
            raise StatusError(502, f"{where} is {shown(item)}, and must be an object")
        fields = self._entry.fields
        name = self._name(fields.name, "name", item, where)
        metadata: Object = {"name": name}
        if self._entry.namespaced:
            if scoped and (fields.namespace is None or self._given(fields.namespace, "namespace", item, where) is None):
                metadata["namespace"] = call.namespace
            elif fields.namespace is not None:
                metadata["namespace"] = self._name(fields.namespace, "namespace", item, where)
        labels = self._labels(item, where)
        if labels:
            metadata["labels"] = labels
        created = self._created(item, where)
        # Null says that it is unknown; without it, the library would say that it is now.
        metadata["creationTimestamp"] = created
        of_what = (
            call.api_version.partition("/")[0],
            self._entry.plural,
            metadata.get("namespace", ""),
            name,
            created or "",
        )
        metadata["uid"] = str(uuid.uuid5(_UIDS, "/".join(of_what)))
        return {"metadata": metadata, "spec": item}

    def _given(self, expression: Expression, key: str, item: object, where: str) -> Any:  # noqa: ANN401 - what JSON can say
        try:
            return expression.of_value(item)
        except ExpressionError as error:
            raise StatusError(502, f"{where}: fields.{key} {error}") from None

    def _name(self, expression: Expression, key: str, item: object, where: str) -> str:
        value = self._given(expression, key, item, where)
        text = text_of_name(value)
        if value is None or text is None:
            raise StatusError(
                502, f"{where} has no {key} (fields.{key} {quoted(expression.text)} gives {shown(value)})"
            )
        if not is_name(text):
            raise StatusError(
                502,
                f"{where} has the {key} {quoted(text)}, which no object can have: it must be printable, 1 to 253 characters, not '.' or "
                "'..', without / % \\",
            )
        return text

    def _labels(self, item: object, where: str) -> dict[str, str]:
        """Return the labels; what can be none stays in the spec alone, and the log says so once."""
        expression = self._entry.fields.labels
        value = self._given(expression, "labels", item, where) if expression else None
        if value is None:
            return {}
        if isinstance(value, list):
            value = dict.fromkeys((one for one in value if isinstance(one, str)), "")
        if not isinstance(value, Mapping):
            self._remark(
                "labels", f"{where}: fields.labels gives {shown(value)}, and must give an object or a list of strings"
            )
            return {}
        found: dict[str, str] = {}
        for key, text in _label_texts(value):
            if (
                text is None
                or not _LABEL_KEY.fullmatch(key)
                or not _LABEL_VALUE.fullmatch(text)
                or len(found) >= _MOST_LABELS
            ):
                self._remark("labels", f"{where}: {quoted(key)} with {shown(value[key])} can be no label")
            else:
                found[key] = text
        return found

    def _created(self, item: object, where: str) -> str | None:
        expression = self._entry.fields.creation_timestamp
        value = self._given(expression, "creationTimestamp", item, where) if expression else None
        created = timestamp(value)
        if created is None and value is not None:
            self._remark(
                "creationTimestamp", f"{where}: fields.creationTimestamp gives {shown(value)}, which is no time"
            )
        return created

    def _remark(self, what: str, sentence: str) -> None:
        if what not in self._said:
            self._said.add(what)
            _log.warning("%s: %s; it stays in the spec alone, and this is said once", self._entry.place, sentence)


def text_of_name(value: object) -> str | None:
    """Return a name as text: a string, or a whole number; None for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def timestamp(value: object) -> str | None:
    """Return a time as Kubernetes writes it, None if it is none.

    Args:
        value: ISO 8601, without a zone in UTC; or seconds since 1970, or milli-, micro- or nanoseconds.

    """
    if isinstance(value, str):
        try:
            value = float(value) if _SECONDS.fullmatch(value) else dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            for _ in range(3):
                value = value / 1000 if abs(value) >= _NO_SECONDS else value
            value = dt.datetime.fromtimestamp(value, dt.UTC)
        if not isinstance(value, dt.datetime):
            return None
        value = value.replace(tzinfo=value.tzinfo or dt.UTC).astimezone(dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return f"{value.replace(microsecond=0, tzinfo=None).isoformat()}Z"


def _label_texts(labels: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield key and value; numbers and booleans as text, None for what has none."""
    for key, value in labels.items():
        if isinstance(value, bool):
            yield key, str(value).lower()
        elif value is not None:
            yield key, text_of_name(value)
