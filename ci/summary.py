"""Say in Markdown what reports/*.xml (JUnit) hold: a row for each suite, and why each test failed (make summary).

On GitHub it goes to the page of the job: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
It needs Python alone, so that it works when nothing else did.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

REPORTS = Path(__file__).resolve().parents[1] / "reports"
LONGEST_CAUSE = 2000  # characters; the page holds 1 MiB in all


def summary(reports: Path) -> str:
    """Return the Markdown for the JUnit files in ``reports``."""
    suites = {path.stem: ET.parse(path).getroot() for path in sorted(reports.glob("*.xml"))}  # noqa: S314 - pytest wrote it
    if not suites:
        return "No test was run: reports/ holds no JUnit file.\n"
    lines = ["| suite | passed | failed | skipped | seconds |", "|---|---|---|---|---|"]
    for name, root in suites.items():
        ran = [count(root, word) for word in ("tests", "failures", "errors", "skipped")]
        failed = ran[1] + ran[2]
        seconds = sum(float(suite.get("time", "0")) for suite in root.iter("testsuite"))
        lines.append(f"| {name} | {ran[0] - failed - ran[3]} | {failed} | {ran[3]} | {seconds:.0f} |")
    for name, root in suites.items():
        for test, why in failures(root):
            lines += ["", f"**{name}: {test}**", "", "~~~~text", why, "~~~~"]
    return "\n".join(lines) + "\n"


def count(root: ET.Element, word: str) -> int:
    """Return the sum of an attribute over all suites of a file."""
    return sum(int(suite.get(word, "0")) for suite in root.iter("testsuite"))


def failures(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield (name, why) of each test that failed: the cause that the harness found, else the error's first words."""
    for test in root.iter("testcase"):
        broken = [item for item in test if item.tag in {"failure", "error"}]
        if broken:
            known = {item.get("name"): item.get("value", "") for item in test.iter("property")}
            error = broken[0].get("message", "").strip() or "it says nothing"
            why = "\n".join(filter(None, [known.get("cause"), error]))
            yield f"{test.get('classname', '')}::{test.get('name', '')}", why[:LONGEST_CAUSE]


if __name__ == "__main__":
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        with Path(page).open("a") as file:
            file.write(summary(REPORTS))
    else:
        sys.stdout.write(summary(REPORTS))
