"""Ask for known vulnerabilities of every Python package that requirements/*.txt or backend/requirements.txt pins (make audit).

pip-audit asks PyPI (https://docs.pypi.org/api/json/#known-vulnerabilities), or osv.dev if PIP_AUDIT_VULNERABILITY_SERVICE=osv.
Exit code 1 if a finding is not explained here, and also if there was no answer about some package: pip-audit alone
counts those as "no known vulnerabilities". What the audit does not cover: docs/supply-chain.md.
"""

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.run import run
from pytest_apiservice.base.script import run_script

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = [*(ROOT / "requirements").glob("*.txt"), ROOT / "backend" / "requirements.txt"]
ASK_SECONDS = 300
# Advisory → why it does not concern us. What does is mended with `requirements/update --upgrade-package NAME`.
EXPLAINED: dict[str, str] = {}


@dataclass(frozen=True)
class Finding:
    """A known vulnerability of a pinned package; ``fixed_in`` are versions, none if there is no fix."""

    package: str
    advisories: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        """Return the line that is printed for it."""
        return f"{self.package}: {', '.join(self.advisories)}; fixed in {', '.join(self.fixed_in) or 'no release yet'}"

    @property
    def reason(self) -> str | None:
        """Why it does not concern us, if it does not."""
        return next((EXPLAINED[name] for name in self.advisories if name in EXPLAINED), None)


def pins() -> list[str]:
    """Return what REQUIREMENTS pin for any Python and platform: ["aiohttp==3.12.0"]."""
    texts = [path.read_text() for path in REQUIREMENTS]
    return sorted({pin for text in texts for pin in re.findall(r"^[\w.-]+==\S+", text, re.MULTILINE)})


def ask(pinned: Iterable[str]) -> list[dict[str, Any]]:
    """Return pip-audit's answer for each pin: name, version and vulns, or name and skip_reason.

    Raises:
        HarnessError: pip-audit ended without an answer.
    """
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("\n".join(pinned))
        options = ["--format=json", "--progress-spinner=off", "--no-deps", "--disable-pip", "--requirement"]
        done = run(
            [sys.executable, "-m", "pip_audit", *options, requirements], timeout_seconds=ASK_SECONDS, check=False
        )
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise HarnessError(
            f"pip-audit ended without an answer ({said}): is its source of advisories reachable?"
        ) from None


def findings(pinned: Sequence[str], answers: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Yield each vulnerability in pip-audit's answers about what is ``pinned``.

    Raises:
        HarnessError: about some package there is no answer.
    """
    answered = {answer["name"]: answer for answer in answers if "skip_reason" not in answer}
    unanswered = [pin for pin in pinned if pin.partition("==")[0] not in answered]
    if unanswered:
        raise HarnessError(
            f"no advisories are to be had for {len(unanswered)} of {len(pinned)} packages ({unanswered[0]}, …), so nothing is known"
            f" of them: run this where pypi.org itself answers, or ask osv.dev with PIP_AUDIT_VULNERABILITY_SERVICE=osv"
        )
    for name, answer in answered.items():
        for found in answer["vulns"]:
            package = f"{name} {answer['version']}"
            yield Finding(package, (found["id"], *found["aliases"]), tuple(found["fix_versions"]))


def main() -> int:
    """Print every finding; return 1 if one is unexplained, else 0."""
    pinned = pins()
    with step(f"asking for known vulnerabilities of {len(pinned)} packages"):
        found = list(findings(pinned, ask(pinned)))
    for finding in found:
        print(f"{finding} ({finding.reason or 'not explained'})")
    unexplained = sum(finding.reason is None for finding in found)
    say(f"{len(pinned)} packages, {len(found)} known vulnerabilities, {unexplained} of them unexplained")
    return 1 if unexplained else 0


if __name__ == "__main__":
    run_script(main)
