"""Draw docs/demo.svg from a real session: `make demo`, and one of the commands that it suggests. The demo keeps running.

.venv/bin/tox -q exec -e dev -- python ci/docs/demo_picture.py
"""

import os
import re
import shlex
import shutil
from html import escape
from pathlib import Path
from xml.etree import ElementTree as ET

from pytest_apiservice.base.run import run
from pytest_apiservice.base.script import run_script

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "demo.svg"
THEN = "kubectl get echoes"
DEMO_SECONDS = 1800  # with no program built; usually 20
COLUMNS = 114  # what is longer is cut, with an ellipsis
LETTER_WIDTH, LINE_HEIGHT, MARGIN = 7.83, 18, 20  # pixels, at 13 pixels a letter
STYLE = """rect{fill:#0d1117}text{font:13px ui-monospace,'DejaVu Sans Mono',monospace;fill:#e6edf3;white-space:pre}
.typed{fill:#79c0ff;font-weight:bold}.caller{fill:#56d364}"""


def session() -> list[str]:
    """Type the commands; return the lines of the screen, those typed with "$ " before them."""
    printed = run(["make", "demo"], cwd=ROOT, timeout_seconds=DEMO_SECONDS).stdout
    shown, _, suggested = printed.partition("Try next:")
    (exports,) = re.findall(r"^ *export (KUBECONFIG=.*)$", suggested, re.MULTILINE)
    given = dict(word.split("=", 1) for word in shlex.split(exports))
    path = given["PATH"].replace("$PATH", os.environ["PATH"])
    command = [shutil.which("kubectl", path=path) or "kubectl", *shlex.split(THEN)[1:]]
    answer = run(command, env={**os.environ, **given, "PATH": path}, timeout_seconds=60).stdout
    return ["$ make demo", *shown.strip().splitlines(), "", f"$ {THEN}", *answer.splitlines()]


def drawn(lines: list[str]) -> str:
    """Return the screen as SVG, a text element for each line."""
    width, height = MARGIN * 2 + COLUMNS * LETTER_WIDTH, MARGIN * 2 + len(lines) * LINE_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height}" rx="8"/>',
    ]
    for number, line in enumerate(lines, 1):
        kind = ' class="typed"' if line.startswith("$ ") else ' class="caller"' if "x-remote-" in line else ""
        cut = line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"
        parts.append(f'<text x="{MARGIN}" y="{MARGIN + number * LINE_HEIGHT - 5}"{kind}>{escape(cut)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def lines_of(picture: str) -> list[str]:
    """Return the lines that a picture shows."""
    return [element.text or "" for element in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - our own


def main() -> None:
    """Draw it anew."""
    PICTURE.write_text(drawn(session()))


if __name__ == "__main__":
    run_script(main)
