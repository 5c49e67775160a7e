"""Names of request headers: which a client may send through the gateway, and which nobody may give another meaning.

All names are bytes in lower case. What this stops beside claims of identity is what lets a client go round the decision of the API server:
it has allowed this method on this path, so nothing may tell the upstream another method or path.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Of one connection, or of the message as it is sent: the client of the upstream writes its own.
#: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
_CONNECTION = frozenset(
    {
        b"connection", b"content-length", b"expect", b"host", b"http2-settings", b"keep-alive", b"te", b"trailer", b"trailers",
        b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
#: Begin with: another method, path, host or prefix than the allowed one, in the words of Symfony, IIS, Rack, Rails, Spring and Express;
#: files and middleware to skip (CVE-2025-61780 of Rack, CVE-2025-29927 of Next.js); an environment variable of CGI programs (httpoxy).
_ELSEWHERE = (
    b"x-accel-", b"x-host", b"x-http-", b"x-method-override", b"x-middleware-", b"x-original-", b"x-rewrite-", b"x-script-name",
    b"x-sendfile-", b"proxy",
)  # fmt: skip
#: Begin with: where the request comes from, as a reverse proxy says it. The gateway says it anew.
_ORIGIN = (
    b"forwarded", b"x-forwarded", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"client-ip", b"true-client-ip",
    b"fastly-client-ip", b"cf-connecting-", b"x-envoy-",
)  # fmt: skip
#: Begin with: who calls, in the words of other proxies.
_WHO = (
    b"x-remote", b"remote-",  # kube-apiserver; Authelia, Apache
    b"impersonate-",  # kube-apiserver: https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
    b"x-auth-", b"x-webauth", b"x-authenticated", b"authenticated-",  # oauth2-proxy below nginx; Grafana; Kong
    b"x-consumer", b"x-anonymous-consumer", b"x-credential", b"x-user",  # Kong
    b"x-authentik", b"x-pomerium", b"x-vouch", b"x-jwt", b"tailscale-", b"cf-access-",
    b"x-goog-authenticated", b"x-goog-iap", b"x-apigateway-api-", b"x-endpoint-api-",  # Google
    b"x-ms-client-principal", b"x-ms-token-", b"x-arr-",  # Azure
    b"x-amzn-oidc", b"x-amzn-mtls",  # AWS
    b"oidc-", b"x-oidc", b"mellon-", b"shib", b"sm-", b"iv-",  # modules of Apache; SiteMinder; WebSEAL
    b"ssl-", b"x-ssl", b"tls-", b"x-tls", b"client-cert", b"x-client-cert", b"x-client-dn", b"x-client-verify", b"x-spiffe",
    b"x-scope-orgid",  # Loki and Mimir: the tenant, believed as it comes
)  # fmt: skip
#: Between dashes, anywhere in the name: who calls, in the words that programs make up.
_CLAIMS = frozenset(
    {
        b"user", b"users", b"username", b"userid", b"userinfo", b"uid", b"upn", b"login", b"email", b"group", b"groups", b"role", b"roles",
        b"principal", b"subject", b"dn", b"identity", b"claim", b"claims", b"impersonate", b"eppn",
    }
)  # fmt: skip
#: The person's address, as RFC 9110 has it; and credentials for whom the client called, which is not the upstream.
_PERSON = frozenset({b"from", b"authorization"})
#: Of what is stopped above, what says nothing about a caller, or proves itself.
_HARMLESS = frozenset({b"user-agent", b"x-user-agent", b"sec-fetch-user", b"x-auth-token", b"x-auth-key"})

_STOPPED = _CONNECTION | _PERSON
_STOPPED_PREFIXES = (*_ELSEWHERE, *_ORIGIN, *_WHO)

#: What every program gives the same meaning, and what the gateway itself sets: no name for an identity.
_TAKEN = _CONNECTION | frozenset(
    {
        b"accept", b"audit-id", b"cache-control", b"cookie", b"date", b"dnt", b"forwarded", b"from", b"max-forwards", b"origin", b"pragma",
        b"priority", b"range", b"referer", b"traceparent", b"tracestate", b"user-agent", b"via", b"x-real-ip", b"x-request-id",
        b"x-forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-proto",
        b"x-forwarded-scheme", b"x-forwarded-server", b"x-forwarded-uri",
    }
)  # fmt: skip
_TAKEN_PREFIXES = (
    b"accept-", b"access-control-", b"content-", b"if-", b"proxy-", b"sec-", b"upgrade-", b"x-http-", b"x-original-", b"x-rewrite-",
)  # fmt: skip


def folded(name: bytes) -> bytes:
    """Return a name so that all under which a program could look for it are equal: CGI, and many frameworks, take '-' for '_'."""
    return name.lower().replace(b"-", b"").replace(b"_", b"")


def may_pass(name: bytes) -> bool:
    """Return whether a client's header line of this name, of letters, digits and dashes, may reach an upstream."""
    if name in _HARMLESS:
        return True
    return name not in _STOPPED and not name.startswith(_STOPPED_PREFIXES) and _CLAIMS.isdisjoint(name.split(b"-"))


_FOLDED = frozenset(map(folded, _TAKEN))
_FOLDED_PREFIXES = tuple(map(folded, _TAKEN_PREFIXES))


def is_taken(name: bytes) -> bool:
    """Return whether a name has a meaning of its own, so that it can't carry an identity or a token."""
    return folded(name) in _FOLDED or name.lower().startswith(_TAKEN_PREFIXES)


def begins(prefix: bytes, names: Iterable[bytes]) -> bytes | None:
    """Return a name that begins with the prefix, of `names` and of those that have a meaning of their own, or None."""
    start = folded(prefix)
    found = (name for name in (*names, *sorted(_TAKEN), *_TAKEN_PREFIXES) if folded(name).startswith(start))
    return next(found, next((one for one in _TAKEN_PREFIXES if prefix.lower().startswith(one)), None))
