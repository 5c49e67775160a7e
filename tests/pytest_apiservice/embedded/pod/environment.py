"""Environment and command line of a container, as kubelet would make them."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pytest_apiservice.embedded.node.client import Object
from pytest_apiservice.embedded.node.images import LocalImage
from pytest_apiservice.embedded.pod.references import Missing, Node, container_resource, key_of, pod_field

#: Lets a test's coverage include the Python processes of its pods: https://coverage.readthedocs.io/en/latest/subprocess.html
MEASURES = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


class Mounts:
    """Where the volumes of one container are on this machine; none where the container has a root of its own (pytest_apiservice.embedded.pod.root).

    Without one, every word of its command line and environment that names a path under a mountPath is rewritten:
    "/var/run/tls/tls.crt", "--dir=/var/run/tls", "sqlite:////var/run/data/db". A path that the program has built in stays as it is.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = {path.rstrip("/"): folder for path, folder in folders.items()}
        paths = "|".join(re.escape(path) for path in sorted(self._folders, key=len, reverse=True))
        self._pattern = re.compile(rf"(^|[=:,]|:///?)({paths})(?=$|[/:,])") if self._folders else None

    def rewrite(self, text: str) -> str:
        """Return ``text`` with the mount paths in it replaced."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: match[1] + str(self._folders[match[2]]), text)

    def folder(self, path: str) -> Path | None:
        """Return the local folder mounted at exactly ``path``."""
        return self._folders.get(path)


def environment(
    node: Node, pod: Object, container: Object, image: LocalImage, mounts: Mounts, local_ip: str
) -> dict[str, str]:
    """Return the complete environment of the container's process; nothing of ours but PATH, HOME, TMPDIR and MEASURES gets in.

    Args:
        local_ip: where the process can listen; status.podIP and its kin read so.

    Raises:
        Missing: a ConfigMap, Secret or key that is not optional.
    """
    namespace = pod["metadata"]["namespace"]
    own = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOSTNAME": pod["metadata"]["name"],
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(node.api_port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(node.api_port),
        "HTTPS_PROXY": node.proxy,  # instead of DNS and Service addresses
        "NO_PROXY": "127.0.0.1,localhost",
    }
    own |= {name: os.environ[name] for name in MEASURES if name in os.environ}
    temporary = mounts.folder("/tmp")  # noqa: S108 - the container's, not ours
    if temporary is not None:
        own |= {"TMPDIR": str(temporary), "HOME": str(temporary)}
    result = own | dict(image.environment)
    for source in container.get("envFrom") or []:
        result |= _env_from(node, namespace, source)
    local = node.network.local_address(node.network.node_ip)
    addresses = {"status.podIP": local_ip, "status.podIPs": local_ip, "status.hostIP": local, "status.hostIPs": local}
    for entry in container.get("env") or []:
        value = _value(node, pod, container, entry, result, addresses)
        if value is not None:
            result[entry["name"]] = value
    return {name: mounts.rewrite(value) for name, value in result.items()}


def command_line(container: Object, image: LocalImage, variables: Mapping[str, str], mounts: Mounts) -> list[str]:
    """Return what to execute: ``command`` or the image's entrypoint, then ``args``."""
    command = [expand(word, variables) for word in container.get("command") or []] or list(image.entrypoint)
    return [
        mounts.rewrite(word) for word in [*command, *(expand(word, variables) for word in container.get("args") or [])]
    ]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value and $$ by $; an unknown $(NAME) stays.

    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
    """

    def replacement(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([^()]+)\)", replacement, text)


def _env_from(node: Node, namespace: str, source: Object) -> dict[str, str]:
    kind, reference = (
        ("Secret", source["secretRef"]) if "secretRef" in source else ("ConfigMap", source["configMapRef"])
    )
    contents = node.contents(kind, namespace, reference["name"], optional=bool(reference.get("optional")))
    return {source.get("prefix", "") + key: value.decode() for key, value in contents.items()}


def _value(
    node: Node, pod: Object, container: Object, entry: Object, earlier: Mapping[str, str], addresses: dict[str, str]
) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return expand(entry.get("value", ""), earlier)
    namespace = pod["metadata"]["namespace"]
    if "fieldRef" in source:
        return pod_field(pod, source["fieldRef"]["fieldPath"], addresses=addresses)
    if "resourceFieldRef" in source:
        return container_resource(container, source["resourceFieldRef"])
    for name, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if name in source:
            value = key_of(node, kind, namespace, source[name])
            return None if value is None else value.decode()
    raise Missing(f"env {entry['name']}: the embedded cluster does not know valueFrom.{next(iter(source))}")
