"""Replicas as processes on loopback, with a database that they share, and who asks them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import aiohttp

from pytest_apiservice.base.process import die_with_parent
from unit.pki import DNS_NAME
from unit.running import Backend

GROUP = "counts.example.com"
COUNTS = f"/apis/{GROUP}/v1/counts"
#: For whatever must happen, on a machine that does much else.
TIMEOUT_SECONDS = 120.0
_TIMES = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


class Unreachable(Exception):
    """Nobody answered, or with 503: what was asked for may have happened or not."""


class Replica:
    """A server as a pod would run it."""

    def __init__(self, backend: Backend, url: str, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        own = backend.environ(GROUP=GROUP, STORE_URL=url, PORT=str(self.port), MAX_STREAMS="2048")
        self._environment = {**os.environ, **own, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._log = log
        self.start()

    def start(self) -> None:
        """Start it, again on the same port."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "resource_faults.replica", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - it calls two functions of the kernel
            )

    def kill(self) -> None:
        """Let it end as if its node had."""
        self.process.kill()
        self.process.wait(TIMEOUT_SECONDS)

    def peak_mebibytes(self) -> float:
        """Return the most memory that it had."""
        words = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(words.partition("VmHWM:")[2].split()[0]) / 1024


class Client:
    """Asks replicas as kube-apiserver would; a `with` ends its connections."""

    def __init__(self, backend: Backend, replicas: list[Replica]) -> None:
        self.replicas = replicas
        context = ssl.create_default_context(cadata=backend.pki.serving.pem)
        context.load_cert_chain(*backend.pki.proxy.write(backend.directory, "client"))
        headers = {"X-Remote-User": "tom", "X-Remote-Group": "cats", "User-Agent": "faults"}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0), headers=headers, timeout=_TIMES
        )

    async def __aenter__(self) -> Self:
        """Begin once all replicas are ready."""
        for number in range(len(self.replicas)):
            await until(f"replica {number}", lambda number=number: self._ready(number))  # type: ignore[misc]
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""
        await self._session.close()

    def open(self, replica: int, method: str, path: str, body: Any = None) -> Any:
        """Return the answer as aiohttp has it, for an `async with`."""
        url = f"https://127.0.0.1:{self.replicas[replica].port}{path}"
        return self._session.request(method, url, json=body, server_hostname=DNS_NAME)

    async def ask(self, replica: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return code and document.

        Raises:
            Unreachable: as it says.

        """
        try:
            async with self.open(replica, method, path, body) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{error}") from error
        if answer.status == 503:
            raise Unreachable(text)
        return answer.status, json.loads(text) if text.startswith("{") else text

    async def metric(self, replica: int, name: str) -> float:
        """Return a number of /metrics."""
        _, text = await self.ask(replica, "GET", "/metrics")
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        assert found, f"{name} is not in {text}"
        return float(found[1])

    async def _ready(self, replica: int) -> bool:
        try:
            code, _ = await self.ask(replica, "GET", "/readyz")
        except Unreachable:
            return False
        return code == 200


def count(name: str, number: int, revision: str = "", ballast: str = "") -> dict[str, Any]:
    """Return an object; with a revision, as what it replaces has."""
    metadata = {"name": name, **({"resourceVersion": revision} if revision else {})}
    spec = {"count": number, **({"ballast": ballast} if ballast else {})}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Count", "metadata": metadata, "spec": spec}


async def until(what: str, reached: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something to become true."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await reached():  # noqa: ASYNC110 - other processes tell us nothing
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} does not come within {TIMEOUT_SECONDS:g} s") from None
