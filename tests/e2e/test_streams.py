"""Streams, bodies of any size and WebSockets pass through the API server, from a Flask and from an ASGI application.

The program is streams_backend.py in the backend's own image, so this runs on every kind of cluster. Streams of minutes are tests/long_streams.
"""

import ssl

import pytest
import websocket

from e2e.streaming import ALLOWED_KIB, MIB, streaming
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.rollout import wait_for_rollout
from pytest_apiservice.why.rules import explain_pods

RBAC = "rbac.authorization.k8s.io"
CLOSE = websocket.ABNF.OPCODE_CLOSE
LARGE = 256 * MIB
asgi_only = pytest.mark.parametrize("backend", ["asgi"], indirect=True)


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def backend(cluster, cert_manager, base_values, run_id, request):
    """Yield the API of a release of its own."""
    with streaming(cluster, base_values, run_id, request.param) as installed:
        yield installed


@pytest.fixture
def user(cluster):
    """Yield the administrator's name, as the API server knows it."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = Api(cluster).send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    return answer["status"]["userInfo"]["username"]


def eventually(backend, room, **wanted):
    """Wait until the program says that a room's state is what is wanted."""

    def reached():
        state = backend.state(room)
        if not wanted.items() <= state.items():
            raise NotYet(str(state))

    wait_for(f"room {room} to be {wanted}", reached, timeout_seconds=10, interval_seconds=0.1)


def closed_with(chat):
    """Return the code with which the other side closes a WebSocket."""
    opcode, data = chat.recv_data(control_frame=True)
    assert opcode == CLOSE, data
    return int.from_bytes(data[:2])


def test_each_event_arrives_before_the_next_is_made(backend):
    with backend.events("each") as events:
        for number in range(20):
            assert next(events)["number"] == number
            assert backend.state("each")["made"] == number + 1
            backend.post("each", "next")


def test_a_stream_that_its_client_leaves_is_closed(backend):
    with backend.events("left") as events:
        next(events)
        assert not backend.state("left")["closed"]
    eventually(backend, "left", closed=True)


@pytest.mark.same_on_processes
def test_a_large_answer_needs_little_memory(backend, record_property):
    assert backend.download(MIB) == MIB  # what is made once for all
    more = backend.more_memory(lambda: record_property("bytes", backend.download(LARGE)))
    record_property("more memory", f"{more} KiB")
    assert more <= ALLOWED_KIB
    assert backend.download(LARGE) == LARGE


@pytest.mark.same_on_processes
def test_a_large_body_needs_little_memory(backend, record_property):
    assert backend.upload(MIB) == MIB
    came = []
    more = backend.more_memory(lambda: came.append(backend.upload(LARGE)))
    record_property("more memory", f"{more} KiB")
    assert came == [LARGE]
    assert more <= ALLOWED_KIB


@asgi_only
def test_a_websocket_knows_its_caller_and_echoes_in_order(backend, user):
    with backend.chat(subprotocols=["cats", "dogs"]) as chat:
        assert (chat.getsubprotocol(), chat.recv()) == ("cats", user)
        for number in range(1000):
            chat.send(f"message {number}")
        assert [chat.recv() for _ in range(1000)] == [f"message {number}" for number in range(1000)]
        chat.send_binary(bytes(MIB))
        assert chat.recv() == bytes(MIB)


@asgi_only
def test_the_code_with_which_a_client_closes_reaches_the_application(backend):
    with backend.chat("ours") as chat:
        chat.recv()
        chat.close(status=4000)
        eventually(backend, "ours", code=4000)


@asgi_only
def test_the_code_with_which_the_application_closes_reaches_the_client(backend):
    with backend.chat("theirs") as chat:
        chat.recv()
        chat.send("close")
        assert closed_with(chat) == 4001


@asgi_only
def test_a_websocket_whose_client_vanishes_ends_for_the_application(backend):
    with backend.chat("vanished") as chat:
        chat.recv()
    eventually(backend, "vanished", closed=True)


@pytest.fixture
def stranger(backend):
    """Yield (its token, grant): a ServiceAccount without rights, and a function (verb, resource) that gives it one in the whole cluster."""
    api, kubectl = backend.api, backend.kubectl
    name = f"{kubectl.namespace}-stranger"
    kubectl("create", "serviceaccount", "stranger")

    def grant(verb, resource):
        account = {"kind": "ServiceAccount", "namespace": kubectl.namespace, "name": "stranger"}
        role = {"rules": [{"apiGroups": [api.group], "resources": [resource], "verbs": [verb]}]}
        binding = {"roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}, "subjects": [account]}
        for kind, content in (("clusterroles", role), ("clusterrolebindings", binding)):
            api.send("POST", f"/apis/{RBAC}/v1/{kind}", {"metadata": {"name": name}, **content})

    yield api.token(kubectl.namespace, "stranger"), grant
    for kind in ("clusterrolebindings", "clusterroles"):
        api.send("DELETE", f"/apis/{RBAC}/v1/{kind}/{name}", missing_ok=True)
    kubectl("delete", "serviceaccount", "stranger")


@asgi_only
def test_nobody_without_the_right_gets_a_websocket(backend, stranger):
    for caller in ({"token": stranger[0]}, {"anonymous": True}, {"token": "made-up"}):
        for below in ("rooms", "proxy/rooms"):
            refusal = pytest.raises(websocket.WebSocketBadStatusException)
            with refusal as refused, backend.chat("refused", below=below, **caller):
                pass
            assert refused.value.status_code in {401, 403}, caller


@asgi_only
@pytest.mark.parametrize(
    ("below", "verb", "resource"), [("rooms", "get", "rooms/chat"), ("proxy/rooms", "proxy", "rooms")]
)
def test_the_right_to_a_websocket_is_that_of_its_path(backend, stranger, below, verb, resource):
    """Below proxy/ the verb is proxy, and what follows is the resource."""
    token, grant = stranger
    grant(verb, resource)

    def let_in():
        try:
            with backend.chat("allowed", below=below, token=token) as chat:
                return chat.recv()
        except websocket.WebSocketBadStatusException as error:
            raise NotYet(str(error)) from error

    user = wait_for("the right to count", let_in, timeout_seconds=30)
    assert user == f"system:serviceaccount:{backend.kubectl.namespace}:stranger"


@asgi_only
def test_the_pod_itself_upgrades_for_nobody_but_the_api_server(backend):
    (pod,) = backend.kubectl.get("pods", "-l=app.kubernetes.io/name=header-echo")["items"]
    name = pod["metadata"]["name"]
    endpoint = backend.api.cluster.pod_endpoint(backend.kubectl.namespace, name, 10250)
    with endpoint as (host, port), pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(
            f"wss://{host}:{port}{backend.path('direct', 'chat')}",
            sslopt={"cert_reqs": ssl.CERT_NONE},  # who forges an identity would not verify
            header={"X-Remote-User": "admin", "X-Remote-Group": "system:masters"},
            http_no_proxy=["*"],
            timeout=30,
        )
    assert refused.value.status_code == 401


@pytest.mark.same_on_processes
def test_a_restart_ends_a_stream_whole_and_the_next_one_works(backend):
    with backend.events("before") as events:
        assert next(events)["number"] == 0
        backend.kubectl("rollout", "restart", f"deployment/{backend.deployment}")
        assert list(events) == [], "it ends, and without an error: its end mark came"
    wait_for_rollout(Api(backend.api.cluster), backend.kubectl.namespace, backend.deployment, explain=explain_pods)
    with backend.events("before") as events:
        assert next(events)["number"] == 0


@pytest.mark.same_on_processes
@asgi_only
def test_a_restart_says_to_a_websocket_that_it_goes_away(backend):
    with backend.chat("restarted") as chat:
        chat.recv()
        backend.kubectl("rollout", "restart", f"deployment/{backend.deployment}")
        chat.settimeout(120)
        assert closed_with(chat) == 1001
    wait_for_rollout(Api(backend.api.cluster), backend.kubectl.namespace, backend.deployment, explain=explain_pods)
    with backend.chat("restarted") as chat:
        assert chat.recv()
