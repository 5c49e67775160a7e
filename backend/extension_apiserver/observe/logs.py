"""Logs: one JSON object per line on stderr, for events and for requests."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import sys
import time
from http import HTTPStatus
from typing import Any

from extension_apiserver.request import Request

_WRITE_SECONDS = 0.1
#: Of lines that wait, in letters; those of a thousand requests have less.
_MOST_HELD = 2**20
#: Of what a caller chose, as it stands in the line; user, audit id, path, verb and method make less than 6 KiB in all.
_LONGEST = 1024
#: Of an event, in letters; what an application or a client's certificate says may be part of it.
_LONGEST_MESSAGE = 8192
_CUT = '..."'

_requests = logging.getLogger("extension_apiserver.requests")
#: One string as JSON: half the time of a dict of them.
_quoted = json.encoder.encode_basestring_ascii


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_LONGEST_MESSAGE],
        }
        if record.exc_info:
            text = self.formatException(record.exc_info)
            half = _LONGEST_MESSAGE // 2
            entry["exception"] = text if len(text) <= _LONGEST_MESSAGE else f"{text[:half]}...{text[-half:]}"
        return json.dumps(entry)


def configure(level: str) -> None:
    """Send every log record of this process to stderr as JSON.

    Args:
        level: debug, info, warning or error. Requests are logged at info, probes of the kubelet at debug.

    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # A library's warning is a line of JSON too, such as that of cryptography about an authority with the serial number 0.
    logging.captureWarnings(capture=True)


class RequestLog:
    """One line for each request, written together ten times a second.

    A write for each would cost a quarter of the whole request, and would make everybody wait for a slow reader of the log.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._held = 0

    def add(
        self,
        request: Request,
        user: str,
        verb: str,
        code: int,
        seconds: float,
        *,
        probe: bool,
        sent_bytes: int,
    ) -> None:
        """Note one request; `seconds` is how long it took, and `sent_bytes` what its answer's body came to. Its query and headers may hold secrets and are left out; so are probes that succeed."""
        level = logging.DEBUG if probe and code == HTTPStatus.OK else logging.INFO
        if not _requests.isEnabledFor(level):
            return
        self.keep(
            f'{{"time": "{_iso(time.time())}", "level": "{"debug" if level == logging.DEBUG else "info"}", '
            f'"logger": "{_requests.name}", "auditID": {_short(request.header(b"audit-id"))}, "user": {_short(user)}, '
            f'"verb": {_short(verb)}, "method": {_short(request.method)}, "path": {_short(request.path)}, '
            f'"code": {code:d}, "seconds": {seconds:.6f}, "bytes": {sent_bytes:d}}}'
        )

    def keep(self, line: str) -> None:
        """Note a line, which is written with the others, or at once if they are large."""
        if not self._lines:
            asyncio.get_running_loop().call_later(_WRITE_SECONDS, self.write)
        self._lines.append(line)
        self._held += len(line)
        if self._held > _MOST_HELD:
            self.write()

    def write(self) -> None:
        """Write to stderr, at once, what was noted since the last time; who stops the server calls it once more."""
        if self._lines:
            self._lines.append("")
            text, self._lines, self._held = "\n".join(self._lines), [], 0
            sys.stderr.write(text)
            sys.stderr.flush()


def _short(text: str) -> str:
    """Return a string as JSON of at most 1 KiB and its quotes; dots show that the rest is cut."""
    quoted = _quoted(text[: _LONGEST + 1])
    if len(quoted) - 2 <= _LONGEST:
        return quoted
    # A letter takes one to twelve bytes of JSON, so what is kept is found by trying.
    kept = _LONGEST
    while len(quoted) - 2 > _LONGEST - 3:
        kept = kept * (_LONGEST - 3) // max(len(quoted) - 2, _LONGEST)
        quoted = _quoted(text[:kept])
    return quoted[:-1] + _CUT


def _iso(seconds: float) -> str:
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


@functools.lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
