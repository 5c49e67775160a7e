"""A release whose pod streams (streams_backend.py), and clients of it: for test_streams.py, and the long ones of tests/long_streams."""

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path

import websocket

from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.programs.tools import tool
from pytest_apiservice.why.rules import explain_pods

PROGRAM = Path(__file__).with_name("streams_backend.py")
MIB = 2**20
MOST_STREAMED_BYTES = 2**31
ALLOWED_KIB = 16 * 1024  # that a backend may need more for an answer or a body of any size


class Streaming:
    """The API of one release.

    Attributes:
        kubectl: in its namespace.
        deployment: the name of what has its pod.
    """

    def __init__(self, api, kubectl, deployment):
        self.api, self.kubectl, self.deployment = api, kubectl, deployment

    def path(self, room, action, *, below="rooms"):
        """Return the path of an action of streams_backend.py."""
        return f"{self.api.path}/{below}/{room}/{action}"

    def post(self, room, action):
        """Do what the action says."""
        return self.api.send("POST", self.path(room, action))

    def state(self, room):
        """Return what the program says about a room."""
        return self.api.send("GET", self.path(room, "state"))

    @contextmanager
    def events(self, room, action="log", **where):
        """Yield the events of a room as they arrive, each an object; leave the stream at the end."""
        with self.api.session() as session:
            url = self.api.server + self.path(room, action, **where)
            with session.get(url, stream=True, timeout=30) as answer:
                assert answer.status_code == 200, answer.text
                lines = answer.iter_lines(chunk_size=None)
                yield (json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: "))

    @contextmanager
    def chat(self, room="chat", *, below="rooms", token=None, anonymous=False, **options):
        """Yield a WebSocket, as the administrator or whoever; its socket is closed at the end. `options` as for websocket.create_connection."""
        with self.api.session(token, anonymous=anonymous) as session:
            authorization = session.headers.get("Authorization")
            sslopt = {"ca_certs": session.verify}
            if session.cert and session.cert[0]:
                sslopt |= {"certfile": session.cert[0], "keyfile": session.cert[1]}
        chat = websocket.create_connection(
            self.api.server.replace("https:", "wss:", 1) + self.path(room, "chat", below=below),
            sslopt=sslopt,
            header={"Authorization": authorization} if authorization else {},
            http_no_proxy=["*"],
            timeout=30,
            **options,
        )
        try:
            yield chat
        finally:
            chat.shutdown()

    def download(self, count):
        """Return how many bytes `kubectl get --raw` printed of an answer of ``count``."""
        where = [f"--kubeconfig={self.api.cluster.kubeconfig}", f"--context={self.api.cluster.context}"]
        path = f"{self.path('x', 'bytes', below='proxy/rooms')}?count={count}"
        command = [tool("kubectl"), *where, "get", "--raw", path]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            came = sum(map(len, iter(lambda: process.stdout.read(MIB), b"")))
        assert process.returncode == 0
        return came

    def upload(self, count):
        """Return how many bytes of ``count``, sent in chunks, came to the program."""
        url = self.api.server + self.path("x", "bytes", below="proxy/rooms")
        part = bytes(65536)
        with self.api.session() as session:
            answer = session.post(url, data=(part for _ in range(count // len(part))), timeout=600)
        assert answer.status_code == 200, answer.text
        return answer.json()["count"]

    def more_memory(self, carry):
        """Return by how many KiB the program's memory at its peak was above that before, while ``carry`` ran."""
        before = self.api.send("GET", self.path("x", "memory"))
        carry()
        return self.api.send("GET", self.path("x", "memory"))["VmHWM"] - before["VmRSS"]


@contextmanager
def streaming(cluster, base_values, run_id, kind):
    """Yield the API of a release with one pod of the program, "wsgi" or "asgi"."""
    name = f"header-echo-{run_id}-{kind}"
    program = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "streams"},
        "data": {PROGRAM.name: PROGRAM.read_text()},
    }
    api = Api(cluster, f"{name}.example.com")
    bound = {"name": "EXTENSION_APISERVER_MAX_STREAMED_BODY_BYTES", "value": str(MOST_STREAMED_BYTES)}
    values = {
        **base_values,
        "apiService.group": api.group,
        "replicas": 1,  # its rooms live in its memory
        "command": ["python3", f"/streams/{PROGRAM.name}"],
        "args": [kind],
        "env": [bound],
        "extraObjects": [program],
        "volumes": [{"name": "streams", "configMap": {"name": "streams"}}],
        "volumeMounts": [{"name": "streams", "mountPath": "/streams"}],
    }
    with fresh_namespace(cluster, name, emptied=True) as namespace:
        helm = Helm(cluster, namespace, explain=explain_pods)
        try:
            helm.upgrade(values)
            api.wait_for_available()
            installed = Streaming(api, Kubectl(cluster, namespace), helm.release)
            api.wait_until_answered(installed.path("x", "state"))
            yield installed
        finally:
            helm.uninstall()
