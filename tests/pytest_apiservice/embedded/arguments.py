"""Arguments of a control plane on one machine: etcd on Unix sockets in the working folder, kube-apiserver on loopback."""

from pytest_apiservice.embedded.credentials import Credentials
from pytest_apiservice.programs.tools import minor_version

ETCD = (
    "--name=embedded",
    "--data-dir=etcd",
    "--unsafe-no-fsync",  # the data does not have to survive a power cut
    "--listen-client-urls=unix://etcd.sock",
    "--advertise-client-urls=unix://etcd.sock",
    "--listen-peer-urls=unix://etcd-peer.sock",
    "--initial-advertise-peer-urls=unix://etcd-peer.sock",
    "--initial-cluster=embedded=unix://etcd-peer.sock",
    "--log-level=warn",
)


def of_api_server(credentials: Credentials, port: int) -> list[str]:
    """Return what every kube-apiserver of ours is started with, in the parent of the credentials' folder."""
    return [
        "--etcd-servers=unix://etcd.sock",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # it would refuse the loopback address
        "--service-cluster-ip-range=10.255.0.0/24",
        "--authorization-mode=Node,RBAC",
        *credentials.api_server_arguments(minor_version("kube-apiserver")),
    ]
