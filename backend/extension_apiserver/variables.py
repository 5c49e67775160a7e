"""What the text of an environment variable must be.

Each function returns the value, or raises ValueError with the end of a sentence: "must be …".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#names
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
#: API of metrics → its group, and the versions for which there are APIServices, the preferred one first: https://github.com/kubernetes/metrics
METRICS_APIS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "external": ("external.metrics.k8s.io", ("v1beta1",)),
    "custom": ("custom.metrics.k8s.io", ("v1beta2", "v1beta1")),
    "resource": ("metrics.k8s.io", ("v1beta1",)),
}
_LOG_LEVELS = ("debug", "info", "warning", "error")


def api_group(text: str) -> str:
    """Accept a DNS name of two labels or more, 253 characters at most."""
    labels = text.split(".")
    if len(labels) < 2 or len(text) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004
        raise ValueError("must be a DNS name of at least two labels, such as 'cats.example.com'")
    return text


def api_versions(text: str) -> tuple[str, ...]:
    """Accept DNS labels between commas, all different, or nothing; the order stays."""
    if not text:
        return ()
    versions = tuple(version.strip() for version in text.split(","))
    if not all(_DNS_LABEL.fullmatch(version) for version in versions) or len(set(versions)) != len(versions):
        raise ValueError(
            "must be a comma-separated list of different versions, preferred one first, such as 'v1,v1beta1'"
        )
    return versions


def metrics_apis(text: str) -> tuple[str, ...]:
    """Accept names of APIs of metrics between commas, all different, or nothing."""
    apis = tuple(api.strip() for api in text.split(",")) if text else ()
    if not set(apis) <= METRICS_APIS.keys() or len(set(apis)) != len(apis):
        raise ValueError("must be a comma-separated list of different ones of external, custom and resource, or empty")
    return apis


def ip_address(text: str) -> str:
    """Accept IPv4 and IPv6, and return the usual form."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("must be an IP address, such as '0.0.0.0' or '::'") from None


def port(text: str) -> int:
    """Accept 0, with which the kernel chooses (tests use it), to 65535."""
    if text.startswith("tcp://"):
        raise ValueError("is taken by the Service of that name; set it, or `enableServiceLinks: false`, in the pod")
    if not text.isascii() or not text.isdigit() or int(text) > 65535:  # noqa: PLR2004
        raise ValueError("must be a port number from 0 to 65535")
    return int(text)


def positive_int(text: str) -> int:
    """Accept decimal digits, without sign, that are not 0."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("must be a whole number, 1 or more")
    return int(text)


def non_negative_int(text: str) -> int:
    """Accept decimal digits, without sign."""
    if not text.isascii() or not text.isdigit():
        raise ValueError("must be a whole number, 0 or more")
    return int(text)


def seconds(text: str) -> float:
    """Accept 0 to a day, with a fraction if need be."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86400:  # noqa: PLR2004
        raise ValueError("must be a number of seconds from 0 to 86400")
    return value


def timeout_seconds(text: str) -> float:
    """Accept `seconds` but 0."""
    value = seconds(text)
    if value == 0:
        raise ValueError("must be more than 0 seconds, or nobody could ever be served")
    return value


def idle_seconds(text: str) -> float:
    """Accept `seconds` beyond the 90 for which kube-apiserver keeps an idle connection.

    A server that closes first turns a POST into a 503.
    https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/util/net/http.go (IdleConnTimeout)
    """
    value = seconds(text)
    if value <= 90:  # noqa: PLR2004
        raise ValueError("must be more than 90 seconds, for which kube-apiserver keeps an idle connection")
    return value


def boolean(text: str) -> bool:
    """Accept 'true' and 'false' alone, as Helm writes them."""
    if text not in {"true", "false"}:
        raise ValueError("must be 'true' or 'false'")
    return text == "true"


def log_level(text: str) -> str:
    """Accept four of Python's levels, in lower case."""
    if text not in _LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(_LOG_LEVELS)}")
    return text


def directory(text: str) -> Path:
    """Accept an absolute path, whether or not something is there yet."""
    if not text.startswith("/"):
        raise ValueError("must be the absolute path of a directory")
    return Path(text)


def service_dns_name(text: str) -> str:
    """Accept '<service>.<namespace>.svc', or ''."""
    if text and not (text.endswith(".svc") and text.count(".") == 2):  # noqa: PLR2004
        raise ValueError("must be empty or '<service>.<namespace>.svc', which is the name kube-apiserver verifies")
    return text


def store_url(text: str) -> str:
    """Accept '' and what begins like the URL of a store; `store.opening` reads the rest."""
    if text and not text.startswith(("memory:", "sqlite:", "postgresql:", "postgres:")):
        raise ValueError("must be empty, memory:, sqlite:///path/of/the/file or postgresql://user@host:port/database")
    return text


def kube_apiserver_host(text: str) -> str:
    """Accept a name or an address, but not ''."""
    if not text:
        raise ValueError("must be set to the address of kube-apiserver; inside a pod the kubelet sets it")
    return text
