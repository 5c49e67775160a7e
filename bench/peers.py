"""What is measured: our backend and those it is compared with, each an extension API server of its own group."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.commands import COMMANDS, ON_THE_LIBRARY, PROXIES, go_program
from bench.load import Load
from bench.plane import NAMESPACE, ControlPlane
from bench.processes import Child, free_port, started
from pytest_apiservice.base.authorities import write_private
from pytest_apiservice.base.wait import NotYet, wait_for

ROOT = Path(__file__).resolve().parents[1]
#: Another checkout's backend, to compare a change with what was before.
BACKEND = Path(os.environ.get("BENCH_BACKEND") or ROOT / "backend")
READY_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Peer:
    """One backend behind the API server.

    Attributes:
        name: as in the tables.
        group: its API group; the path of its echo is /apis/<group>/v1/.
        start_seconds: from its start to its first answer.
        upstream: the service that it passes requests on to, if it is a proxy.
    """

    name: str
    group: str
    port: int
    child: Child
    start_seconds: float
    upstream: Child | None = None

    @property
    def path(self) -> str:
        """The path of its echo."""
        return f"/apis/{self.group}/v1/"

    @property
    def dns_name(self) -> str:
        """The name on its certificate, which the aggregator verifies."""
        return _dns_name(self.name)


def _dns_name(name: str) -> str:
    return f"{name}.{NAMESPACE}.svc"


@contextmanager
def peers(plane: ControlPlane, names: Sequence[str] = (*COMMANDS, *PROXIES)) -> Iterator[dict[str, Peer]]:
    """Run the named peers behind the API server while the block runs; all are Available when it begins."""
    give_account(plane)
    with ExitStack() as stack:
        running = {name: stack.enter_context(peer(plane, name)) for name in names}
        plane.kubectl(
            "apply", "-f", "-", manifest=[item for one in running.values() for item in _registration(plane, one)]
        )
        for one in running.values():
            _until_served(plane, one)
        yield running


@contextmanager
def peer(plane: ControlPlane, name: str, environ: dict[str, str] | None = None) -> Iterator[Peer]:
    """Run one peer, not registered, while the block runs; it answers when the block begins.

    Args:
        environ: added to its environment.
    """
    give_account(plane)
    port, group, run = free_port(), f"{name}.bench.example.com", secrets.token_hex(3)
    tls = plane.directory / f"tls-{name}-{run}"
    tls.mkdir(mode=0o700)
    plane.authority.server([_dns_name(name)]).write(tls, "tls")
    with ExitStack() as stack:
        upstream = None
        if name in PROXIES:
            service = free_port()
            echo: list[str | Path] = [go_program("echo"), f"-address=127.0.0.1:{service}"]
            upstream = stack.enter_context(started(f"{name}-{run}-upstream", echo, directory=plane.directory))
            argv, env = PROXIES[name](plane, tls, port, group, service)
        else:
            argv, env = COMMANDS[name](plane, tls, port, group)
        env = {**environment(), **env, **(environ or {})}
        before = time.monotonic()
        child = stack.enter_context(started(f"{name}-{run}", argv, directory=plane.directory, env=env))
        load = Load(go_program("load"), plane.directory / "bench-ca.crt")
        path = "/readyz" if name in {*ON_THE_LIBRARY, *PROXIES} else f"/apis/{group}/v1/"

        def answers() -> None:
            answer = load.run(f"https://127.0.0.1:{port}{path}", server_name=_dns_name(name), requests=1)
            if answer.errors:
                raise NotYet(f"{answer.codes} {answer.failures}")

        wait_for(
            f"{name} answers", answers, timeout_seconds=READY_TIMEOUT_SECONDS, interval_seconds=0.005, died=child.death
        )
        yield Peer(name, group, port, child, time.monotonic() - before, upstream)
    shutil.rmtree(tls)


def environment() -> dict[str, str]:
    """Return what every peer inherits: no setting of ours or of gunicorn's from outside."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**inherited, "PYTHONPATH": f"{BACKEND}{os.pathsep}{ROOT}"}


def give_account(plane: ControlPlane) -> None:
    """Write the files of the ServiceAccount `backend` into the folder backend-account, once."""
    folder = plane.directory / "backend-account"
    if folder.exists():
        return
    folder.mkdir(mode=0o700)
    account = {"name": "backend", "namespace": NAMESPACE}
    rbac = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "bench-auth-reader", "namespace": "kube-system"},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "extension-apiserver-authentication-reader"},
        "subjects": [{"kind": "ServiceAccount", **account}],
    }
    plane.kubectl(
        "apply", "-f", "-", manifest=[{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}, binding]
    )
    token = plane.kubectl("create", "token", "backend", f"--namespace={NAMESPACE}").strip()
    write_private(folder / "token", token.encode())
    write_private(folder / "namespace", NAMESPACE.encode())
    write_private(folder / "ca.crt", plane.credentials.serving_ca)


def _registration(plane: ControlPlane, one: Peer) -> list[dict[str, Any]]:
    """Return the Service that points at this machine, and the APIService that points at the Service."""
    service = {"name": one.name, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service,
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": one.port}]},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"v1.{one.group}"},
            "spec": {
                "group": one.group,
                "version": "v1",
                "groupPriorityMinimum": 1000,
                "versionPriority": 100,
                "service": {**service, "port": one.port},
                "caBundle": base64.b64encode(plane.authority.certificate).decode(),
            },
        },
    ]


def _until_served(plane: ControlPlane, one: Peer) -> None:
    load = Load(go_program("load"), plane.ca_file)

    def served() -> None:
        answer = load.run(plane.server + one.path, token_file=plane.token_file(), requests=1)
        if answer.errors:
            raise NotYet(f"{answer.codes} {answer.failures}")

    wait_for(f"{one.name} through the API server", served, timeout_seconds=READY_TIMEOUT_SECONDS, died=one.child.death)
