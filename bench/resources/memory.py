"""Memory of processes: what they have now, and the most that they had since they were asked to forget."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

#: Of /proc/<pid>/clear_refs: forget the peak. https://docs.kernel.org/filesystems/proc.html
_FORGET_PEAK = "5"


def forget_peak(processes: Iterable[int]) -> None:
    """Let the peak be what they have now."""
    for process in processes:
        try:
            Path(f"/proc/{process}/clear_refs").write_text(_FORGET_PEAK)
        except (FileNotFoundError, ProcessLookupError):
            pass


def peak_mebibytes(processes: Iterable[int]) -> float:
    """Return the sum of the most resident memory that each had, in MiB."""
    return sum(_field(process, "status", "VmHWM") for process in processes) / 1024


def shared_mebibytes(processes: Iterable[int]) -> float:
    """Return what they have now, pages that they share counted once, in MiB."""
    return sum(_field(process, "smaps_rollup", "Pss") for process in processes) / 1024


def _field(process: int, file: str, name: str) -> int:
    """Return a number of KiB, 0 if the process has ended."""
    try:
        text = Path(f"/proc/{process}/{file}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:")), 0)
