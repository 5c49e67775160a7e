"""The parts of a gateway together: the access table, the audit, tokens, resources beside paths, several upstreams, and its command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.command import program
from extension_apiserver.gateway.access import Access
from extension_apiserver.gateway.config import (
    AccessRow,
    AuditBodies,
    GatewayConfig,
    Limits,
    TokenConfig,
    UpstreamConfig,
)
from extension_apiserver.gateway.passing.lines import to_upstream
from extension_apiserver.request import Connection, Request
from unit.gateway.upstream import Upstream, answering, ok
from unit.running import BASE, GROUP, Backend, start_gateway

PETS = b'{"items": [{"id": "tom", "species": "cat"}, {"id": "rex", "species": "dog"}]}'
PET = {"kind": "Pet", "list": {"path": "/pets", "items": "items"}, "fields": {"name": "id"}}


async def _no_body() -> bytes:
    return b""


@pytest.fixture
def upstreams() -> Iterator[Callable[..., UpstreamConfig]]:
    """Return what makes upstreams that answer with their own name, or with what is given."""
    made = []

    def make(answer: bytes | Callable[[bytes, bytes], bytes], **fields: Any) -> UpstreamConfig:
        made.append(Upstream(answering(answer)))
        return UpstreamConfig(origin=origin(made[-1].url), **fields)

    yield make
    for upstream in made:
        upstream.close()


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [
        ("GET", "/pets/tom/visits/7/bill", "get pets/bills name=tom"),
        ("HEAD", "/pets/tom/visits/7/bill", "get pets/bills name=tom"),
        ("GET", "/proxy/pets/tom/visits/7/bill", "get pets/bills name=tom"),
        ("GET", "/proxy/_/pets/tom/visits/7/bill", "get pets/bills name=tom"),
        ("GET", "/pets/tom/visits/7/bill/", "get pets/bills name=tom"),
        ("GET", "/pets;a=b/tom;x/visits/7/bill;y", "get pets/bills name=tom"),
        ("POST", "/pets/tom/visits/7/bill", ""),
        ("GET", "/pets/tom/visits/7", ""),
        ("DELETE", "/namespaces/zoo/cages/3/a/b/c", "clean cages name=3 namespace=zoo"),
        ("GET", "/admin", "get admin"),
        ("POST", "/admin/a/b", "post admin"),
    ],
)
def test_a_row_says_what_a_path_needs(method: str, path: str, needs: str) -> None:
    access = Access(
        GROUP,
        [
            AccessRow(path="/pets/{name}/visits/*/bill", methods=["GET"], resource="pets/bills", verb="get"),
            AccessRow(path="/namespaces/{namespace}/cages/{name}/**", resource="cages", verb="clean"),
            AccessRow(path="/admin/**", resource="admin"),
        ],
    )
    found = access.needed(Request(method, BASE + path, [], Connection(), _no_body))
    words = "" if found is None else f"{found.verb} {found.resource}{'/' * bool(found.subresource)}{found.subresource}"
    for name in ("name", "namespace"):
        words += f" {name}={getattr(found, name)}" if found is not None and getattr(found, name) else ""
    assert words == needs


def test_whoever_lacks_what_a_row_needs_is_refused_in_its_words(
    own: Backend, upstreams: Callable[..., UpstreamConfig]
) -> None:
    rows = [AccessRow(path="/pets/{name}/visits/**", resource="pets/visits", verb="bill")]
    start_gateway(own, GatewayConfig(upstreams=[upstreams(ok())], access=rows), DELEGATED_AUTHORIZATION="true")
    own.apiserver.allow = lambda spec: spec.get("resourceAttributes", {}).get("verb") != "bill"
    client = own.aggregator()
    assert client.request("GET", f"{BASE}/pets/tom").status == 200
    refused = client.request("GET", f"{BASE}/pets/tom/visits/7")
    assert refused.status == 403
    assert f'cannot bill resource "pets/visits" in API group "{GROUP}"' in refused.json()["message"]


def test_an_access_table_without_the_right_to_ask_is_refused(
    own: Backend, upstreams: Callable[..., UpstreamConfig]
) -> None:
    config = GatewayConfig(upstreams=[upstreams(ok())], access=[AccessRow(path="/**", resource="x", verb="y")])
    with pytest.raises(ValueError, match="DELEGATED_AUTHORIZATION"):
        start_gateway(own, config)


def test_a_redirect_is_followed_where_the_caller_is_allowed(
    own: Backend, upstreams: Callable[..., UpstreamConfig]
) -> None:
    def answer(header: bytes, _body: bytes) -> bytes:
        target = header.split(b" ")[1]
        if target == b"/x":
            return b"HTTP/1.1 302 Found\r\nLocation: /pets/tom\r\nContent-Length: 0\r\n\r\n"
        return ok(target)

    start_gateway(own, GatewayConfig(upstreams=[upstreams(answer)]), DELEGATED_AUTHORIZATION="true")
    client = own.aggregator()
    assert client.request("GET", f"{BASE}/x", user="alice").body == b"/pets/tom"
    own.apiserver.allow = lambda spec: spec["resourceAttributes"]["resource"] == "x"
    assert client.request("GET", f"{BASE}/x", user="bob").status == 502


def test_a_redirect_does_not_lead_past_the_access_table(own: Backend, upstreams: Callable[..., UpstreamConfig]) -> None:
    def answer(header: bytes, _body: bytes) -> bytes:
        if header.startswith(b"GET /pets/tom/visits/go "):
            return b"HTTP/1.1 302 Found\r\nLocation: /pets/tom/visits/7/bill\r\nContent-Length: 0\r\n\r\n"
        return ok(b"the bill")

    rows = [AccessRow(path="/pets/{name}/visits/*/bill", resource="pets/visits", verb="bill")]
    start_gateway(own, GatewayConfig(upstreams=[upstreams(answer)], access=rows), DELEGATED_AUTHORIZATION="true")
    own.apiserver.allow = lambda spec: spec["resourceAttributes"]["verb"] != "bill"
    assert own.aggregator().request("GET", f"{BASE}/pets/tom/visits/go", user="bob").status == 502


@pytest.mark.parametrize("path", ["/pets", "/proxy/pets"])
def test_chosen_bodies_are_in_the_log(
    own: Backend, upstreams: Callable[..., UpstreamConfig], capsys: pytest.CaptureFixture[str], path: str
) -> None:
    config = GatewayConfig(
        upstreams=[upstreams(ok(b"answer" * 100))], audit_bodies=[AuditBodies(path="/pets", most_bytes=8)]
    )
    start_gateway(own, config)
    client = own.aggregator()
    client.request("POST", f"{BASE}/other", body=b"secret")
    client.request("POST", f"{BASE}{path}", user="alice", body=b"\xff" * 20)
    own.stop()
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "extension_apiserver.audit" in line]
    assert [(line["user"], line["method"], line["path"], line["code"]) for line in logged] == [
        ("alice", "POST", f"{BASE}{path}", 200)
    ]
    assert (logged[0]["requestBytes"], logged[0]["requestBodyBase64"]) == (20, "//////////8=")
    assert (logged[0]["responseBytes"], logged[0]["responseBody"]) == (600, "answeran")
    assert logged[0]["auditID"]


def test_a_token_says_who_calls_and_anybody_can_verify_it(
    own: Backend, upstreams: Callable[..., UpstreamConfig], tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "token.key"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    token = TokenConfig(key_file=str(file), audience="pets", issuer="https://gateway")
    start_gateway(own, GatewayConfig(upstreams=[upstreams(lambda header, _: ok(header))], token=token))
    seen = own.aggregator().request("GET", f"{BASE}/x", user="alice", headers=[("Authorization", "Bearer forged")]).text
    sent = [line.partition(" ")[2] for line in seen.split("\r\n") if line.lower().startswith("authorization:")]
    published = own.client(None).request("GET", "/.well-known/jwks.json", user=None).json()
    keys = jwt.PyJWKSet.from_dict(published)
    claims = jwt.decode(
        sent[0].removeprefix("Bearer "), keys.keys[0].key, algorithms=["ES256"], audience="pets", leeway=5
    )
    assert (len(sent), claims["sub"], "dev" in claims["groups"]) == (1, "alice", True)


def test_a_collection_is_a_resource_and_what_is_below_goes_through(
    own: Backend, upstreams: Callable[..., UpstreamConfig]
) -> None:
    def answer(header: bytes, _body: bytes) -> bytes:
        target = header.split(b" ")[1]
        return ok(PETS, "Content-Type: application/json") if target == b"/pets" else ok(target)

    start_gateway(own, GatewayConfig(upstreams=[upstreams(answer)], resources=[PET]))
    client = own.aggregator()
    listed = client.request("GET", f"{BASE}/pets", headers=[("If-None-Match", "x"), ("Range", "bytes=0-1")]).json()
    assert [item["metadata"]["name"] for item in listed["items"]] == ["tom", "rex"]
    assert client.request("GET", f"{BASE}/pets/tom").json()["spec"]["species"] == "cat"
    assert client.request("GET", f"{BASE}/pets/tom/visits").body == b"/pets/tom/visits"
    assert client.request("GET", f"{BASE}/proxy/pets").body == PETS
    assert client.request("GET", f"{BASE}/pets/nobody").json()["reason"] == "NotFound"


def test_a_mapping_names_an_upstream_that_is_there(own: Backend, upstreams: Callable[..., UpstreamConfig]) -> None:
    config = GatewayConfig(upstreams=[upstreams(ok())], resources=[{**PET, "upstream": "zoo"}])
    with pytest.raises(ValueError, match="'zoo' is none"):
        start_gateway(own, config)


def test_the_most_specific_upstream_answers(own: Backend, upstreams: Callable[..., UpstreamConfig]) -> None:
    config = GatewayConfig(
        upstreams=[
            upstreams(ok(b"all")),
            upstreams(ok(b"v2"), version="v2"),
            upstreams(ok(b"pets"), segment="pets"),
            upstreams(ok(b"pets of v2"), version="v2", segment="pets"),
        ]
    )
    start_gateway(own, config, VERSIONS="v1,v2")
    client = own.aggregator()
    paths = ("v1/x", "v1/pets/tom", "v1/proxy/pets", "v2/x", "v2/pets")
    bodies = [client.request("GET", f"/apis/{GROUP}/{path}").body.decode() for path in paths]
    assert bodies == ["all", "pets", "pets", "v2", "pets of v2"]


def test_a_path_without_an_upstream_is_not_found(own: Backend, upstreams: Callable[..., UpstreamConfig]) -> None:
    start_gateway(own, GatewayConfig(upstreams=[upstreams(ok(), segment="pets")]))
    answer = own.aggregator().request("GET", f"{BASE}/cars")
    assert (answer.status, "no upstream answers this path" in answer.json()["message"]) == (404, True)


def test_one_of_several_upstreams_is_enough_to_be_ready(own: Backend, upstreams: Callable[..., UpstreamConfig]) -> None:
    away = UpstreamConfig(origin=origin("http://127.0.0.1:1"), segment="away")
    start_gateway(own, GatewayConfig(upstreams=[upstreams(ok()), away]))
    own.wait_for(
        lambda: "[+]upstream ok, but see the log" in own.client(None).request("GET", "/readyz?verbose", user=None).text
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gateway"], "there is no upstream: give --upstream URL"),
        (["gateway", "--upstream", "ftp://x"], "--upstream"),
        (["gateway", "--config", "/nonexistent.json"], "/nonexistent.json cannot be read: No such file or directory"),
    ],
)
def test_what_is_wrong_with_the_command_is_one_line(
    own: Backend, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert program.main(arguments, own.environ()) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


LARGE = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n%b\r\n" % (90000, b"b" * 90000) * 2
    + b"0\r\n\r\n"
)


@pytest.mark.parametrize(
    ("answer", "method", "expected"),
    [(ok(b"a" * 100), "GET", (100, "aaaa")), (LARGE, "GET", (180000, "bbbb")), (ok(b""), "HEAD", (0, None))],
    ids=["whole", "in parts", "none"],
)
def test_the_body_of_an_answer_is_in_the_log_when_it_is_over(
    own: Backend,
    upstreams: Callable[..., UpstreamConfig],
    capsys: pytest.CaptureFixture[str],
    answer: bytes,
    method: str,
    expected: tuple[int, str | None],
) -> None:
    config = GatewayConfig(upstreams=[upstreams(answer)], audit_bodies=[AuditBodies(path="/**", most_bytes=4)])
    start_gateway(own, config)
    own.aggregator().request(method, f"{BASE}/x")
    said = ""

    def is_logged() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "extension_apiserver.audit" in said

    own.wait_for(is_logged)
    (line,) = [json.loads(line) for line in said.splitlines() if "extension_apiserver.audit" in line]
    assert (line["responseBytes"], line.get("responseBody")) == expected


def test_doctor_says_which_hop_fails(own: Backend, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    upstream = Upstream(answering(ok()))
    file = tmp_path / "gateway.json"
    entries = [{"url": upstream.url, "readinessPath": "/ready"}, {"url": "http://127.0.0.1:1", "segment": "away"}]
    file.write_text(json.dumps({"upstreams": entries}))
    assert program.main(["doctor", "--config", str(file)], own.environ()) == 1
    upstream.close()
    said = capsys.readouterr().out
    assert f"the upstream {upstream.url} answers GET /ready" in said
    assert "the upstream http://127.0.0.1:1 takes no connection: Connection refused" in said
    assert "this is the hop from the gateway to the service" in said


def test_doctor_and_selftest_need_no_gateway(own: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["doctor"], own.environ()) == 1
    assert program.main(["selftest"], own.environ()) == 1
    assert "upstream" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ok(b"{}", status="404 Not Found"), "answers 404"),
        (b"SSH-2.0\r\n", "answers with malformed HTTP"),
        (ok(b"swagger: 2"), "OpenAPI"),
    ],
)
def test_a_document_that_does_not_come_is_one_line_in_the_log(
    own: Backend, upstreams: Callable[..., UpstreamConfig], caplog: pytest.LogCaptureFixture, answer: bytes, words: str
) -> None:
    def say(header: bytes, _body: bytes) -> bytes:
        return answer if b"/openapi.json" in header else ok()

    start_gateway(own, GatewayConfig(upstreams=[upstreams(say, openapi_path="/openapi.json")]))
    own.wait_for(
        lambda: any(
            "the OpenAPI document of the upstream" in one.message and words in one.message for one in caplog.records
        )
    )


def test_a_token_of_kubernetes_among_protocols_stays_here() -> None:
    request = Request(
        "GET",
        f"{BASE}/x",
        [
            (b"sec-websocket-protocol", b"chat, base64url.bearer.authorization.k8s.io.c2VjcmV0, v2"),
            (b"sec-websocket-protocol", b"base64url.bearer.authorization.k8s.io.c2VjcmV0"),
        ],
        Connection(),
        _no_body,
    )
    sent = to_upstream(request, lambda _: True, [], "")
    assert [value for name, value in sent if name == b"sec-websocket-protocol"] == [b"chat, v2"]
    assert not any(b"c2VjcmV0" in value for _, value in sent)


def test_an_answer_that_is_too_large_for_a_resource_is_a_bad_gateway(
    own: Backend, upstreams: Callable[..., UpstreamConfig]
) -> None:
    start_gateway(own, GatewayConfig(upstreams=[upstreams(ok(PETS), limits=Limits(answer_bytes=10))], resources=[PET]))
    answer = own.aggregator().request("GET", f"{BASE}/pets")
    assert (answer.status, "has more than 10 bytes" in answer.json()["message"]) == (502, True)


def test_an_upstream_that_is_away_is_a_bad_gateway_for_its_resources(
    own: Backend, upstreams: Callable[..., UpstreamConfig]
) -> None:
    away = UpstreamConfig(origin=origin("http://127.0.0.1:1"), segment="pets")
    start_gateway(own, GatewayConfig(upstreams=[upstreams(ok()), away], resources=[{**PET, "upstream": "pets"}]))
    answer = own.aggregator().request("GET", f"{BASE}/pets")
    assert (answer.status, "takes no connection" in answer.json()["message"]) == (502, True)


def test_who_cannot_be_told_of_holds_nothing(own: Backend, upstreams: Callable[..., UpstreamConfig]) -> None:
    """Refused as often as anybody may ask at once, they are refused for the same reason still, and others are served."""
    limits = Limits(connections=4)
    start_gateway(own, GatewayConfig(upstreams=[upstreams(ok(PETS), limits=limits)], resources=[PET]))
    client = own.aggregator()
    for path in ("pets", "x"):
        codes = {client.request("GET", f"{BASE}/{path}", user="eve", groups=["a,b"]).status for _ in range(6)}
        assert codes == {403}, path
    assert client.request("GET", f"{BASE}/pets", user="eve").status == 200
