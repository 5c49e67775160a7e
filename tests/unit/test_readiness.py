"""What everybody may know about readiness, and what only the log says."""

from __future__ import annotations

import logging

import pytest

from extension_apiserver.observe.readiness import Check, Readiness
from extension_apiserver.request import Connection, Request


async def _no_body() -> bytes:
    return b""


def ask(readiness: Readiness, target: str) -> tuple[int, str]:
    answer = readiness.response(Request("GET", target, [], Connection(), _no_body))
    return answer.status, answer.body.decode()


@pytest.mark.parametrize("target", ["/readyz", "/readyz?verbose"])
def test_a_stranger_hears_which_check_fails_and_not_why(caplog: pytest.LogCaptureFixture, target: str) -> None:
    """As kube-apiserver does: names of authorities, rights and certificates are in the log alone."""
    checks = [
        Check("first", lambda: "the secret reason"),
        Check("second", lambda: None, lambda: "the secret remark"),
        Check("third", lambda: None),
    ]
    code, text = ask(Readiness(checks), target)

    assert (code, text.splitlines()) == (
        503,
        [
            "[+]ping ok",
            "[-]first failed: reason withheld, see the log",
            "[+]second ok, but see the log",
            "[+]third ok",
            "readyz check failed",
        ],
    )
    assert [record.getMessage() for record in caplog.records] == [
        "not ready: check first fails: the secret reason",
        "check second passes, but the secret remark",
    ]


def test_the_log_says_each_thing_once(caplog: pytest.LogCaptureFixture) -> None:
    """Probes come every two seconds: only what is new is told, also that it is over."""
    caplog.set_level(logging.INFO)
    reason: list[str | None] = [None]
    readiness = Readiness([Check("first", lambda: reason[0])])
    for reason[0] in (None, "a", "a", "b", None, None, "b"):
        ask(readiness, "/readyz")

    assert [record.getMessage().removeprefix("not ready: ") for record in caplog.records] == [
        "check first fails: a",
        "check first fails: b",
        "check first passes again",
        "check first fails: b",
    ]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/livez", (200, "ok")),
        ("/healthz", (200, "ok")),
        ("/livez?verbose", (200, "[+]ping ok\nlivez check passed\n")),
        ("/readyz", (503, "[+]ping ok\n[-]first failed: reason withheld, see the log\nreadyz check failed\n")),
    ],
)
def test_being_alive_depends_on_no_check(target: str, expected: tuple[int, str]) -> None:
    """Or the kubelet would restart what only waits."""
    assert ask(Readiness([Check("first", lambda: "x")]), target) == expected
