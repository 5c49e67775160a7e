"""Configuration by environment variables, validated all at once.

Every variable has the prefix of the program (`EXTENSION_APISERVER_` unless told otherwise) and a unit in its name. Two come without prefix
because the kubelet sets them: `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import variables

DEFAULT_PREFIX = "EXTENSION_APISERVER_"
_OLDER_PREFIX = "HEADER_ECHO_"
#: Fields whose values nobody is shown.
SECRETS = ("store_url",)

# The kubelet adds variables for every Service of the namespace, and the Service may have the name of this program:
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_SERVICE_LINK = re.compile(r"SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_\d+_.*")


class SettingsError(Exception):
    """The environment does not make a configuration; the message has one line per fault."""


def _variable(default: str, parse: Callable[[str], Any], *, prefixed: bool = True) -> Any:  # noqa: ANN401
    return dataclasses.field(metadata={"default": default, "parse": parse, "prefixed": prefixed})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One field per variable: `GROUP` is `group`. `from_environ` is the only constructor that validates."""

    group: str = _variable("cats.example.com", variables.api_group)
    #: The first is the preferred one; none if there is no group of one's own.
    versions: tuple[str, ...] = _variable("v1", variables.api_versions)
    #: Which of the APIs of metrics have an APIService that leads here: external, custom, resource.
    metrics_apis: tuple[str, ...] = _variable("", variables.metrics_apis)
    #: Where resources with a store keep their objects. It may have a password, so that it is never shown.
    store_url: str = _variable("", variables.store_url)
    bind_address: str = _variable("0.0.0.0", variables.ip_address)  # noqa: S104 - a server behind a Service; the chart gives the pod address
    port: int = _variable("10250", variables.port)
    #: Holds `tls.crt` and `tls.key`; mount the whole Secret, since a subPath is never updated.
    tls_directory: Path = _variable("/var/run/header-echo/tls", variables.directory)  # noqa: RUF009
    #: Holds `token`, `ca.crt` and `namespace`.
    service_account_directory: Path = _variable("/var/run/secrets/kubernetes.io/serviceaccount", variables.directory)  # noqa: RUF009
    #: The name the aggregator verifies, `<service>.<namespace>.svc`; empty skips the check of our own certificate.
    service_dns_name: str = _variable("", variables.service_dns_name)
    delegated_authentication: bool = _variable("false", variables.boolean)
    delegated_authorization: bool = _variable("false", variables.boolean)
    shutdown_delay_seconds: float = _variable("5", variables.seconds)
    shutdown_timeout_seconds: float = _variable("20", variables.seconds)
    log_level: str = _variable("info", variables.log_level)
    max_body_bytes: int = _variable("1048576", variables.positive_int)
    #: Of a body that the application reads while it arrives; 0 is as `max_body_bytes`, which bounds those that are held whole.
    max_streamed_body_bytes: int = _variable("0", variables.non_negative_int)
    #: Of one request, names and values together. 500 groups of 100 bytes are about 60 kB.
    max_header_bytes: int = _variable("131072", variables.positive_int)
    max_header_lines: int = _variable("1024", variables.positive_int)
    #: Bodies on their way in and answers on their way out, over all connections, beyond 64 KiB for each.
    max_bytes_in_flight: int = _variable("33554432", variables.positive_int)
    #: Connections that are proven to be the front proxy's, which is kube-apiserver.
    max_connections: int = _variable("1024", variables.positive_int)
    #: All other connections: the kubelet's, direct callers' with or without certificate, unfinished handshakes.
    max_unverified_connections: int = _variable("64", variables.positive_int)
    #: Answers that are made while they are sent, and upgraded connections.
    max_streams: int = _variable("512", variables.positive_int)
    #: 0 is without end. After it the client has to ask, and to be allowed, anew.
    max_stream_seconds: float = _variable("0", variables.seconds)
    tls_handshake_timeout_seconds: float = _variable("10", variables.timeout_seconds)
    header_timeout_seconds: float = _variable("10", variables.timeout_seconds)
    body_timeout_seconds: float = _variable("10", variables.timeout_seconds)
    idle_timeout_seconds: float = _variable("100", variables.idle_seconds)
    kubernetes_service_host: str = _variable("", variables.kube_apiserver_host, prefixed=False)
    kubernetes_service_port: int = _variable("443", variables.port, prefixed=False)

    @property
    def registered(self) -> list[tuple[str, str]]:
        """(group, version) of all APIServices that lead here."""
        own = [(self.group, version) for version in self.versions]
        groups = [variables.METRICS_APIS[api] for api in self.metrics_apis]
        return own + [(group, version) for group, versions in groups for version in versions]

    @property
    def most_body_bytes(self) -> int:
        """What a body may have that is read while it arrives: at least what one may have that is held whole."""
        return max(self.max_body_bytes, self.max_streamed_body_bytes)

    @property
    def api_server_url(self) -> str:
        """Base URL of kube-apiserver, without a trailing slash."""
        host = self.kubernetes_service_host
        return f"https://{f'[{host}]' if ':' in host else host}:{self.kubernetes_service_port}"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, prefix: str = DEFAULT_PREFIX) -> Settings:
        """Read and validate every variable.

        Raises:
            SettingsError: if anything is wrong, with every fault on a line of its own. Unknown variables with the prefix are
                faults too, since a misspelt one would otherwise be a silent default.

        """
        faults: list[str] = []
        values: dict[str, Any] = {}
        known: set[str] = set()
        for field in dataclasses.fields(cls):
            name = (prefix if field.metadata["prefixed"] else "") + field.name.upper()
            known.add(name)
            text = environ.get(name, field.metadata["default"])
            try:
                values[field.name] = field.metadata["parse"](text)
            except ValueError as error:
                faults.append(f"{name} {error}" + ("" if field.name in SECRETS else f", not '{text}'"))
        if prefix == DEFAULT_PREFIX:
            faults += _older(environ, known)
        faults += [
            f"{name} is not a variable of this program; remove it or correct its name"
            for name in sorted(environ)
            if name.startswith(prefix) and name not in known and not _SERVICE_LINK.fullmatch(name[len(prefix) :])
        ]
        body, together = values.get("max_body_bytes"), values.get("max_bytes_in_flight")
        if body and together and together < body:
            faults.append(
                f"{prefix}MAX_BYTES_IN_FLIGHT must be at least {prefix}MAX_BODY_BYTES, which is {body}, not '{together}'"
            )
        if faults:
            raise SettingsError("\n".join(faults))
        return cls(**values)


def _older(environ: Mapping[str, str], known: set[str]) -> list[str]:
    """Name the variables of an older version that nothing in `environ` replaces; "tcp://" is a Service's, see _SERVICE_LINK."""
    pairs = [(name, name.replace(DEFAULT_PREFIX, _OLDER_PREFIX, 1)) for name in sorted(known - environ.keys())]
    return [
        f"{older} is of an older version: set {name}"
        for name, older in pairs
        if older != name and "://" not in environ.get(older, "://")
    ]
