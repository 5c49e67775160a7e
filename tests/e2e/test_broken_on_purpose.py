"""Break an installation in ten ways: each time the analysis names the cause in its first line.

Each breakage is a release of its own, in its own namespace and API group.
"""

import base64
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

import pytest_apiservice
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.evidence import gather
from pytest_apiservice.why.rules import explain, first_lines

TIMEOUT_SECONDS = 90  # a second or two on an idle machine
SETTLED_SECONDS = 8  # the aggregator calls a backend that is just ready at once; one that is kept out, in vain
NAME = "header-echo"
# https://github.com/kubernetes/kubernetes, staging/src/k8s.io/kube-aggregator/pkg/controllers/status/remote
VERIFIES_SINCE_MINOR = 36
UNTRUSTED = "Available=False, FailedDiscoveryCheck: .*certificate signed by unknown authority"
UNTRUSTED_UNSEEN = "Available=True all the same"
DENY_ALL = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


@dataclass
class Broken:
    """A release of its own, not installed yet.

    Attributes:
        authority: signs its serving certificate; the APIService trusts it unless told otherwise.
    """

    cluster: object
    namespace: str
    group: str
    values: dict
    authority: trustme.CA

    @property
    def kubectl(self):
        """The kubectl of its namespace."""
        return Kubectl(self.cluster, self.namespace)

    @property
    def service(self):
        """The only name that kube-apiserver accepts in its certificate."""
        return f"{NAME}.{self.namespace}.svc"

    def install(self, leaf=None, **values):
        """Install with a given certificate, without waiting: it will not work."""
        leaf = leaf or self.authority.issue_cert(self.service)
        data = {"tls.crt": leaf.cert_chain_pems[0].bytes(), "tls.key": leaf.private_key_pem.bytes()}
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "given"}, "type": "kubernetes.io/tls"}
        self.kubectl.apply(json.dumps(secret | {"data": encoded}))
        bundle = self.authority.cert_pem.bytes().decode()
        self.upgrade({"tls.mode": "secret", "tls.secretName": "given", "tls.caBundle": bundle, **values})

    def upgrade(self, values):
        """Install without waiting for pods."""
        chosen = {"replicas": 1, "apiService.group": self.group, "shutdown.delaySeconds": 0, **self.values, **values}
        Helm(self.cluster, self.namespace, validate=False).upgrade(chosen, wait=False)

    def serve(self):
        """Wait until it works, so that the next thing done breaks it."""
        Api(self.cluster, self.group).wait_for_available(timeout_seconds=TIMEOUT_SECONDS)

    def untrusted(self):
        """Return what is seen of an APIService with a wrong caBundle: since 1.36 the API server verifies TLS to judge it, too."""
        minor = int(Api(self.cluster).get("/version").json()["minor"].rstrip("+"))
        return UNTRUSTED if minor >= VERIFIES_SINCE_MINOR else UNTRUSTED_UNSEEN

    def explained(self, expected, seen="Available=False, "):
        """Wait until the analysis opens with ``expected`` and what follows has the words ``seen``; return all its lines.

        The condition's words pass through others on the way, such as a refused connection before the backend listens.
        """

        def analysed():
            lines = first_lines(gather(Api(self.cluster), [self.namespace]))
            if not re.search(expected, lines[0]) or not re.search(seen, lines[1]):
                raise NotYet("\n".join(lines))
            return lines

        what = f"a first line that matches '{expected}' and a second one that matches '{seen}'"
        return wait_for(what, analysed, timeout_seconds=TIMEOUT_SECONDS)


@contextmanager
def broken_release(cluster, name, values):
    """Yield a Broken in a fresh namespace; its cluster-wide objects are removed at the end."""
    with fresh_namespace(cluster, name, emptied=True) as namespace:
        try:
            yield Broken(cluster, namespace, f"{name}.example.com", values, trustme.CA())
        finally:
            Helm(cluster, namespace)("uninstall", NAME, "--ignore-not-found")


@pytest.fixture
def broken(cluster, base_values, run_id, request):
    """Yield a release to break, not installed yet."""
    word = re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_"))[:24].strip("-")
    with broken_release(cluster, f"header-echo-{run_id}-{word}", base_values) as release:
        yield release


@pytest.mark.same_on_processes
def test_wrong_ca_bundle(broken):
    broken.install(**{"tls.caBundle": trustme.CA().cert_pem.bytes().decode()})
    expected = "^wrong trust in APIService .* caBundle does not hold the CA"
    cause, _, remedy = broken.explained(expected, broken.untrusted())
    assert f"Secret {broken.namespace}/given" in cause
    assert "remedy: set tls.caBundle to the CA" in remedy


@pytest.mark.same_on_processes
def test_expired_leaf(broken):
    end = datetime.now(UTC) - timedelta(hours=1)
    leaf = broken.authority.issue_cert(broken.service, not_before=end - timedelta(days=1), not_after=end)
    broken.install(leaf)
    lines = broken.explained(rf"^the serving certificate expired at {end:%Y-%m-%d %H:%M}")
    assert f"Secret {broken.namespace}/given" in lines[0]


@pytest.mark.same_on_processes
def test_wrong_san(broken):
    broken.install(broken.authority.issue_cert("header-echo.elsewhere.svc"))
    broken.explained(rf"^the serving certificate is for header-echo.elsewhere.svc, not for {broken.service}")


@pytest.mark.same_on_processes
def test_service_port_wrong(broken):
    broken.install()
    broken.serve()
    port = [{"op": "replace", "path": "/spec/ports/0/port", "value": 8443}]
    broken.kubectl("patch", "service", NAME, "--type=json", "-p", json.dumps(port))
    expected = rf"asks for port 443 of Service {broken.namespace}/{NAME}, which has port 8443"
    broken.explained(expected, "Available=False, ServicePortError")


@pytest.mark.same_on_processes
def test_selector_wrong(broken):
    broken.install()
    patch = {"spec": {"selector": {"app.kubernetes.io/instance": "somebody-else"}}}
    broken.kubectl("patch", "service", NAME, "-p", json.dumps(patch))
    broken.explained(rf"^the selector of Service {broken.namespace}/{NAME} .*=somebody-else.* matches no pod")


def test_backend_crash_loop(broken):
    broken.install(env=[{"name": "EXTENSION_APISERVER_LOG_LEVEL", "value": "shouting"}])
    lines = broken.explained(
        "^the backend crashes: container backend .* ended with exit code 2 .*EXTENSION_APISERVER_LOG_LEVEL"
    )
    assert "shouting" in lines[0]


@pytest.mark.same_on_processes
def test_an_install_that_waits_for_a_backend_that_crashes_is_given_up_with_the_cause(another, base_values):
    """Long before helm's own deadline, whose words would be "context deadline exceeded"."""
    env = [{"name": "EXTENSION_APISERVER_LOG_LEVEL", "value": "shouting"}]
    with pytest.raises(
        HarnessError, match=r"crashed 2 times; last seen: .*\nthe backend crashes: .* exit code 2 .*shouting"
    ):
        another("crashing").upgrade({**base_values, "apiService.group": "crashing.example.com", "env": env})


def test_image_missing(broken):
    broken.install(**{"image.repository": "header-echo.invalid/nothing", "image.pullPolicy": "Never"})
    broken.explained(r"^image header-echo.invalid/nothing:\S* of pod .* cannot be had \(ErrImageNeverPull\)")


@pytest.mark.same_on_processes
def test_rbac_missing(broken):
    broken.install()
    Kubectl(broken.cluster, "kube-system")("delete", "rolebinding", f"{broken.namespace}:{NAME}:auth-reader")
    broken.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false")
    broken.explained(
        rf"^RBAC: ServiceAccount {broken.namespace}/{NAME} may not read ConfigMap kube-system/extension-apiserver-auth"
    )


@pytest.mark.same_on_processes
def test_network_policy_blocks(broken):
    """On the embedded cluster its node enforces it; on kind our own node image has no CNI that does."""
    broken.kubectl.apply(DENY_ALL)
    broken.install()
    broken.kubectl("rollout", "status", f"deployment/{NAME}", f"--timeout={TIMEOUT_SECONDS}s", timeout_seconds=90)
    ready = time.monotonic()  # by its probes, which no NetworkPolicy keeps out
    api = Api(broken.cluster, broken.group)

    def judged():
        if api.available()["status"] == "True":
            pytest.skip("nothing enforces NetworkPolicy here: use a cluster whose CNI does, such as kindnet or Calico")
        lines = first_lines(gather(api, [broken.namespace]))
        settled = time.monotonic() - ready > SETTLED_SECONDS
        if not settled or f"NetworkPolicy {broken.namespace}/deny-all keeps kube-apiserver out" not in lines[0]:
            raise NotYet("\n".join(lines))

    wait_for("the APIService to be judged", judged, timeout_seconds=TIMEOUT_SECONDS)


@pytest.mark.same_on_processes
def test_cert_manager_down(broken, cert_manager):
    with broken.cluster.cert_manager_down():
        broken.upgrade({"tls.mode": "certManager"})
        lines = broken.explained(
            rf"^cert-manager is down or absent: nobody has looked at Certificate {broken.namespace}/{NAME}-serving"
        )
    assert "kubectl get pods -n cert-manager" in lines[-1]
    broken.serve()  # it heals by itself once cert-manager is back


def test_a_release_that_works_is_not_blamed(broken):
    broken.install()
    broken.serve()
    assert explain(gather(Api(broken.cluster), [broken.namespace])) == []


CHILD = """
import pathlib
import pytest
from pytest_apiservice.base.process import copy_ends
from pytest_apiservice.cluster import Collector
from pytest_apiservice.why import hooks as diagnostics

pytest_plugins = ["pytest_apiservice.plugin"]


class Given:
    kind = "existing"
    kubeconfig = pathlib.Path({kubeconfig!r})
    context = {context!r}

    def collectors(self, namespaces):
        yield Collector("control-plane", "logs", lambda to: copy_ends(pathlib.Path({logs!r}), to))


@pytest.fixture(scope="session")
def cluster(pytestconfig):
    given = pytestconfig.stash[diagnostics.CLUSTER] = Given()
    return given
"""
CHILD_TEST = """
def test_that_fails(cluster):
    assert "the backend" == "served"
"""
PLANTED = "planted-secret-5f3a"


@pytest.mark.same_on_processes
def test_a_run_against_a_broken_release_tells_the_cause_everywhere_and_no_secret(broken, tmp_path):
    """A pytest of its own fails beside a wrong caBundle: report, JUnit, HTML and the folder name it; Secrets stay secret."""
    token = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "planted"}, "stringData": {"token": PLANTED}}
    broken.kubectl.apply(json.dumps(token))
    environment = [
        {"name": "PLANTED", "value": PLANTED}
    ]  # and so in the Deployment, helm's manifest and values, describe
    broken.install(**{"tls.caBundle": trustme.CA().cert_pem.bytes().decode(), "env": environment})
    broken.explained("^wrong trust", broken.untrusted())
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kube-apiserver.log").write_text(f"a request with {PLANTED}\n")
    where = {"kubeconfig": str(broken.cluster.kubeconfig), "context": broken.cluster.context}
    (tmp_path / "conftest.py").write_text(CHILD.format(**where, logs=str(tmp_path / "logs")))
    (tmp_path / "test_child.py").write_text(CHILD_TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider -p no:schemathesis\n")
    env = os.environ | {"PYTHONPATH": str(Path(pytest_apiservice.__file__).parents[1]), "COLUMNS": "200"}
    command = [sys.executable, "-m", "pytest", f"--rootdir={tmp_path}", "--junitxml=junit.xml"]
    child = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)

    expected = f"wrong trust in APIService v1.{broken.group}: its caBundle does not hold the CA"
    assert child.stdout.split(" why ")[1].splitlines()[1].startswith(expected), child.stdout
    (case,) = ET.parse(tmp_path / "junit.xml").iter("testcase")  # noqa: S314 - our own child wrote it
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["cause"].startswith(expected)
    assert re.search(broken.untrusted(), properties["cause"])
    folder = tmp_path / properties["diagnostics"]
    assert (folder / "index.txt").read_text().startswith(expected)
    assert expected in (tmp_path / "reports" / "run-existing.html").read_text()
    wanted = {"pods.yaml", "endpointslices.yaml", "events.txt", "describe.txt", "helm-header-echo-status.txt"}
    assert wanted <= {path.name for path in (folder / broken.namespace).iterdir()}
    assert list((folder / broken.namespace / "logs").glob("*.log"))
    assert "verdict    caBundle does not hold the CA" in (folder / "certificates.txt").read_text()
    assert "MISSING" not in (folder / "index.txt").read_text()
    assert "a request with [redacted]" in (folder / "control-plane" / "kube-apiserver.log").read_text()
    for path in (p for p in (tmp_path / "reports").rglob("*") if p.is_file()):
        content = path.read_text(errors="replace")
        for secret in (PLANTED, base64.b64encode(PLANTED.encode()).decode(), "PRIVATE KEY-----"):
            assert secret not in content, f"{path} holds the planted secret as {secret}"
