"""Hostile clients, in a process of their own: `python -m bench.soak.attacks --help`.

Every kind has a fixed number of clients, each with a pause between its attempts, so that the load on this machine has a bound.
Loopback only. Nothing here verifies the server: the attacker does not care whom it talks to, and sends nothing secret but, to the
API server, one token of the measurement itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from bench.soak.stream_attacks import ON_STREAMS
from bench.soak.target import MALFORMED, PATIENCE_SECONDS, Target, ask, drip, pour, until_closed

PAUSE_SECONDS = 0.05


async def silent(target: Target) -> None:
    """Connect and say nothing, not even hello."""
    reader, writer = await target.connect(tls=False)
    await until_closed(reader, writer)


async def half_hello(target: Target) -> None:
    """Begin a TLS record and never end it."""
    reader, writer = await target.connect(tls=False)
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00")
    await until_closed(reader, writer)


async def half_header(target: Target) -> None:
    """Send a header byte by byte, and never its end."""
    reader, writer = await target.connect()
    await drip(reader, writer, b"GET " + target.path + b" HTTP/1.1\r\nHost: x\r\n", b"X-Slow: a\r\n")


async def half_body(target: Target) -> None:
    """Promise a megabyte and send it byte by byte."""
    reader, writer = await target.connect()
    await drip(
        reader, writer, b"POST " + target.path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", b"x"
    )


async def half_body_through_api_server(target: Target) -> None:
    """The same as a user with rights, through the API server."""
    reader, writer = await target.connect(api=True)
    header = b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: 1000000\r\n\r\n"
    await drip(reader, writer, header % (target.path, target.token), b"x")


async def never_reads(target: Target) -> None:
    """Ask for answers without end and read none."""
    reader, writer = await target.connect()
    request = b"GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n"
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001 - streams offer nothing else
            for _ in range(2000):
                writer.write(request)
                await writer.drain()
    writer.transport.abort()


async def flood(target: Target) -> None:
    """Connect, ask as nobody, go; as often as can be."""
    reader, writer = await target.connect()
    await ask(reader, writer, b"GET " + target.path + b" HTTP/1.1\r\nHost: x\r\n\r\n")


async def forged(target: Target) -> None:
    """Claim to be an administrator."""
    reader, writer = await target.connect()
    claim = b" HTTP/1.1\r\nHost: x\r\nX-Remote-User: system:admin\r\nX-Remote-Group: system:masters\r\n\r\n"
    await ask(reader, writer, b"GET " + target.path + claim)


async def large_header(target: Target) -> None:
    """Send header bytes without end."""
    reader, writer = await target.connect()
    await pour(reader, writer, b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: ", b"x" * 16384, 64)


async def many_headers(target: Target) -> None:
    """Send header lines without end."""
    reader, writer = await target.connect()
    await pour(reader, writer, b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-Many: 1\r\n" * 1000, 64)


async def large_path(target: Target) -> None:
    """Send a path without end."""
    reader, writer = await target.connect()
    await pour(reader, writer, b"GET /", b"a" * 16384, 64)


async def large_body(target: Target) -> None:
    """Send chunks without end."""
    reader, writer = await target.connect()
    header = b"POST " + target.path + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    await pour(reader, writer, header, b"4000\r\n" + b"x" * 16384 + b"\r\n", 256)


async def malformed(target: Target) -> None:
    """Send what is no request."""
    reader, writer = await target.connect()
    await ask(reader, writer, random.choice(MALFORMED))  # noqa: S311 - no secret


async def no_tls(target: Target) -> None:
    """Speak HTTP, or noise, to the TLS port."""
    reader, writer = await target.connect(tls=False)
    await ask(reader, writer, random.choice((b"GET / HTTP/1.1\r\n\r\n", random.randbytes(500))))  # noqa: S311 - no secret


#: Kind → number of clients at once.
ATTACKS: dict[Callable[[Target], Awaitable[None]], int] = {
    silent: 150,
    half_hello: 50,
    half_header: 60,
    half_body: 60,
    half_body_through_api_server: 8,
    never_reads: 4,
    flood: 2,
    forged: 1,
    large_header: 1,
    many_headers: 1,
    large_path: 1,
    large_body: 1,
    malformed: 2,
    no_tls: 1,
}


async def _client(attack: Callable[[Target], Awaitable[None]], target: Target) -> None:
    name = attack.__name__
    while not target.over:
        try:
            await attack(target)
            target.counts[name] += 1
        except OSError:
            target.counts[f"{name}: refused"] += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def attack_all(target: Target, seconds: float) -> None:
    """Run every kind at once until time is up."""
    target.ends = asyncio.get_running_loop().time() + seconds
    kinds = {
        kind: number for kind, number in ATTACKS.items() if target.api_port or kind is not half_body_through_api_server
    }
    if target.streams:
        kinds |= ON_STREAMS
    async with asyncio.timeout(seconds + 2 * PATIENCE_SECONDS):
        await asyncio.gather(*(_client(kind, target) for kind, number in kinds.items() for _ in range(number)))


def main() -> None:
    """Parse the command line, attack, write how often as JSON."""
    parser = argparse.ArgumentParser(description="Attack a backend on this machine.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--api-port", type=int, default=0)
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--path", required=True, help="of the echo, with a slash at its end")
    parser.add_argument("--streams", action="store_true", help="the backend has …/log and …/socket")
    parser.add_argument("--report", type=Path, required=True)
    arguments = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    token = arguments.token_file.read_bytes() if arguments.token_file else b""
    path, streams = arguments.path.encode(), arguments.streams
    target = Target(arguments.port, arguments.api_port, token, context, path, streams, 0.0, Counter())
    asyncio.run(attack_all(target, arguments.seconds))
    arguments.report.write_text(json.dumps(target.counts))


if __name__ == "__main__":
    main()
