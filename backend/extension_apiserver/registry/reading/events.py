"""What a watch tells of a change. All who watch the same get the same bytes, which are made once."""

from __future__ import annotations

from extension_apiserver.registry.kept import Kept
from extension_apiserver.status import StatusError
from extension_apiserver.store.protocol import Change, Stored

from .forms.form import Form, Forms
from .forms.recent import Recent
from .selection import Seen, Selection

#: Of lines, and of what selectors compare, for those who are told of the same change soon after.
_MOST_BYTES = 16 * 2**20
#: Of what a key and an entry take.
_OVERHEAD_BYTES = 500


class Events:
    """Makes the lines of one resource's watches."""

    def __init__(self, kept: Kept, forms: Forms) -> None:
        self._kept = kept
        self._forms = forms
        self._lines: Recent[bytes] = Recent(_MOST_BYTES)
        self._seen: Recent[Seen] = Recent(_MOST_BYTES)

    def of_change(self, change: Change, selection: Selection, form: Form, *, columns: bool) -> bytes | None:
        """Return the line for a change, None if what is selected did not change.

        Args:
            change: of an object.
            selection: of the watch.
            form: of the watch.
            columns: a Table says which columns it has.

        Raises:
            StatusError: 500, a conversion failed.

        """
        if not selection.takes(change.key):
            return None
        before = change.previous is not None and self._selects(change, change.previous, selection, now=False)
        now = change.value is not None and self._selects(change, change.value, selection, now=True)
        if not (before or now):
            return None
        kind = ("MODIFIED" if before else "ADDED") if now else "DELETED"
        key = (change.revision, kind, form, selection.version, columns)
        line = self._lines.get(key)
        if line is None:
            # Who loses sight of an object is told of the last state that was seen, with the revision of the change.
            value = (change.value if now else change.previous) or b""
            whole = self._forms.whole(form, selection.version, value, change.revision, state=now, columns=columns)
            line = _line(kind, whole)
            self._lines.put(key, line, len(line) + _OVERHEAD_BYTES)
        return line

    def of_object(self, found: Stored, selection: Selection, form: Form, *, columns: bool) -> bytes | None:
        """Return the line for an object that was there when the watch began, None if it is not selected; the arguments as for `of_change`."""
        if not selection.empty and not selection.selects(found.key, Seen(found.value)):
            return None
        return _line("ADDED", self._forms.whole(form, selection.version, found.value, found.revision, columns=columns))

    def bookmark(self, version: str, form: Form, revision: int, *, initial_end: bool, columns: bool) -> bytes:
        """Return the line that says up to where everything has been told."""
        return _line(
            "BOOKMARK", self._forms.bookmark(form, version, revision, initial_end=initial_end, columns=columns)
        )

    @staticmethod
    def error(error: StatusError) -> bytes:
        """Return the line that ends a watch."""
        return _line("ERROR", error.body().rstrip())

    def _selects(self, change: Change, value: bytes, selection: Selection, *, now: bool) -> bool:
        if not selection.reads:
            return True
        key = (change.revision, now, selection.version if selection.fields else "")
        seen = self._seen.get(key)
        if seen is None:
            seen = Seen(value)
            self._seen.put(key, seen, seen.settled(selection) + _OVERHEAD_BYTES)
        return selection.selects(change.key, seen)


def _line(kind: str, item: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), item)
