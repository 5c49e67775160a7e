"""Knows which namespaces there are and which of them end, by a watch: kube-apiserver's own admission does not run for aggregated resources.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/admission/plugin/namespace/lifecycle/admission.go
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from extension_apiserver.cluster.kubernetes import ApiClient, ApiError, TooLargeError, backoff_seconds
from extension_apiserver.objects.go_words import quote, shortened
from extension_apiserver.selectors.names import label_faults
from extension_apiserver.status import StatusError

COLLECTION = "/api/v1/namespaces"
_META = "as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
_OBJECT, _LIST = (f"application/json;{_META.format(end)}" for end in ("", "List"))
#: Metadata has 1 KiB as a rule, and may have 1.5 MiB: where a page is too large fewer are asked for.
_PAGE, _FEW, _MOST_PAGE_BYTES = 200, 10, 8 * 2**20
#: kube-apiserver ends a watch after this; the next one goes on where it ended.
_WATCH_SECONDS = 600
_SHORTEST_WATCH_SECONDS = 5
#: Of those who ask for a namespace that is not known: whoever names many must not keep kube-apiserver busy.
_MOST_ASKING = 4

_log = logging.getLogger(__name__)


class Namespaces:
    """The namespaces of the cluster; of each its name is kept, and whether it ends."""

    def __init__(self, client: ApiClient) -> None:
        """Take who asks kube-apiserver."""
        self._client = client
        self._ending: dict[str, bool] | None = None
        self._failure = "the namespaces were not read yet"
        self._asking = asyncio.Semaphore(_MOST_ASKING)

    def complaint(self) -> str | None:
        """Return why they are not known, or None; a condition of readiness."""
        return self._failure if self._ending is None else None

    async def run(self) -> None:
        """Watch them until it is cancelled."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self._follow(await self._read())
                # A watch that ends as soon as it begins is one, too, or reading anew would know no pause.
                failures = failures + 1 if time.monotonic() - began < _SHORTEST_WATCH_SECONDS else 0
            except ApiError as error:
                hint = ""
                if error.code == HTTPStatus.FORBIDDEN:
                    hint = "; bind a ClusterRole that may get, list and watch namespaces to this ServiceAccount"
                self._fail(f"{error}{hint}")
                failures += 1
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                self._fail(f"kube-apiserver answers with something else: {type(error).__name__}: {error}")
                failures += 1
            if failures:
                await asyncio.sleep(backoff_seconds(failures))

    async def check(self, namespace: str, group: str, plural: str, name: str) -> None:
        """Let nothing be created where it cannot be.

        Args:
            namespace: where it would be.
            group, plural, name: of what is to be created, for the sentence.

        Raises:
            StatusError: 404, there is no such namespace; 403 with the cause NamespaceTerminating, it ends; 503, that is not known.

        """
        ends = (self._ending or {}).get(namespace)
        if ends is None:
            ends = await self._ask(namespace)
        if ends:
            raise _terminating(namespace, group, plural, name)

    async def _ask(self, namespace: str) -> bool:
        """Return whether a namespace ends that is not known yet: the watch may be late."""
        if label_faults(namespace):
            raise _unknown(namespace)
        try:
            async with self._asking:
                return _ends(await self._client.get(f"{COLLECTION}/{namespace}", accept=_OBJECT))
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                raise _unknown(namespace) from None
            raise StatusError(
                503, f"the namespace cannot be looked up: {error}", headers=[("Retry-After", "1")]
            ) from None

    async def _read(self) -> str:
        """Read all, and return their version."""
        found: dict[str, bool] = {}
        query: dict[str, str | int] = {"limit": _PAGE}
        while True:
            path = f"{COLLECTION}?{urlencode(query)}"
            try:
                page = await self._client.get(path, accept=_LIST, most_bytes=_MOST_PAGE_BYTES)
            except TooLargeError:
                if query["limit"] == 1:
                    raise
                query["limit"] = _FEW if query["limit"] == _PAGE else 1
                continue
            found.update((item["metadata"]["name"], _ends(item)) for item in page["items"])
            metadata = page["metadata"]
            if not metadata.get("continue"):
                break
            query["continue"] = metadata["continue"]
        if self._ending is None:
            _log.info("%d namespaces are known", len(found))
        self._ending = found
        self._failure = ""
        version: str = metadata["resourceVersion"]
        return version

    async def _follow(self, version: str) -> None:
        """Watch, until something is wrong; then all must be read anew."""
        while True:
            began = time.monotonic()
            query = {"watch": 1, "resourceVersion": version, "timeoutSeconds": _WATCH_SECONDS, "allowWatchBookmarks": 1}
            async for event in self._client.watch(
                f"{COLLECTION}?{urlencode(query)}", timeout_seconds=_WATCH_SECONDS + 30, accept=_OBJECT
            ):
                if event["type"] == "ERROR":
                    # Usually 410: the version is too old. Reading again is the remedy.
                    return
                version = event["object"]["metadata"]["resourceVersion"]
                self._take(event["type"], event["object"])
            if time.monotonic() - began < _SHORTEST_WATCH_SECONDS:
                return

    def _take(self, event: str, item: Mapping[str, Any]) -> None:
        known = self._ending
        if known is None:
            return
        if event in {"ADDED", "MODIFIED"}:
            known[item["metadata"]["name"]] = _ends(item)
        elif event == "DELETED":
            known.pop(item["metadata"]["name"], None)

    def _fail(self, why: str) -> None:
        failure = f"the namespaces cannot be read: {why}"
        if failure != self._failure:
            _log.error(failure)
        self._failure = failure


def _ends(item: Mapping[str, Any]) -> bool:
    """Return whether a namespace ends: its phase is Terminating from the moment it has this, which its metadata alone tell."""
    return bool(item["metadata"].get("deletionTimestamp"))


def _unknown(namespace: str) -> StatusError:
    name = shortened(namespace)
    return StatusError(404, f"namespaces {quote(name)} not found", details={"name": name, "kind": "namespaces"})


def _terminating(namespace: str, group: str, plural: str, name: str) -> StatusError:
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    return StatusError(
        403,
        f"{plural}.{group} {quote(name)} is forbidden: "
        f"unable to create new content in namespace {namespace} because it is being terminated",
        details={"name": name, "group": group, "kind": plural, "causes": [cause]},
    )
