"""What `doctor` and `selftest` print: one line for each thing looked at."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import AsyncIterator


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        good: True, False, or None if it could not be looked at.
        sentence: what was found.
        remedy: what to do about it, '' if nothing.

    """

    good: bool | None
    sentence: str
    remedy: str = ""

    def line(self) -> str:
        """Return the line: `[+]`, `[-]` or `[?]`, the sentence, the remedy."""
        mark = {True: "+", False: "-", None: "?"}[self.good]
        return f"[{mark}] {self.sentence}" + (f"; {self.remedy}" if self.remedy else "")


async def report(findings: AsyncIterator[Finding]) -> bool:
    """Print findings as they come; return whether none is bad."""
    bad = 0
    async for finding in findings:
        sys.stdout.write(finding.line() + "\n")
        sys.stdout.flush()
        bad += finding.good is False
    return bad == 0
