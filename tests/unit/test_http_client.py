"""The small HTTP client: straight, through a proxy, and when the other side misbehaves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from extension_apiserver.cluster.http_client import FAILURES, ClientConnection, environment_proxy
from unit.pki import DNS_NAME
from unit.running import Backend

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(serve: Serve) -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1, and yield it; wait for the end of every connection."""
    tasks: list[asyncio.Task[None]] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.ensure_future(one(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.gather(*tasks)


async def get(backend: Backend, host: str, port: int, *, proxy: str = "") -> tuple[int, str]:
    """Return code and body of /readyz, verified as the backend."""
    trust = ssl.create_default_context(cadata=backend.pki.serving.pem)
    connection = await ClientConnection.open(host, port, trust, proxy=proxy)
    try:
        connection.send("GET", "/readyz")
        await connection.receive_header()
        return connection.code, (await connection.read()).decode()
    finally:
        await connection.close()


def test_through_a_proxy(shared: Backend) -> None:
    """CONNECT names the host; TLS is between the client and the host, by its name."""
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        there, back = await asyncio.open_connection("127.0.0.1", shared.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    target.write(data)
            except OSError:  # the client aborts when it has what it wants
                pass
            target.close()

        await asyncio.gather(copy(reader, back), copy(there, writer))

    async def run() -> tuple[int, str]:
        async with served(proxy) as port:
            return await get(shared, DNS_NAME, 443, proxy=f"http://127.0.0.1:{port}")

    assert asyncio.run(run()) == (200, "ok")
    assert asked == [f"CONNECT {DNS_NAME}:443 HTTP/1.1".encode()]


def test_a_proxy_that_refuses(shared: Backend) -> None:
    """The error holds the proxy's own words."""

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 no way\r\n\r\n")

    async def run() -> None:
        async with served(proxy) as port:
            await get(shared, DNS_NAME, 443, proxy=f"http://127.0.0.1:{port}")

    with pytest.raises(ConnectionRefusedError, match=r"answers 'HTTP/1\.1 403 no way'"):
        asyncio.run(run())


def test_a_wrong_name_is_refused(shared: Backend) -> None:
    """A certificate for another name is no proof."""
    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(get(shared, "127.0.0.1", shared.port))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n"])
def test_an_answer_that_is_none(answer: bytes) -> None:
    """A connection that ends early, or speaks something else, is one of the known failures."""

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async def run() -> None:
        async with served(server) as port:
            connection = ClientConnection("x", *await asyncio.open_connection("127.0.0.1", port))
            connection.send("GET", "/")
            try:
                await connection.receive_header()
            finally:
                await connection.close()

    with pytest.raises(FAILURES):
        asyncio.run(run())


def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY, but not for the hosts of NO_PROXY."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")

    assert environment_proxy(DNS_NAME) == "http://127.0.0.1:3128"
    assert environment_proxy("127.0.0.1") == ""
