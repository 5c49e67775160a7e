"""Run a pinned program: python ci/commands/tool.py kubectl version. Without a name, build all that tests and lint need."""

import os
import sys

from pytest_apiservice.base.script import run_script
from pytest_apiservice.programs.pinned import PROGRAMS
from pytest_apiservice.programs.tools import prepare, tool

NOT_FOR_TESTS = {"cosign", "test-adapter"}  # a release signs with the one, `make interop PARTS=metrics` asks the other


def main() -> None:
    """Become the program, or build."""
    if sys.argv[1:]:
        program = str(tool(sys.argv[1]))
        os.execv(program, [program, *sys.argv[2:]])  # noqa: S606 - no shell: that is the point
    prepare(name for name in PROGRAMS if name not in NOT_FOR_TESTS)


if __name__ == "__main__":
    run_script(main)
