"""The README's code blocks, each with what it is, and its files."""

import re
import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """A code block: its kind, its text, and the line it begins at."""

    kind: str
    text: str
    line: int

    def __str__(self) -> str:
        """Name it as pytest shows it."""
        return f"line {self.line}, {self.kind}"


KINDS = {
    "path": r".* → .*",  # kubectl → kube-apiserver → …
    "python": r"# \w+\.py\n",
    "commands": r"(([A-Z]+=|(git|cd|make|helm|kubectl|go|rm|pip) )[^\n]*\n?)+",
    "headers": r"(([\w.%-]+:( [^\n]*)?|- [^\n]+)\n?)+",
}


def blocks(markdown: str) -> list[Block]:
    """Return the fenced and the indented blocks of ``markdown`` in order; the kind is "unknown" if none fits."""
    found = []
    for match in re.finditer(r"^```\w*\n(.*?)^```$|^(?:    [^\n]*\n)+", markdown, re.MULTILINE | re.DOTALL):
        text = match[1] if match[1] is not None else textwrap.dedent(match[0])
        kind = next((kind for kind, pattern in KINDS.items() if fits(kind, pattern, text)), "unknown")
        found.append(Block(kind, text, markdown[: match.start()].count("\n") + 1))
    return found


def fits(kind: str, pattern: str, text: str) -> bool:
    """Tell whether a block begins (python) or goes on to its end (all others) as its kind does."""
    return bool(re.match(pattern, text) if kind == "python" else re.fullmatch(pattern, text.strip()))


def files(found: list[Block]) -> dict[str, str]:
    """Return name → text of the Python files that blocks show, each under a comment with its name."""
    shown = [block.text for block in found if block.kind == "python"]
    pairs = [
        pair
        for text in shown
        for pair in re.findall(r"# (\w+\.py)\n(.*?)(?=^# \w+\.py$|\Z)", text, re.MULTILINE | re.DOTALL)
    ]
    return dict(pairs)


def install_block(markdown: str, release: str = "header-echo") -> str:
    """Return the one block of ``markdown`` that installs the chart as ``release``."""
    found = [one.text for one in blocks(markdown) if re.search(f"^helm install {release} ", one.text, re.MULTILINE)]
    assert len(found) == 1, f"{len(found)} blocks install {release}, and one should"
    return found[0]
