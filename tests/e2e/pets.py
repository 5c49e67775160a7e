"""examples/cats.py installed as it stands, with a disk; for test_cats.py."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import CHART, Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.programs.tools import tool
from pytest_apiservice.why.rules import explain_pods

EXAMPLES = CHART.parent / "examples"
GROUP = "pets.example.com"  # of examples/cats-values.yaml
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
CATS = f"cats.{GROUP}"
WAIT_SECONDS = 120  # the garbage collector and the quota controller look for new resources each 30 s


def cat(name, spec=None, **metadata):
    """Return the manifest of a cat as text."""
    named = {"apiVersion": f"{GROUP}/v1", "kind": "Cat", "metadata": {"name": name, **metadata}}
    return json.dumps(named if spec is None else {**named, "spec": spec})


class Cats:
    """A release of the example, and kubectl in its namespace."""

    def __init__(self, cluster, namespace):
        self.kubectl = Kubectl(cluster, namespace)
        self.helm = Helm(cluster, namespace, explain=explain_pods)
        self.api = Api(cluster, GROUP)

    def install(self, values):
        """Type what docs/resources.md shows, and wait until kubectl finds the resource."""
        self.kubectl("create", "configmap", "cats", f"--from-file={EXAMPLES / 'cats.py'}")
        self.helm.upgrade(values, files=[EXAMPLES / "cats-values.yaml"])
        self.api.wait_for_available()
        self.wait_until_listed()

    def wait_until_listed(self):
        """Wait until kubectl lists them."""

        def listed():
            answer = self.kubectl("get", CATS, check=False)
            if answer.returncode != 0:
                raise NotYet(answer.stderr.strip())

        wait_for(f"kubectl get {CATS}", listed, timeout_seconds=WAIT_SECONDS)

    def get(self, name):
        """Return a cat."""
        return self.kubectl.get(CATS, name)

    def until_gone(self, *names):
        """Wait until no object `kind/name` is there any more."""

        def gone():
            if left := self.kubectl("get", *names, "--ignore-not-found", "-o", "name").stdout.split():
                raise NotYet(f"{', '.join(left)} there")

        wait_for(f"{', '.join(names)} to go", gone, timeout_seconds=WAIT_SECONDS)

    @contextmanager
    def watching(self, log, *arguments):
        """Run `kubectl get -w` beside the block; yield a function that waits until it has printed something."""
        where = [f"--kubeconfig={self.helm.cluster.kubeconfig}", f"--namespace={self.kubectl.namespace}"]
        command = [tool("kubectl"), *where, "get", CATS, "--watch", *arguments]
        with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:

            def printed(*words):
                def found():
                    lines = log.read_text().splitlines()
                    if not any(line.split() == list(words) for line in lines):
                        raise NotYet(f"it has printed {lines}")

                wait_for(f"kubectl get -w to print {' '.join(words)}", found, timeout_seconds=60)

            try:
                yield printed
            finally:
                process.kill()

    @contextmanager
    def controlled(self, log):
        """Run examples/cats_controller.py beside the block, with the rights of an administrator."""
        environment = {**os.environ, "KUBECONFIG": str(self.helm.cluster.kubeconfig), "GROUP": GROUP}
        command = [sys.executable, EXAMPLES / "cats_controller.py"]
        with (
            log.open("w") as output,
            subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
        ):
            try:
                yield
                assert process.poll() is None, f"the controller has ended: {log.read_text()}"
            finally:
                process.kill()


@contextmanager
def disk(cluster, run_id, image):
    """Yield the chart's values for a volume: none where the cluster's default class makes one that such pods may write.

    Where its node image brings no provisioner, kind's class makes folders of root (kind's installstorage action): there one is made by hand.
    """
    kubectl = Kubectl(cluster, "default")
    provisioners = [
        one["provisioner"]
        for one in kubectl.get("storageclass")["items"]
        if one["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true"
    ]
    if not provisioners:
        pytest.skip("the cluster has no default StorageClass, so that nobody would make a disk")
    if provisioners != ["kubernetes.io/host-path"]:
        yield {}
        return
    name, place = f"cats-{run_id}", {"path": f"/var/lib/cats-{run_id}", "type": "DirectoryOrCreate"}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": name,
            "hostPath": place,
            "persistentVolumeReclaimPolicy": "Retain",
        },
    }
    script = "import os; os.chmod('/disk', 0o777)"
    root = {
        "name": "root",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", script],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "disk", "mountPath": "/disk"}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "containers": [root],
            "volumes": [{"name": "disk", "hostPath": place}],
        },
    }
    kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": [volume, pod]}))
    try:
        kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s", timeout_seconds=90)
        yield {"store.volume.storageClassName": name}
    finally:
        kubectl("delete", f"pod/{name}", f"pv/{name}", "--wait=false")
