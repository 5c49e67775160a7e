"""`python -m extension_apiserver`, for where the command `extension-apiserver` is not on the PATH."""

from .gateway.command import main

if __name__ == "__main__":
    raise SystemExit(main())
