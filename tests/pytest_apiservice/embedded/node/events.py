"""Events of the node agent, as `kubectl describe pod` shows them."""

import asyncio
import datetime as dt
import secrets

import aiohttp

from pytest_apiservice.embedded.node.client import ApiClient, ApiError, Object

LONGEST_MESSAGE = 1024


def now() -> str:
    """Return the time as the Kubernetes API writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Events:
    """Writes events; one that cannot be written is dropped, as kubelet drops it."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._pending: set[asyncio.Task[None]] = set()

    def emit(self, pod: Object, kind: str, reason: str, message: str) -> None:
        """Tell about ``pod``; ``kind`` is "Normal" or "Warning"."""
        task = asyncio.create_task(self._write(pod["metadata"], kind, reason, message[:LONGEST_MESSAGE]))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def close(self) -> None:
        """Drop what was not written yet."""
        for task in self._pending:
            task.cancel()

    async def _write(self, metadata: Object, kind: str, reason: str, message: str) -> None:
        namespace, name, time = metadata["namespace"], metadata["name"], now()
        event: Object = {
            "metadata": {"name": f"{name}.{secrets.token_hex(8)}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": namespace,
                "name": name,
                "uid": metadata["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": "embedded-node-agent"},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        try:
            await self._client.request("POST", f"/api/v1/namespaces/{namespace}/events", event)
        except (ApiError, aiohttp.ClientError, TimeoutError):
            pass
