"""The objects that metrics are about: their names and labels, which kube-apiserver is asked for as the ServiceAccount."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from extension_apiserver.cluster.kubernetes import ApiClient, ApiError, TooLargeError
from extension_apiserver.status import StatusError

from .cache import Cache

_PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#: What is read of each is its name and its labels.
_MOST_OBJECTS = 20_000
#: Objects of a page: as many as fit into _MOST_BYTES. Their metadata has about 5 kB each, and whoever makes them may have it 1.5 MB.
_PAGES = (250, 25, 5, 1)
_MOST_BYTES = 2**23
#: A kind does not change, unless its CustomResourceDefinition does.
_KIND_SECONDS = 600.0
_TIMEOUT_SECONDS = 10.0
_FORBIDDEN, _NOT_FOUND = 403, 404

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """What kube-apiserver calls the objects of a resource."""

    api_version: str
    kind: str
    namespaced: bool


#: Name of an object, or '<namespace>/<name>' of all namespaces → its labels; in the order of names.
Objects = Mapping[str, Mapping[str, str]]


class Lookup:
    """Asks kube-apiserver, and keeps what it said for some seconds."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._kinds, self._objects = Cache(), Cache()

    async def kind(self, resource: str, user: str) -> Kind:
        """Return the kind of a resource, '<plural>' or '<plural>.<group>'.

        Raises:
            StatusError: 404 if there is none, 503 if kube-apiserver cannot be asked, and those of `Cache.get`.

        """
        found: Kind = await self._kinds.get(
            resource,
            lambda: self._find(resource),
            user=user,
            keep_seconds=_KIND_SECONDS,
            timeout_seconds=_TIMEOUT_SECONDS,
            what=f"the discovery of {resource}",
        )
        return found

    async def objects(self, resource: str, namespace: str, *, user: str, keep_seconds: float) -> Objects:
        """Return the objects that there are.

        Args:
            resource: as for `kind`, and so are the errors.
            namespace: '' for all of them.
            user: who wants them.
            keep_seconds: for so long they are kept.

        """
        kind = await self.kind(resource, user)
        found: Objects = await self._objects.get(
            (resource, namespace),
            lambda: self._list(kind, resource, namespace),
            user=user,
            keep_seconds=keep_seconds,
            timeout_seconds=_TIMEOUT_SECONDS,
            what=f"the list of {resource}",
        )
        return found

    async def _find(self, resource: str) -> Kind:
        plural, _, group = resource.partition(".")
        try:
            if group:
                preferred = (await self._client.get(f"/apis/{group}"))["preferredVersion"]["groupVersion"]
                entries = (await self._client.get(f"/apis/{preferred}"))["resources"]
            else:
                preferred, entries = "v1", (await self._client.get("/api/v1"))["resources"]
            for entry in entries:
                if entry["name"] == plural:
                    return Kind(preferred, str(entry["kind"]), bool(entry["namespaced"]))
        except ApiError as error:
            if error.code != _NOT_FOUND:
                raise self._unknown(f"the discovery of {resource} fails: {error}") from None
        except (KeyError, TypeError):
            raise self._unknown(f"the discovery of {resource} is none") from None
        raise StatusError(404, f"the server doesn't have a resource type '{resource}'")

    async def _list(self, kind: Kind, resource: str, namespace: str) -> Objects:
        root = f"/apis/{kind.api_version}" if "/" in kind.api_version else f"/api/{kind.api_version}"
        where = f"/namespaces/{namespace}" if namespace else ""
        path = f"{root}{where}/{resource.partition('.')[0]}"
        found: dict[str, Mapping[str, str]] = {}
        more = ""
        try:
            while True:
                page = await self._page(path, more)
                for item in page["items"]:
                    found[_name(item["metadata"], namespace, kind)] = item["metadata"].get("labels") or {}
                if len(found) > _MOST_OBJECTS:
                    where = f"the namespace {namespace}" if namespace else "the cluster"
                    raise self._unknown(f"there are more than {_MOST_OBJECTS} {resource} in {where}")
                more = page["metadata"].get("continue") or ""
                if not more:
                    return dict(sorted(found.items()))
        except ApiError as error:
            remedy = ""
            if error.code == _FORBIDDEN:
                remedy = f"; allow this ServiceAccount to list {resource} (the chart: `metrics.objects`)"
            raise self._unknown(f"{resource} cannot be listed: {error}{remedy}") from None
        except (KeyError, TypeError, AttributeError):
            raise self._unknown(f"the list of {resource} is none") from None

    async def _page(self, path: str, more: str) -> dict[str, Any]:
        for limit in _PAGES:
            query = {"limit": limit, **({"continue": more} if more else {})}
            try:
                return await self._client.get(f"{path}?{urlencode(query)}", accept=_PARTIAL, most_bytes=_MOST_BYTES)
            except TooLargeError as error:
                too_large = error
        raise too_large

    @staticmethod
    def _unknown(sentence: str) -> StatusError:
        _log.warning("%s", sentence)
        return StatusError(503, sentence, headers=[("Retry-After", "5")])


def _name(metadata: Mapping[str, Any], namespace: str, kind: Kind) -> str:
    name = str(metadata["name"])
    return name if namespace or not kind.namespaced else f"{metadata['namespace']}/{name}"
