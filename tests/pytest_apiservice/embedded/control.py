"""Requests to a running supervisor: one JSON line each way over a Unix socket in the cluster's private folder."""

import asyncio
import inspect
import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.embedded.node.client import ApiError, Object

Requests = Mapping[str, Callable[[Object], Any]]  # what they return is awaited if it can be


async def serve_control(path: Path, requests: Requests) -> asyncio.Server:
    """Serve ``requests`` by name at ``path``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            result = requests[request["do"]](request)
            answer = {"result": await result if inspect.isawaitable(result) else result}
        except (HarnessError, ApiError, aiohttp.ClientError, OSError, KeyError, ValueError) as error:
            known = isinstance(error, HarnessError | ApiError)
            answer = {"error": str(error) if known else f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    return await asyncio.start_unix_server(serve, path)


def ask(directory: Path, do: str, *, timeout_seconds: float = 60.0, **arguments: object) -> object:
    """Send one request to the supervisor of the cluster in ``directory`` and return its result.

    Raises:
        HarnessError: nobody answers there, or the request failed.
    """
    try:
        answer = _exchange(directory, {"do": do, **arguments}, timeout_seconds)
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"the embedded cluster in {directory} does not answer ({error}): it has ended, start another"
        ) from error
    if "error" in answer:
        raise HarnessError(f"the embedded cluster could not do '{do}': {answer['error']}")
    result: object = answer["result"]
    return result


def _exchange(directory: Path, request: Object, timeout_seconds: float) -> Object:
    """Send one line and return the answer; a path by way of the folder's descriptor is short enough for a socket, however deep it is."""
    here = os.open(directory, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(
                f"/proc/self/fd/{here}/control.sock"
                if Path("/proc/self/fd").is_dir()
                else str(directory / "control.sock")
            )
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile() as lines:
                answer: Object = json.loads(lines.readline() or '{"error": "it ended meanwhile"}')
                return answer
    finally:
        os.close(here)
