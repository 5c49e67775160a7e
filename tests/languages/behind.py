"""What a client sees of a program behind the gateway, and what holds for every program."""

from contextlib import contextmanager

import pytest
import websocket

from languages.programs import running
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

#: Ways to say who one is, all of them untrue; curl and browsers send whatever they are told.
FORGED = {
    "X-Remote-User": "mallory",
    "X_Remote_User": "mallory",
    "X-Remote_User": "mallory",
    "X-Remote-Group": "mallory",
    "X_Remote_Group": "mallory",
    "X-Remote-Uid": "mallory",
    "X-Remote-Extra-Scopes": "mallory",
    "X_Remote_Extra_Scopes": "mallory",
    "X-Forwarded-User": "mallory",
    "X_Forwarded_User": "mallory",
    "X-Forwarded-Groups": "mallory",
}
MIB = 2**20


class Service(Api):
    """The API of one program.

    Attributes:
        port: of the program itself.
    """

    port = 0

    def call(self, path, method="GET", **arguments):
        """Send one request to a path of the program as the administrator; a redirect is not followed."""
        with self.session() as session:
            return session.request(
                method, self.server + self.path + path, timeout=30, allow_redirects=False, **arguments
            )

    def raw(self, path):
        """Return what `kubectl get --raw` prints."""
        return self.kubectl("get", "--raw", self.path + path).stdout

    def caller(self):
        """Return the administrator's name and groups, as the API server knows them."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        info = answer["status"]["userInfo"]
        return info["username"], info["groups"]

    @contextmanager
    def websocket(self, path):
        """Yield a WebSocket as the administrator."""
        with self.session() as session:
            certificate, key = session.cert
        socket = websocket.create_connection(
            self.server.replace("https:", "wss:", 1) + self.path + path,
            sslopt={"ca_certs": self.ca_file, "certfile": certificate, "keyfile": key},
            http_no_proxy=["*"],
            timeout=30,
        )
        try:
            yield socket
        finally:
            socket.shutdown()


@contextmanager
def installed(cluster, base_values, run_id, logs, name, command, *, authorization=False, **gateway):
    """Yield the Service of a program that is run beside the cluster, once it is served.

    Args:
        logs: a folder for what the program says.
        name: of the program, for people.
        command: as for `running`.
        authorization: let the gateway ask the API server who may do what, as it must to follow a redirect to another path.
        gateway: further values of the chart below `gateway`.

    """
    service = Service(cluster, f"{name}-{run_id}.example.com")
    # The chart's way for an upstream on loopback; the container stands for the program.
    elsewhere = {
        "name": "elsewhere",
        "image": f"{base_values['image.repository']}:{base_values['image.tag']}",
        "imagePullPolicy": base_values["image.pullPolicy"],
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    with (
        running(command, logs / f"{name}.log") as port,
        fresh_namespace(cluster, f"header-echo-{run_id}-{name}", emptied=True) as namespace,
    ):
        helm = Helm(cluster, namespace, validate=False, explain=explain_pods)
        values = {
            **base_values,
            "apiService.group": service.group,
            "replicas": 1,
            "delegation.authorization": authorization,
            "extraContainers": [elsewhere],
            "gateway": {"enabled": True, "sidecar": True, "upstream": f"http://127.0.0.1:{port}", **gateway},
        }
        try:
            helm.upgrade(values)
            service.wait_for_available()
            service.port = port
            yield service
        finally:
            helm.uninstall()


def demand_echo(service, path):
    """Demand that what is said on a WebSocket comes back, a text and binary."""
    with service.websocket(path) as socket:
        socket.send("miaow")
        text = socket.recv()
        socket.send_binary(bytes(range(256)) * 16)
        assert (text, socket.recv()) == ("miaow", bytes(range(256)) * 16)


def demand_status(answer, code, *words):
    """Demand a metav1.Status with ``code`` whose message holds the words and no HTML."""
    status = answer.json()
    assert (answer.status_code, status["kind"], status["code"]) == (code, "Status", code), answer.text
    assert [word for word in words if word not in status["message"]] == [], status
    assert "<" not in status["message"], status


def demand_no_forgery(service, path):
    """Demand that nothing of what the client claims to be is in the program's answer, which says what it saw."""
    seen = service.call(path, headers=FORGED)
    assert seen.status_code == 200, seen.text
    assert "mallory" not in seen.text
    return seen


def each_below(*places):
    """Return the parametrization of a test by where a path is: as it is, or below proxy/."""
    return pytest.mark.parametrize("below", places or ("", "/proxy"))
