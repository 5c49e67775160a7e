"""`doctor`: looks at everything that kube-aggregator looks at, in its order, and says what is wrong and what to do about it.

It runs with the rights it is given; what it may not read it says so, and goes on.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from extension_apiserver.cluster.kubernetes import ApiClient, ApiError
from extension_apiserver.settings import Settings
from extension_apiserver.trust.certificates import read_serving_certificate
from extension_apiserver.trust.requestheader import COLLECTION, NAME, READER_ROLE, RequestHeaderConfig

from .availability import explain
from .findings import Finding
from .registration import Registration, call_directly, read_registration

_FORBIDDEN = 403
_NOT_FOUND = 404
_DELEGATOR_REMEDY = "bind ClusterRole system:auth-delegator to this ServiceAccount"


async def examine(client: ApiClient, settings: Settings) -> AsyncIterator[Finding]:
    """Yield what is found, the backend's own matters first."""
    yield _own_certificate(settings)
    yield await _front_proxy(client)
    for wanted, resource in (
        (settings.delegated_authentication, ("authentication.k8s.io", "tokenreviews")),
        (settings.delegated_authorization, ("authorization.k8s.io", "subjectaccessreviews")),
    ):
        if wanted:
            yield await _may_create(client, *resource)
    for group, version in settings.registered:
        async for finding in _registration(client, f"{version}.{group}"):
            yield finding


def _own_certificate(settings: Settings) -> Finding:
    file = settings.tls_directory / "tls.crt"
    try:
        certificate = read_serving_certificate(file.read_bytes())
    except (OSError, ValueError, IndexError):
        return Finding(
            None, f"no serving certificate is at {file}", "run this inside a pod of the backend to look at it"
        )
    complaint = certificate.complaint(settings.service_dns_name, time.time())
    if complaint:
        return Finding(False, complaint, "correct the certificate; the backend takes the new one over by itself")
    days = (certificate.not_after - time.time()) / 86400
    return Finding(
        True, f"the serving certificate names {', '.join(certificate.dns_names)} and is valid for {days:.1f} days"
    )


async def _front_proxy(client: ApiClient) -> Finding:
    what = f"ConfigMap kube-system/{NAME}"
    try:
        config = RequestHeaderConfig().with_front_proxy((await client.get(f"{COLLECTION}/{NAME}")).get("data") or {})
    except ApiError as error:
        remedy = f"bind Role kube-system/{READER_ROLE} to this ServiceAccount" if error.code == _FORBIDDEN else ""
        return Finding(False, f"{what} cannot be read: {error}", remedy)
    except ValueError as error:
        return Finding(False, str(error), "it is kube-apiserver's own; look at its --requestheader flags")
    if not config.authorities:
        return Finding(
            False,
            f"{what} names no requestheader-client-ca-file",
            "turn on the aggregation layer: kube-apiserver --requestheader-client-ca-file",
        )
    names = ", ".join(sorted(config.allowed_names)) or "any name"
    return Finding(True, f"the front proxy is known: {len(config.authorities)} authority, allowed {names}")


async def _may_create(client: ApiClient, group: str, resource: str) -> Finding:
    spec = {"resourceAttributes": {"verb": "create", "group": group, "resource": resource}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    try:
        answer = await client.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    except ApiError as error:
        return Finding(None, f"whether {resource} may be created cannot be asked: {error}")
    if answer.get("status", {}).get("allowed"):
        return Finding(True, f"{resource} may be created, as delegation needs")
    return Finding(False, f"{resource} may not be created, as delegation needs", _DELEGATOR_REMEDY)


async def _registration(client: ApiClient, name: str) -> AsyncIterator[Finding]:
    try:
        registration = await read_registration(client, name)
    except ApiError as error:
        if error.code == _NOT_FOUND:
            yield Finding(False, f"APIService {name} does not exist", "install the chart, or apply the APIService")
        elif error.code == _FORBIDDEN:
            yield Finding(
                None, f"APIService {name} may not be read", f"look yourself: kubectl get apiservice {name} -o yaml"
            )
        else:
            yield Finding(False, str(error))
        return
    if registration.available == "True":
        yield Finding(True, f"APIService {name} is Available: {registration.message or registration.reason}")
    else:
        saw, remedy = explain(registration.reason)
        message = f" ({registration.message})" if registration.message else ""
        yield Finding(False, f"APIService {name} is not Available, {registration.reason}: {saw}{message}", remedy)
    yield await _service(client, registration)
    yield await _endpoints(client, registration)
    yield _trust(registration)
    yield await _answer(registration, f"/apis/{name.partition('.')[2]}/{name.partition('.')[0]}")


async def _service(client: ApiClient, registration: Registration) -> Finding:
    where = f"Service {registration.service_namespace}/{registration.service_name}"
    try:
        path = f"/api/v1/namespaces/{registration.service_namespace}/services/{registration.service_name}"
        spec = (await client.get(path))["spec"]
    except ApiError as error:
        return _unread(error, where, "ServiceNotFound")
    ports = [port["port"] for port in spec.get("ports") or []]
    if registration.port not in ports:
        saw, remedy = explain("ServicePortError")
        return Finding(
            False, f"{where} has port {', '.join(map(str, ports)) or 'none'}, not {registration.port}: {saw}", remedy
        )
    if spec.get("clusterIP") == "None":
        return Finding(False, f"{where} is headless", "give it a ClusterIP, which kube-apiserver dials")
    return Finding(True, f"{where} has port {registration.port}")


async def _endpoints(client: ApiClient, registration: Registration) -> Finding:
    where = f"Service {registration.service_namespace}/{registration.service_name}"
    selector = f"?labelSelector=kubernetes.io%2Fservice-name%3D{registration.service_name}"
    path = f"/apis/discovery.k8s.io/v1/namespaces/{registration.service_namespace}/endpointslices{selector}"
    try:
        slices: list[dict[str, Any]] = (await client.get(path)).get("items") or []
    except ApiError as error:
        return _unread(error, f"EndpointSlices of {where}", "EndpointsNotFound")
    if not slices:
        return Finding(False, f"{where}: {explain('EndpointsNotFound')[0]}", explain("EndpointsNotFound")[1])
    endpoints = [endpoint for each in slices for endpoint in each.get("endpoints") or []]
    ready = [endpoint for endpoint in endpoints if endpoint.get("conditions", {}).get("ready", True)]
    if not ready:
        return Finding(
            False, f"{where} has {len(endpoints)} endpoints, none of them ready", explain("MissingEndpoints")[1]
        )
    return Finding(True, f"{where} has {len(ready)} ready endpoints")


def _unread(error: ApiError, what: str, reason: str) -> Finding:
    if error.code == _NOT_FOUND:
        saw, remedy = explain(reason)
        return Finding(False, f"{what} does not exist: {saw}", remedy)
    return Finding(None, f"{what} cannot be read: {error}")


def _trust(registration: Registration) -> Finding:
    if registration.insecure:
        return Finding(
            False,
            f"APIService {registration.name} has insecureSkipTLSVerify: whoever controls the Service can pose as the backend",
            "remove it and set caBundle",
        )
    if not registration.ca_bundle:
        return Finding(
            False,
            f"APIService {registration.name} has no caBundle, so only certificates of public authorities verify",
            "see that cert-manager's cainjector runs and that the annotation names the Certificate",
        )
    return Finding(True, f"APIService {registration.name} has a caBundle")


async def _answer(registration: Registration, path: str) -> Finding:
    """Ask the Service as the aggregator does, though without its certificate: a refusal of the caller is an answer."""
    try:
        code, text = await call_directly(registration, path)
    except (ApiError, ValueError) as error:
        return Finding(False, str(error), explain("FailedDiscoveryCheck")[1])
    if code in {401, _FORBIDDEN}:
        return Finding(
            True, f"{registration.dns_name} answers and refuses a caller without the front proxy's certificate"
        )
    good = code == 200  # noqa: PLR2004
    return Finding(good, f"{registration.dns_name} answers {code} to {path}: {text.strip()[:200]}")
