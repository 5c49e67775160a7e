"""What docs/streams.md shows works as it stands there: its programs, its commands, its values."""

import os
import re
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import yaml
from readme import blocks, files
from urllib3.util import parse_url

from embedded.test_example import installed
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.helm import CHART
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.programs.tools import tool

pytestmark = pytest.mark.only_on("embedded", reason="its image is the user's to build; here its command stands for it")

PAGE = (CHART.parent / "docs" / "streams.md").read_text()
PROGRAMS = files(blocks(PAGE))
COMMANDS = [line for block in blocks(PAGE) if block.kind == "commands" for line in block.text.splitlines()]
VALUES = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
TICKS, HELLO, PROXY, WELL = COMMANDS
ENV, ROLES = VALUES


@pytest.fixture
def typed(cluster):
    """Yield a context manager: a command runs in a shell whose kubectl has the cluster, and what it prints can be read."""
    path = f"{tool('kubectl').parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(cluster.kubeconfig)}

    @contextmanager
    def running(*command):
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield process
            finally:
                process.terminate()

    return lambda line: running("sh", "-c", f"exec {line}")


@pytest.fixture(scope="module")
def program(cluster, cert_manager, base_values, tmp_path_factory):
    """Yield a function (name of a program of the page, command) → its API, installed with the values of the page where the command asks."""
    folder = tmp_path_factory.mktemp("programs")
    values = {**base_values, **ENV, "userRoles.viewVerbs": ROLES["userRoles"]["viewVerbs"]}

    @contextmanager
    def install(name, command):
        (folder / name).write_text(PROGRAMS[name])
        group = re.search(r"/apis/([a-z.]+)/v1/", command)[1]
        resources = ROLES["userRoles"]["resources"]
        with installed(cluster, values, name.removesuffix(".py"), folder / name, group, *resources) as (api, _):
            yield api

    return install


@pytest.fixture(scope="module")
def ticks(program):
    """Yield the API of the clocks."""
    with program("ticks.py", TICKS) as api:
        yield api


def test_every_block_is_of_a_kind_that_is_tried():
    kinds = [block.kind for block in blocks(PAGE) if not block.text.startswith("# values.yaml\n")]
    assert sorted(kinds) == ["commands"] * 4 + ["python"] * 4
    assert sorted(PROGRAMS) == ["rooms.py", "talk.py", "ticks.py", "wells.py"]


def test_flask_ticks_while_it_is_read(ticks, typed):
    began = time.monotonic()
    with typed(TICKS) as ticking:
        lines = [ticking.stdout.readline() for _ in range(5)]
    assert lines[::2] == [f"data: big-ben says {number} to kubernetes-admin\n" for number in range(3)]
    assert time.monotonic() - began > 2, "each is sent when it is made, one a second"


def test_who_may_view_may_read_a_log_and_what_is_below_proxy(cluster, ticks, other_namespace):
    kubectl = Kubectl(cluster, other_namespace)
    kubectl("create", "serviceaccount", "viewer")
    account = f"--serviceaccount={other_namespace}:viewer"
    kubectl("create", "clusterrolebinding", other_namespace, "--clusterrole=view", account)
    token = ticks.token(other_namespace, "viewer")

    def answers(path, code):  # the aggregated role is the controller manager's to fill
        with ticks.session(token) as session, session.get(ticks.server + path, stream=True, timeout=30) as answer:
            if answer.status_code != code:
                raise NotYet(answer.text)

    path = TICKS.split()[-1]
    try:
        wait_for("the log", lambda: answers(path, 200), timeout_seconds=30)
        # The application has no such route, and is asked.
        wait_for("proxy", lambda: answers(path.replace("/v1/", "/v1/proxy/"), 404), timeout_seconds=30)
    finally:
        kubectl("delete", "clusterrolebinding", other_namespace)


def test_with_the_values_of_the_page_a_longer_body_reaches_the_application(ticks):
    with ticks.session() as session:
        answer = session.post(ticks.server + TICKS.split()[-1], data=bytes(2 * 2**20), timeout=30)
    assert answer.status_code == 405, "the application takes no POST; 413 would be the server's"


def test_fastapi_knows_who_calls_and_who_talks(program, typed, tmp_path):
    (tmp_path / "talk.py").write_text(PROGRAMS["talk.py"])
    with program("rooms.py", HELLO):
        with typed(HELLO) as hello:
            assert hello.stdout.read() == '"hello kubernetes-admin"'
        with typed(PROXY) as proxy:
            assert "127.0.0.1:8001" in proxy.stdout.readline()
            talk = [sys.executable, tmp_path / "talk.py"]
            said = run(talk, timeout_seconds=60).stdout
    assert said == "kubernetes-admin is in cats\nkubernetes-admin says hello\n"


def test_a_well_has_a_log_and_a_rope(program, typed):
    with program("wells.py", WELL) as api:
        with typed(WELL) as pouring:
            assert [pouring.stdout.readline() for _ in range(2)] == [f"old has given {n} buckets\n" for n in range(2)]
        assert rope(api, WELL.split()[-1].removesuffix("log") + "exec", b"hello") == b"old says hello"


def rope(api, path, word):
    """Return what a connection that speaks rope answers to a word."""
    address, session = parse_url(api.server), api.session()
    context = ssl.create_default_context(cafile=session.verify)
    context.load_cert_chain(*session.cert)
    lines = [f"GET {path} HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: rope", "", ""]
    with (
        socket.create_connection((address.host, address.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=address.host) as tls,
    ):
        tls.sendall("\r\n".join(lines).encode())
        header = b""
        while not header.endswith(b"\r\n\r\n"):
            header += tls.recv(1)
        assert header.startswith(b"HTTP/1.1 101 "), header
        tls.sendall(word)
        return tls.recv(4096)
