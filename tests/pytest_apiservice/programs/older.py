"""What an older version left behind: settings, the cache, kept clusters. Each is refused with what to do about it; nothing is taken over silently."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError

SETTINGS = ("APISERVICE_CACHE", "APISERVICE_IMAGE", "APISERVICE_BASE_IMAGE", "APISERVICE_CERT_MANAGER_CRDS")
OLDER_SETTINGS = "HEADER_ECHO_"
OLDER_CACHE = "header-echo"
#: Goes up when a cluster that is kept can no longer be used by what was built before.
LAYOUT = 2
# Within the older cache: what took long to build, and what may still run.
BUILT = ("tools/*-v*-*/*",)
LEFT_RUNNING = ("clusters/embedded-*", "clusters/kind-*", "engine/dockerd.json")


def refuse_settings(programs: Iterable[str] = ()) -> None:
    """Raise HarnessError if the environment has one of SETTINGS or ``programs``, variables too, by its older name alone."""
    pairs = [(name.replace("APISERVICE_", OLDER_SETTINGS, 1), name) for name in (*SETTINGS, *programs)]
    faults = [
        f"{older} is of an older version: set {name}"
        for older, name in pairs
        if os.environ.get(older) and not os.environ.get(name)
    ]
    if faults:
        raise HarnessError("\n".join(faults))


def refuse_cache(directory: Path) -> None:
    """Raise HarnessError if ``directory``, the cache folder, is not there and that of an older version is beside it.

    To build again what is in the older one takes many minutes; so the user decides. A folder of that name that holds nothing of
    ours is somebody else's.
    """
    older = directory.with_name(OLDER_CACHE)
    if directory.exists() or not any(any(older.glob(pattern)) for pattern in (*BUILT, *LEFT_RUNNING)):
        return
    source, target = shlex.quote(str(older)), shlex.quote(str(directory))
    if any(any(older.glob(pattern)) for pattern in LEFT_RUNNING):
        other = "then 'make clean' ends what that version left running"
    else:
        other = f"or 'rm -r {source}' has it built anew"
    raise HarnessError(
        f"{older} is the cache of an older version: 'mv {source} {target}' keeps what was built, {other}"
    )


def mark(directory: Path) -> None:
    """Note in ``directory``, a cluster's folder, which layout it has; made if missing."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "layout").write_text(f"{LAYOUT}\n")


def refuse_cluster(directory: Path) -> None:
    """Raise HarnessError unless this version made the cluster whose folder is ``directory``.

    An embedded one runs the modules of the version that started it, as far as it had loaded them; the rest is elsewhere now.
    """
    try:
        layout = int((directory / "layout").read_text())
    except (FileNotFoundError, ValueError):
        layout = 0
    if layout != LAYOUT:
        version = "an older version" if layout < LAYOUT else "a newer version"
        raise HarnessError(f"the cluster in {directory} was kept by {version}: 'make clean' removes it")
