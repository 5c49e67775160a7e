"""Where built things are kept, one lock per thing, and room to build them."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say
from pytest_apiservice.programs import older


def cache_dir() -> Path:
    """Return the cache folder: $APISERVICE_CACHE, else pytest-apiservice in the user's cache folder; made if missing.

    Raises:
        HarnessError: it cannot be made, or an older version's is there instead.
    """
    older.refuse_settings()
    named = os.environ.get("APISERVICE_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(named) if named else Path(base) / "pytest-apiservice"
    if not named:
        older.refuse_cache(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(
            f"cannot make the cache folder {directory} ({error.strerror}): set APISERVICE_CACHE to one you can write"
        ) from error
    return directory


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock ``name`` against other runs of this user; a run that dies gives it back by itself."""
    directory = cache_dir() / "locks"
    directory.mkdir(exist_ok=True)
    with (directory / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"... waiting for another run that holds '{name}'")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield a new folder beside ``target``, which becomes that at the end, and goes if the block fails: nobody ever finds half of it."""
    building = Path(tempfile.mkdtemp(prefix=f".building-{target.name}-", dir=target.parent))
    try:
        yield building
        building.chmod(0o755)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def digest(paths: Iterable[Path], *words: str) -> str:
    """Return 12 hex digits that change with the names and contents of the files ``paths``, and with ``words``."""
    sha = hashlib.sha256()
    for path in sorted(paths):
        sha.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    for word in words:
        sha.update(f"{word}\0".encode())
    return sha.hexdigest()[:12]


def make_room(target: Path, name: str, needed_mib: int, purpose: str) -> None:
    """Have the folder that ``target`` of the program ``name`` will be in, without what killed runs left; its lock is held.

    Raises:
        HarnessError: its disk has less than ``needed_mib`` MiB free.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".building-{name}-*"):  # we hold the lock: its builder is dead
        shutil.rmtree(stale)
    demand_free_disk(target.parent, needed_mib, purpose)


def demand_free_disk(directory: Path, needed_mib: int, purpose: str) -> None:
    """Raise HarnessError unless the disk of ``directory`` has ``needed_mib`` MiB free."""
    free_mib = shutil.disk_usage(directory).free // 2**20
    if free_mib < needed_mib:
        raise HarnessError(
            f"{purpose} needs {needed_mib} MiB of free disk and {directory} has {free_mib} MiB:"
            f" free some, or set APISERVICE_CACHE (and GOCACHE, GOMODCACHE) to folders on a larger disk"
        )
