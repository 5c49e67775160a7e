"""Files of a volume, switched as a whole: a reader sees all of the old or all of the new."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

DATA = "..data"
Files = dict[str, tuple[bytes, int]]  # content and mode by path below the mount


def publish(folder: Path, files: Files) -> None:
    """Make ``folder`` show exactly ``files``, by one switch of the link ``..data``, as kubelet does; nothing happens if it does already.

    Programs that watch for that switch (https://pkg.go.dev/k8s.io/kubernetes/pkg/volume/util#AtomicWriter) work unchanged.
    """
    link = folder / DATA
    current = link.resolve() if link.is_symlink() else None
    if current is not None and files == _read(current):
        return
    fresh = folder / f"..{time.time_ns()}"
    for path, (content, mode) in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode & 0o777)
    fresh.mkdir(exist_ok=True)
    switch = folder / "..data_tmp"
    switch.symlink_to(fresh.name)
    switch.replace(link)
    shown = {Path(path).parts[0] for path in files}
    for name in shown:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{DATA}/{name}")
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in shown:
            entry.unlink()
    if current is not None:
        shutil.rmtree(current)


def _read(folder: Path) -> Files:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in files}
