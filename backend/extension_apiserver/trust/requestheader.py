"""What the cluster says about its front proxy, in the ConfigMap kube-system/extension-apiserver-authentication.

https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#extension-apiserver-client-authentication
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from cryptography.x509 import Certificate

from .certificates import load_authorities

NAME = "extension-apiserver-authentication"
COLLECTION = "/api/v1/namespaces/kube-system/configmaps"
READER_ROLE = "extension-apiserver-authentication-reader"


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
