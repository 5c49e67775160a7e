"""The process that serves an API while it is developed, and its log as a person reads it."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import IO

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOP_SECONDS, _READY_SECONDS = 3.0, 1.0
_TRACEBACK = "Traceback (most recent call last):"
#: Of a traceback: the last frames and the error.
_SHOWN_LINES = 9
_PROBES = ("/readyz", "/livez", "/healthz")
#: kube-apiserver asks for discovery and OpenAPI under these names, a dozen times after each start.
_ITSELF = ("system:kube-aggregator", "system:aggregator")
_FAULTS = 400
#: Of the complaint at a start, until kube-apiserver has said whom to trust; only we ask for readiness so early.
_TOO_EARLY = "was not read yet"
#: Of one line of its output; more is cut.
_LONGEST = 2000


class Child:
    """At most one process at a time, of one command; and perhaps the next one, which waits for a line on its standard input."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        prepare: Callable[[], None] | None = None,
        *,
        waits: bool = False,
    ) -> None:
        """Say what to start.

        Args:
            command: program and arguments.
            environ: its variables.
            folder: where it runs.
            prepare: called in the process before the program.
            waits: the command begins when a line comes on standard input, and does before what it can.

        """
        self._command, self._environ, self._folder, self._prepare = command, environ, folder, prepare
        self._waits = waits
        self._process: subprocess.Popen[str] | None = None
        self._next: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start it; what it writes goes to standard error, line by line."""
        if self._next is not None and self._next.poll() is not None:  # somebody has killed it
            self._forget_next()
        self._process, self._next = self._next or self._begun(), None
        self._reader = threading.Thread(target=_show, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError), self._process.stdin as wanted:  # its end is looked at elsewhere
                wanted.write("\n")

    def prepare_next(self) -> None:
        """Have the next one wait, if it can."""
        if self._waits and self._next is None:
            self._next = self._begun()

    def _begun(self) -> subprocess.Popen[str]:
        # Ctrl-C reaches a new process, too, that is no session of its own yet. There it waits until no handler of ours would hear it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            return subprocess.Popen(
                self._command,
                env=dict(self._environ),
                cwd=self._folder,
                stdin=subprocess.PIPE if self._waits else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                preexec_fn=functools.partial(_begin, mask, self._prepare),  # noqa: PLW1509 - it makes a few system calls
                start_new_session=True,  # Ctrl-C is for us, who end it
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs, and before."""
        return None if self._process is None else self._process.poll()

    def is_ready(self, address: tuple[str, int], trust: ssl.SSLContext) -> bool:
        """Tell whether what listens there answers that it is ready."""
        connection = http.client.HTTPSConnection(*address, timeout=_READY_SECONDS, context=trust)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End it, if it runs, and show the rest of what it wrote."""
        if self._process is None or self._reader is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)  # with what it has started
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._reader.join(_STOP_SECONDS)  # a process of its own may hold the pipe
        self._process = self._reader = None

    def close(self) -> None:
        """End it, and the next one."""
        self.stop()
        self._forget_next()

    def _forget_next(self) -> None:
        if self._next is not None:
            with self._next:
                self._next.kill()
            self._next = None


def _begin(mask: Iterable[int], prepare: Callable[[], None] | None) -> None:
    """Hear signals as a program does that has not begun, in the new process."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if prepare is not None:
        prepare()


def say(text: str) -> None:
    """Write to the terminal, if it is still there."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _show(output: IO[str]) -> None:
    with output:
        for line in readable(iter(lambda: output.readline(_LONGEST), "")):
            say(line)


def readable(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines of a program's output as a person reads them: requests in short, and of a traceback the end."""
    held: deque[str] | None = None
    for line in map(str.rstrip, lines):
        if line == _TRACEBACK:
            held = deque([line], _SHOWN_LINES)
        elif held is None:
            yield from map(_harmless, _short(line))
        elif line:
            held.append(line)
            if not line.startswith(" "):  # the error, which ends it
                yield from map(_harmless, held)
                held = None
    yield from map(_harmless, held or ())


def _short(line: str) -> Iterator[str]:
    """Yield one line of our own log without what only machines read; any other as it is."""
    try:
        entry = json.loads(line)
        clock = entry["time"][11:19]
        if entry["logger"] == "extension_apiserver.requests":
            itself = entry["user"] in _ITSELF and entry["code"] < _FAULTS
            if not itself and entry["path"] not in _PROBES:
                milliseconds = float(entry["seconds"]) * 1000
                yield f"{clock} {entry['method']} {entry['path']} {entry['code']} {milliseconds:.1f} ms {entry['user']}"
        elif entry["level"] != "info" and not entry["message"].endswith(_TOO_EARLY):
            yield f"{clock} {entry['level']}: {entry['message']}"
            yield from str(entry.get("exception", "")).splitlines()[-_SHOWN_LINES:]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield line


def _harmless(line: str) -> str:
    """Return a line that writes and does nothing else: a caller's path must not move the cursor of a terminal."""
    return "".join(one if one.isprintable() or one == "\t" else ascii(one)[1:-1] for one in line)
