"""`python -m extension_apiserver`, for where the command `extension-apiserver` is not on the PATH."""

from .command.program import main

if __name__ == "__main__":
    raise SystemExit(main())
