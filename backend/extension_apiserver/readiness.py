"""`/livez`, `/readyz` and `/healthz`, which say in words what is missing.

The format is that of kube-apiserver: https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from .messages import Request, Response

#: Open to everybody: the kubelet has no certificate.
PATHS = frozenset({"/livez", "/readyz", "/healthz"})


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One condition of readiness.

    Attributes:
        name: shown in the list.
        failure: returns why requests cannot be served, in words, or None.
        remark: returns what is wrong but does no harm yet, or None.

    """

    name: str
    failure: Callable[[], str | None]
    remark: Callable[[], str | None] = lambda: None


class Readiness:
    """Answers the three paths."""

    def __init__(self, checks: Sequence[Check]) -> None:
        """Take the conditions; being alive has none beyond an answer."""
        self._checks = checks

    def failures(self) -> list[str]:
        """Return what is missing, one sentence each; empty if ready."""
        return [failure for check in self._checks if (failure := check.failure())]

    def response(self, request: Request) -> Response:
        """Answer a probe: 200, or 503 with the list."""
        checks = self._checks if request.path == "/readyz" else ()
        name = request.path.strip("/")
        failed = any(check.failure() for check in checks)
        if not failed and "verbose" not in request.query():
            return _text(200, "ok")
        lines = ["[+]ping ok", *(_line(check) for check in checks), f"{name} check {'failed' if failed else 'passed'}"]
        return _text(503 if failed else 200, "\n".join(lines) + "\n")


def _line(check: Check) -> str:
    failure = check.failure()
    if failure:
        return f"[-]{check.name} failed: {failure}"
    remark = check.remark()
    return f"[+]{check.name} ok, but {remark}" if remark else f"[+]{check.name} ok"


def _text(status: int, text: str) -> Response:
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    return Response(status, headers, text.encode())
