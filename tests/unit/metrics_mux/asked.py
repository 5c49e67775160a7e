"""Questions for metrics, as paths make them."""

from __future__ import annotations

from extension_apiserver.metrics_mux.question import Question, question
from extension_apiserver.request import Connection, Request
from extension_apiserver.request_info import request_info

EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
CUSTOM = "/apis/custom.metrics.k8s.io/v1beta2"


async def _no_body() -> bytes:
    return b""


def of(target: str, method: str = "GET") -> Question:
    """Return what a request for a path and query asks for."""
    request = Request(method, target, (), Connection(), _no_body)
    return question(request, request_info(request))
