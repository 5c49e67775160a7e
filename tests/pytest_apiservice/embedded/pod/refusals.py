"""What the embedded cluster cannot honour in a pod. It refuses such a pod and says why; it never runs it differently in silence."""

from collections.abc import Iterator, Mapping

from pytest_apiservice.embedded.node.client import Object
from pytest_apiservice.embedded.node.images import LOCAL_IMAGES, LocalImage
from pytest_apiservice.embedded.pod.references import NODE_NAME
from pytest_apiservice.images.archive import short_name
from pytest_apiservice.programs.go import architecture

VOLUMES = {"secret", "configMap", "projected", "downwardAPI", "emptyDir", "persistentVolumeClaim"}
PROJECTIONS = {"secret", "configMap", "downwardAPI", "serviceAccountToken"}
HANDLERS = {"httpGet", "tcpSocket", "exec", "sleep"}
HOST_FEATURES = ("hostNetwork", "hostPID", "hostIPC")
NODE_LABELS = {
    "kubernetes.io/hostname": NODE_NAME,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": architecture(),
}


def refusals(pod: Object, images: Mapping[str, LocalImage]) -> list[tuple[str, str]]:
    """Return (reason, message) for all that cannot be honoured; reasons are kubelet's where it has one."""
    spec = pod["spec"]
    unsupported = [*_of_pod(spec), *_of_volumes(spec), *(text for c in _containers(spec) for text in _of_container(c))]
    found = [("NotSupported", f"{text}: the embedded cluster runs pods as local processes") for text in unsupported]
    known = ", ".join(sorted(images)) or "none"
    for container in _containers(spec):
        if container["image"] not in images:
            message = f'Container image "{container["image"]}" has no local command: call load_image, for the demo make load IMAGE={container["image"]} (known: {known})'
            found.append(("ErrImageNeverPull", message))
    return found


def unseen_paths(pod: Object, why: str) -> list[str]:
    """Return a sentence for each container that may look for its volumes in vain, as pods have no file system of their own because of ``why``.

    Its command line and environment are told where they are (pytest_apiservice.embedded.pod.environment); a path that a program has built in is not there.
    Our own backend has none.
    """
    return [
        f"container {container['name']}: its volumes are not at {', '.join(paths)}, as pods have no file system of their own here ({why});"
        " what names these paths in command, args and env is rewritten: if the program looks for them by itself, use CLUSTER=kind"
        for container in _containers(pod["spec"])
        if (paths := [mount["mountPath"] for mount in container.get("volumeMounts") or []])
        and short_name(container["image"]) not in LOCAL_IMAGES
    ]


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("initContainers") or []), *spec["containers"]]


def _of_pod(spec: Object) -> Iterator[str]:
    for feature in HOST_FEATURES:
        if spec.get(feature):
            yield f"spec.{feature} is not supported"
    for label, value in (spec.get("nodeSelector") or {}).items():
        if NODE_LABELS.get(label) != value:
            yield f"spec.nodeSelector asks for {label}={value}, and the only node has {NODE_LABELS.get(label)}"
    for container in spec.get("initContainers") or []:
        if container.get("restartPolicy"):
            yield f"init container {container['name']}: restartPolicy (sidecar) is not supported"


def _of_volumes(spec: Object) -> Iterator[str]:
    for volume in spec.get("volumes") or []:
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            yield f"volume {volume['name']}: {', '.join(kinds)} is not supported"
        for source in (volume.get("projected") or {}).get("sources") or []:
            if not set(source) <= PROJECTIONS:
                yield f"volume {volume['name']}: projected {', '.join(source)} is not supported"


def _of_container(container: Object) -> Iterator[str]:
    name = container["name"]
    if (container.get("securityContext") or {}).get("privileged"):
        yield f"container {name}: privileged is not supported"
    if container.get("volumeDevices"):
        yield f"container {name}: volumeDevices is not supported"
    probes = {probe: container.get(probe) for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    for field, handler in (probes | (container.get("lifecycle") or {})).items():
        if isinstance(handler, dict) and not HANDLERS & set(handler):
            yield f"container {name}: {field} {', '.join(handler)} is not supported"
