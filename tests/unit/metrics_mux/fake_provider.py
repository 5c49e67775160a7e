"""Providers on loopback, over real TLS, that answer as a test wants, and see byte for byte what they are asked."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.metrics_mux.config import GROUPS, ProviderConfig
from unit.gateway.upstream import Upstream, Visitor, answering, ok
from unit.pki import Authority, Pair

AUTHORITY = Authority("providers")
TIME = "2026-11-28T12:00:00Z"
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
CUSTOM = "/apis/custom.metrics.k8s.io/v1beta2"
_TARGET = re.compile(rb"GET (\S+) HTTP/1.1\r\n")

Script = Callable[[Visitor], object]


class FakeProvider(Upstream):
    """One of them."""

    def __init__(self, name: str, script: Script, folder: Path, pair: Pair | None = None) -> None:
        """Serve; `pair` is its certificate, by default a good one."""
        self.name = name
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*(pair or AUTHORITY.server(f"{name}.default.svc")).write(folder / name))
        self.ca_file = folder / name / "ca.crt"
        self.ca_file.write_text(AUTHORITY.pem)
        super().__init__(script)

    def provider(self, **fields: Any) -> ProviderConfig:
        """Return what the configuration says of it."""
        return ProviderConfig(
            **{
                "name": self.name,
                "origin": origin(f"https://127.0.0.1:{self.port}"),
                "apis": ("external",),
                "ca_file": str(self.ca_file),
                "server_name": f"{self.name}.default.svc",
                **fields,
            }
        )

    def _serve(self, accepted: Any) -> None:
        try:
            secured = self._context.wrap_socket(accepted, server_side=True)
        except OSError:
            accepted.close()
            return
        super()._serve(secured)


class Served:
    """What a well-behaved provider has.

    Attributes:
        metrics: path below the version, without its query, → values (of external metrics), or bytes to answer with.
        listed: what discovery lists, of any API.
        asked: every header for a metric that it read, discovery aside.

    """

    def __init__(self, metrics: Mapping[str, Sequence[str] | bytes] | None = None, *listed: str) -> None:
        self.metrics = dict(metrics or {})
        self.listed: Sequence[str] = listed
        self.asked: list[str] = []

    @property
    def script(self) -> Script:
        """What it does."""
        return answering(self._answer)

    def _answer(self, header: bytes, _body: bytes) -> bytes:
        match = _TARGET.match(header)
        assert match, header
        path = match[1].decode().partition("?")[0]
        for group, versions in GROUPS.values():
            if path in {f"/apis/{group}/{version}" for version in versions}:
                return as_json(a_resource_list(path.removeprefix("/apis/"), *self.listed))
        self.asked.append(header.decode())
        found = self.metrics.get(path.split("/", 4)[4], b"")
        if isinstance(found, bytes):
            return found or failure(404, "the server could not find the metric")
        return as_json(a_list(*found))


def as_json(document: object, status: str = "200 OK") -> bytes:
    """Return an answer."""
    return ok(json.dumps(document).encode(), "Content-Type: application/json", status=status)


def failure(code: int, message: str) -> bytes:
    """Return a Status."""
    return as_json({"kind": "Status", "apiVersion": "v1", "code": code, "message": message}, f"{code} Failure")


def a_list(*values: str) -> dict[str, Any]:
    """Return values of an external metric."""
    items = [{"metricName": "a", "metricLabels": {}, "timestamp": TIME, "value": value} for value in values]
    return {"kind": "ExternalMetricValueList", "apiVersion": EXTERNAL[6:], "metadata": {}, "items": items}


def a_resource_list(group_version: str, *names: str) -> dict[str, Any]:
    """Return what discovery says, with verbs that would be dangerous."""
    resources = [
        {"name": name, "singularName": "", "namespaced": True, "kind": "X", "verbs": ["delete", "list", "get"]}
        for name in names
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}
