"""Copy the comments of chart/values.yaml into chart/README.md (a table, first sentences) and chart/values.schema.json (whole).

`python ci/docs/chart_docs.py` writes both; `--check` only says which are out of date, and fails.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "chart"
BEGIN, END = "<!-- values: python ci/docs/chart_docs.py -->", "<!-- end of values -->"


@dataclass
class Value:
    """A key of values.yaml with the comment above it; ``path`` is dotted, as for `helm --set`."""

    path: str
    section: str
    text: str
    default: Any = None
    children: list[Value] = field(default_factory=list)


def documented(text: str) -> list[Value]:
    """Return the commented keys of values.yaml, in its order; a key below another is among its children."""
    defaults = yaml.safe_load(text)
    comment: list[str] = []
    section = ""
    open_values: list[tuple[int, Value]] = []
    top: list[Value] = []
    for line in text.splitlines():
        content = line.strip()
        if content.startswith("# -- "):
            section, comment = content.removeprefix("# -- "), []
        elif content.startswith("# "):
            comment.append(content.removeprefix("# "))
        elif match := re.match(r"( *)([A-Za-z]\w*):", line):
            indent, key = len(match[1]), match[2]
            while open_values and open_values[-1][0] >= indent:
                open_values.pop()
            parent = open_values[-1][1] if open_values else None
            value = Value(f"{parent.path}.{key}" if parent else key, section, " ".join(comment))
            open_values.append((indent, value))
            if comment or parent is None:
                value.default = reduce(lambda mapping, name: mapping[name], value.path.split("."), defaults)
                (parent.children if parent else top).append(value)
            comment = []
        elif not content:
            comment = []
    return top


def table(values: list[Value]) -> str:
    """Return the values as Markdown: a heading per section, a row per value."""
    lines: list[str] = []
    section = ""
    for value in values:
        if value.section != section:
            section = value.section
            lines += ["", f"### {section}", "", "| value | default | meaning |", "|---|---|---|"]
        lines += _rows(value)
    return "\n".join(lines) + "\n"


def first_sentence(text: str) -> str:
    """Return ``text`` up to its first full stop; those of "e.g." end nothing."""
    return re.split(r"(?<=\.)(?<!e\.g\.) ", text, maxsplit=1)[0]


def _rows(value: Value) -> list[str]:
    meaning = first_sentence(value.text).replace("|", "\\|")
    if not value.children:
        return [f"| `{value.path}` | `{json.dumps(value.default)}` | {meaning} |"]
    heading = [f"| **`{value.path}`** | | {meaning} |"] if value.text else []
    return heading + [row for child in value.children for row in _rows(child)]


def describe(schema: dict[str, Any], values: list[Value]) -> None:
    """Set each value's comment as its description in the schema."""
    for value in values:
        found = schema["properties"][value.path.rpartition(".")[2]]
        if value.text:
            found["description"] = value.text
        describe(found, value.children)


def documents(chart: Path = CHART) -> dict[Path, str]:
    """Return what both files of the folder ``chart`` should hold."""
    values = documented((chart / "values.yaml").read_text())
    readme = (chart / "README.md").read_text()
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    schema = json.loads((chart / "values.schema.json").read_text())
    describe(schema, values)
    return {
        chart / "README.md": f"{before}{BEGIN}\n{table(values)}\n{END}{after}",
        chart / "values.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }


def main() -> int:
    """Write or check."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="change nothing; fail if a file is out of date")
    check = arguments.parse_args().check
    stale = [path for path, text in documents().items() if path.read_text() != text]
    for path in stale:
        if check:
            print(
                f"chart/{path.name} doesn't say what values.yaml says: run 'python ci/docs/chart_docs.py'",
                file=sys.stderr,
            )
        else:
            path.write_text(documents()[path])
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
