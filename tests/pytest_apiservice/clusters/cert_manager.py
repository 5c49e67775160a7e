"""cert-manager in a cluster: the official chart where its images can be pulled, else our build of its controllers.

Our build (ci/tools/cert-manager) also runs beside a control plane, as a plain process with cluster-admin's kubeconfig:

    kubectl apply --server-side -f <cert_manager_crds()>
    <tool("cert-manager")> --kubeconfig=<file>

It needs the CRDs first, else it ends with "no matches for kind"; without --kubeconfig it takes its pod's ServiceAccount.
It ends with exit code 1 and one line on stderr when it cannot work, with 0 on SIGTERM. What it needs of RBAC inside a
cluster is in ci/tools/cert-manager/deployment.yaml.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.cluster import Cluster
from pytest_apiservice.images.archive import load_program
from pytest_apiservice.images.registry import forget_others, has_image, served
from pytest_apiservice.programs.cache import digest
from pytest_apiservice.programs.crds import cert_manager_crds
from pytest_apiservice.programs.tools import pinned_version, tool

FAMILY = FAMILIES / "cert-manager"
NAMESPACE = "cert-manager"
CHART = "oci://quay.io/jetstack/charts/cert-manager"
OFFICIAL_IMAGE = "quay.io/jetstack/cert-manager-controller"
ROLLOUT_SECONDS = 120
PROBE = """
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: probe}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: probe}
spec:
  secretName: probe
  dnsNames: [probe.example.com]
  issuerRef: {name: probe}
"""


def install_cert_manager(cluster: Cluster) -> None:
    """Have cert-manager issue certificates in ``cluster`` before this returns; harmless where it does already.

    Raises:
        HarnessError: it did not come up, or did not issue a certificate in time, with what was last seen.
    """
    version = pinned_version("cert-manager")
    if served(f"{OFFICIAL_IMAGE}:{version}"):
        with step(f"installing cert-manager {version} from its chart"):
            helm = Helm(cluster, NAMESPACE, release="cert-manager")
            flags = ["--install", "--create-namespace", "--set=crds.enabled=true", "--wait", "--timeout=240s"]
            helm("upgrade", "cert-manager", CHART, f"--version={version}", *flags)
    else:
        image = _image(version)
        cluster.load_image(image)
        with step(f"installing our build of cert-manager {version}"):
            _apply(cluster, image)
    with step("waiting for a first certificate"):
        _wait_for_certificate(cluster)


@contextmanager
def scaled_down(cluster: Cluster) -> Iterator[None]:
    """Have cert-manager's Deployments without pods within the block, and with them again after it."""
    kubectl = Kubectl(cluster, NAMESPACE)
    kubectl("scale", "deployment", "--all", "--replicas=0")
    kubectl("wait", "pods", "--all", "--for=delete", f"--timeout={ROLLOUT_SECONDS}s", timeout_seconds=150)
    try:
        yield
    finally:
        kubectl("scale", "deployment", "--all", "--replicas=1")
        for name in kubectl("get", "deployments", "-o", "name").stdout.split():
            kubectl("rollout", "status", name, f"--timeout={ROLLOUT_SECONDS}s", timeout_seconds=150)


def _image(version: str) -> str:
    """Return the name of an image with our build, made if the engine lacks it; the name stands for its content."""
    program = tool("cert-manager")
    name = f"header-echo-cert-manager:{version}-{digest([program])}"
    if not has_image(name):
        load_program(name, program, user="65532")
        forget_others(name)
    return name


def _apply(cluster: Cluster, image: str) -> None:
    kubectl = Kubectl(cluster)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(cert_manager_crds()))
    kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(cert_manager_crds()))
    kubectl.apply((FAMILY / "deployment.yaml").read_text().replace("CERT_MANAGER_IMAGE", image))


def _wait_for_certificate(cluster: Cluster) -> None:
    kubectl = Kubectl(cluster, NAMESPACE)
    kubectl.apply(PROBE)

    def issued() -> None:
        certificate = kubectl.get("certificate", "probe")
        conditions = {item["type"]: item for item in certificate.get("status", {}).get("conditions", [])}
        ready = conditions.get("Ready", {"status": "False", "message": "no controller has looked at it"})
        if ready["status"] != "True":
            raise NotYet(ready["message"])

    wait_for("cert-manager's first certificate", issued, timeout_seconds=90, died=lambda: _crashed(kubectl))
    kubectl("delete", "-f", "-", "--wait=false", input=PROBE)
    kubectl("delete", "secret", "probe", "--wait=false")


def _crashed(kubectl: Kubectl) -> str | None:
    """Return how a container of cert-manager ended, with its last line, or None."""
    for pod in kubectl.get("pods")["items"]:
        name = pod["metadata"]["name"]
        for status in pod.get("status", {}).get("containerStatuses", []):
            waiting = status["state"].get("waiting", {})
            if waiting.get("reason") in ("CrashLoopBackOff", "ErrImageNeverPull", "CreateContainerConfigError"):
                logs = kubectl("logs", name, "--previous", "--tail=1", check=False).stdout.strip()
                return f"{name} is in {waiting['reason']}: {logs or waiting.get('message', '')}"
    return None
