"""What the gateway's configuration file says, as objects. Names in the file are these in camelCase, as Kubernetes has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from extension_apiserver.apps.upstream.origin import Origin


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Files of the TLS to an upstream with https; '' for what is not used.

    Attributes:
        ca_file: PEM of whom to trust; '' trusts what the system trusts.
        certificate_file: the client certificate to show, PEM, with its key in `key_file`. Both are read anew when they change.
        key_file: see there.
        server_name: the name that the upstream's certificate must have; '' is the host of the URL.

    """

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    server_name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one upstream.

    Attributes:
        connections: open at once; whoever needs one more waits for `connect_seconds`.
        connect_seconds: for a connection, TLS included.
        answer_seconds: from the sent request to the header of the answer, and between two parts of the answer unless the path is below
            `proxy/`. kube-apiserver gives up after 60.
        answer_bytes: of one answer's body; 0 is without bound.

    """

    connections: int = 128
    connect_seconds: float = 5
    answer_seconds: float = 55
    answer_bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamConfig:
    """One upstream.

    Attributes:
        origin: where it is; `url` in the file.
        version: of the group, that it answers for; '' for all.
        segment: the first segment below the version, that it answers for; '' for all. The most specific upstream gets a request: version
            and segment, then segment, then version, then neither.
        prefix: 'strip' sends `/apis/<group>/<version>/a/b` (and `…/proxy/a/b`) as `/a/b`, 'keep' as it came. A segment stays in either case.
        readiness_path: what the upstream must answer with 200 to 399 to be ready, as it is sent there; '' if a connection is enough.
        openapi_path: where it has its OpenAPI 3 document, JSON, as it is sent there; '' if it has none.
        tls: with https.
        limits: bounds.

    """

    origin: Origin
    version: str = ""
    segment: str = ""
    prefix: str = "strip"
    readiness_path: str = ""
    openapi_path: str = ""
    tls: TlsFiles = TlsFiles()
    limits: Limits = Limits()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfig:
    """How the upstream is told who calls. A header that is '' is not sent.

    Attributes:
        group_separator: '' sends one line for each group; else they are joined by it, and a user with a group that holds it is refused.
        extra_header_prefix: followed by the key, escaped as Kubernetes does it.

    """

    user_header: str = "X-Remote-User"
    group_header: str = "X-Remote-Group"
    group_separator: str = ""
    uid_header: str = "X-Remote-Uid"
    extra_header_prefix: str = "X-Remote-Extra-"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenConfig:
    """A signed token (JWT, ES256) with each request, for an upstream that others can reach.

    Attributes:
        key_file: private key, P-256, PEM; '' sends no token. Read anew when it changes.
        audience: `aud`.
        issuer: `iss`.
        header: carries it; with 'Authorization' after 'Bearer '.
        lifetime_seconds: 1 to 60.

    """

    key_file: str = ""
    audience: str = ""
    issuer: str = ""
    header: str = "Authorization"
    lifetime_seconds: int = 60


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow:
    """What a path below the version needs besides what kube-apiserver asks for, in the words of RBAC.

    Attributes:
        path: segments between slashes: a word, `*` for any one, `{name}` and `{namespace}` for one that becomes that attribute; `**` at
            the end for any number. Without `/apis/<group>/<version>` (and `proxy`) at its front.
        methods: to which it applies; empty for all.
        resource: `<plural>` or `<plural>/<subresource>`.
        verb: any word.

    """

    path: str
    methods: Sequence[str] = ()
    resource: str = ""
    verb: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditBodies:
    """Paths (as in AccessRow) whose bodies are in the log, `most_bytes` of request and answer each."""

    path: str
    most_bytes: int = 4096


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """All of it.

    Attributes:
        upstreams: at least one.
        resources: the mapping, one mapping per resource, as `resources.mapping.mapped` takes it.

    """

    upstreams: Sequence[UpstreamConfig]
    identity: IdentityConfig = IdentityConfig()
    token: TokenConfig = TokenConfig()
    resources: Sequence[Mapping[str, Any]] = ()
    access: Sequence[AccessRow] = ()
    audit_bodies: Sequence[AuditBodies] = ()
