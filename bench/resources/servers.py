"""The servers that are measured: the library with each kind of store, and k8s.io/sample-apiserver with an etcd of its own.

Each writes what it has acknowledged to the disk, trusts the front proxy of one control plane, and serves the same group: both are asked
directly, as kube-apiserver would.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.commands import settings
from bench.peers import environment, give_account
from bench.plane import NAMESPACE, ControlPlane
from bench.processes import Child, free_port, started
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.programs.tools import tool
from unit.store.server import Server, programs

GROUP, VERSION = "wardle.example.com", "v1alpha1"
THEIRS = "sample-apiserver"
NAMES = (THEIRS, "memory", "sqlite", "postgresql")
READY_TIMEOUT_SECONDS = 60.0
_DNS_NAME = f"flunders.{NAMESPACE}.svc"
#: For 1,000 watchers; the chart's default admits half.
_MOST_CLIENTS = 4096


@dataclass(frozen=True)
class Measured:
    """A running server.

    Attributes:
        child: the server; `databases` are the processes of what it stores in, none if that is its own memory.
        port: on 127.0.0.1.
    """

    name: str
    child: Child
    port: int
    plane: ControlPlane
    databases: Callable[[], list[int]] = field(default=list)

    def client(self, program: Path, namespace: str, **flags: object) -> list[str | Path]:
        """Return how a client of this server is started."""
        folder = self.plane.credentials.folder
        return [
            program,
            f"-url=https://127.0.0.1:{self.port}/apis/{GROUP}/{VERSION}/namespaces/{namespace}/flunders",
            f"-ca={self.plane.directory / 'bench-ca.crt'}",
            f"-server-name={_DNS_NAME}",
            f"-certificate={folder / 'front-proxy.crt'}",
            f"-key={folder / 'front-proxy.key'}",
            *(f"-{name.replace('_', '-')}={value}" for name, value in flags.items()),
        ]


@contextmanager
def server(plane: ControlPlane, name: str, program: Path) -> Iterator[Measured]:
    """Run a server of NAMES while the block runs; it answers when the block begins."""
    give_account(plane)
    port, folder = free_port(), plane.directory / name
    folder.mkdir(mode=0o700)
    plane.authority.server([_DNS_NAME]).write(folder, "tls")
    with ExitStack() as stack:
        if name == THEIRS:
            etcd = stack.enter_context(started("etcd-of-theirs", [tool("etcd"), *_ETCD], directory=folder))
            child = stack.enter_context(started(name, _theirs(plane, folder, port), directory=folder))
            one = Measured(name, child, port, plane, etcd.tree)
        else:
            url, processes = _store(name, folder, stack)
            own = settings(plane, folder, port, GROUP) | {
                "EXTENSION_APISERVER_VERSIONS": VERSION,
                "EXTENSION_APISERVER_STORE_URL": url,
                "EXTENSION_APISERVER_MAX_STREAMS": f"{_MOST_CLIENTS}",
                "EXTENSION_APISERVER_MAX_CONNECTIONS": f"{_MOST_CLIENTS}",
                "EXTENSION_APISERVER_LOG_LEVEL": "warning",
            }
            argv: list[str | Path] = [sys.executable, "-m", "bench.resources.flunders", "serve"]
            child = stack.enter_context(started(name, argv, directory=folder, env={**environment(), **own}))
            one = Measured(name, child, port, plane, processes)
        _until_it_answers(one, program)
        yield one


def prepare_rights(plane: ControlPlane, namespaces: tuple[str, ...]) -> None:
    """Make namespaces, and let the servers' account watch them."""
    give_account(plane)
    rbac = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}]
    account = {"kind": "ServiceAccount", "name": "backend", "namespace": NAMESPACE}
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "bench-namespaces"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "bench-namespaces"},
        "subjects": [account],
    }
    role = {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "bench-namespaces"},
        "rules": rules,
    }
    made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
    plane.kubectl("apply", "-f", "-", manifest=[role, binding, *made])


_ETCD = (
    "--name=theirs",
    "--data-dir=data",
    "--listen-client-urls=unix://etcd.sock",
    "--advertise-client-urls=unix://etcd.sock",
    "--listen-peer-urls=unix://peer.sock",
    "--initial-advertise-peer-urls=unix://peer.sock",
    "--initial-cluster=theirs=unix://peer.sock",
    "--quota-backend-bytes=8589934592",
    "--log-level=warn",
)


def _theirs(plane: ControlPlane, folder: Path, port: int) -> list[str | Path]:
    kubeconfig = plane.directory / "kubeconfig"
    return [
        tool("sample-apiserver"),
        "--etcd-servers=unix://etcd.sock",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'tls.crt'}",
        f"--tls-private-key-file={folder / 'tls.key'}",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
    ]


def _store(name: str, folder: Path, stack: ExitStack) -> tuple[str, Callable[[], list[int]]]:
    if name == "memory":
        return "memory:", list
    if name == "sqlite":
        return f"sqlite:///{folder / 'flunders.db'}", list
    found = programs()
    if found is None:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    # Its user is another than ours, who cannot enter our private folder.
    durable = {"fsync": "on", "log_statement": "none", "autovacuum": "on", "shared_buffers": "128MB"}
    database = Server(
        found, folder=Path(tempfile.mkdtemp(prefix="bench-pg-")), settings={**durable, "max_wal_size": "1GB"}
    )
    stack.callback(database.close)
    return database.url, database.processes


def _until_it_answers(one: Measured, program: Path) -> None:
    argv = one.client(program, NAMESPACE, do="list")

    def answers() -> None:
        ended = run(argv, timeout_seconds=30, check=False)
        if ended.returncode:
            raise NotYet(ended.stderr.strip()[-300:])

    wait_for(f"{one.name} answers", answers, timeout_seconds=READY_TIMEOUT_SECONDS, died=one.child.death)
