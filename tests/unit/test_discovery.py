"""What kube-apiserver and kubectl discover."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from unit.fake_aggregator import Aggregator
from unit.running import BASE, GROUP, Backend, start
from unit.test_rest import cats

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
CALLERS = {"user": "system:kube-aggregator", "groups": ("system:masters",)}


def test_must_23_the_aggregators_own_users_have_no_groups(aggregator: Aggregator) -> None:
    """Discovery and OpenAPI are read by users without any group line."""
    paths = {"system:kube-aggregator": [BASE, "/apis"], "system:aggregator": ["/openapi/v2", "/openapi/v3"]}
    codes = {
        (user, path): aggregator.request("GET", path, user=user, groups=(), accept="application/json").status
        for user, several in paths.items()
        for path in several
    }

    assert set(codes.values()) == {200}, codes


def test_must_24_the_availability_probe(aggregator: Aggregator) -> None:
    """No Accept header, five seconds at most: APIResourceList at once."""
    started = time.monotonic()
    answer = aggregator.request("GET", BASE, **CALLERS)  # type: ignore[arg-type]

    assert time.monotonic() - started < 1
    assert answer.status == 200
    assert answer.json() == {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/v1",
        "resources": [
            {
                "name": "echoes",
                "singularName": "echo",
                "namespaced": False,
                "kind": "Echo",
                "verbs": ["create", "get", "list"],
            }
        ],
    }


def test_must_24_probes_do_not_wait_for_a_blocking_application(own: Backend) -> None:
    """Five probes at once pass while a request of the application is not answered yet."""
    probed = threading.Event()

    def application(_environ, start_response):  # type: ignore[no-untyped-def]
        assert probed.wait(20)
        start_response("200 OK", [])
        return []

    start(own, app=application, blocking=True)
    probes = [own.aggregator() for _ in range(5)]
    slow = own.aggregator()
    with ThreadPoolExecutor(6) as threads:
        busy = threads.submit(slow.request, "GET", f"{BASE}/slow")
        codes = list(threads.map(lambda probe: probe.request("GET", BASE, **CALLERS).status, probes))
        unanswered = not busy.done()
        probed.set()

        assert (codes, unanswered, busy.result().status) == ([200] * 5, True, 200)


@pytest.mark.parametrize(
    ("accept", "content_type", "kind"),
    [
        (f"{V2},{V2BETA1}", V2, "apidiscovery.k8s.io/v2"),
        (V2BETA1, V2BETA1, "apidiscovery.k8s.io/v2beta1"),
        (f"{V2},{V2BETA1},application/json", V2, "apidiscovery.k8s.io/v2"),
        ("application/json", "application/json", "v1"),
        (None, "application/json", "v1"),
    ],
)
def test_must_25_apis_in_the_form_asked_for(
    aggregator: Aggregator, accept: str | None, content_type: str, kind: str
) -> None:
    """Aggregated v2, v2beta1 only where v2 is not asked for, the plain list otherwise; the type says which."""
    answer = aggregator.request(
        "GET", "/apis", user="system:kube-aggregator", groups=("system:masters",), accept=accept
    )

    assert (answer.status, answer.header("Content-Type"), answer.json()["apiVersion"]) == (200, content_type, kind)
    assert answer.header("Vary") == "Accept"


@pytest.mark.parametrize("path", ["/apis", BASE, f"/apis/{GROUP}", "/openapi/v2", "/openapi/v3", f"/openapi/v3{BASE}"])
def test_must_26_etags(aggregator: Aggregator, path: str) -> None:
    """A quoted ETag; who has it gets 304, who has another gets the document."""
    accept = V2 if path == "/apis" else "application/json"
    etag = aggregator.request("GET", path, accept=accept).header("ETag")
    assert etag == f'"{etag[1:-1]}"'
    again = aggregator.request("GET", path, accept=accept, headers=[("If-None-Match", etag)])
    other = aggregator.request("GET", path, accept=accept, headers=[("If-None-Match", '"old"')])

    assert (again.status, again.body, again.header("ETag")) == (304, b"", etag)
    assert other.status == 200


def test_must_27_group_and_unknown_paths(aggregator: Aggregator) -> None:
    """`/apis/<group>` is an APIGroup; whatever is not ours is 404 Status."""
    group = aggregator.request("GET", f"/apis/{GROUP}").json()
    assert (group["kind"], group["name"], group["preferredVersion"]["version"]) == ("APIGroup", GROUP, "v1")
    paths = ["/", "/api", "/apis/", f"/apis/{GROUP}/", f"/apis/{GROUP}/v2", f"/apis/{GROUP}/v2/echoes", "/apis/apps/v1"]
    for path in [
        *paths,
        "/openapi",
        f"/openapi/v3/apis/{GROUP}/v2",
        f"/APIS/{GROUP}/v1",
        f"{BASE}x",
        "/livez/",
        "/readyz/x",
    ]:
        answer = aggregator.request("GET", path)
        assert (answer.status, answer.json()["reason"]) == (404, "NotFound"), path


def test_must_28_aggregated_discovery_is_complete(own: Backend) -> None:
    """Each resource has responseKind, scope, singularResource and verbs, and no verb that does not work."""
    start(own, resources=[cats(list=lambda _call: [], get=lambda _call: {})], VERSIONS="v2,v1beta1")
    [item] = own.aggregator().request("GET", "/apis", accept=V2).json()["items"]

    assert item["metadata"]["name"] == GROUP
    expected: list[dict[str, Any]] = [
        {
            "version": version,
            "freshness": "Current",
            "resources": [
                {
                    "resource": "cats",
                    "responseKind": {"group": GROUP, "version": version, "kind": "Cat"},
                    "scope": "Namespaced",
                    "singularResource": "cat",
                    "verbs": ["get", "list"],
                    "shortNames": ["ct"],
                    "categories": ["pets"],
                }
            ],
        }
        for version in ("v2", "v1beta1")
    ]
    assert item["versions"] == expected


def test_must_28_every_verb_that_is_discovered_works(aggregator: Aggregator) -> None:
    """A verb of the list is never answered 404 or 405."""
    [resource] = aggregator.request("GET", BASE).json()["resources"]
    calls = {"list": ("GET", "", None), "get": ("GET", "/caller", None), "create": ("POST", "", {"kind": "Echo"})}
    for verb in resource["verbs"]:
        method, path, body = calls[verb]
        assert aggregator.request(method, f"{BASE}/echoes{path}", body=body).status not in {404, 405}, verb
