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
from typing import Any

from cryptography.x509 import Certificate

from extension_apiserver.cluster.kubernetes import ApiClient, ApiError, backoff_seconds
from extension_apiserver.observe.metrics import Metrics

from .certificates import load_authorities
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

    def with_front_proxy(self, data: Mapping[str, str]) -> RequestHeaderConfig:
        """Return this with what the `data` of the ConfigMap says about the front proxy.

        Raises:
            ValueError: if a list is not JSON or the bundle not PEM; the message names the key.

        """
        return dataclasses.replace(
            self,
            authorities=_authorities(data, "requestheader-client-ca-file"),
            allowed_names=frozenset(_names(data, "requestheader-allowed-names")),
            username_headers=_headers(data, "requestheader-username-headers"),
            group_headers=_headers(data, "requestheader-group-headers"),
            uid_headers=_headers(data, "requestheader-uid-headers"),
            extra_prefixes=_headers(data, "requestheader-extra-headers-prefix"),
        )

    def with_clients(self, data: Mapping[str, str]) -> RequestHeaderConfig:
        """Return this with what the `data` of the ConfigMap says about users' own certificates.

        Raises:
            ValueError: if the bundle is not PEM; the message names the key.

        """
        return dataclasses.replace(self, client_authorities=_authorities(data, "client-ca-file"))


def _names(data: Mapping[str, str], key: str) -> list[str]:
    try:
        values = json.loads(data.get(key) or "[]")
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{key} of ConfigMap kube-system/{NAME} is not a JSON list of strings")
    return values


def _headers(data: Mapping[str, str], key: str) -> tuple[bytes, ...]:
    return tuple(value.lower().encode() for value in _names(data, key) if value)


def _authorities(data: Mapping[str, str], key: str) -> tuple[Certificate, ...]:
    try:
        return load_authorities(data[key]) if data.get(key) else ()
    except ValueError:
        raise ValueError(f"{key} of ConfigMap kube-system/{NAME} is not a PEM bundle") from None


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
        """Take over new data as far as it is good; the last good configuration stays otherwise.

        Who the front proxy is and who the users are change one by one, so that a mistake in one does not hold up the other.
        """
        before = self.config
        complaint = self._try(self.config.with_front_proxy, data)
        if self.known:
            complaint = self._try(self.config.with_clients, data) or complaint
        if complaint:
            self._complain(f"{complaint}; the last good configuration stays")
        elif not self.config.authorities:
            self._say(f"ConfigMap kube-system/{NAME} names no requestheader-client-ca-file; no caller can be trusted")
        else:
            self.complaint = None
        if self.config is before:
            return
        self._metrics.requestheader_reloads.add(result="success")
        if not self.config.allowed_names:
            _log.warning("requestheader-allowed-names is empty: every certificate of that authority is a front proxy")

    def _try(self, parse: Callable[[Mapping[str, str]], RequestHeaderConfig], data: Mapping[str, str]) -> str | None:
        """Return why a part of the data cannot be taken over, or None."""
        try:
            config = parse(data)
            if config != self.config or not self.known:
                self._changed(config)
                self._take(config)
        except (ValueError, TlsError) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever is in the ConfigMap, who is trusted now goes on being served
            return f"ConfigMap kube-system/{NAME} cannot be used: {type(error).__name__}: {error}"
        return None

    def _take(self, config: RequestHeaderConfig) -> None:
        self.config = config
        self.generation += 1

    def _complain(self, complaint: str) -> None:
        self._metrics.requestheader_reloads.add(result="failure")
        self._say(complaint)

    def _say(self, complaint: str) -> None:
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
            except Exception as error:  # noqa: BLE001 - an answer that is no ConfigMap must not end who serves without it
                self._complain(
                    f"ConfigMap kube-system/{NAME} cannot be read: kube-apiserver answers with something else: "
                    f"{type(error).__name__}: {error}"
                )
                failures += 1
            if failures:
                await asyncio.sleep(backoff_seconds(failures))

    async def _read_and_watch(self) -> None:
        config_map = await self._client.get(f"{COLLECTION}/{NAME}")
        version = self._read(config_map)
        query = (
            f"?watch=1&fieldSelector=metadata.name%3D{NAME}&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        )
        async for event in self._client.watch(COLLECTION + query, timeout_seconds=_WATCH_SECONDS + 30):
            if event["type"] in {"ADDED", "MODIFIED"}:
                self._read(event["object"])
            elif event["type"] == "DELETED":
                self._complain(f"ConfigMap kube-system/{NAME} was deleted; the last good configuration stays")
            elif event["type"] == "ERROR":
                # Usually 410: the version is too old. Reading again is the remedy.
                return

    def _read(self, config_map: Mapping[str, Any]) -> str:
        """Take over an object and return its version; one without a version is none, and says nothing about whom to trust."""
        version: str = config_map["metadata"]["resourceVersion"]
        self.update(config_map.get("data") or {})
        return version
