"""How a script ends: with an exit code, and with one sentence if something that it needs is not as it must be."""

import sys
from collections.abc import Callable
from typing import NoReturn

from pytest_apiservice.base.errors import HarnessError


def run_script(main: Callable[[], int | None]) -> NoReturn:
    """Call ``main`` and end the process with the exit code that it returns, 0 for None.

    A HarnessError becomes the line "error: …" on standard error, and exit code 1.
    """
    try:
        sys.exit(main())
    except HarnessError as error:
        sys.exit(f"error: {error}")
