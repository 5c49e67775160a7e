"""The APIService as the cluster has it, and direct calls to the Service it names."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import re
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from extension_apiserver.cluster.http_client import FAILURES, ClientConnection, environment_proxy
from extension_apiserver.cluster.kubernetes import ApiClient, ApiError

_TIMEOUT_SECONDS = 5
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?")


@dataclasses.dataclass(frozen=True, slots=True)
class Registration:
    """One APIService.

    Attributes:
        name: '<version>.<group>'.
        service_name: name of its Service.
        service_namespace: namespace of its Service.
        port: port of its Service.
        ca_bundle: PEM; '' if there is none.
        insecure: kube-apiserver verifies nothing.
        available: status of the condition Available: 'True', 'False' or 'Unknown'.
        reason: reason of that condition.
        message: message of that condition.

    """

    name: str
    service_name: str
    service_namespace: str
    port: int
    ca_bundle: str
    insecure: bool
    available: str
    reason: str
    message: str

    @property
    def dns_name(self) -> str:
        """The name kube-apiserver verifies."""
        return f"{self.service_name}.{self.service_namespace}.svc"


async def read_registration(client: ApiClient, name: str) -> Registration:
    """Return an APIService.

    Raises:
        ApiError: 404 if it does not exist, 403 if it may not be read.

    """
    found = await client.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{name}")
    spec = found["spec"]
    service = spec.get("service")
    if not service:
        raise ApiError(f"APIService {name} names no Service, so kube-apiserver serves it itself")
    conditions: list[dict[str, Any]] = found.get("status", {}).get("conditions") or []
    condition = next((each for each in conditions if each["type"] == "Available"), {})
    return Registration(
        name,
        service["name"],
        service["namespace"],
        service.get("port", 443),
        base64.b64decode(spec.get("caBundle") or "").decode(),
        bool(spec.get("insecureSkipTLSVerify")),
        condition.get("status", "Unknown"),
        condition.get("reason", ""),
        condition.get("message", ""),
    )


async def call_directly(
    registration: Registration, path: str, *, headers: Sequence[tuple[str, str]] = ()
) -> tuple[int, str]:
    """Call the backend past kube-apiserver, without a client certificate, verifying it as kube-apiserver does.

    Args:
        registration: says where, and whom to trust.
        path: path of the GET request.
        headers: of the request.

    Returns:
        Code and body.

    Raises:
        ApiError: if it cannot be reached or its certificate does not verify.

    """
    url = f"https://{registration.dns_name}:{registration.port}{path}"
    refusal: OSError | None = None
    for trust in _trusts(registration.ca_bundle):
        try:
            return await _get(registration, path, headers, trust)
        except ssl.SSLCertVerificationError as error:
            refusal = refusal or error
        except FAILURES as error:
            raise ApiError(f"{url} cannot be reached: {error or 'timeout'}") from error
    raise ApiError(f"{url} cannot be reached: {refusal}") from refusal


def _trusts(bundle: str) -> Iterator[ssl.SSLContext]:
    """Yield the whole bundle, then each certificate of it alone.

    Of several authorities with one name and without key identifiers OpenSSL tries one, Go each of them:
    https://docs.openssl.org/3.0/man1/openssl-verification-options/#certification-path-building
    """
    authorities = _CERTIFICATE.findall(bundle)
    for pem in [bundle, *authorities] if len(authorities) > 1 else [bundle]:
        trust = ssl.create_default_context(cadata=pem or None)
        trust.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Go does not ask for it
        trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # Go trusts every certificate of a bundle
        yield trust


async def _get(
    registration: Registration, path: str, headers: Sequence[tuple[str, str]], trust: ssl.SSLContext
) -> tuple[int, str]:
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        host, port = registration.dns_name, registration.port
        connection = await ClientConnection.open(host, port, trust, proxy=environment_proxy(host))
        try:
            connection.send("GET", path, headers)
            await connection.receive_header()
            return connection.code, (await connection.read()).decode(errors="replace")
        finally:
            await connection.close()
