"""`/livez`, `/readyz` and `/healthz`, which say which check fails; the log says why.

The format is that of kube-apiserver, and so is that reasons are withheld: whoever reaches the port may ask, and names of authorities,
rights and certificates are nobody else's business. https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence

from extension_apiserver.request import Request, Response

#: Open to everybody: the kubelet has no certificate.
PATHS = frozenset({"/livez", "/readyz", "/healthz"})

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One condition of readiness.

    Attributes:
        name: shown in the list.
        failure: returns why requests cannot be served, in words for the log, or None.
        remark: returns what is wrong but does no harm yet, in words for the log, or None.

    """

    name: str
    failure: Callable[[], str | None]
    remark: Callable[[], str | None] = lambda: None


class Readiness:
    """Answers PATHS. Only /readyz asks the checks: being alive has no condition beyond an answer."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks
        self._said: dict[str, str | None] = {}

    def response(self, request: Request) -> Response:
        """Answer a probe: 200, or 503 with the list; what is new goes to the log."""
        found = [_Finding(check) for check in (self._checks if request.path == "/readyz" else ())]
        for one in found:
            self._say(one)
        name = request.path.strip("/")
        failed = any(one.failure for one in found)
        if not failed and "verbose" not in request.query():
            return _text(200, "ok")
        lines = ["[+]ping ok", *(one.line() for one in found), f"{name} check {'failed' if failed else 'passed'}"]
        return _text(503 if failed else 200, "\n".join(lines) + "\n")

    def _say(self, one: _Finding) -> None:
        words = one.failure or one.remark
        if words != self._said.get(one.name):
            self._said[one.name] = words
            if one.failure:
                _log.warning("not ready: check %s fails: %s", one.name, words)
            elif words:
                _log.warning("check %s passes, but %s", one.name, words)
            else:
                _log.info("check %s passes again", one.name)


class _Finding:
    """What a check says now."""

    def __init__(self, check: Check) -> None:
        self.name = check.name
        self.failure = check.failure()
        self.remark = None if self.failure else check.remark()

    def line(self) -> str:
        """Return one line of the list, which says whether it fails and not why."""
        if self.failure:
            return f"[-]{self.name} failed: reason withheld, see the log"
        return f"[+]{self.name} ok, but see the log" if self.remark else f"[+]{self.name} ok"


def _text(status: int, text: str) -> Response:
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    return Response(status, headers, text.encode())
