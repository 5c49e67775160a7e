"""What the cluster says about its front proxy: the ConfigMap kube-system/extension-apiserver-authentication.

https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#extension-apiserver-client-authentication
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import time
from collections.abc import Callable, Mapping

from cryptography.x509 import Certificate

from .certificates import load_authorities
from .kubernetes import ApiClient, ApiError, backoff_seconds
from .metrics import Metrics
from .tls import TlsError

NAME = "extension-apiserver-authentication"
COLLECTION = "/api/v1/namespaces/kube-system/configmaps"
READER_ROLE = "extension-apiserver-authentication-reader"
#: The API server ends a watch after this; the next one starts at once.
_WATCH_SECONDS = 600
_SHORTEST_WATCH_SECONDS = 5

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class RequestHeaderConfig:
    """Which headers carry the identity and who may send them. Header names are bytes in lower case."""

    authorities: tuple[Certificate, ...] = ()
    allowed_names: frozenset[str] = frozenset()
    username_headers: tuple[bytes, ...] = ()
    group_headers: tuple[bytes, ...] = ()
    uid_headers: tuple[bytes, ...] = ()
    extra_prefixes: tuple[bytes, ...] = ()
    #: Authority for users' own certificates; matters only to direct callers.
    client_authorities: tuple[Certificate, ...] = ()
    #: Both bundles as PEM, for the TLS layer.
    authorities_pem: str = ""
    client_authorities_pem: str = ""

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> RequestHeaderConfig:
        """Read the `data` of the ConfigMap.

        Raises:
            ValueError: if a list is not JSON or a bundle not PEM; the message names the key.

        """

        def names(key: str) -> list[str]:
            try:
                values = json.loads(data.get(key) or "[]")
            except ValueError:
                values = None
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise ValueError(f"{key} of ConfigMap kube-system/{NAME} is not a JSON list of strings")
            return values

        def authorities(key: str) -> tuple[Certificate, ...]:
            try:
                return load_authorities(data[key]) if data.get(key) else ()
            except ValueError:
                raise ValueError(f"{key} of ConfigMap kube-system/{NAME} is not a PEM bundle") from None

        def headers(key: str) -> tuple[bytes, ...]:
            return tuple(value.lower().encode() for value in names(key) if value)

        return cls(
            authorities=authorities("requestheader-client-ca-file"),
            allowed_names=frozenset(names("requestheader-allowed-names")),
            username_headers=headers("requestheader-username-headers"),
            group_headers=headers("requestheader-group-headers"),
            uid_headers=headers("requestheader-uid-headers"),
            extra_prefixes=headers("requestheader-extra-headers-prefix"),
            client_authorities=authorities("client-ca-file"),
            authorities_pem=data.get("requestheader-client-ca-file", ""),
            client_authorities_pem=data.get("client-ca-file", ""),
        )


class RequestHeaderWatch:
    """Keeps the newest good configuration; before the first one nobody is trusted.

    Attributes:
        config: what counts now.
        generation: grows with every change of `config`.
        complaint: why `config` is missing or old, in words; None if all is well.

    """

    def __init__(self, client: ApiClient, metrics: Metrics, changed: Callable[[RequestHeaderConfig], None]) -> None:
        """Remember whom to tell; `run` does the work.

        Args:
            client: reads the ConfigMap.
            metrics: where reloads are counted.
            changed: called with a configuration before it counts; raises TlsError if it cannot be used.

        """
        self._client = client
        self._metrics = metrics
        self._changed = changed
        self.config = RequestHeaderConfig()
        self.generation = 0
        self.complaint: str | None = f"ConfigMap kube-system/{NAME} was not read yet"

    @property
    def known(self) -> bool:
        """Whether a configuration was ever read."""
        return self.generation > 0

    def failure(self) -> str | None:
        """Return why nobody can be trusted, in words, or None."""
        return None if self.known and self.config.authorities else self.complaint

    def update(self, data: Mapping[str, str]) -> None:
        """Take over new data if it is good; keep the last good configuration otherwise."""
        try:
            config = RequestHeaderConfig.parse(data)
            if config != self.config or not self.known:
                self._changed(config)
                self._take(config)
        except (ValueError, TlsError) as error:
            self._complain(f"{error}; the last good configuration stays")
            return
        self.complaint = None
        if not config.authorities:
            self.complaint = (
                f"ConfigMap kube-system/{NAME} names no requestheader-client-ca-file; no caller can be trusted"
            )

    def _take(self, config: RequestHeaderConfig) -> None:
        self.config = config
        self.generation += 1
        self._metrics.requestheader_reloads.add(result="success")
        if not config.allowed_names:
            _log.warning("requestheader-allowed-names is empty: every certificate of that authority is a front proxy")

    def _complain(self, complaint: str) -> None:
        self._metrics.requestheader_reloads.add(result="failure")
        if complaint != self.complaint:
            _log.error(complaint)
        self.complaint = complaint

    async def run(self) -> None:
        """Read and watch for ever; failures are retried with a growing pause."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self._read_and_watch()
                # A watch that ends as soon as it begins is one, too, or reading it anew would know no pause.
                failures = failures + 1 if time.monotonic() - began < _SHORTEST_WATCH_SECONDS else 0
            except ApiError as error:
                hint = ""
                if error.code == 403:  # noqa: PLR2004
                    hint = f"; bind Role kube-system/{READER_ROLE} to this ServiceAccount"
                self._complain(f"ConfigMap kube-system/{NAME} cannot be read: {error}{hint}")
                failures += 1
            if failures:
                await asyncio.sleep(backoff_seconds(failures))

    async def _read_and_watch(self) -> None:
        config_map = await self._client.get(f"{COLLECTION}/{NAME}")
        self.update(config_map.get("data") or {})
        version = config_map["metadata"]["resourceVersion"]
        query = (
            f"?watch=1&fieldSelector=metadata.name%3D{NAME}&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        )
        async for event in self._client.watch(COLLECTION + query, timeout_seconds=_WATCH_SECONDS + 30):
            if event["type"] in {"ADDED", "MODIFIED"}:
                self.update(event["object"].get("data") or {})
            elif event["type"] == "DELETED":
                self._complain(f"ConfigMap kube-system/{NAME} was deleted; the last good configuration stays")
            elif event["type"] == "ERROR":
                # Usually 410: the version is too old. Reading again is the remedy.
                return
