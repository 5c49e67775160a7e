"""What a request can write into the log."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension_apiserver.observe import logs
from extension_apiserver.request import Connection, Request
from unit.running import BASE, Backend
from unit.test_lifecycle import process

#: One line, whatever the request holds; docs/contract.md promises it.
LONGEST_LINE = 6144


async def _no_body() -> bytes:
    return b""


@pytest.fixture(autouse=True)
def _at_info() -> Iterator[None]:
    """Have each request write its line."""
    requests = logging.getLogger("extension_apiserver.requests")
    before = requests.level
    requests.setLevel(logging.INFO)
    yield
    requests.setLevel(before)


def line(capsys: pytest.CaptureFixture[str], text: str, audit_id: bytes = b"") -> str:
    """Return the line of a request in which the caller chose everything."""

    async def write() -> None:
        log = logs.RequestLog()
        request = Request(text[:30], "/", [(b"audit-id", audit_id)], Connection(), _no_body)
        request.path = text
        log.add(request, text, text, 200, 0.5, probe=False, sent_bytes=7)
        log.write()

    asyncio.run(write())
    return capsys.readouterr().err


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f600", "\0", '"', "\\", "\ud83d", "a\0"])
def test_one_request_is_one_line_of_at_most_six_kib(capsys: pytest.CaptureFixture[str], letter: str) -> None:
    """Each field that a caller can choose ends at 1 KiB, also where one letter takes twelve bytes."""
    written = line(capsys, letter * 100_000, b"\xe9" * 100_000)
    entry = json.loads(written)

    assert len(written) < LONGEST_LINE
    assert written.count("\n") == 1
    for field in ("path", "user", "verb", "auditID"):
        assert len(json.dumps(entry[field])) <= 1024 + 2, field
        assert entry[field].endswith("..."), field
        assert len(json.dumps(entry[field])) > 900, f"{field}: no more is cut than must be"


@given(st.text(max_size=3000))
def test_what_is_short_enough_is_whole_and_the_rest_is_its_beginning(text: str) -> None:
    """A cut never falls into the middle of an escape."""
    shown = json.loads(logs._short(text))

    assert len(logs._short(text)) <= 1024 + 2
    if len(json.dumps(text)) <= 1024 + 2:
        assert shown == text
    else:
        assert text.startswith(shown.removesuffix("..."))


def test_a_long_message_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """Events too: what an application says may hold what its caller said."""
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", ("a" * 100_000,), None)

    assert len(logs._JsonFormatter().format(record)) < 8192 + 200


def test_a_long_exception_loses_its_middle(capsys: pytest.CaptureFixture[str]) -> None:
    """An application may raise what its caller sent; where it was raised and how the text ends stay."""
    text = "a" * 1_000_000 + "end"
    with pytest.raises(KeyError) as raised:
        {}[text]
    record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), (KeyError, raised.value, raised.tb))
    written = logs._JsonFormatter().format(record)

    assert len(written) < 8192 + 400
    assert "test_a_long_exception_loses_its_middle" in written
    assert written.endswith("aend'\"}")


def test_a_request_of_124_kib_writes_one_short_line(own: Backend) -> None:
    """It wrote 686 KiB, anonymously."""
    with process(own) as child:
        own.wait_until_ready()
        audit_ids = [("Audit-Id", "é" * 8000) for _ in range(6)]
        answer = own.client(None).request("GET", f"{BASE}/{'%c3%a9' * 2000}", user=None, headers=audit_ids)
        assert answer.status == 403, answer
        child.terminate()
        _, log = child.communicate(timeout=10)
    [written] = [text for text in log.splitlines() if '"code": 403' in text]

    assert 1024 < len(written) < LONGEST_LINE


def test_lines_that_are_large_do_not_wait_together(capsys: pytest.CaptureFixture[str]) -> None:
    """Bodies of an audit are part of them, and whoever may send them must not fill the memory."""

    async def write() -> None:
        log = logs.RequestLog()
        for _ in range(16):
            log.keep("x" * 100_000)
        held = len(capsys.readouterr().err)
        assert held > 1_000_000
        log.write()

    asyncio.run(write())
    assert len(capsys.readouterr().err) < 1_000_000
