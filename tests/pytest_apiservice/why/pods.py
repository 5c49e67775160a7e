"""Why pods are not ready."""

from collections.abc import Iterator

from pytest_apiservice.base.complaints import complaint
from pytest_apiservice.why.evidence import Object
from pytest_apiservice.why.view import Cause, View

NO_IMAGE = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
)
READER = "extension-apiserver-authentication-reader"


def image(view: View) -> Cause | None:
    """Return the cause if an image cannot be had."""
    for pod, status in _unready(view):
        waiting = status.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in NO_IMAGE:
            return view.cause(
                f"image {status['image']} of pod {_name(pod)} cannot be had ({waiting['reason']})",
                "build and load it ('make image'), or set image.repository and image.tag to one that the nodes can pull",
                waiting.get("message", ""),
            )
    return None


def volume(view: View) -> Cause | None:
    """Return the cause if a pod waits for a Secret that nobody has made."""
    for pod in view.pods:
        if _is_ready(pod):
            continue
        for mounted in pod["spec"].get("volumes") or []:
            secret = mounted.get("secret") or {}
            name = secret.get("secretName")
            if name and not secret.get("optional") and view.evidence.find("secrets", view.namespace, name) is None:
                return _missing_secret(view, pod, name)
    return None


def _missing_secret(view: View, pod: Object, name: str) -> Cause:
    certificates = view.evidence.of("certificates", view.namespace)
    certificate = next((c for c in certificates if c["spec"].get("secretName") == name), None)
    waits = f"Secret {view.namespace}/{name}, which pod {pod['metadata']['name']} mounts, does not exist"
    if certificate is None:
        return view.cause(waits, "create it, or set tls.secretName (tls.mode=secret) to one that is there")
    which = f"Certificate {view.namespace}/{certificate['metadata']['name']}"
    untouched = [c["metadata"]["name"] for c in certificates if not (c.get("status") or {}).get("conditions")]
    if certificate["metadata"]["name"] in untouched:
        return view.cause(
            f"cert-manager is down or absent: nobody has looked at {which}, so {waits}",
            "see whether cert-manager's pods run ('kubectl get pods -n cert-manager'), or choose another tls.mode",
        )
    words = _condition_words(certificate)
    requests = [
        r for r in view.evidence.of("certificaterequests", view.namespace)
        if any(o["name"] == certificate["metadata"]["name"] for o in r["metadata"].get("ownerReferences") or [])
    ]  # fmt: skip
    issuers = [i for i in view.evidence.of("issuers", view.namespace) if "Ready=False" in _condition_words(i)]
    further = [f"{o['kind']} {o['metadata']['name']}: {_condition_words(o)}" for o in (*requests[-1:], *issuers)]
    return view.cause(
        f"cert-manager has not issued {which} ({words}), so {waits}",
        f"'kubectl describe certificate,certificaterequest,issuer -n {view.namespace}' says what it waits for",
        "; ".join(further),
    )


def _condition_words(item: Object) -> str:
    conditions = (item.get("status") or {}).get("conditions") or []
    return ", ".join(f"{c['type']}={c['status']}: {c.get('message', '')}" for c in conditions)


def scheduling(view: View) -> Cause | None:
    """Return the cause if no node takes a pod."""
    for pod in view.pods:
        for condition in pod.get("status", {}).get("conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return view.cause(
                    f"no node takes pod {_name(pod)}: {condition.get('message', '')}",
                    "free or add a node, or change resources, nodeSelector, tolerations or affinity",
                )
    return None


def may_not_read(view: View) -> Cause | None:
    """Return the cause if the backend may not read by which certificate it knows kube-apiserver."""
    for pod in view.pods:
        account = f"{view.namespace}/{pod['spec'].get('serviceAccountName', 'default')}"
        if not _is_ready(pod) and view.evidence.may_read_requestheader.get(account) is False:
            return view.cause(
                f"RBAC: ServiceAccount {account} may not read ConfigMap kube-system/extension-apiserver-authentication,"
                f" so the backend cannot tell kube-apiserver from an impostor",
                f"bind Role kube-system/{READER} to it (the chart's RoleBinding auth-reader does)",
                _last_words(view, pod),
            )
    return None


def crash(view: View) -> Cause | None:
    """Return the cause if a container ends again and again."""
    for pod, status in _unready(view):
        states = (status.get("state") or {}, status.get("lastState") or {})
        ended = next((s["terminated"] for s in states if "terminated" in s), None)
        if ended is None or (ended.get("exitCode") == 0 and ended.get("reason") != "OOMKilled"):
            continue
        what = f"container {status['name']} of pod {_name(pod)}"
        times = f"restarted {status.get('restartCount', 0)} times"
        if ended.get("reason") == "OOMKilled":
            return view.cause(f"{what} was killed for its memory ({times})", "raise resources.limits.memory")
        words = _last_words(view, pod) or complaint(ended.get("message", "")) or _words_of_twin(view, status["name"])
        words = words or ended.get("reason", "")
        return view.cause(
            f"the backend crashes: {what} ended with exit code {ended['exitCode']} ({times}): {words}",
            "read the container's previous log; exit code 2 means a wrong setting, named there",
        )
    return None


def not_ready(view: View) -> Cause | None:
    """Return the cause if a pod runs but says that it is not ready, or cannot even start."""
    for pod, status in _unready(view):
        waiting = (status.get("state") or {}).get("waiting") or {}
        warnings = [w for w in _warnings(view, pod) if "probe failed" in w or waiting]
        if waiting.get("reason") == "CreateContainerConfigError" or (waiting and warnings):
            message = waiting.get("message") or warnings[-1]
            return view.cause(f"pod {_name(pod)} cannot start ({waiting.get('reason')}): {message}", "see the message")
        if warnings:
            return view.cause(
                f"pod {_name(pod)} runs but is not ready: {warnings[-1]}",
                "its log, and /readyz?verbose of the pod, say which check fails",
                _last_words(view, pod),
            )
    return None


def failed(view: View) -> Cause | None:
    """Return the cause if a pod that was to run once, such as that of `helm test`, failed."""
    for pod in view.evidence.of("pods", view.namespace):
        if pod.get("status", {}).get("phase") == "Failed" and not pod["metadata"].get("ownerReferences"):
            return view.cause(
                f"pod {_name(pod)} failed: {_last_words(view, pod)}",
                f"'kubectl logs -n {view.namespace} {pod['metadata']['name']}' has all that it said",
            )
    return None


def _unready(view: View) -> Iterator[tuple[Object, Object]]:
    for pod in view.pods:
        status = pod.get("status", {})
        for container in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
            if not container.get("ready"):
                yield pod, container


def _is_ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions") or [])


def _warnings(view: View, pod: Object) -> list[str]:
    events = [
        event
        for event in view.evidence.of("events", view.namespace)
        if event.get("type") == "Warning" and event["involvedObject"].get("uid") == pod["metadata"].get("uid")
    ]
    return [str(event.get("message", "")) for event in sorted(events, key=lambda e: str(e.get("lastTimestamp") or ""))]


def _words_of_twin(view: View, container: str) -> str:
    """Return what the same container of another pod said last: under load a kubelet removes a log before anybody can read it."""
    for pod, status in _unready(view):
        if status["name"] == container and (words := _last_words(view, pod)):
            return words
    return ""


def _last_words(view: View, pod: Object) -> str:
    return complaint(view.evidence.logs.get(_name(pod), ""))


def _name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
