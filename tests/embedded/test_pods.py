"""The embedded cluster's node agent does to a pod what kubelet does, and says what it cannot do."""

import base64
import json
import re
import socket
import sys
from pathlib import Path

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.embedded.node.images import LocalImage

pytestmark = pytest.mark.only_on("embedded", reason="kubelet has its own tests")

SHELL, PYTHON = "test-shell:1", "test-python:1"
SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
WAIT_SECONDS = 30
SERVE = ["-m", "http.server", "8000", "--bind", "$(IP)"]
IP = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}


@pytest.fixture
def pods(cluster, other_namespace):
    """Yield kubectl in a namespace of the test's own, where images of a shell and of Python are there."""
    cluster.load_image(SHELL, LocalImage(["/bin/sh", "-c"]))
    cluster.load_image(PYTHON, LocalImage([sys.executable, "-u"]))
    return Kubectl(cluster, other_namespace)


def create(
    pods,
    *args,
    image=SHELL,
    name="subject",
    volumes=(),
    restart_policy="Always",
    grace_seconds=1,
    deadline_seconds=None,
    **container,
):
    """Create a pod of one container that runs ``args``."""
    main = {"name": "main", "image": image, "args": list(args), "securityContext": SECURITY, **container}
    spec = {"restartPolicy": restart_policy, "terminationGracePeriodSeconds": grace_seconds, "volumes": list(volumes)}
    spec["activeDeadlineSeconds"] = deadline_seconds
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {**spec, "containers": [main]}}
    pods.apply(json.dumps(pod))


def secret(name, **values):
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data})


def until(pods, what, look):
    """Wait until ``look(pod)`` is true, and return the pod."""

    def probe():
        pod = pods.get("pod", "subject")
        if not look(pod):
            raise NotYet(json.dumps(pod["status"]))
        return pod

    return wait_for(what, probe, timeout_seconds=WAIT_SECONDS)


def container_status(pod):
    return (pod["status"].get("containerStatuses") or [{"state": {}}])[0]


def is_ready(pod):
    return bool(container_status(pod).get("ready"))


def has_event(pods, reason, words=""):
    def probe():
        events = pods.get("events")["items"]
        found = [event["message"] for event in events if event["reason"] == reason and words in event["message"]]
        if not found:
            raise NotYet(str([f"{event['reason']}: {event['message']}" for event in events]))
        return found[0]

    return wait_for(f"an event {reason} with {words!r}", probe, timeout_seconds=WAIT_SECONDS)


def read(pods, path):
    return pods("get", "--raw", f"/api/v1/namespaces/{pods.namespace}/pods/subject:8000/proxy/{path}").stdout


def test_a_running_process_sees_a_secret_change(pods):
    pods.apply(secret("s", word="before"))
    volume = {"name": "v", "secret": {"secretName": "s"}}
    probe = {"tcpSocket": {"port": 8000}}
    mount = [{"name": "v", "mountPath": "/etc/word"}]
    arguments = [*SERVE, "--directory", "/etc/word"]
    create(pods, *arguments, image=PYTHON, volumes=[volume], volumeMounts=mount, readinessProbe=probe, env=[IP])
    until(pods, "the pod to be ready", is_ready)
    assert read(pods, "word") == "before"
    pods.apply(secret("s", word="after"))

    def changed():
        if (seen := read(pods, "word")) != "after":
            raise NotYet(seen)

    wait_for("the new word", changed, timeout_seconds=WAIT_SECONDS)
    assert container_status(pods.get("pod", "subject"))["restartCount"] == 0


def test_a_program_finds_its_volumes_where_the_pod_says(pods):
    """Nobody tells it a path: the ServiceAccount's folder is where client libraries look, a part of a volume is at its own."""
    pods.apply(secret("s", word="hello", more="world"))
    script = "cat /absent/on/this/machine/word /etc/one; ls /var/run/secrets/kubernetes.io/serviceaccount; pwd; ls /absent/data; exit 0"
    mounts = [
        {"name": "v", "mountPath": "/absent/on/this/machine"},
        {"name": "v", "mountPath": "/etc/one", "subPath": "more"},
        {"name": "data", "mountPath": "/absent/data", "subPathExpr": "of/$(NAME)"},
    ]
    volumes = [{"name": "v", "secret": {"secretName": "s"}}, {"name": "data", "emptyDir": {}}]
    name = [{"name": "NAME", "value": "it"}]
    create(
        pods, script, volumes=volumes, volumeMounts=mounts, env=name, workingDir="/absent/data", restart_policy="Never"
    )
    until(pods, "the pod to end", lambda pod: pod["status"]["phase"] in ("Succeeded", "Failed"))
    said = pods("logs", "subject").stdout
    assert said == "helloworldca.crt\nnamespace\ntoken\n/absent/data\n", said
    assert not Path("/absent").exists()


def test_a_root_that_the_pod_wants_read_only_is(pods):
    script = "touch /it; touch /secret/it; touch /data/it && touch /dev/null && echo written"
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "s", "mountPath": "/secret"}]
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "s"}}]
    pods.apply(secret("s", word="hello"))
    security = {**SECURITY, "readOnlyRootFilesystem": True}
    create(pods, script, volumes=volumes, volumeMounts=mounts, securityContext=security, restart_policy="Never")
    until(pods, "the pod to end", lambda pod: pod["status"]["phase"] == "Succeeded")
    said = pods("logs", "subject").stdout
    assert (said.count("Read-only file system"), "written" in said) == (2, True), said


def claim(name, **spec):
    storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": storage | spec}


def test_what_a_claim_holds_outlives_its_pods_and_ends_with_it(pods):
    """A claim that a pod uses stays until the pod is gone, as everywhere."""
    mounts = [{"name": "data", "mountPath": "/data"}]
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "kept"}}]
    pods.apply(json.dumps(claim("kept")))
    create(pods, "echo hello > /data/word; sleep 1000", volumes=volumes, volumeMounts=mounts)
    until(pods, "the first pod to run", is_ready)
    pods("delete", "pvc", "kept", "--wait=false")
    assert pods.get("pvc", "kept")["status"]["phase"] == "Bound"
    pods("delete", "pod", "subject", "--grace-period=0", "--force")
    pods("wait", "--for=delete", "pvc/kept", "--timeout=60s")
    pods.apply(json.dumps(claim("kept")))
    create(
        pods, "ls /data | wc -l; echo again > /data/word", volumes=volumes, volumeMounts=mounts, restart_policy="Never"
    )
    until(pods, "the second pod to end", lambda pod: pod["status"]["phase"] == "Succeeded")
    assert pods("logs", "subject").stdout.strip() == "0"
    pods("delete", "pod", "subject")
    create(pods, "cat /data/word", volumes=volumes, volumeMounts=mounts, restart_policy="Never")
    until(pods, "the third pod to end", lambda pod: pod["status"]["phase"] == "Succeeded")
    assert pods("logs", "subject").stdout == "again\n"


def test_a_claim_of_a_class_that_nobody_provides_leaves_its_pod_waiting(pods):
    pods.apply(json.dumps(claim("fast", storageClassName="fast")))
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "fast"}}]
    create(pods, "true", volumes=volumes)
    has_event(pods, "FailedMount", "is not bound: those of storageClassName 'standard'")


def test_a_probe_sees_what_the_container_wrote(pods):
    """Also outside its volumes: both are in one root."""
    mounts = [{"name": "data", "mountPath": "/absent/data"}]
    probe = {"exec": {"command": ["test", "-e", "/absent/ready"]}, "periodSeconds": 1}
    script = "touch /absent/ready; sleep 1000"
    volumes = [{"name": "data", "emptyDir": {}}]
    create(pods, script, volumes=volumes, volumeMounts=mounts, readinessProbe=probe)
    until(pods, "the pod to be ready", is_ready)


def test_the_node_takes_pods_of_anybody(pods):
    """Tools of others look for a node that is ready and has no taints."""
    (node,) = pods.get("nodes")["items"]
    assert node["spec"].get("taints", []) == []
    assert [(each["type"], each["status"]) for each in node["status"]["conditions"]] == [("Ready", "True")]


def test_a_pod_whose_port_is_taken_hears_by_whom(pods):
    """It listens everywhere, and another at that port of its own address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {"image": PYTHON, "ports": [{"containerPort": port}]}
    listening = {"tcpSocket": {"port": port}}
    create(
        pods,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "$(IP)",
        name="holder",
        env=[IP],
        readinessProbe=listening,
        **own,
    )
    pods("wait", "--for=condition=Ready", "pod/holder", "--timeout=30s")
    create(pods, "-m", "http.server", str(port), **own)
    message = has_event(pods, "PortTaken")
    assert re.search(rf"127\.[\d.]+:{port} by pod {pods.namespace}/holder, process \d+ \(", message), message
    assert "use CLUSTER=kind" in message


def test_a_pod_waits_for_its_secret_and_says_so(pods):
    volume = {"name": "v", "secret": {"secretName": "later"}}
    create(pods, "cat /v/word; sleep 1000", volumes=[volume], volumeMounts=[{"name": "v", "mountPath": "/v"}])
    assert 'Secret "' in has_event(pods, "FailedMount", 'later" not found')
    assert pods.get("pod", "subject")["status"]["phase"] == "Pending"
    pods.apply(secret("later", word="here"))
    until(pods, "the pod to run", lambda pod: pod["status"]["phase"] == "Running")


def test_a_process_that_fails_is_restarted_at_once_and_then_with_back_off(pods):
    create(pods, "echo last words; exit 7")

    def backs_off(pod):
        return container_status(pod)["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"

    status = container_status(until(pods, "back-off", backs_off))
    assert (status["restartCount"], status["lastState"]["terminated"]["exitCode"], status["ready"]) == (1, 7, False)
    assert pods("logs", "subject", "--previous").stdout == "last words\n"
    has_event(pods, "BackOff", "back-off 10s")


def test_a_failing_liveness_probe_restarts_the_container(pods):
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    create(pods, "sleep 1000", livenessProbe=probe)
    pod = until(pods, "a restart", lambda pod: container_status(pod).get("restartCount", 0) >= 1)
    assert container_status(pod)["lastState"]["terminated"]["exitCode"] == 128 + 15
    has_event(pods, "Unhealthy", "Liveness probe failed")


def test_readiness_comes_and_goes_without_a_restart(pods):
    """As a file says that is not empty while the pod is busy."""

    def busy(words):
        pods.apply(f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: state}}, data: {{busy: '{words}'}}}}")

    busy("")
    create(
        pods,
        "sleep 1000",
        volumes=[{"name": "state", "configMap": {"name": "state"}}],
        volumeMounts=[{"name": "state", "mountPath": "/state"}],
        readinessProbe={
            "exec": {"command": ["test", "!", "-s", "/state/busy"]},
            "periodSeconds": 1,
            "failureThreshold": 1,
        },
    )
    until(pods, "the pod to be ready", is_ready)
    busy("very")
    until(pods, "the pod to be unready", lambda pod: not is_ready(pod))
    busy("")
    assert container_status(until(pods, "the pod to be ready again", is_ready))["restartCount"] == 0


@pytest.mark.parametrize(("code", "phase", "reason"), [(0, "Succeeded", "Completed"), (3, "Failed", "Error")])
def test_a_pod_that_runs_once_ends_with_its_exit_code(pods, code, phase, reason):
    create(pods, f"echo done; exit {code}", restart_policy="Never")
    pod = until(pods, f"phase {phase}", lambda pod: pod["status"]["phase"] == phase)
    terminated = container_status(pod)["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (code, reason)
    assert pods("logs", "subject").stdout == "done\n"


def test_a_pod_over_its_deadline_fails(pods):
    create(pods, "sleep 1000", restart_policy="Never", deadline_seconds=1)
    pod = until(pods, "phase Failed", lambda pod: pod["status"]["phase"] == "Failed")
    assert pod["status"]["reason"] == "DeadlineExceeded"


def log_of(cluster, pods):
    return "".join(
        path.read_text() for path in cluster.logs_directory.glob(f"pods/{pods.namespace}_subject_*/main/*.log")
    )


def test_a_deleted_pod_hears_pre_stop_then_sigterm_and_may_finish(cluster, pods):
    hook = {"preStop": {"exec": {"command": ["touch", "/state/hook"]}}}
    mount = [{"name": "state", "mountPath": "/state"}]
    script = "trap 'ls $STATE; echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    environment = [{"name": "STATE", "value": "/state"}]
    volumes = [{"name": "state", "emptyDir": {}}]
    create(pods, script, volumes=volumes, volumeMounts=mount, env=environment, lifecycle=hook, grace_seconds=20)
    until(pods, "the pod to be up", lambda _: "up" in log_of(cluster, pods))
    pods("delete", "pod", "subject", "--timeout=15s")
    assert log_of(cluster, pods) == "up\nhook\nbye\n"


def test_a_pod_that_ignores_sigterm_is_killed_when_its_grace_is_over(cluster, pods):
    create(pods, "trap '' TERM; echo up; while :; do sleep 0.1; done", grace_seconds=1)
    until(pods, "the pod to be up", lambda _: "up" in log_of(cluster, pods))
    pods("delete", "pod", "subject", "--timeout=15s")
    assert pods("get", "pods").stdout == ""


def test_an_image_without_a_local_command_is_refused_until_it_has_one(cluster, pods):
    create(pods, "exit 0", image="test-unknown:1", restart_policy="Never")
    message = has_event(pods, "ErrImageNeverPull")
    assert 'image "test-unknown:1" has no local command: call load_image' in message
    cluster.load_image("test-unknown:1", LocalImage(["/bin/sh", "-c"]))
    until(pods, "the pod to end", lambda pod: pod["status"]["phase"] == "Succeeded")


def test_a_host_path_is_refused_by_name(cluster, pods):
    """In a namespace without Pod Security, where the API server lets it through."""
    everywhere = Kubectl(cluster, "default")
    name = f"host-{pods.namespace}"
    try:
        create(everywhere, "true", name=name, volumes=[{"name": "host", "hostPath": {"path": "/"}}])
        has_event(everywhere, "NotSupported", "volume host: hostPath is not supported")
    finally:
        everywhere("delete", "pod", name, "--ignore-not-found")


def test_a_restart_of_the_api_server_leaves_pods_alone(cluster, pods):
    create(pods, "sleep 1000")
    running = until(pods, "the pod to run", is_ready)
    cluster.restart_api_server()
    create(pods, "exit 0", name="after", restart_policy="Never")
    assert container_status(pods.get("pod", "subject")) == container_status(running)
    pods("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/after", "--timeout=30s")
