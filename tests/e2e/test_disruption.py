"""What callers notice while the cluster is worked on: nothing, where nothing is possible; else a bound, with its reason.

Requests go through the API server all the time, from clients that never try again (steady_requests.py). Each test reports
requests, failures and the longest gap between two successes of any client.
"""

import base64
import json
import os
import signal
import socket
import ssl
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from e2e.steady_requests import SteadyRequests
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.client.rollout import wait_for_rollout
from pytest_apiservice.embedded.folder import inhabitants
from pytest_apiservice.why.rules import explain_pods

NAME = "header-echo"
SELECTOR = "app.kubernetes.io/name=header-echo"
ROLLOUT_SECONDS = 120
KUBELET_SECONDS = 120  # a kubelet brings a changed Secret to its pods within about a minute, unless it is nudged
NO_SUCCESS_SECONDS = 2.0  # of a run without failures: the stalls of a busy machine
REQUESTHEADER = ("kube-system", "extension-apiserver-authentication")


@pytest.fixture(scope="module")
def installed(cluster, cert_manager, base_values, run_id):
    """Yield a release of two replicas with the chart's own defaults, of its own group, for this file alone."""
    name = f"header-echo-{run_id}-disruption"
    with fresh_namespace(cluster, name, emptied=True) as namespace:
        helm = Helm(cluster, namespace, explain=explain_pods)
        api = Api(cluster, f"{name}.example.com")
        try:
            helm.upgrade({**base_values, "apiService.group": api.group})
            api.wait_for_available()
            api.wait_until_served()
            yield api, namespace
        finally:
            helm("uninstall", NAME, "--ignore-not-found")


@pytest.fixture
def own(installed, cluster):
    """Yield kubectl in the release's namespace; two replicas are ready before and after."""
    kubectl = Kubectl(cluster, installed[1])
    yield kubectl
    if kubectl.get("deployment", NAME)["spec"]["replicas"] != 2:
        kubectl("scale", f"deployment/{NAME}", "--replicas=2")
    rolled_out(kubectl)


@pytest.fixture
def steady(installed, noted):
    """Yield a context manager: requests go on within it, and what they saw is recorded."""

    @contextmanager
    def run():
        with SteadyRequests(installed[0]) as running:
            yield running
        noted(running.outcome)

    return run


def rolled_out(kubectl):
    wait_for_rollout(Api(kubectl.cluster), kubectl.namespace, NAME, ROLLOUT_SECONDS, explain_pods)


def read(kubectl, path):
    """Return an object or list of the release's namespace."""
    return Api(kubectl.cluster).send("GET", f"/api/v1/namespaces/{kubectl.namespace}/{path}")


def pods(kubectl):
    """Return the pods, those that terminate too."""
    return read(kubectl, f"pods?labelSelector={SELECTOR}")["items"]


def only(kubectl, count):
    """Wait until there are ``count`` pods and nothing terminates."""

    def settled():
        names = [pod["metadata"]["name"] for pod in pods(kubectl)]
        if len(names) != count:
            raise NotYet(", ".join(names))

    wait_for(f"{count} pods", settled, timeout_seconds=ROLLOUT_SECONDS)


def noticed_nothing(running):
    assert not running.outcome.failures, running.outcome
    assert running.outcome.longest_gap_seconds < NO_SUCCESS_SECONDS, running.outcome


def test_rollout_restart(steady, own):
    """No failure: a new pod is ready before an old one goes, and an old one serves on while endpoints forget it."""
    with steady() as running:
        own("rollout", "restart", f"deployment/{NAME}")
        rolled_out(own)
        only(own, 2)
    noticed_nothing(running)


def test_scale_up_and_down(steady, own):
    """No failure, 2 to 3 to 1."""
    with steady() as running:
        own("scale", f"deployment/{NAME}", "--replicas=3")
        rolled_out(own)
        own("scale", f"deployment/{NAME}", "--replicas=1")
        only(own, 1)
    noticed_nothing(running)


def served_serials(cluster, kubectl):
    """Return the serial numbers of the certificates that the pods' processes present, asked directly and verified."""
    found = set()
    authority = decoded(read(kubectl, f"secrets/{NAME}-serving"), "ca.crt") + bundle(cluster, kubectl)
    for pod in pods(kubectl):
        context = ssl.create_default_context(cadata=authority)
        name = f"{NAME}.{kubectl.namespace}.svc"
        with (
            cluster.pod_endpoint(kubectl.namespace, pod["metadata"]["name"], 10250) as address,
            socket.create_connection(address, timeout=10) as connection,
            context.wrap_socket(connection, server_hostname=name) as tls,
        ):
            found.add(x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)).serial_number)
    return found


def bundle(cluster, kubectl):
    for service in Api(cluster).send("GET", "/apis/apiregistration.k8s.io/v1/apiservices")["items"]:
        if (service["spec"].get("service") or {}).get("namespace") == kubectl.namespace:
            return base64.b64decode(service["spec"]["caBundle"]).decode()
    raise NotYet("no APIService")


def decoded(secret, key):
    return base64.b64decode(secret["data"][key]).decode()


def serial(kubectl, secret):
    return x509.load_pem_x509_certificate(decoded(read(kubectl, f"secrets/{secret}"), "tls.crt").encode()).serial_number


def renew(kubectl, certificate):
    """Have cert-manager issue ``certificate`` again, as `cmctl renew` does; return when its Secret has a new one."""
    before = serial(kubectl, certificate)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "asked by a test"}
    path = f"/apis/cert-manager.io/v1/namespaces/{kubectl.namespace}/certificates/{certificate}/status"
    current = kubectl.get("certificate", certificate)
    current["status"]["conditions"].append(issuing | {"lastTransitionTime": now})
    kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(current))

    def renewed():
        if serial(kubectl, certificate) == before:
            raise NotYet("the same certificate")

    wait_for(f"cert-manager to renew {certificate}", renewed, timeout_seconds=60)


def taken_up(cluster, kubectl):
    """Wait until all pods present the certificate that is in the Secret now."""
    # A kubelet looks at a pod's volumes again as soon as the pod changes.
    kubectl("annotate", "pods", "-l", SELECTOR, f"nudged-at={time.time()}", "--overwrite")

    def presented():
        wanted, served = serial(kubectl, f"{NAME}-serving"), served_serials(cluster, kubectl)
        if served != {wanted}:
            raise NotYet(f"pods present {served}, the Secret has {wanted}")

    wait_for("the pods to present the new certificate", presented, timeout_seconds=KUBELET_SECONDS)


def test_leaf_renewal(steady, own, cluster):
    """No failure: the serving certificate is changed in the process, for new connections."""
    with steady() as running:
        renew(own, f"{NAME}-serving")
        taken_up(cluster, own)
    noticed_nothing(running)


@pytest.mark.same_on_processes
def test_ca_renewal(steady, own, cluster):
    """No failure: caBundle has the old CA beside the new one until the serving certificate is signed by the new one."""
    with steady() as running:
        renew(own, f"{NAME}-ca")
        new = decoded(read(own, f"secrets/{NAME}-ca"), "tls.crt").strip()

        def injected():
            if new not in bundle(cluster, own):
                raise NotYet("caBundle has the old CA only")

        wait_for("the new CA in caBundle", injected, timeout_seconds=60)
        running.wait_for_more(100)
        renew(own, f"{NAME}-serving")
        taken_up(cluster, own)
    noticed_nothing(running)


def signed_by_hand(kubectl, not_before=timedelta(minutes=-5)):
    """Return (certificate, key) in PEM: a leaf signed with the key of the release's CA, as an administrator might."""
    authority = read(kubectl, f"secrets/{NAME}-ca")
    issuer = x509.load_pem_x509_certificate(decoded(authority, "tls.crt").encode())
    signer = serialization.load_pem_private_key(decoded(authority, "tls.key").encode(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "by hand")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + not_before)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"{NAME}.{kubectl.namespace}.svc")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def put(kubectl, certificate, key):
    """Write the serving Secret by hand."""
    data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()}
    kubectl("patch", "secret", f"{NAME}-serving", "--type=merge", "-p", json.dumps({"data": data}))


@pytest.mark.same_on_processes
def test_secret_replaced_by_hand(steady, own, cluster):
    """No failure, whether the hand's certificate stays or cert-manager puts its own back."""
    before = served_serials(cluster, own)
    with steady() as running:
        put(own, *signed_by_hand(own))
        taken_up(cluster, own)
    noticed_nothing(running)
    assert served_serials(cluster, own) != before


@pytest.mark.same_on_processes
def test_secret_ruined_by_hand(steady, own, cluster):
    """No failure: what is no certificate is not taken up, and cert-manager makes a good one again."""
    before = served_serials(cluster, own)
    with steady() as running:
        put(own, b"not a certificate", b"not a key")

        def repaired():
            try:
                return serial(own, f"{NAME}-serving")
            except ValueError as error:
                raise NotYet(str(error)) from error

        wait_for("cert-manager to repair the Secret", repaired, timeout_seconds=60)
        taken_up(cluster, own)
    noticed_nothing(running)
    assert served_serials(cluster, own) != before


@pytest.mark.same_on_processes
def test_certificate_from_the_future(steady, own, cluster):
    """No failure: a certificate that is not valid yet, by a CA whose clock is ahead, is not taken up before its time."""
    certificate, key = signed_by_hand(own, not_before=timedelta(hours=1))
    with steady() as running:
        put(own, certificate, key)
        own("annotate", "pods", "-l", SELECTOR, f"nudged-at={time.time()}", "--overwrite")
        running.wait_for_more(200)
        assert x509.load_pem_x509_certificate(certificate).serial_number not in served_serials(cluster, own)
        renew(own, f"{NAME}-serving")
        taken_up(cluster, own)
    noticed_nothing(running)


@pytest.mark.only_on("embedded", reason="nobody else's front-proxy CA is ours to change")
def test_front_proxy_ca_change(steady, own, cluster):
    """No failure: the backend follows the published CAs, and the new one is published beside the old one before it is used."""
    before = own.get("configmap", REQUESTHEADER[1], f"--namespace={REQUESTHEADER[0]}")["data"]
    with steady() as running:
        cluster.publish_front_proxy_ca()

        def published():
            now = own.get("configmap", REQUESTHEADER[1], f"--namespace={REQUESTHEADER[0]}")["data"]
            if now["requestheader-client-ca-file"] == before["requestheader-client-ca-file"]:
                raise NotYet("the old CA only")

        wait_for("the new front-proxy CA to be published", published, timeout_seconds=90)
        running.wait_for_more(100)
        cluster.use_front_proxy_ca()
        running.wait_for_more(200)
    noticed_nothing(running)


@pytest.mark.only_on("embedded", reason="a process of a pod can be killed there; kubectl only asks a kubelet to")
def test_a_pod_is_killed(steady, own):
    """Bounded: what the dead process was answering fails, and what is sent to it until its endpoint is gone.

    Four clients have at most four requests under way; then each dial to the dead address is refused at once, until the
    node has seen the death and the EndpointSlice is written. The other replica answers all the time.
    """
    victim = next(pod for pod in pods(own) if "deletionTimestamp" not in pod["metadata"])
    process = int(victim["status"]["containerStatuses"][0]["containerID"].removeprefix("process://"))
    with steady() as running:
        os.kill(process, signal.SIGKILL)
        running.wait_for_more(200)
        rolled_out(own)
    outcome = running.outcome
    assert outcome.longest_gap_seconds < NO_SUCCESS_SECONDS, outcome
    assert not outcome.failed_at or outcome.failed_at[-1] - outcome.failed_at[0] < 2, outcome


@pytest.mark.only_on("embedded", reason="the API server of another cluster is not ours to restart")
def test_the_api_server_restarts(steady, own, cluster):
    """Bounded by the API server's own absence: it is the one that clients talk to. Nothing fails once it is ready."""
    with steady() as running:
        began = time.monotonic()
        cluster.restart_api_server()
        ready = time.monotonic()
        running.wait_for_more(100)
    outcome = running.outcome
    assert outcome.failures, "clients noticed nothing: it was not restarted"
    assert [t for t in outcome.failed_at if not began < t < ready + 1] == [], outcome
    assert outcome.longest_gap_seconds < ready - began + 2, outcome


@pytest.mark.only_on("embedded", reason="the etcd of another cluster is not ours to stop")
def test_etcd_does_not_answer(steady, own, cluster):
    """No failure: nothing of a request to an extension API needs etcd, and the aggregator routes by what it has in memory."""
    (etcd,) = (
        pid for pid in inhabitants(cluster.directory) if Path(f"/proc/{pid}/comm").read_text().startswith("etcd")
    )
    with steady() as running:
        os.kill(etcd, signal.SIGSTOP)
        try:
            running.wait_for_more(200)
        finally:
            os.kill(etcd, signal.SIGCONT)
        running.wait_for_more(100)
    noticed_nothing(running)


@pytest.mark.only_on("kind", reason="it has a kubelet, in a node that is ours")
def test_the_kubelet_restarts(steady, own, cluster):
    """No failure: containers outlive their kubelet."""
    with steady() as running:
        run(["docker", "exec", cluster.node, "systemctl", "restart", "kubelet"], timeout_seconds=60)
        running.wait_for_more(300)
        rolled_out(own)
    noticed_nothing(running)


@pytest.mark.same_on_processes
def test_cert_manager_is_down(steady, own, cluster):
    """No failure: cert-manager is needed to renew, not to serve; not for a new pod either, once the Secret is there."""
    with steady() as running, cluster.cert_manager_down():
        victim = pods(own)[0]["metadata"]["name"]
        own("delete", "pod", victim, "--wait=false")
        rolled_out(own)
        only(own, 2)
    noticed_nothing(running)


@pytest.mark.same_on_processes
@pytest.mark.only_on(
    "kind", "embedded", reason="other extension API servers of an existing cluster read that ConfigMap too"
)
def test_requestheader_configmap_deleted_and_back(steady, own):
    """No failure: the backend keeps what it knew until the API server has published it again."""
    where = f"--namespace={REQUESTHEADER[0]}"
    with steady() as running:
        own("delete", "configmap", REQUESTHEADER[1], where)

        def back():
            answer = own("get", "configmap", REQUESTHEADER[1], where, check=False)
            if answer.returncode != 0:
                raise NotYet(answer.stderr.strip())

        wait_for("the API server to publish it again", back, timeout_seconds=90)
        running.wait_for_more(100)
    noticed_nothing(running)
