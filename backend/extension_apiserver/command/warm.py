"""Runs a program as `python app.py` does, from a process that has imported what takes longest: half a second less for each start.

    python -P -m extension_apiserver.command.warm app.py

It begins when a line comes on standard input, and ends without having begun when that ends.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import re
import sys
from pathlib import Path
from types import ModuleType, TracebackType

#: Frameworks that take long and look at nothing that a program does before it imports them; the program's own text has to name them.
_SLOW = re.compile(r"^(?:from|import) (flask|fastapi)\b", re.MULTILINE)


def main() -> None:
    """Wait, and run the program that the arguments name."""
    app = Path(sys.argv[1])
    with contextlib.suppress(Exception):  # the program's own import says what is wrong
        for name in _SLOW.findall(app.read_text(encoding="utf-8")):
            importlib.import_module(name)
    if not sys.stdin.readline():
        return
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    importlib.invalidate_caches()
    sys.argv[:] = [str(app)]
    sys.path.insert(0, str(app.parent))
    sys.excepthook = functools.partial(_show_its_own, str(app))
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = str(app)
    exec(compile(app.read_bytes(), app, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - that is what Python does with it


def _show_its_own(app: str, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error as Python does, without the frames of this module."""
    while trace is not None and trace.tb_frame.f_globals.get("__file__") != app:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    main()
