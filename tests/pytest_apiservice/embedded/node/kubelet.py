"""The part of kubelet's own API that kube-apiserver calls: container logs, so that `kubectl logs` works."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

FOLLOW_SECONDS = 0.1
CHUNK_BYTES = 1 << 16

# Namespace, pod, container -> folder of its logs, still running.
Find = Callable[[str, str, str], tuple[Path, bool] | None]


class KubeletServer:
    """Serves /containerLogs/{namespace}/{pod}/{container} to whoever has a certificate of the node CA: the API server."""

    def __init__(self, find: Find) -> None:
        self._find = find
        application = web.Application()
        application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        self._runner = web.AppRunner(application, shutdown_timeout=0)

    async def start(self, listening: socket.socket, trust: ssl.SSLContext) -> None:
        """Serve on a socket that listens already."""
        await self._runner.setup()
        await web.SockSite(self._runner, listening, ssl_context=trust).start()

    async def close(self) -> None:
        """Stop serving; open followers are cut."""
        await self._runner.cleanup()

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        match, query = request.match_info, request.query
        found = self._find(match["namespace"], match["pod"], match["container"])
        previous = query.get("previous") == "true"
        files = sorted(found[0].glob("*.log"), key=lambda path: int(path.stem)) if found else []
        if len(files) < (2 if previous else 1):
            raise web.HTTPNotFound(text=f"no {'previous ' if previous else ''}log of container {match['container']}")
        log = files[-2 if previous else -1]
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        with log.open("rb") as file:
            file.seek(_start(log, int(query["tailLines"])) if "tailLines" in query else 0)
            remaining = int(query.get("limitBytes", 1 << 62))
            while remaining > 0:
                chunk = file.read(min(CHUNK_BYTES, remaining))
                remaining -= len(chunk)
                if chunk:
                    await response.write(chunk)
                elif query.get("follow") == "true" and _is_running(
                    self._find(match["namespace"], match["pod"], match["container"])
                ):
                    await asyncio.sleep(FOLLOW_SECONDS)
                else:
                    break
        return response


def _is_running(found: tuple[Path, bool] | None) -> bool:
    return found is not None and found[1]


def _start(log: Path, lines: int) -> int:
    """Return the offset at which the last ``lines`` lines begin."""
    content = log.read_bytes()
    ends = content.splitlines(keepends=True)
    return (
        len(content) - sum(map(len, ends[len(ends) - lines :]))
        if 0 < lines < len(ends)
        else (0 if lines else len(content))
    )
