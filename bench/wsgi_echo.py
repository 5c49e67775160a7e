"""The echo's lines as a bare WSGI function on the library: what is left of header-echo's time when Flask is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extension_apiserver import HEADERS_KEY, main
from header_echo.header_lines import header_lines


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer any path of the group with the headers."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [header_lines(environ[HEADERS_KEY]).encode()]


if __name__ == "__main__":
    raise SystemExit(main(echo, blocking=False))
