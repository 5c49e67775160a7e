"""A registry for images and charts in tests, CNCF distribution: alone on loopback, or beside the nodes of a kind cluster.

Beside kind it is what kind's documentation makes: https://kind.sigs.k8s.io/docs/user/local-registry/
"""

import re
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from pytest_apiservice.base.guard import Guard
from pytest_apiservice.base.process import die_with_parent, last_lines
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.clusters.kind_node import NETWORK
from pytest_apiservice.images.archive import Image, load, write_archive
from pytest_apiservice.images.registry import forget_others, has_image
from pytest_apiservice.programs.cache import cache_dir, digest, locked
from pytest_apiservice.programs.tools import tool

NAME = "header-echo-registry"
PORT = 5000
ANSWER_SECONDS = 30
QUIET = "OTEL_TRACES_EXPORTER=none"  # else it sends traces to this machine, and complains that nobody takes them
ON_NODES = "/etc/containerd/certs.d"  # config_path of the node's containerd, in our image and in kindest/node


@contextmanager
def loopback_registry(directory: Path, *, htpasswd: Path | None = None) -> Iterator[str]:
    """Run a registry as a process that ends with this one, its storage in ``directory``.

    Args:
        htpasswd: who may push and pull, with bcrypt hashes; None lets everybody.

    Yields:
        Its address, "localhost:<port>".

    Raises:
        HarnessError: it ended or did not listen in time, with the end of its log.
    """
    settings, log = directory / "registry.yaml", directory / "registry.log"
    settings.write_text(_configuration(directory / "storage", "127.0.0.1:0", htpasswd))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [tool("registry"), "serve", settings],
            env=dict([QUIET.split("=")]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - it is for that: the kernel ends the child with us
        )

    def listens() -> str:
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())
        if not found:
            raise NotYet(f"its log\n{last_lines(log)}")
        return found[1]

    def died() -> str | None:
        return None if process.poll() is None else f"it ended with exit code {process.returncode}"

    try:
        port = wait_for("the registry to listen", listens, timeout_seconds=ANSWER_SECONDS, died=died)
        with _images_forgotten(port):
            yield f"localhost:{port}"
    finally:
        process.kill()
        process.wait(timeout=ANSWER_SECONDS)


@contextmanager
def kind_registry(node: str) -> Iterator[str]:
    """Run a registry in a container on kind's network, and tell the node's containerd where it is; nothing restarts for it.

    Args:
        node: the container that is the cluster's node.

    Yields:
        Its address, "localhost:<port>": Docker on this machine and the node both know it under this name.

    Raises:
        HarnessError: it could not be started, or does not answer in time.
    """
    name, image = f"{node}-registry-{secrets.token_hex(3)}", _image()
    remove: list[str | Path] = ["docker", "rm", "--force", "--volumes", name]
    guard = Guard([remove])
    try:
        with step("starting a registry beside the cluster"):
            options = ["--network", NETWORK, "--publish", f"127.0.0.1::{PORT}", "--env", QUIET]
            run(["docker", "run", "--detach", "--name", name, *options, image], timeout_seconds=60)
            port = run(["docker", "port", name, str(PORT)], timeout_seconds=20).stdout.strip().rpartition(":")[2]
            wait_for("the registry to answer", lambda: _answers(port), timeout_seconds=ANSWER_SECONDS)
        with _images_forgotten(port), _known_to(node, port, name):
            yield f"localhost:{port}"
    finally:
        run(remove, timeout_seconds=60)
        guard.disarm()


@contextmanager
def _known_to(node: str, port: str, name: str) -> Iterator[None]:
    """Have the node's containerd ask the container ``name`` for localhost:<port>, which in the node is somebody else."""
    directory = f"{ON_NODES}/localhost:{port}"
    write = [
        "docker",
        "exec",
        "--interactive",
        node,
        "sh",
        "-c",
        f"mkdir -p {directory} && cat >{directory}/hosts.toml",
    ]
    run(write, input=f'[host."http://{name}:{PORT}"]\n', timeout_seconds=20)
    try:
        yield
    finally:
        run(["docker", "exec", node, "rm", "-r", directory], timeout_seconds=20, check=False)  # the node may be gone


@contextmanager
def _images_forgotten(port: str) -> Iterator[None]:
    """Have the engine without images of localhost:<port> at the end: that name is nobody's then."""
    names = "docker image ls --format '{{.Repository}}:{{.Tag}}'"
    forget = ["sh", "-c", f"{names} | grep '^localhost:{port}/' | xargs --no-run-if-empty docker image rm --force"]
    guard = Guard([forget])
    try:
        yield
    finally:
        run(forget, timeout_seconds=60, check=False)  # there may be no engine
        guard.disarm()


def _answers(port: str) -> None:
    try:
        answer = requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5)
    except requests.RequestException as error:
        raise NotYet(str(error)) from error
    if not answer.ok:
        raise NotYet(f"HTTP {answer.status_code}")


def _image() -> str:
    """Return the image that is the program and its configuration; made unless the engine has it."""
    settings = _configuration(Path("/var/lib/registry"), f":{PORT}")
    name = f"{NAME}:{digest([], str(tool('registry')), settings)}"
    with locked("registry-image"), tempfile.TemporaryDirectory(prefix=".registry-image-", dir=cache_dir()) as folder:
        if not has_image(name):
            file = Path(folder) / "registry.yaml"
            file.write_text(settings)
            archive = Path(folder) / "registry.tar"
            files = {"registry": tool("registry"), "registry.yaml": file}
            write_archive(archive, [Image(name, files, ["/registry", "serve", "/registry.yaml"])])
            load(archive)
            forget_others(name)
    return name


def _configuration(storage: Path, address: str, htpasswd: Path | None = None) -> str:
    """Return its configuration: https://distribution.github.io/distribution/about/configuration/."""
    settings = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}},
        "http": {"addr": address},
    }
    if htpasswd is not None:
        settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(htpasswd)}}
    return yaml.safe_dump(settings)
