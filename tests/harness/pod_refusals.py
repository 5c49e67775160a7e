"""What the embedded cluster cannot honour in a pod. It refuses such a pod and says why; it never runs it differently in silence."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping

from harness.node_agent_client import Object
from harness.pod_images import LocalImage
from harness.pod_references import NODE_NAME

VOLUMES = {"secret", "configMap", "projected", "downwardAPI", "emptyDir"}
PROJECTIONS = {"secret", "configMap", "downwardAPI", "serviceAccountToken"}
HANDLERS = {"httpGet", "tcpSocket", "exec", "sleep"}
HOST_FEATURES = ("hostNetwork", "hostPID", "hostIPC")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
NODE_LABELS = {
    "kubernetes.io/hostname": NODE_NAME,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": MACHINES.get(platform.machine(), platform.machine()),
}


def refusals(pod: Object, images: Mapping[str, LocalImage]) -> list[tuple[str, str]]:
    """Return (reason, message) for all that cannot be honoured; reasons are kubelet's where it has one."""
    spec = pod["spec"]
    found = [("NotSupported", f"{text}: the embedded cluster runs pods as local processes") for text in _host_features(spec)]
    for container in _containers(spec):
        if container["image"] not in images:
            found.append(
                (
                    "ErrImageNeverPull",
                    f'Container image "{container["image"]}" has no local command here: call load_image first'
                    f" (known: {', '.join(sorted(images)) or 'none'})",
                )
            )
    return found


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("initContainers") or []), *spec["containers"]]


def _host_features(spec: Object) -> Iterator[str]:
    for feature in HOST_FEATURES:
        if spec.get(feature):
            yield f"spec.{feature} is not supported"
    for label, value in (spec.get("nodeSelector") or {}).items():
        if NODE_LABELS.get(label) != value:
            yield f"spec.nodeSelector asks for {label}={value}, and the only node has {NODE_LABELS.get(label)}"
    for volume in spec.get("volumes") or []:
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            yield f"volume {volume['name']}: {', '.join(kinds)} is not supported"
        for source in (volume.get("projected") or {}).get("sources") or []:
            if not set(source) <= PROJECTIONS:
                yield f"volume {volume['name']}: projected {', '.join(source)} is not supported"
    for container in spec.get("initContainers") or []:
        if container.get("restartPolicy"):
            yield f"init container {container['name']}: restartPolicy (sidecar) is not supported"
    for container in _containers(spec):
        name = container["name"]
        if (container.get("securityContext") or {}).get("privileged"):
            yield f"container {name}: privileged is not supported"
        if container.get("volumeDevices"):
            yield f"container {name}: volumeDevices is not supported"
        lifecycle = container.get("lifecycle") or {}
        handlers = {probe: container.get(probe) for probe in ("startupProbe", "readinessProbe", "livenessProbe")} | lifecycle
        for field, handler in handlers.items():
            if isinstance(handler, dict) and not HANDLERS & set(handler):
                yield f"container {name}: {field} {', '.join(handler)} is not supported"
