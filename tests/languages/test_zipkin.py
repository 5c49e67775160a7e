"""Zipkin (Java, Spring Boot) behind the gateway, as a person uses it: traces are sent to it, and its page in a browser shows one."""

import time

import pytest

from languages.browser import kubectl_proxy, seen
from languages.programs import zipkin
from pytest_apiservice.base.wait import NotYet, wait_for

TRACE = "5af7183fb1d4cf5f"


@pytest.fixture(scope="module")
def service(behind, run_id):
    """Yield it."""
    base = f"/apis/zipkin-{run_id}.example.com/v1/proxy/zipkin"
    with behind("zipkin", zipkin(base), readinessPath="/health") as service:
        yield service


@pytest.fixture(scope="module")
def trace(service):
    """Have a trace in it."""
    now = int(time.time() * 1e6)
    span = {"traceId": TRACE, "id": TRACE, "name": "catch a mouse", "timestamp": now, "duration": 207000}
    sent = service.call("/api/v2/spans", "POST", json=[{**span, "localEndpoint": {"serviceName": "cats"}}])
    assert sent.status_code == 202, sent.text

    def stored():
        answer = service.call(f"/api/v2/trace/{TRACE}")
        if answer.status_code != 200:
            raise NotYet(answer.text)
        return answer.json()

    return wait_for("the trace to be stored", stored, timeout_seconds=30)


def test_a_trace_is_taken_and_given(trace):
    assert [(span["name"], span["localEndpoint"]["serviceName"]) for span in trace] == [("catch a mouse", "cats")]


def test_it_is_asked_with_kubectl(service, trace):
    assert '"cats"' in service.raw("/api/v2/services")


def test_its_page_shows_the_trace_in_a_browser(cluster, service, trace):
    with kubectl_proxy(cluster) as url:
        page = seen(f"{url}{service.path}/proxy/zipkin/traces/{TRACE}", "zipkin")
    assert "catch a mouse" in page.lower()
