"""`header-echo [serve | doctor | selftest]`; see extension_apiserver.cli."""

import extension_apiserver

from .app import create_app
from .echoes import ECHOES


def main() -> int:
    """Run the command and return the exit code."""
    return extension_apiserver.main(create_app(), [ECHOES], blocking=False)


if __name__ == "__main__":
    raise SystemExit(main())
