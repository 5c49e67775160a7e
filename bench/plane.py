"""etcd and kube-apiserver alone: the aggregator dials the peers by itself, with nothing of ours between.

The embedded cluster of the harness sends pod traffic through a small proxy; here each peer is a Service of type ExternalName
`localhost`, so that only the API server and the peer are measured.
"""

from __future__ import annotations

import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Child, free_port, started
from pytest_apiservice.base.authorities import Authority, write_private
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.embedded import arguments
from pytest_apiservice.embedded.credentials import CONTEXT, Credentials, write_kubeconfig
from pytest_apiservice.programs.tools import tool

GROUP_COUNTS = (1, 10, 100, 500)
NAMESPACE = "bench"
READY_TIMEOUT_SECONDS = 120.0
#: The group name is as long as those of directory services are.
GROUP_NAME = "directory-group-{number:04d}.example.com"


@dataclass(frozen=True)
class ControlPlane:
    """A running API server.

    Attributes:
        directory: private folder with everything in it.
        port: the API server's, on 127.0.0.1.
        credentials: its certificates; the front proxy's pair is among them.
        authority: signs the peers' serving certificates.
        api_server: the process.
    """

    directory: Path
    port: int
    credentials: Credentials
    authority: Authority
    api_server: Child

    @property
    def server(self) -> str:
        """The URL."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The CA of the API server's own certificate."""
        return self.credentials.folder / "serving-ca.crt"

    def token_file(self, groups: int = 1) -> Path:
        """Return the file with the token of the user who is in that many groups, besides system:authenticated."""
        return self.directory / f"token-{groups}"

    def kubectl(self, *args: str, manifest: list[dict[str, Any]] | None = None) -> str:
        """Run kubectl as administrator; ``manifest`` becomes its standard input."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifest}) if manifest else None
        argv: list[str | Path] = [
            tool("kubectl"),
            f"--kubeconfig={self.directory / 'kubeconfig'}",
            f"--context={CONTEXT}",
            *args,
        ]
        return run(argv, input=text, timeout_seconds=60).stdout


@contextmanager
def control_plane(directory: Path) -> Iterator[ControlPlane]:
    """Run etcd and kube-apiserver in ``directory`` (private to its owner) while the block runs."""
    credentials = Credentials(directory / "credentials", "127.0.0.1")
    port = free_port()
    server = f"https://127.0.0.1:{port}"
    write_kubeconfig(directory / "kubeconfig", server, credentials.serving_ca, credentials.admin)
    _write_tokens(directory)
    with ExitStack() as stack:
        stack.enter_context(started("etcd", [tool("etcd"), *arguments.ETCD], directory=directory))
        flags = ["--token-auth-file=tokens.csv", *arguments.of_api_server(credentials, port)]
        api_server = stack.enter_context(
            started("kube-apiserver", [tool("kube-apiserver"), *flags], directory=directory)
        )
        _until_ready(server, credentials, api_server)
        plane = ControlPlane(directory, port, credentials, Authority("bench serving CA"), api_server)
        write_private(directory / "bench-ca.crt", plane.authority.certificate)
        plane.kubectl("apply", "-f", "-", manifest=_rights())
        yield plane


def _write_tokens(directory: Path) -> None:
    """Give every user of the measurements a token; the file lives as long as its folder, which only we can read."""
    lines = []
    for count in GROUP_COUNTS:
        token = secrets.token_hex(32)
        write_private(directory / f"token-{count}", token.encode())
        groups = ",".join(GROUP_NAME.format(number=number) for number in range(count))
        lines.append(f'{token},user-{count},,"{groups}"')
    write_private(directory / "tokens.csv", "\n".join(lines).encode())


def _until_ready(server: str, credentials: Credentials, api_server: Child) -> None:
    trust = ssl.create_default_context(cadata=credentials.serving_ca.decode())
    credentials.admin_chain(trust)

    proxies = urllib.request.ProxyHandler({})  # whatever the environment names, this is our own machine
    opener = urllib.request.build_opener(proxies, urllib.request.HTTPSHandler(context=trust))

    def ready() -> None:
        try:
            opener.open(f"{server}/readyz", timeout=5).close()
        except urllib.error.HTTPError as error:
            raise NotYet(error.read().decode(errors="replace")[-300:]) from error
        except OSError as error:
            raise NotYet(str(error)) from error

    wait_for("kube-apiserver /readyz", ready, timeout_seconds=READY_TIMEOUT_SECONDS, died=api_server.death)


def _rights() -> list[dict[str, Any]]:
    """Return the namespace, and the right of the measuring users to send anything to the peers."""
    rbac = "rbac.authorization.k8s.io"
    first_group = {"kind": "Group", "apiGroup": rbac, "name": GROUP_NAME.format(number=0)}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "bench"},
            "rules": [{"nonResourceURLs": ["/apis/*", "/version"], "verbs": ["*"]}],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "bench"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "bench"},
            "subjects": [first_group],
        },
    ]
