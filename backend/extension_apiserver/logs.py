"""Logs: one JSON object per line on stderr, for events and for requests."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from .messages import Request

_requests = logging.getLogger("extension_apiserver.requests")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure(level: str) -> None:
    """Send every log record of this process to stderr as JSON.

    Args:
        level: debug, info, warning or error. Requests are logged at info, probes of the kubelet at debug.

    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def log_request(request: Request, user: str, verb: str, code: int, seconds: float, *, probe: bool) -> None:
    """Write the line of one request. The query and the headers may hold secrets and are left out."""
    level = logging.DEBUG if probe and code == 200 else logging.INFO  # noqa: PLR2004
    if not _requests.isEnabledFor(level):
        return
    entry = {
        "time": _iso(time.time()),
        "level": "debug" if level == logging.DEBUG else "info",
        "logger": _requests.name,
        "auditID": request.header(b"audit-id"),
        "user": user,
        "verb": verb,
        "method": request.method,
        "path": request.path,
        "code": code,
        "seconds": round(seconds, 6),
    }
    # Past the logging module, which costs several times as much as the line.
    sys.stderr.write(json.dumps(entry) + "\n")


def _iso(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03d}Z"
