"""Test with what needs long builds, other versions and suites of others (make interop): nightly, and before a release.

The parts, in their order; PARTS=NAME,NAME takes those whose names begin so:
    kubernetes-1.30 … kubernetes-1.37  tests/e2e on the embedded cluster with that minor's API server and controllers
    cert-manager-1.19                  tests/e2e with the oldest cert-manager that the chart admits
    kind                               tests/install and tests/e2e on kind, with all that `make test` leaves out there
    left-out                           what it leaves out on the embedded cluster and in tests/harness_unit
    conformance                        upstream's own tests of API machinery on the embedded cluster
    signatures                         a release to a registry on this machine, signed with a key by cosign
    merges                             a thousand random merges by our server-side apply and by kube-apiserver's own packages
    faults                             kill -9 of servers and databases of resources, slow watchers, and a resume among 100,000 objects
    resources                          suites and informers of others against a resource kept in memory, in PostgreSQL, and its twin, a CRD
    streams                            streams of minutes and bodies of a gibibyte through the API server of the embedded cluster
    languages                          programs of other languages behind the gateway on the embedded cluster, two of them in a browser
    metrics                            upstream's adapter for tests of metrics, the same metrics by this library, and the multiplexer
    autobahn                           the cases of Autobahn|Testsuite against a WebSocket of an asynchronous application
    mutation                           faults put into the modules that decide who calls, which tests/unit has to notice
All parts run, whatever fails. What a part says is in reports/interop-<part>.log, what its tests said in reports/interop-<part>.xml, and
what they found out about a failure in reports/diagnostics/interop-<part>.
Usage: make interop [PARTS=kubernetes-1.30,conformance]
"""

import os
import shutil
import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import parts
from parts import ROOT, Part
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.run import tail
from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs.pinned import PROGRAMS

TIMEOUT_SECONDS = 5400


@dataclass
class Result:
    """How a part ended; ``failures`` are sentences, none if all is well."""

    part: str
    seconds: float = 0
    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the line that is printed for it."""
        tests = f"{self.passed:>4} passed {self.skipped:>3} skipped" if self.passed + self.skipped else ""
        return f"{'FAILED' if self.failures else 'ok':<7}{self.part:<20}{tests:<26}{self.seconds:>7.0f} s"


def run(part: Part) -> Result:
    """Build what the part needs, run it, and read its report."""
    result, began = Result(part.name), time.monotonic()
    part.report.unlink(missing_ok=True)
    try:
        environment = {**os.environ, **part.environment(), "KEEP": ""}
        with step(part.name) as detail:
            code = _logged(part, environment, detail)
    except (HarnessError, OSError) as error:  # a program that cannot be built, or a command that is not there
        result.failures.append(str(error))
    else:
        read(part.report, result)
        if code != 0 and not result.failures:
            result.failures.append(f"it ended with exit code {code}, and said last:\n{tail(part.log.read_text())}")
        elif part.command[-1] == "tests/e2e" and not result.passed:
            result.failures.append(f"no test passed: {part.log}")
    if result.failures:
        _keep_diagnostics(part)
    result.seconds = time.monotonic() - began
    return result


def _keep_diagnostics(part: Part) -> None:
    """Move what tests found out about their failures out of the way of the next part."""
    kept = parts.REPORTS / "diagnostics" / f"interop-{part.name}"
    shutil.rmtree(kept, ignore_errors=True)
    made = kept.with_name("kind" if part.name == "kind" else "embedded")
    if made.exists():
        made.rename(kept)


def _logged(part: Part, environment: Mapping[str, str], detail: Callable[[str], None]) -> int:
    with (
        part.log.open("wb") as log,
        subprocess.Popen(
            part.command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        deadline = threading.Timer(TIMEOUT_SECONDS, process.terminate)
        deadline.start()
        try:
            last, said = b"", b"\n"
            while process.stdout and said:
                said = os.read(process.stdout.fileno(), 65536)  # not lines: some runners write a dot for each test
                log.write(said)
                log.flush()
                last += said
                last = last[last.rstrip().rfind(b"\n") + 1 :]
                detail(last.decode(errors="replace").strip()[-90:])
        except BaseException:
            process.terminate()
            raise
        finally:
            deadline.cancel()
    return process.returncode


def read(report: Path, result: Result) -> None:
    """Count what the report's tests did, and name those that failed."""
    if not report.exists():
        return
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own runner wrote it
        broken = case.find("failure") if case.find("failure") is not None else case.find("error")
        if broken is not None:
            said = (broken.get("message") or broken.text or "").strip().splitlines()
            result.failures.append(f"{case.get('name')}: {said[0] if said else 'without a word'}")
        elif case.find("skipped") is not None:
            result.skipped += 1
        else:
            result.passed += 1


def write(results: Sequence[Result], target: Path) -> None:
    """Write the results as JUnit's XML, one case a part."""
    suite = ET.Element("testsuite", name="interop", tests=str(len(results)))
    for result in results:
        case = ET.SubElement(suite, "testcase", classname="interop", name=result.part, time=f"{result.seconds:.1f}")
        if result.failures:
            ET.SubElement(case, "failure", message=result.failures[0]).text = "\n".join(result.failures)
    suite.set("failures", str(sum(bool(result.failures) for result in results)))
    ET.ElementTree(suite).write(target, encoding="unicode")


def main() -> int:
    """Run what is chosen; return 1 if a part failed, else 0."""
    PROGRAMS.update(parts.programs())
    parts.REPORTS.mkdir(exist_ok=True)
    results = []
    for part in parts.chosen(os.environ.get("PARTS", ""), parts.every()):
        results.append(run(part))
        say(str(results[-1]))
    write(results, parts.REPORTS / "interop.xml")
    print()
    for result in results:
        print(result, *(f"       {failure}" for failure in result.failures), sep="\n")
    return 1 if any(result.failures for result in results) else 0


if __name__ == "__main__":
    run_script(main)
