"""The path of one request, hop by hop: who speaks, with which certificate, and who believes it."""

import functools
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import yaml
from cryptography import x509

from pytest_apiservice.client.api import Api
from pytest_apiservice.why.certificates import dns_name_of, fault
from pytest_apiservice.why.collect_certificates import load, load_base64, short

Object = dict[str, Any]
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Hop:
    """One station of a request.

    Attributes:
        title: what it is.
        rows: (name, value) pairs to show.
        arrow: how the request goes on to the next station, "" at the last.
    """

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    arrow: str = ""


def hops(api: Api) -> Iterator[Hop]:
    """Make a real request for the header echo and yield its stations, read from the live cluster."""
    session = api.session()
    ask = functools.partial(api.ask, session, timeout=TIMEOUT_SECONDS)

    def get(path: str) -> Object:
        answer: Object = ask("GET", path, headers={"Accept": "application/json"}).json()
        return answer

    try:
        review = ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json=REVIEW)
        user = review.json()["status"]["userInfo"]
        yield Hop(
            "you",
            [("user", user["username"]), ("groups", ", ".join(user["groups"]))],
            f"GET {api.path}/ over TLS, verified",
        )
        version = get("/version")["gitVersion"]
        certificate = _serving_certificate(api)
        front_proxy = get("/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")["data"]
        rows = [
            ("address", api.server),
            ("version", version),
            ("serves as", short(certificate)),
            *_identity(front_proxy),
        ]
        yield Hop("kube-apiserver", rows, "authenticated, authorised by RBAC, identity headers replaced")
        yield from _behind(api, get, front_proxy)
        echo = yaml.safe_load(ask("GET", f"{api.path}/", headers={"Accept": "application/yaml"}).text)
        yield Hop("backend sees", [(name, _words(value)) for name, value in echo.items()])
    finally:
        session.close()


def _behind(api: Api, get: Any, front_proxy: Object) -> Iterator[Hop]:  # noqa: ANN401 - a function
    apiservice = get(f"/apis/apiregistration.k8s.io/v1/apiservices/{api.version}.{api.group}")
    target, bundle = apiservice["spec"]["service"], load_base64(apiservice["spec"].get("caBundle"))
    condition = next(c for c in apiservice["status"]["conditions"] if c["type"] == "Available")
    where, name = f"{target['namespace']}/{target['name']}", dns_name_of(target)
    rows = [("Available", f"{condition['status']}, {condition['reason']}"), ("trusts", "; ".join(map(short, bundle)))]
    yield Hop(f"APIService {api.version}.{api.group}", rows, f"port {target.get('port', 443)} of Service {where}")
    base = f"/apis/discovery.k8s.io/v1/namespaces/{target['namespace']}/endpointslices"
    slices = get(f"{base}?labelSelector=kubernetes.io/service-name={target['name']}")["items"]
    ready = [e for s in slices for e in s["endpoints"] or [] if e["conditions"].get("ready")]
    ports = sorted({str(port["port"]) for s in slices for port in s["ports"] or []})
    addresses = ", ".join(a for e in ready for a in e["addresses"])
    rows = [("ready endpoints", addresses), ("port", ", ".join(ports))]
    yield Hop(f"Service {where}", rows, f"mutual TLS, server name {name}")
    pods = {e["targetRef"]["name"] for e in ready if "targetRef" in e}
    secrets = get(f"/api/v1/namespaces/{target['namespace']}/secrets")["items"]
    chains = [load_base64((s.get("data") or {}).get("tls.crt")) for s in secrets]
    # The serving certificate by what it is for: of several Secrets, the one for this very name.
    chain = next((c for c in chains if c and fault(c, bundle, name) is None), [])
    believed = f"client certificates of {front_proxy.get('requestheader-allowed-names', 'any name')}"
    issuers = "; ".join(map(short, load(front_proxy.get("requestheader-client-ca-file"))))
    rows = [
        ("pods", ", ".join(sorted(pods))),
        ("serves as", short(chain[0]) if chain else "no certificate that verifies"),
        ("believes", f"{believed} signed by {issuers}"),
    ]
    yield Hop("backend", rows, "WSGI, the verified user beside the raw headers")


def _identity(front_proxy: Object) -> list[tuple[str, str]]:
    names = json.loads(front_proxy.get("requestheader-allowed-names", "[]"))
    return [("speaks to backends as", ", ".join(names) or "any name its CA signs")]


def _serving_certificate(api: Api) -> x509.Certificate:
    address = urlsplit(api.server)
    context = ssl.create_default_context(cafile=api.ca_file)
    with (
        socket.create_connection((address.hostname, address.port), timeout=TIMEOUT_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=address.hostname) as tls,
    ):
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
