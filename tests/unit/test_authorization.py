"""Delegated authorization: what is asked, who is not asked about, and what an answer means."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from extension_apiserver.request import Connection, Request
from extension_apiserver.request_info import RequestInfo, request_info
from unit.running import BASE, GROUP, Backend, echo, start
from unit.test_rest import cats

DELEGATED = {"DELEGATED_AUTHORIZATION": "true"}


async def _no_body() -> bytes:
    await asyncio.sleep(0)
    return b""


def info(method: str, target: str) -> RequestInfo:
    return request_info(Request(method, target, [], Connection(), _no_body))


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("GET /apis/g.io/v1/cats", "list cats"),
        ("GET /apis/g.io/v1/cats?watch=1", "watch cats"),
        ("GET /apis/g.io/v1/cats?watch=true", "watch cats"),
        ("GET /apis/g.io/v1/cats?watch=false", "list cats"),
        ("GET /apis/g.io/v1/cats?watch=FALSE", "list cats"),
        ("GET /apis/g.io/v1/cats?watch=0", "list cats"),
        ("GET /apis/g.io/v1/cats?watch=0&watch=1", "list cats"),
        ("GET /apis/g.io/v1/cats?watch=yes", "watch cats"),
        ("GET /apis/g.io/v1/cats?watch=2", "watch cats"),
        ("GET /apis/g.io/v1/cats?watch=", "watch cats"),
        ("GET /apis/g.io/v1/cats?watch", "watch cats"),
        ("GET /apis/g.io/v1/cats?watch=no&limit=x", "watch cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom", "list cats selected_name=tom"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3D%3Dtom&watch=1", "watch cats selected_name=tom"),
        ("GET /apis/g.io/v1/cats?limit=500&fieldSelector=metadata.name%3Dtom", "list cats selected_name=tom"),
        (
            "GET /apis/g.io/v1/cats?fieldSelector=metadata.namespace%3Dn,metadata.name%3Da%5C,b",
            "list cats selected_name=a,b",
        ),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtux,metadata.name%3Dtom", "list cats selected_name=tom"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name!%3Dtom", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3D", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3D..", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Da%252Fb", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom,x", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&labelSelector=a%3Db%3Dc", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&limit=x", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&limit=9223372036854775808", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&timeoutSeconds=", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3D.", "list cats"),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Da/b", "list cats"),
        (
            "GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtux&fieldSelector=metadata.name%3Dtom",
            "list cats selected_name=tux",
        ),
        (
            "GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&limit=-9223372036854775808",
            "list cats selected_name=tom",
        ),
        ("GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&limit=-9223372036854775809", "list cats"),
        (
            "GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&limit=9223372036854775807",
            "list cats selected_name=tom",
        ),
        pytest.param(
            f"GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&limit=-{'0' * 5000}7",
            "list cats selected_name=tom",
            id="a limit of 5001 digits",
        ),
        pytest.param(
            f"GET /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom&labelSelector=a{',a' * 2**13}",
            "list cats",
            id="a selector that costs too much to read for somebody who is not known yet",
        ),
        ("GET /apis/g.io/v1/watch/cats?fieldSelector=metadata.name%3Dtom", "watch cats"),
        ("DELETE /apis/g.io/v1/cats?fieldSelector=metadata.name%3Dtom", "deletecollection cats"),
        ("GET /apis/g.io/v1/cats/tom?watch=true", "get cats name=tom"),
        ("HEAD /apis/g.io/v1/cats", "list cats"),
        ("GET /apis/g.io/v1/watch/cats", "watch cats"),
        ("GET /apis/g.io/v1/proxy/cats/tom/status", "proxy cats name=tom"),
        ("POST /apis/g.io/v1/proxy/namespaces/n/cats/tom", "proxy cats namespace=n name=tom"),
        ("GET /apis/g.io/v1/proxy", "get /apis/g.io/v1/proxy"),
        ("POST /apis/g.io/v1/cats", "create cats"),
        ("PUT /apis/g.io/v1/cats/tom", "update cats name=tom"),
        ("PATCH /apis/g.io/v1/cats/tom", "patch cats name=tom"),
        ("DELETE /apis/g.io/v1/cats/tom", "delete cats name=tom"),
        ("DELETE /apis/g.io/v1/cats", "deletecollection cats"),
        ("GET /apis/g.io/v1/namespaces/n/cats", "list cats namespace=n"),
        ("GET /apis/g.io/v1/namespaces/n/cats/tom/status/more", "get cats namespace=n name=tom subresource=status"),
        ("GET /apis/g.io/v1/namespaces", "list namespaces"),
        ("GET /apis/g.io/v1/namespaces/n", "get namespaces namespace=n name=n"),
        ("GET /apis/g.io/v1/namespaces/n/status", "get namespaces namespace=n name=n subresource=status"),
        ("GET /apis/g.io/v1/cats%2Ftom", "get cats name=tom"),
        ("GET /apis/g.io/v1", "get /apis/g.io/v1"),
        ("GET /apis/g.io/v1/", "get /apis/g.io/v1/"),
        ("GET /apis/g.io/v1/X", "list X"),
        ("GET //apis/g.io/v1/cats/", "list cats"),
        ("OPTIONS /apis/g.io/v1/cats", " cats"),
        ("POST /metrics", "post /metrics"),
    ],
)
def test_must_20_attributes_are_those_of_request_info(request_line: str, expected: str) -> None:
    """Verb, resource and names are parsed from method and path as kube-apiserver parses them."""
    method, target = request_line.split()
    found = info(method, target)
    names = ("namespace", "name", "subresource", "selected_name")
    words = [found.verb, found.resource if found.is_resource else found.path]
    words += [f"{name}={getattr(found, name)}" for name in names if getattr(found, name)]

    assert " ".join(words) == expected


def test_must_20_what_is_not_asked_for_is_empty() -> None:
    """Not None: it goes into reviews and sentences."""
    path = "/apis/g.io/v1/cats"
    expected = RequestInfo("create", path, is_resource=True, group="g.io", version="v1", resource="cats")

    assert info("POST", path) == expected
    assert info("GET", path) == dataclasses.replace(expected, verb="list")


def test_must_20_one_review_with_everything(own: Backend) -> None:
    """Exactly one SubjectAccessReview, with user, uid, groups, extra and attributes, as TestFrontProxyConfig compares them."""
    start(own, resources=[cats(get=lambda _call: {})], environ=DELEGATED)
    extra = {"authentication.kubernetes.io/credential-id": ["JTI=1"]}
    own.aggregator().request("GET", f"{BASE}/namespaces/n/cats/tom", user="u", groups=["a", "b"], uid="7", extra=extra)

    assert own.apiserver.reviews == [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": "u",
                "uid": "7",
                "groups": ["a", "b", "system:authenticated"],
                "extra": extra,
                "resourceAttributes": {
                    "verb": "get",
                    "group": GROUP,
                    "version": "v1",
                    "resource": "cats",
                    "namespace": "n",
                    "name": "tom",
                },
            },
            "status": {"allowed": True},
        }
    ]


def test_must_20_a_list_of_one_name_is_reviewed_as_that_name(own: Backend) -> None:
    """So that a Role with `resourceNames` means here what it means to kube-apiserver, and the refusal says the name."""
    own.apiserver.allow = lambda spec: spec["resourceAttributes"].get("name") == "tom"
    start(
        own,
        resources=[cats(list=lambda _call: [{"metadata": {"name": name}} for name in ("tom", "tux")])],
        environ=DELEGATED,
    )
    codes = {}
    for name in ("tom", "tux"):
        answer = own.aggregator().request("GET", f"{BASE}/cats?fieldSelector=metadata.name={name}")
        codes[name] = answer.status

    assert codes == {"tom": 200, "tux": 403}
    assert answer.json()["message"].startswith(f'cats.{GROUP} "tux" is forbidden'), answer.text


def test_must_20_what_is_below_proxy_is_the_applications(own: Backend) -> None:
    """Whoever may `proxy` that resource gets there, and who may only read it does not; the table does not answer."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    own.apiserver.allow = lambda spec: spec["resourceAttributes"]["verb"] == "proxy"
    start(own, app=application, resources=[cats(get=lambda _call: {})], environ=DELEGATED)
    path = f"{BASE}/proxy/cats/tom/log"

    assert own.aggregator().request("GET", path).text == path
    assert own.aggregator().request("GET", f"{BASE}/cats/tom").status == 403
    assert own.apiserver.reviews[0]["spec"]["resourceAttributes"] == {
        "verb": "proxy",
        "group": GROUP,
        "version": "v1",
        "resource": "cats",
        "name": "tom",
    }


def test_must_20_a_path_is_reviewed_as_a_path(own: Backend) -> None:
    """What is no resource is asked about by path and lower-case method."""
    start(own, environ=DELEGATED)
    own.aggregator().request("PUT", f"{BASE}/")

    assert own.apiserver.reviews[0]["spec"]["nonResourceAttributes"] == {"path": f"{BASE}/", "verb": "put"}


def test_must_21_only_masters_and_health_are_skipped(own: Backend) -> None:
    """kube-apiserver's probe as system:masters and the kubelet's probes ask nobody; everything else does."""
    own.apiserver.allow = lambda _spec: False
    start(own, environ=DELEGATED)
    aggregator = own.aggregator()
    for path in ("/livez", "/readyz", "/healthz", "/readyz?verbose"):
        assert own.client(None).request("GET", path, user=None).status == 200, path
    assert aggregator.request("GET", BASE, user="system:kube-aggregator", groups=["system:masters"]).status == 200
    assert own.apiserver.reviews == []
    for path in ("/metrics", BASE, "/livez/etcd", f"{BASE}/"):
        assert aggregator.request("GET", path).status == 403, path
    assert own.client(None).request("GET", BASE, user=None).status == 403
    assert own.apiserver.reviews[-1]["spec"]["user"] == "system:anonymous"


def test_must_22_a_denial_is_403_in_the_usual_words(own: Backend) -> None:
    """The Status names user, verb, resource, group and scope."""
    own.apiserver.allow = lambda _spec: False
    start(own, environ=DELEGATED)
    answer = own.aggregator().request("POST", f"{BASE}/echoes", body=echo("x"))

    assert (answer.status, answer.json()["reason"]) == (403, "Forbidden")
    assert answer.json()["message"] == (
        f'echoes.{GROUP} is forbidden: User "alice" cannot create resource "echoes" in API group "{GROUP}" '
        "at the cluster scope"
    )


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (
            "GET /apis/g.io/v1/namespaces/n/cats/tom/status",
            'cats.g.io "tom" is forbidden: User "u" cannot get resource "cats/status" in API group "g.io" in the namespace "n"',
        ),
        (
            "DELETE /apis/g.io/v1/cats",
            'cats.g.io is forbidden: User "u" cannot deletecollection resource "cats" in API group "g.io" at the cluster scope',
        ),
        ("POST /x", 'forbidden: User "u" cannot post path "/x"'),
    ],
)
def test_must_22_the_usual_words(request_line: str, expected: str) -> None:
    """Resource and subresource, name or none, namespace or cluster, or a path."""
    method, target = request_line.split()

    assert info(method, target).denial("u") == expected


def test_must_22_a_failed_review_is_500_and_never_a_yes(own: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """Who cannot be asked about may do nothing."""
    own.apiserver.review_code = 403
    start(own, environ=DELEGATED)
    answer = own.aggregator().request("GET", BASE)

    assert (answer.status, answer.json()["reason"]) == (500, "InternalError")
    readiness = own.client(None).request("GET", "/readyz?verbose", user=None).text
    assert "[+]delegation ok, but see the log\n" in readiness, readiness
    assert "bind ClusterRole system:auth-delegator" in caplog.text
    own.apiserver.review_code = 201
    assert own.aggregator().request("GET", BASE).status == 200
    assert "[+]delegation ok\n" in own.client(None).request("GET", "/readyz?verbose", user=None).text


def test_must_22_what_passes_by_itself_is_tried_again(own: Backend) -> None:
    """A kube-apiserver that is overloaded for a moment costs a moment, not a request."""
    own.apiserver.review_code = 503
    start(own, environ=DELEGATED)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(own.aggregator().request, "GET", BASE)
        own.wait_for(lambda: own.apiserver.reviews)
        own.apiserver.review_code = 201

        assert answer.result().status == 200


def test_must_22_an_answer_is_remembered_by_the_whole_spec(own: Backend) -> None:
    """The same question is asked once; another group, verb, name or extra is another question."""
    start(own, environ=DELEGATED)
    aggregator = own.aggregator()
    for _ in range(3):
        aggregator.request("GET", f"{BASE}/echoes")
    assert len(own.apiserver.reviews) == 1
    aggregator.request("GET", f"{BASE}/echoes", groups=["other"])
    aggregator.request("POST", f"{BASE}/echoes", body=echo("x"))
    aggregator.request("GET", f"{BASE}/echoes/caller")
    aggregator.request("GET", f"{BASE}/echoes", extra={"k": ["v"]})

    assert len(own.apiserver.reviews) == 5


def test_must_22_an_answer_is_forgotten_after_ten_seconds(own: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revoked right ends within 10 seconds."""
    start(own, environ=DELEGATED)
    aggregator = own.aggregator()
    assert aggregator.request("GET", BASE).status == 200
    own.apiserver.allow = lambda _spec: False
    assert aggregator.request("GET", BASE).status == 200, "the answer is still fresh"
    monkeypatch.setattr("extension_apiserver.trust.delegation.CACHE_SECONDS", 0)
    own.apiserver.reviews.clear()
    assert aggregator.request("GET", f"{BASE}/").status == 403
    assert aggregator.request("GET", f"{BASE}/").status == 403

    assert len(own.apiserver.reviews) == 2
