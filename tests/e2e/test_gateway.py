"""The gateway in front of a service that knows nothing of Kubernetes (gateway_upstream.py): beside it in one pod, or behind a Service, by the kind of cluster."""

import base64
import json
import re
import ssl
import time

import pytest
import urllib3
import yaml

from e2e.gatewayed import UPSTREAM, gatewayed
from e2e.steady_requests import SteadyRequests
from languages.behind import FORGED, MIB, demand_status
from pytest_apiservice.base.wait import NotYet, wait_for

RBAC = "rbac.authorization.k8s.io"
LARGE = 64 * MIB
BILL = "/pets/tom/visits/7/bill"
DOCTOR = ("python3", "-m", "extension_apiserver", "doctor", "--config", "/etc/extension-apiserver/gateway.json")
CLAIMS = [
    *({name: value} for name, value in FORGED.items()),
    {"X-Cat-User": "mallory"},
    {"X_Cat_User": "mallory"},
    {"X-Cat_User": "mallory"},
    {"X-Cat-Groups": "mallory"},
    {"X_Cat_Groups": "mallory"},
    {"Connection": "X-Cat-User, X-Cat-Groups"},
    {"Connection": "X-Remote-User, X-Remote-Group", "X-Remote-User": "mallory"},
    {"Authorization": "Bearer mallory"},
    {"Authorization": "Basic bWFsbG9yeTptYWxsb3J5"},
]


@pytest.fixture(scope="module")
def gateway(cluster, cert_manager, base_values, run_id):
    """Yield the API of a release of this file's own."""
    with gatewayed(cluster, base_values, run_id, "gateway") as installed:
        yield installed


def lines(seen, name):
    """Return the values of a header that the upstream saw."""
    return [value for key, value in seen["headers"] if key.lower() == name]


def test_discovery_lists_the_mapped_resource(gateway):
    (pets,) = [one for one in gateway.get(gateway.path).json()["resources"] if one["name"] == "pets"]
    assert (pets["kind"], pets["namespaced"], sorted(pets["verbs"])) == ("Pet", False, ["get", "list"])


@pytest.mark.parametrize(
    ("words", "shown"),
    [([], ["kitty", "tom"]), (["-l=colour=grey"], ["tom"]), (["tom"], ["tom"])],
    ids=["all", "by label", "by name"],
)
def test_kubectl_get_prints_the_columns_of_the_mapping(gateway, words, shown):
    header, *rows = gateway.own("get", f"pets.{gateway.group}", *words).stdout.splitlines()
    assert header.split() == ["NAME", "SPECIES", "AGE"]
    assert [row.split()[:2] for row in rows] == [[name, "cat"] for name in shown]


def test_kubectl_get_prints_yaml_with_the_item_as_its_spec(gateway):
    pet = yaml.safe_load(gateway.own("get", f"pets.{gateway.group}", "tom", "-o", "yaml").stdout)
    assert (pet["kind"], pet["metadata"]["labels"]) == ("Pet", {"colour": "grey"})
    assert pet["spec"] == {"id": "tom", "species": "cat", "tags": {"colour": "grey"}, "born": "2026-01-02T03:04:05Z"}


def test_kubectl_explain_knows_the_kind(gateway):
    def explained():
        answer = gateway.own("explain", "pets", f"--api-version={gateway.group}/{gateway.version}", check=False)
        if answer.returncode != 0:  # the API server fetches OpenAPI documents once a minute
            raise NotYet(answer.stderr.strip())
        return answer.stdout

    assert "KIND:       Pet" in wait_for("the OpenAPI document to reach the API server", explained, timeout_seconds=120)


def test_the_caller_arrives_and_no_claim_of_a_client_does(gateway):
    """Each claim by itself, at the paths that are treated differently."""
    user, groups = gateway.caller()
    for below in ("", "/proxy"):
        for claim in CLAIMS:
            answer = gateway.call(f"{below}/headers", headers=claim)
            assert (answer.status_code, "mallory" in answer.text.lower()) == (200, False), (claim, answer.text)
            seen = answer.json()
            assert lines(seen, "x-cat-user") == [user], claim
            assert sorted(lines(seen, "x-cat-groups")[0].split("|")) == sorted(groups), claim
            assert lines(seen, "authorization") + lines(seen, "x-remote-user") == [], claim


def test_the_pod_itself_believes_no_claim(gateway):
    """Past the API server, without its certificate: who claims what it knows gets 401, and who claims nothing is nobody, and gets 403."""
    bundle = gateway.own.get("apiservice", f"v1.{gateway.group}")["spec"]["caBundle"]
    context = ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
    name = f"header-echo.{gateway.own.namespace}.svc"
    with (
        gateway.endpoint(gateway.gateway_pod(), 10250) as (host, port),
        urllib3.HTTPSConnectionPool(
            host, port, ssl_context=context, server_hostname=name, assert_hostname=name, retries=False
        ) as pool,
    ):
        for below in ("pets", "headers", "proxy/headers"):
            for claim in [{}, *CLAIMS]:
                answer = pool.request("GET", f"{gateway.path}/{below}", headers=claim, timeout=30)
                expected = {401} if "X-Remote-User" in claim else {401, 403}
                assert (answer.status in expected, answer.json()["kind"]) == (True, "Status"), (
                    below,
                    claim,
                    answer.data,
                )


@pytest.fixture(scope="module")
def grant(gateway):
    """Yield a function (user's name, resources): the user may get them in the whole cluster. Nobody asks before it may: refusals are kept for seconds."""
    granted = []

    def allow(user, *resources):
        name = f"{gateway.own.namespace}-{user.rpartition(':')[2]}"
        granted.append(name)
        role = {"rules": [{"apiGroups": [gateway.group], "resources": resources, "verbs": ["get"]}]}
        subject = {"apiGroup": RBAC, "kind": "User", "name": user}
        binding = {"roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}, "subjects": [subject]}
        for kind, content in (("clusterroles", role), ("clusterrolebindings", binding)):
            gateway.send("POST", f"/apis/{RBAC}/v1/{kind}", {"metadata": {"name": name}, **content})

        def known():
            if gateway.own(
                "auth", "can-i", "get", f"{resources[0]}.{gateway.group}", f"--as={user}", check=False
            ).returncode:
                raise NotYet("no")

        wait_for(f"the role of {user} to count", known, timeout_seconds=60)

    yield allow
    for name in granted:
        for kind in ("clusterrolebindings", "clusterroles"):
            gateway.send("DELETE", f"/apis/{RBAC}/v1/{kind}/{name}", missing_ok=True)


def test_a_token_for_the_api_server_does_not_reach_the_upstream(gateway, grant):
    account = f"system:serviceaccount:{gateway.own.namespace}:default"
    token = gateway.token(gateway.own.namespace, "default")
    grant(account, "pets", "pets/visits")
    answer = gateway.get(f"{gateway.path}/pets/tom/visits", token)
    assert (answer.status_code, token in answer.text) == (200, False), answer.text
    assert lines(answer.json(), "x-cat-user") == [account]


@pytest.mark.parametrize(
    ("user", "resources", "code"),
    [("keeper", ("pets", "pets/visits"), 403), ("cashier", ("pets", "pets/visits", "pets/bills"), 200)],
)
def test_a_row_of_the_access_table_demands_what_it_names(gateway, grant, user, resources, code):
    """kube-apiserver reads pets/visits in the path of a bill, and asks for no more. kubectl auth can-i says the same as the gateway."""
    grant(user, *resources)
    visit, bill = (gateway.call(path, headers={"Impersonate-User": user}) for path in (BILL.rpartition("/")[0], BILL))
    asked = ("auth", "can-i", "get", f"pets.{gateway.group}", "--subresource=bills", f"--as={user}")
    may = gateway.own(*asked, check=False).stdout.strip()
    assert (visit.status_code, bill.status_code, may) == (200, code, "yes" if code == 200 else "no"), bill.text
    if code == 403:
        demand_status(bill, 403, f'User "{user}" cannot get resource "pets/bills"')


def test_a_post_arrives_whole(gateway):
    answer = gateway.call("/orders/%20a?q=%2F", "POST", json={"cat": "tom"})
    seen = answer.json()
    assert (seen["path"], json.loads(seen["body"])) == ("/orders/%20a?q=%2F", {"cat": "tom"})


def test_each_event_arrives_before_the_next_is_made(gateway):
    with (
        gateway.session() as session,
        session.get(f"{gateway.server}{gateway.path}/proxy/events", stream=True, timeout=30) as answer,
    ):
        events = (line for line in answer.iter_lines(chunk_size=None) if line.startswith(b"data: "))
        for number in range(20):
            assert next(events) == b"data: %d" % number
            gateway.call("/next", "POST")


def test_a_thousand_messages_of_a_websocket_come_back_in_order(gateway):
    messages = [f"message {number}" for number in range(1000)]
    with gateway.websocket("/proxy/chat") as chat:
        for message in messages:
            chat.send(message)
        assert [chat.recv() for _ in messages] == messages


@pytest.mark.parametrize("way", ["download", "upload"])
def test_64_mebibytes_pass(gateway, way):
    assert getattr(gateway, way)(LARGE) == LARGE


def test_an_error_of_the_upstream_in_html_is_a_status_with_its_words(gateway):
    demand_status(gateway.call("/broken"), 500, "out of cats")


def test_an_answer_that_ends_in_the_middle_is_a_status(gateway):
    demand_status(gateway.call("/cut"), 502, "closed the connection before its answer was complete")


@pytest.fixture
def deployments(gateway):
    """Return {Deployment: (selector, replicas)} of what a rollout may restart: the gateway and, in pods of its own, the upstream, which then has two."""
    found = {gateway.helm.release: ("app.kubernetes.io/name=header-echo", 1)}
    if gateway.upstream != found[gateway.helm.release][0]:
        found[UPSTREAM] = (gateway.upstream, 2)
        gateway.own("scale", f"deployment/{UPSTREAM}", "--replicas=2")
        gateway.own("rollout", "status", f"deployment/{UPSTREAM}", "--timeout=120s", timeout_seconds=150)
    return found


def test_a_rollout_of_gateway_and_upstream_fails_no_request(gateway, deployments, noted):
    """At the same time, which is worse than one after the other. The upstream waits in preStop, as chart/README.md says."""
    with SteadyRequests(gateway) as running:
        gateway.own("rollout", "restart", *(f"deployment/{name}" for name in deployments))
        for name, (selector, count) in deployments.items():
            gateway.own("rollout", "status", f"deployment/{name}", "--timeout=120s", timeout_seconds=150)
            gone(gateway, selector, count)
    noted(running.outcome)
    assert not running.outcome.failures, running.outcome


def gone(gateway, selector, count):
    """Wait until there are ``count`` pods and nothing terminates."""

    def settled():
        names = [pod["metadata"]["name"] for pod in gateway.own.get("pods", f"-l={selector}")["items"]]
        if len(names) != count:
            raise NotYet(", ".join(names))

    wait_for(f"{count} pods", settled, timeout_seconds=120)


@pytest.fixture(scope="module")
def outage(gateway):
    """Yield what was seen while the upstream was away and after it came back: {"down": seconds, "up": seconds, "outcome": …, "doctor": …}."""
    seen = {}
    with SteadyRequests(gateway) as running:
        began = time.monotonic()
        gateway.switch("off")
        try:
            gateway.wait_for_available("False")
            seen["down"] = time.monotonic() - began
            if not gateway.cluster.shares_loopback:  # what has no containers executes nothing in one
                pod = gateway.gateway_pod()["metadata"]["name"]
                seen["doctor"] = gateway.own("exec", pod, "--container=backend", "--", *DOCTOR, check=False).stdout
        finally:
            began = time.monotonic()
            gateway.switch("on")
        gateway.wait_for_available()
        seen["up"] = time.monotonic() - began
        gateway.wait_until_answered(f"{gateway.path}/pets")
    return seen | {"outcome": running.outcome}


def test_the_apiservice_follows_the_upstream(outage, record_property):
    record_property("unavailable after", f"{outage['down']:.1f} s")
    record_property("available after", f"{outage['up']:.1f} s")
    assert max(outage["down"], outage["up"]) < 60


def test_no_answer_is_wrong_while_the_upstream_is_away(outage, noted):
    noted(outage["outcome"])
    wrong = [words for words in outage["outcome"].failures if not re.search(r": 50[234] ", words)]
    assert (wrong, bool(outage["outcome"].failures)) == ([], True)


@pytest.mark.only_on("kind", "existing", reason="its kubelet executes a command in a container")
def test_doctor_names_the_hop_to_the_upstream(outage):
    assert "this is the hop from the gateway to the service" in outage["doctor"]
