"""Measure which lines of the backend and of the harness a suite of tests runs.

    python ci/measured.py SUITE pytest ARGUMENT …   run it measured, with every Python process that it starts; say what it ran, as two lines
    python ci/measured.py                           what all measured suites ran together; fails below the floors of pyproject.toml

Data of processes goes to memory, where the pods of the embedded cluster can write too: their root is read-only, but for /dev and volumes.
"""

import io
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "reports" / "coverage"
MEMORY = Path("/dev/shm")  # noqa: S108 - Linux's; elsewhere pods have the file system of this machine
PARTS = {"backend": "*/backend/*", "harness": "*/tests/pytest_apiservice/*"}


def processes(suite: str) -> Path:
    """Return the folder for the data of a suite's processes, one file each."""
    name = f"header-echo-coverage-{os.getuid()}{str(ROOT).replace(os.sep, '-')}-{suite}"
    return MEMORY / name if MEMORY.is_dir() else REPORTS / "processes" / suite


def measure(suite: str, command: list[str]) -> int:
    """Run ``command``, the arguments of `python -m`, and return its exit code; not measured where a cluster is kept, which would write after the end."""
    folder = processes(suite)
    shutil.rmtree(folder, ignore_errors=True)
    if os.environ.get("KEEP", "0") not in {"", "0"}:
        return ended([sys.executable, "-m", *command])
    folder.mkdir(mode=0o700, parents=True)  # fails if another user's is there
    os.environ["COVERAGE_FILE"] = str(folder / "data")
    try:
        return ended([sys.executable, "-m", "coverage", "run", f"--rcfile={ROOT / 'pyproject.toml'}", "-m", *command])
    finally:
        if files := list(folder.glob("data.*")):
            measured = combined(REPORTS / f"{suite}.data", files, keep=False)
            tell(percents(measured), f"the lines and branches that {suite} runs")
        shutil.rmtree(folder, ignore_errors=True)


def ended(command: list[str]) -> int:
    """Run ``command`` and return its exit code. Ctrl-C is its business: the terminal tells it too, and it cleans up."""
    with subprocess.Popen(command) as child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
        code = child.wait()
    return code if code >= 0 else 128 - code


def combined(data_file: Path, found: list[Path], *, keep: bool) -> coverage.Coverage:
    """Return the data of the files in ``found``, together, which ``data_file`` holds from now on."""
    data_file.parent.mkdir(parents=True, exist_ok=True)
    data_file.unlink(missing_ok=True)
    measured = coverage.Coverage(data_file=str(data_file), config_file=str(ROOT / "pyproject.toml"))
    measured.combine(map(str, found), strict=True, keep=keep)
    measured.save()
    return measured


def percents(measured: coverage.Coverage) -> dict[str, float]:
    """Return the percentage of lines and branches that ran, by part, with one decimal (rounded down)."""
    left_out = not_run_here()
    found = {part: measured.report(include=[files], omit=left_out, file=io.StringIO()) for part, files in PARTS.items()}
    return {part: int(percent * 10) / 10 for part, percent in found.items()}


def not_run_here() -> list[str]:
    """Return the files that no test can run on this machine, as their tests say that are skipped: the store in PostgreSQL where there is none."""
    servers = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *filter(None, [shutil.which("initdb")])]
    return [] if servers else ["*/extension_apiserver/store/postgresql/*"]


def too_low(found: dict[str, float], floors: dict[str, float]) -> list[str]:
    """Return a sentence for each part below its floor."""
    return [
        f"coverage: {part} has {found[part]:.1f} %, and pyproject.toml demands {floor:g}: test what is not run, or delete it"
        for part, floor in floors.items()
        if found[part] < floor
    ]


def tell(found: dict[str, float], of: str) -> None:
    """Print a line for each part."""
    for part, percent in found.items():
        print(f"{part} {percent:.1f} %  ({of})")


def main(suite: str = "", *command: str) -> None:
    """Do what the arguments say."""
    if suite:
        sys.exit(measure(suite, list(command)))
    suites = sorted(REPORTS.glob("*.data"))
    if not suites:
        sys.exit("coverage: no suite was measured: make unit, make embedded or make e2e does it")
    measured = combined(REPORTS / "all", suites, keep=True)
    measured.html_report()
    found = percents(measured)
    tell(found, f"{', '.join(path.stem for path in suites)}; lines: reports/coverage/html/index.html")
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage_floors"]
    if low := too_low(found, floors):
        sys.exit("\n".join(low))


if __name__ == "__main__":
    main(*sys.argv[1:])
