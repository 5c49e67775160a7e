"""Plays the cases of Autobahn|Testsuite, by kosoku, against an asynchronous echo on the library, over its real port (tox -e autobahn).

The suite speaks neither TLS nor as a front proxy, so what stands before the port adds TLS, the front proxy's certificate and a user.
Cases 12 and 13 are of compression, which there is none of.
"""

import asyncio
import json
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from extension_apiserver.apps.asgi.messages import Receive, Scope, Send
from unit.pki import DNS_NAME
from unit.running import BASE, Backend, Pki, prepare, start

TIMEOUT_SECONDS = 1200
#: Results other than OK, and why; some depend on which of two comes first, so OK is as good.
DIFFERENT = {
    "3.[234]": ("NON-STRICT", "a fault closes before the message before it was echoed"),
    "4.[12].[345]": ("NON-STRICT", "a fault closes before the message before it was echoed"),
    "5.15": ("NON-STRICT", "a fault closes before the message before it was echoed"),
    "6.4.[1234]": ("NON-STRICT", "a text is examined when it is whole"),
    "7.1.5": ("FAILED", "to websockets a close within a message is a fault: 1002 instead of 1000"),
}
#: Messages of more than the 1 MiB that one may have: they are closed with 1009.
TOO_LONG = ("9.1.4", "9.1.5", "9.1.6", "9.2.4", "9.2.5", "9.2.6", "9.3.*", "9.4.*")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back what comes."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def play(backend: Backend, reports: Path) -> int:
    """Run the suite and return its exit code."""
    context = backend.aggregator().context

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        tls = await asyncio.open_connection("127.0.0.1", backend.port, ssl=context, server_hostname=DNS_NAME)
        tls[1].write(b"\r\n".join([f"GET {BASE}/x HTTP/1.1".encode(), b"X-Remote-User: autobahn", *lines]))
        await asyncio.gather(_copy(reader, tls[1]), _copy(tls[0], writer))

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        address = "{}:{}".format(*server.sockets[0].getsockname())
        excluded = [word for case in ("12.*", "13.*", *TOO_LONG) for word in ("-x", case)]
        suite = await asyncio.create_subprocess_exec("kosoku", *excluded, "-o", str(reports), address)
        try:
            return await asyncio.wait_for(suite.wait(), TIMEOUT_SECONDS)
        except TimeoutError:
            suite.kill()
            raise


def expected(case: str) -> str:
    """Return what the result of a case should be."""
    return next((result for pattern, (result, _) in DIFFERENT.items() if fnmatch(case, pattern)), "OK")


def differing(results: dict[str, str]) -> list[str]:
    """Return a line for each case whose result is another than it should be."""
    return [
        f"{case}: {result}, not {expected(case)}"
        for case, result in results.items()
        if result not in {expected(case), "OK", "INFORMATIONAL"}
    ]


def main() -> int:
    """Play, and say what differs."""
    with tempfile.TemporaryDirectory() as directory:
        backend = prepare(Pki(), Path(directory))
        try:
            start(backend, app=echo)  # type: ignore[arg-type]
            reports = Path(directory) / "reports"
            asyncio.run(play(backend, reports))
        finally:
            backend.close()
        [cases] = json.loads((reports / "index.json").read_text()).values()
    results = {case: entry["behavior"] for case, entry in cases.items()}
    lines = differing(results)
    print(*lines, f"{len(results)} cases, of which {len(lines)} ended otherwise than they should", sep="\n")
    return 1 if lines or not results else 0


if __name__ == "__main__":
    sys.exit(main())
