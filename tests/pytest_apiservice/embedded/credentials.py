"""Who trusts whom in the embedded cluster: four certificate authorities, a token key, and the files that carry them."""

import base64
import ssl
from pathlib import Path

import yaml

from pytest_apiservice.base.authorities import Authority, KeyPair, signing_pair, write_private

CONTEXT = "header-echo-embedded"
FRONT_PROXY_USER = "front-proxy-client"
SERVICE_IP = "10.255.0.1"  # the Service `kubernetes`: first address of --service-cluster-ip-range
# RemoteRequestHeaderUID: https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
UID_HEADER_SINCE = (1, 33)
ISSUER = "https://kubernetes.default.svc.cluster.local"


class Credentials:
    """All certificates of one cluster, written to one private folder.

    Attributes:
        folder: where they are.
        serving_ca: PEM of the CA behind the API server's own certificate.
        admin: key pair of a cluster administrator.
    """

    def __init__(self, folder: Path, node_ip: str) -> None:
        """Make and write them; ``node_ip`` is the name on the node's serving certificate."""
        self.folder = folder
        folder.mkdir(mode=0o700)
        serving, clients, nodes = (Authority(f"embedded {domain} CA") for domain in ("serving", "client", "node"))
        self._front_proxy = Authority("embedded front-proxy CA")
        self.serving_ca = serving.certificate
        self.admin = clients.client("kubernetes-admin", ["system:masters"])
        for name, authority in (("serving-ca", serving), ("client-ca", clients), ("node-ca", nodes)):
            write_private(folder / f"{name}.crt", authority.certificate)
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1", SERVICE_IP]
        serving.server(names).write(folder, "serving")
        nodes.server([node_ip]).write(folder, "node")
        nodes.client("kube-apiserver-kubelet-client").write(folder, "kubelet-client")
        self.admin.write(folder, "admin")
        private, public = signing_pair()
        write_private(folder / "service-accounts.key", private)
        write_private(folder / "service-accounts.pub", public)
        write_private(folder / "front-proxy-ca.crt", self._front_proxy.certificate)
        self.use_front_proxy_ca()

    def publish_front_proxy_ca(self) -> None:
        """Make a new front-proxy CA and name it beside the old one, as an administrator does before using it.

        The API server watches these files and publishes the CAs in kube-system/extension-apiserver-authentication.
        """
        previous = self._front_proxy.certificate
        self._front_proxy = Authority("embedded front-proxy CA")
        write_private(self.folder / "front-proxy-ca.crt", previous + self._front_proxy.certificate)

    def use_front_proxy_ca(self) -> None:
        """Give the API server a proxy client certificate of the CA that was made last."""
        self._front_proxy.client(FRONT_PROXY_USER).write(self.folder, "front-proxy")

    def admin_chain(self, context: ssl.SSLContext) -> None:
        """Make ``context`` present the administrator's certificate."""
        context.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")

    def node_server_context(self) -> ssl.SSLContext:
        """Return the context of the node's own server: it answers nobody but the API server."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.folder / "node-ca.crt"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.folder / "node.crt", self.folder / "node.key")
        return context

    def api_server_arguments(self, version: tuple[int, ...]) -> list[str]:
        """Return kube-apiserver's flags that name these files (relative to the parent of `folder`) and the request headers.

        Args:
            version: kube-apiserver's, as (1, 37); one before 1.33 refuses to name a header for the UID.
        """
        folder = self.folder.name
        uid = ["--requestheader-uid-headers=X-Remote-Uid"] if version >= UID_HEADER_SINCE else []
        return [
            f"--tls-cert-file={folder}/serving.crt",
            f"--tls-private-key-file={folder}/serving.key",
            f"--client-ca-file={folder}/client-ca.crt",
            f"--requestheader-client-ca-file={folder}/front-proxy-ca.crt",
            f"--requestheader-allowed-names={FRONT_PROXY_USER}",
            "--requestheader-username-headers=X-Remote-User",
            *uid,
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={folder}/front-proxy.crt",
            f"--proxy-client-key-file={folder}/front-proxy.key",
            f"--kubelet-certificate-authority={folder}/node-ca.crt",
            f"--kubelet-client-certificate={folder}/kubelet-client.crt",
            f"--kubelet-client-key={folder}/kubelet-client.key",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={folder}/service-accounts.pub",
            f"--service-account-signing-key-file={folder}/service-accounts.key",
        ]


def write_kubeconfig(path: Path, server: str, authority: bytes, user: KeyPair) -> None:
    """Write a self-contained kubeconfig (no other file is needed) whose current context is `CONTEXT`."""
    entries: dict[str, dict[str, str | bytes]] = {
        "clusters": {"server": server, "certificate-authority-data": authority},
        "users": {"client-certificate-data": user.certificate, "client-key-data": user.key},
        "contexts": {"cluster": CONTEXT, "user": CONTEXT},
    }
    config: dict[str, object] = {"apiVersion": "v1", "kind": "Config", "current-context": CONTEXT}
    for plural, entry in entries.items():
        values = {key: value if isinstance(value, str) else _base64(value) for key, value in entry.items()}
        config[plural] = [{"name": CONTEXT, plural.removesuffix("s"): values}]
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
