"""Files that change while the program runs, as the kubelet changes those of a Secret."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Stamp = tuple[tuple[int, int, int], ...]
#: No key, certificate or bundle has more.
_MOST_BYTES = 2**20

_log = logging.getLogger(__name__)


class FileError(ValueError):
    """A file can't be used; the message names it and says why."""


def stamp(files: Sequence[Path]) -> Stamp | None:
    """Return what changes when one of the files does; None if one can't be found."""
    # A mounted Secret is replaced by swapping a symbolic link, so the inode changes in any case.
    try:
        return tuple((s.st_ino, s.st_mtime_ns, s.st_size) for s in map(os.stat, files))
    except (OSError, ValueError):
        return None


def read(file: Path) -> bytes:
    """Return what is in a file.

    Raises:
        FileError: if it can't be read, is no file or has more than 1 MiB.

    """
    try:
        # A pipe would be waited for.
        if not stat.S_ISREG(file.stat().st_mode):
            raise FileError(f"{file} cannot be read: it is no file")
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise FileError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > _MOST_BYTES:
        raise FileError(f"{file} has more than {_MOST_BYTES} bytes")
    return content


def no_password() -> str:
    """Refuse to tell one; otherwise OpenSSL asks the terminal."""
    raise ValueError("the key is encrypted")


@contextlib.contextmanager
def as_file(content: bytes) -> Iterator[str]:
    """Python's ssl takes a pair only from files; what was read once must not be read again, when it may be another."""
    descriptor = os.memfd_create("pem")
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


class Reloaded(Generic[T]):
    """What is made of files: anew when they change, and the last good one while they can't be used.

    Attributes:
        complaint: why the files of now are not in use, in words; None if they are.

    """

    def __init__(self, files: Sequence[Path], make: Callable[[], T]) -> None:
        """Make it.

        Args:
            files: what is looked at.
            make: reads them; raises FileError.

        Raises:
            FileError: if they can't be used.

        """
        self._files = files
        self._make = make
        self.complaint: str | None = None
        self._seen = stamp(files)
        self._value = make()

    def value(self) -> T:
        """Return what the files of now make, or the last that could be used; that it is the last is in the log, once."""
        now = stamp(self._files)
        if now == self._seen:
            return self._value
        try:
            value = self._make()
        except FileError as error:
            if str(error) != self.complaint:
                _log.error("%s; what was read before stays in use", error)
            self.complaint = str(error)
        else:
            self._value, self.complaint = value, None
        # What changed between is looked at once more, as half of it may be old and half new.
        self._seen = now if stamp(self._files) == now else None
        return self._value
