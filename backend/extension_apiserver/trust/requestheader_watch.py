"""What the cluster says about its front proxy, as it is now: the ConfigMap is watched, and its last good content counts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from extension_apiserver.cluster.kubernetes import ApiClient, ApiError, backoff_seconds
from extension_apiserver.observe.metrics import Metrics

from .requestheader import COLLECTION, NAME, READER_ROLE, RequestHeaderConfig
from .tls import TlsError

#: The API server ends a watch after this; the next one starts at once.
_WATCH_SECONDS = 600
_SHORTEST_WATCH_SECONDS = 5

_log = logging.getLogger(__name__)


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
