"""What kube-apiserver would refuse in a backend's serving certificate."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pytest_apiservice.why.collect_certificates import alternative_names, day, name_of, signers, usage, usages

Object = dict[str, Any]

WILDCARD = "*."


def dns_name_of(service: Object) -> str:
    """Return the only name the aggregator asks for, that of an APIService's ``spec.service``.

    https://github.com/kubernetes/kube-aggregator, pkg/apiserver/handler_proxy.go
    """
    return f"{service['name']}.{service['namespace']}.svc"


def fault(
    chain: Sequence[x509.Certificate],
    bundle: Sequence[x509.Certificate],
    dns_name: str,
    now: dt.datetime | None = None,
) -> str | None:
    """Return what kube-apiserver would refuse in a backend's serving certificate, None if nothing.

    Args:
        chain: tls.crt of the backend, the leaf first.
        bundle: spec.caBundle of the APIService.
        dns_name: that of the APIService's Service.
    """
    if not chain:
        return "tls.crt holds no certificate"
    leaf, *intermediates = chain
    return (
        _wrong_time(leaf, now or dt.datetime.now(dt.UTC))
        or _wrong_name(leaf, dns_name)
        or _wrong_signer(leaf, intermediates, bundle, now or dt.datetime.now(dt.UTC))
        or _wrongusage(leaf)
    )


def _wrong_time(leaf: x509.Certificate, now: dt.datetime) -> str | None:
    if now > leaf.not_valid_after_utc:
        return f"the serving certificate expired at {day(leaf.not_valid_after_utc)}"
    if now < leaf.not_valid_before_utc:
        return f"the serving certificate is not valid before {day(leaf.not_valid_before_utc)}"
    return None


def _wrong_name(leaf: x509.Certificate, dns_name: str) -> str | None:
    if _covers(leaf, dns_name):
        return None
    names = ", ".join(alternative_names(leaf)) or "no name at all"
    return f"the serving certificate is for {names}, not for {dns_name}"


def _wrong_signer(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    bundle: Sequence[x509.Certificate],
    now: dt.datetime,
) -> str | None:
    if not bundle:
        return "caBundle is empty"
    if not _reaches(leaf, intermediates, bundle):
        held = "; ".join(f"'{name_of(ca.subject)}'" for ca in bundle)
        key = " with another key" if any(ca.subject == leaf.issuer for ca in bundle) else ""
        return (
            f"caBundle does not hold the CA that signed the serving certificate:"
            f" it holds {held}, the signer is '{name_of(leaf.issuer)}'{key}"
        )
    above = signers(leaf, bundle)
    if above and all(now > ca.not_valid_after_utc for ca in above):
        return f"caBundle's CA '{name_of(above[0].subject)}' expired at {day(above[0].not_valid_after_utc)}"
    return None


def _wrongusage(leaf: x509.Certificate) -> str | None:
    allowed = usages(leaf)
    if not allowed or {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(allowed):
        return None
    return f"the serving certificate's extended key usage is {usage(leaf)}, it needs server authentication"


def _reaches(
    leaf: x509.Certificate, intermediates: Sequence[x509.Certificate], bundle: Sequence[x509.Certificate]
) -> bool:
    current = leaf
    for _ in range(len(intermediates) + 1):
        if current in bundle or signers(current, bundle):
            return True
        above = signers(current, intermediates)
        if not above:
            return False
        current = above[0]
    return False


def _covers(certificate: x509.Certificate, dns_name: str) -> bool:
    parent = dns_name.partition(".")[2]
    return any(
        name.lower() == dns_name or (name.startswith(WILDCARD) and name.removeprefix(WILDCARD) == parent)
        for name in alternative_names(certificate)
    )
