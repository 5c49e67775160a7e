"""The status of a pod as kubelet would report it, from what its containers say."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_apiservice.embedded.node.client import Object
from pytest_apiservice.embedded.node.events import now
from pytest_apiservice.embedded.pod.container import Container


@dataclass
class PodState:
    """What the worker knows of its pod.

    Attributes:
        pod_ip: the address in the API, None before it has one.
        waiting: (reason, message) of all containers while nothing of the pod could be started.
        failure: (reason, message) once the pod was given up.
    """

    node_ip: str
    pod_ip: str | None = None
    init: Sequence[Container] = ()
    containers: Sequence[Container] = ()
    started_at: str = field(default_factory=now)
    waiting: tuple[str, str] | None = None
    failure: tuple[str, str] | None = None


def pod_status(pod: Object, state: PodState) -> Object:
    """Return the status to publish; conditions that did not change keep their transition time."""
    restart_policy = pod["spec"].get("restartPolicy", "Always")
    initialized = not pod["spec"].get("initContainers") or (
        bool(state.init) and all(c.exit_code == 0 for c in state.init)
    )
    phase = _phase(state, restart_policy)
    ready = phase == "Running" and all(c.ready for c in state.containers)
    unready = [c.spec["name"] for c in state.containers if not c.ready]
    ended = phase in ("Succeeded", "Failed")
    why = (
        ("PodCompleted" if phase == "Succeeded" else "PodFailed", "")
        if ended
        else ("ContainersNotReady", f"containers with unready status: {unready}")
    )
    conditions = [
        _condition("PodScheduled", True),
        _condition("PodReadyToStartContainers", state.pod_ip is not None and not ended),
        _condition("Initialized", initialized, "ContainersNotInitialized", "containers with incomplete status"),
        _condition("ContainersReady", ready, *why),
        _condition("Ready", ready, *why),
    ]
    status: Object = {
        "phase": phase,
        "observedGeneration": pod["metadata"].get("generation"),
        "startTime": state.started_at,
        "hostIP": state.node_ip,
        "hostIPs": [{"ip": state.node_ip}],
        "podIP": state.pod_ip,
        "podIPs": [{"ip": state.pod_ip}] if state.pod_ip else None,
        "reason": state.failure[0] if state.failure else None,
        "message": state.failure[1] if state.failure else None,
        "conditions": _keep_times(conditions, (pod.get("status") or {}).get("conditions") or []),
        "containerStatuses": _container_statuses(pod["spec"]["containers"], state.containers, state.waiting),
    }
    if pod["spec"].get("initContainers"):
        status["initContainerStatuses"] = _container_statuses(pod["spec"]["initContainers"], state.init, state.waiting)
    return status


def _phase(state: PodState, restart_policy: str) -> str:
    if state.failure:
        return "Failed"
    if any(c.exit_code for c in state.init) and restart_policy == "Never":
        return "Failed"
    if not state.containers or all("waiting" in c.state and not c.restart_count for c in state.containers):
        return "Pending"
    codes = [c.exit_code for c in state.containers]
    if all(code is not None and c.finished for code, c in zip(codes, state.containers, strict=True)):
        return "Failed" if any(codes) else "Succeeded"
    return "Running"


def _container_statuses(
    specs: Sequence[Object], containers: Sequence[Container], waiting: tuple[str, str] | None
) -> list[Object]:
    if not containers:
        reason, message = waiting or ("ContainerCreating", "")
        blank = {
            "state": {"waiting": {"reason": reason, "message": message}},
            "ready": False,
            "restartCount": 0,
            "imageID": "",
        }
        return [{"name": spec["name"], "image": spec["image"], "started": False, **blank} for spec in specs]
    return [
        {
            "name": c.spec["name"],
            "image": c.spec["image"],
            "imageID": "",
            "containerID": c.container_id,
            "state": c.state,
            "lastState": c.last_state,
            "ready": c.ready,
            "started": c.started,
            "restartCount": c.restart_count,
        }
        for c in containers
    ]


def _condition(kind: str, true: bool, reason: str = "", message: str = "") -> Object:
    condition: Object = {"type": kind, "status": "True" if true else "False"}
    if not true and reason:
        condition |= {"reason": reason, "message": message}
    return condition


def _keep_times(conditions: list[Object], previous: list[Object]) -> list[Object]:
    known = {condition["type"]: condition for condition in previous}
    ours = {condition["type"] for condition in conditions}
    for condition in conditions:
        before = known.get(condition["type"], {})
        same = before.get("status") == condition["status"]
        condition["lastTransitionTime"] = (before.get("lastTransitionTime") if same else None) or now()
    return [*conditions, *(condition for condition in previous if condition["type"] not in ours)]
