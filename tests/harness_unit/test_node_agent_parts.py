"""The node agent's network and probes, against real sockets."""

import asyncio
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from pytest_apiservice.base.network_policies import admits
from pytest_apiservice.embedded.node.egress import EgressProxy, ServiceNames
from pytest_apiservice.embedded.node.network import KUBELET_PORT, PodNetwork
from pytest_apiservice.embedded.pod.probes import Target, handle, run_probe
from pytest_apiservice.embedded.pod.status import PodState, pod_status


@pytest.fixture
def network():
    """Yield a pod network of this test's own."""
    network = PodNetwork()
    yield network
    network.kubelet_socket.close()


@pytest.fixture
def website():
    """Yield (address, port, statuses): an HTTP server whose answers are taken from the list, the last one for ever."""
    statuses = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield "127.0.0.1", server.server_port, statuses
    server.shutdown()
    thread.join()
    server.server_close()


async def execute(command, timeout_seconds):
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return process.returncode, output.decode()


def target(address, port):
    return Target(address, {"https": port}, execute)


def test_two_networks_have_no_address_in_common(network):
    other = PodNetwork()
    try:
        mine = {network.allocate() for _ in range(253)}
        assert len(mine) == 253
        assert not any(other.is_ours(ip) for ip in mine)
    finally:
        other.kubelet_socket.close()


def test_a_freed_address_is_used_again_last(network):
    first = network.allocate()
    network.release(first)
    assert [network.allocate() for _ in range(253)][-1] == first


def test_a_pod_listens_on_loopback(network):
    ip = network.allocate()
    assert ip.startswith("10.")
    assert network.local_address(ip).startswith("127.")
    with socket.socket() as pod:
        pod.bind((network.local_address(ip), KUBELET_PORT))


def test_the_node_leaves_the_port_of_a_kubelet_to_pods(network):
    """Backends like to listen there, some at all addresses; nor does it take a port that the system may give to anybody."""
    assert network.kubelet_socket.getsockname()[1] == KUBELET_PORT
    assert KUBELET_PORT not in (*range(10248, 10260), *range(32768, 61000))


def connect_through(path, destination):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(f"CONNECT {destination} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = connection.recv(4096).split(b"\r\n")[0].decode()
        if " 200 " not in answer:
            return answer, ""
        connection.sendall(b"ping")
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(4096):
            received += part
        return answer, received.decode()


class NoPolicies:
    """Stands for an API without NetworkPolicies."""

    async def admit(self, *_):
        """Admit everything."""
        return True


POD = {
    "metadata": {"namespace": "here", "labels": {"app": "echo"}},
    "spec": {"containers": [{"ports": [{"name": "https", "containerPort": 10250}]}]},
}
NODE_IP = "10.16.0.1"


@pytest.mark.parametrize(
    ("spec", "admitted"),
    [
        ({"podSelector": {}}, False),
        ({"podSelector": {"matchLabels": {"app": "other"}}}, True),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, True),
        ({"podSelector": {}, "ingress": [{}]}, True),
        ({"podSelector": {}, "ingress": [{"ports": [{"port": 10250}]}]}, True),
        ({"podSelector": {}, "ingress": [{"ports": [{"port": "https"}]}]}, True),
        ({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]}, False),
        ({"podSelector": {}, "ingress": [{"ports": [{"port": 443}]}]}, False),
        ({"podSelector": {}, "ingress": [{"ports": [{"port": 10000, "endPort": 11000}]}]}, True),
        ({"podSelector": {}, "ingress": [{"ports": [{"port": 10250, "protocol": "UDP"}]}]}, False),
        ({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.16.0.0/16"}}]}]}, True),
        ({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "192.168.0.0/16"}}]}]}, False),
        ({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "::/0"}}]}]}, False),
        (
            {
                "podSelector": {},
                "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.16.0.1/32"]}}]}],
            },
            False,
        ),
        ({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}, False),
    ],
    ids=str,
)
def test_a_network_policy_admits_the_api_server_by_port_and_address_alone(spec, admitted):
    policy = {"metadata": {"namespace": "here"}, "spec": spec}
    assert admits([policy], POD, 10250, NODE_IP) is admitted


def test_a_network_policy_of_another_namespace_changes_nothing():
    policy = {"metadata": {"namespace": "elsewhere"}, "spec": {"podSelector": {}}}
    assert admits([policy], POD, 10250, NODE_IP)


def test_one_policy_that_admits_is_enough():
    deny, allow = (
        {"metadata": {"namespace": "here"}, "spec": {"podSelector": {}, **more}} for more in ({}, {"ingress": [{}]})
    )
    assert admits([deny, allow], POD, 10250, NODE_IP)


def test_the_egress_proxy_leads_from_a_pod_address_to_its_process(network, tmp_path):
    ip = network.allocate()

    async def scenario():
        async def echo(reader, writer):
            writer.write(b"echo " + await reader.read())
            writer.close()

        proxy = EgressProxy(network, ServiceNames(client=None), NoPolicies())
        await proxy.start(tmp_path / "e.sock")
        async with await asyncio.start_server(echo, network.local_address(ip), 4711):
            found = await asyncio.to_thread(connect_through, tmp_path / "e.sock", f"{ip}:4711")
            refused = await asyncio.to_thread(connect_through, tmp_path / "e.sock", f"{ip}:4712")
            nonsense = await asyncio.to_thread(connect_through, tmp_path / "e.sock", "nonsense")
        await proxy.close()
        return found, refused, nonsense

    found, refused, nonsense = asyncio.run(scenario())
    assert found == ("HTTP/1.1 200 OK", "echo ping")
    assert refused[0].startswith("HTTP/1.1 502 ")
    assert nonsense[0].startswith("HTTP/1.1 502 ")


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, None), (302, None), (503, "HTTP probe failed with statuscode: 503")]
)
def test_an_http_probe_succeeds_from_200_to_399(website, status, outcome):
    address, port, statuses = website
    statuses.append(status)
    probe = {"httpGet": {"path": "/readyz", "port": "https"}}
    assert asyncio.run(handle(probe, target(address, port), 5)) == outcome


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        ({"exec": {"command": ["true"]}}, None),
        ({"exec": {"command": ["false"]}}, "command exited with 1: "),
        ({"sleep": {"seconds": 0}}, None),
        ({"sleep": {"seconds": 5}}, "timed out after 0.2 s"),
        ({"httpGet": {"port": "nobody"}}, "the container has no port named 'nobody'"),
    ],
)
def test_a_handler_tells_what_went_wrong(handler, outcome):
    assert asyncio.run(handle(handler, target("127.0.0.1", 1), 0.2)) == outcome


def test_a_closed_port_fails_a_tcp_probe():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        cause = asyncio.run(handle({"tcpSocket": {"port": "https"}}, target("127.0.0.1", unused.getsockname()[1]), 5))
    assert "Connect call failed" in cause


def test_a_probe_changes_its_mind_at_the_thresholds(website):
    address, port, statuses = website
    statuses += [200, 500, 200, 500, 500, 500, 200, 200]
    probe = {"httpGet": {"port": "https"}, "periodSeconds": 0.01, "failureThreshold": 3, "successThreshold": 2}

    async def first_two():
        seen = []
        async for success, _ in run_probe(probe, target(address, port), eager=False):
            seen.append((success, len(statuses)))
            if len(seen) == 2:
                return seen
        return seen

    assert asyncio.run(first_two()) == [(False, 2), (True, 1)]


def test_until_the_first_success_failures_within_a_period_count_once(website):
    address, port, statuses = website
    statuses += [503] * 5 + [200]
    probe = {"httpGet": {"port": "https"}, "periodSeconds": 10, "failureThreshold": 1}

    async def first():
        return await anext(run_probe(probe, target(address, port), eager=True))

    assert asyncio.run(first()) == (True, "")


def container(name="c", *, state, ready=False, finished=False, restart_count=0):
    terminated = state.get("terminated")
    return SimpleNamespace(
        spec={"name": name, "image": "x"}, state=state, last_state={}, ready=ready, started=ready, finished=finished,
        restart_count=restart_count, container_id="", exit_code=terminated and terminated["exitCode"],
    )  # fmt: skip


RUNNING, WAITING = {"running": {}}, {"waiting": {"reason": "ContainerCreating"}}


def ended(code):
    return {"terminated": {"exitCode": code}}


@pytest.mark.parametrize(
    ("containers", "phase", "ready"),
    [
        ([], "Pending", "False"),
        ([container(state=WAITING)], "Pending", "False"),
        ([container(state=RUNNING)], "Running", "False"),
        ([container(state=RUNNING, ready=True)], "Running", "True"),
        ([container(state=RUNNING, ready=True), container("d", state=RUNNING)], "Running", "False"),
        ([container(state=WAITING, restart_count=3)], "Running", "False"),
        ([container(state=ended(0), finished=True)], "Succeeded", "False"),
        ([container(state=ended(1), finished=True)], "Failed", "False"),
        ([container(state=ended(1))], "Running", "False"),
    ],
)
def test_phase_and_readiness_follow_the_containers(containers, phase, ready):
    pod = {"metadata": {}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    status = pod_status(pod, PodState("10.0.0.1", "10.0.0.2", containers=containers))
    conditions = {condition["type"]: condition["status"] for condition in status["conditions"]}
    assert (status["phase"], conditions["Ready"]) == (phase, ready)
    json.dumps(status)


def test_a_condition_that_stays_keeps_its_time():
    pod = {"metadata": {}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    pod["status"] = {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}
    conditions = pod_status(pod, PodState("10.0.0.1"))["conditions"]
    times = {condition["type"]: condition["lastTransitionTime"] for condition in conditions}
    assert times["Ready"] == "2020-01-01T00:00:00Z"
    assert times["PodScheduled"] != "2020-01-01T00:00:00Z"
