"""Each way to break a release is called by its name, in the first line."""

import re
from types import SimpleNamespace

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness_unit.diagnostics_shapes import (
    AUTHORITY,
    DNS_NAME,
    NAMESPACE,
    certificate,
    encoded,
    healthy,
    named,
    unavailable,
    unready,
)
from pytest_apiservice.why import evidence as collectors_evidence
from pytest_apiservice.why.evidence import Evidence
from pytest_apiservice.why.rules import HEALTHY, NOTHING, explain, first_lines

X509 = "failing or missing response from https://10.0.0.7:10250/apis/cats.example.com/v1: tls: failed to verify certificate"

LEAF_OF_ANOTHER = certificate("echo", AUTHORITY, dns_names=["header-echo.other.svc"])[0]


def discovery_failed(evidence, message=X509):
    return unavailable(evidence, "FailedDiscoveryCheck", message)


def with_leaf(evidence, leaf):
    evidence.objects["secrets"][0]["data"]["tls.crt"] = encoded(leaf)
    return discovery_failed(evidence)


def wrong_ca_bundle():
    evidence = healthy()
    evidence.objects["apiservices"][0]["spec"]["caBundle"] = encoded(certificate("another CA")[0])
    return discovery_failed(evidence)


def wrong_ca_bundle_while_available():
    evidence = wrong_ca_bundle()
    evidence.objects["apiservices"][0]["status"] = healthy().objects["apiservices"][0]["status"]
    return evidence


def same_name_other_key():
    evidence = healthy()
    evidence.objects["apiservices"][0]["spec"]["caBundle"] = encoded(certificate("echo CA")[0])
    return discovery_failed(evidence)


def empty_ca_bundle():
    evidence = healthy()
    apiservice = evidence.objects["apiservices"][0]
    del apiservice["spec"]["caBundle"]
    apiservice["metadata"]["annotations"] = {"cert-manager.io/inject-ca-from": "echo/header-echo-ca"}
    return discovery_failed(evidence)


def expired_leaf():
    return with_leaf(healthy(), certificate("echo", AUTHORITY, dns_names=[DNS_NAME], days=-1)[0])


def expired_authority():
    old = certificate("old CA", days=-1)
    evidence = with_leaf(healthy(), certificate("echo", old, dns_names=[DNS_NAME])[0])
    evidence.objects["apiservices"][0]["spec"]["caBundle"] = encoded(old[0])
    return evidence


def wrong_san():
    return with_leaf(healthy(), LEAF_OF_ANOTHER)


def client_certificate():
    leaf = certificate("echo", AUTHORITY, dns_names=[DNS_NAME], usage=ExtendedKeyUsageOID.CLIENT_AUTH)[0]
    return with_leaf(healthy(), leaf)


def service_missing():
    evidence = unavailable(healthy(), "ServiceNotFound", 'service/header-echo in "echo" is not present')
    evidence.objects["services"] = []
    return evidence


def service_port():
    evidence = unavailable(healthy(), "ServicePortError", 'service/header-echo in "echo" is not listening on port 443')
    evidence.objects["services"][0]["spec"]["ports"][0]["port"] = 444
    return evidence


def target_port():
    evidence = discovery_failed(healthy(), "dial tcp 10.0.0.7:9999: connect: connection refused")
    evidence.objects["services"][0]["spec"]["ports"][0]["targetPort"] = 9999
    return evidence


def selector():
    evidence = unavailable(healthy(), "MissingEndpoints", "no addresses")
    evidence.objects["services"][0]["spec"]["selector"]["app.kubernetes.io/instance"] = "someone-else"
    return evidence


def crash_loop():
    return unready(
        healthy(),
        {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
        restarts=2,
        last={"terminated": {"exitCode": 2, "reason": "Error"}},
        log="starting\nheader-echo: EXTENSION_APISERVER_LOG_LEVEL must be one of debug, info\n",
    )


def out_of_memory():
    return unready(
        healthy(), {"running": {}}, restarts=1, last={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    )


def image_missing():
    return unready(healthy(), {"waiting": {"reason": "ErrImageNeverPull", "message": "is not present"}})


def rbac_missing():
    evidence = unready(healthy(), {"running": {}}, log="requestheader: 403 Forbidden\n")
    evidence.may_read_requestheader[f"{NAMESPACE}/header-echo"] = False
    return evidence


def network_policy():
    evidence = discovery_failed(healthy(), 'Get "https://10.0.0.7:10250/": context deadline exceeded')
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}
    evidence.objects["networkpolicies"] = [named("deny", spec=spec)]
    return evidence


def cert_manager_down():
    evidence = unready(healthy(), {"waiting": {"reason": "ContainerCreating"}})
    evidence.objects["secrets"] = []
    evidence.objects["certificates"] = [named("header-echo-serving", spec={"secretName": "header-echo-serving"})]
    return evidence


def not_issued():
    evidence = cert_manager_down()
    ready = {"type": "Ready", "status": "False", "message": "Issuing certificate as Secret does not exist"}
    evidence.objects["certificates"][0]["status"] = {"conditions": [ready]}
    refused = {"type": "Ready", "status": "False", "message": "secret header-echo-ca not found"}
    evidence.objects["issuers"] = [{**named("header-echo-ca", status={"conditions": [refused]}), "kind": "Issuer"}]
    return evidence


def secret_missing():
    evidence = cert_manager_down()
    del evidence.objects["certificates"]
    return evidence


def no_replicas():
    evidence = unavailable(healthy(), "MissingEndpoints", "no addresses")
    evidence.objects["deployments"][0]["spec"]["replicas"] = 0
    evidence.objects["pods"] = []
    return evidence


def pod_security():
    evidence = no_replicas()
    evidence.objects["deployments"][0]["spec"]["replicas"] = 2
    condition = {"type": "ReplicaFailure", "status": "True", "message": 'violates PodSecurity "restricted:latest"'}
    evidence.objects["deployments"][0]["status"]["conditions"] = [condition]
    return evidence


def no_node():
    evidence = unready(healthy(), {"waiting": {}})
    evidence.objects["pods"][0]["status"]["conditions"][0] |= {"status": "False", "message": "0/1 nodes are available"}
    return evidence


def probe_fails():
    evidence = unready(healthy(), {"running": {}})
    event = named("e", type="Warning", message="Readiness probe failed: HTTP probe failed with statuscode: 503")
    evidence.objects["events"] = [event | {"involvedObject": {"uid": "pod-1"}}]
    return evidence


def refused_by_backend():
    return discovery_failed(healthy(), "bad status from https://10.0.0.7:10250/apis/cats.example.com/v1: 401")


CASES = {
    wrong_ca_bundle: r"^wrong trust in APIService v1.cats.example.com: its caBundle does not hold the CA .* it holds 'CN=another CA', the signer is 'CN=echo CA'",
    wrong_ca_bundle_while_available: r"^wrong trust in APIService v1.cats.example.com: its caBundle does not hold the CA",
    same_name_other_key: r"the signer is 'CN=echo CA' with another key",
    empty_ca_bundle: r"its caBundle is empty",
    expired_leaf: r"^the serving certificate expired at \d{4}-.*Secret echo/header-echo-serving",
    expired_authority: r"caBundle's CA 'CN=old CA' expired at",
    wrong_san: r"^the serving certificate is for header-echo.other.svc, not for header-echo.echo.svc",
    client_certificate: r"extended key usage is client, it needs server authentication",
    service_missing: r"^APIService v1.cats.example.com names Service echo/header-echo, which does not exist",
    service_port: r"^APIService v1.cats.example.com asks for port 443 of Service echo/header-echo, which has port 444",
    target_port: r"sends to targetPort 9999, where no container listens \(https=10250\)",
    selector: r"^the selector of Service echo/header-echo .*instance=someone-else.* matches no pod: pod header-echo-abc12-xyz34 has",
    crash_loop: r"^the backend crashes: .* exit code 2 \(restarted 2 times\): header-echo: EXTENSION_APISERVER_LOG_LEVEL must be",
    out_of_memory: r"was killed for its memory",
    image_missing: r"^image header-echo:1 of pod echo/header-echo-abc12-xyz34 cannot be had \(ErrImageNeverPull\)",
    rbac_missing: r"^RBAC: ServiceAccount echo/header-echo may not read ConfigMap kube-system/extension-apiserver-authentication",
    network_policy: r"^NetworkPolicy echo/deny keeps kube-apiserver out",
    cert_manager_down: r"^cert-manager is down or absent: nobody has looked at Certificate echo/header-echo-serving",
    not_issued: r"^cert-manager has not issued Certificate echo/header-echo-serving \(Ready=False: Issuing",
    secret_missing: r"^Secret echo/header-echo-serving, which pod header-echo-abc12-xyz34 mounts, does not exist",
    no_replicas: r"^Deployment echo/header-echo is scaled to 0 replicas",
    pod_security: r"^Deployment echo/header-echo may not make its pods: violates PodSecurity",
    no_node: r"^no node takes pod echo/header-echo-abc12-xyz34: 0/1 nodes are available",
    probe_fails: r"runs but is not ready: Readiness probe failed: HTTP probe failed with statuscode: 503",
    refused_by_backend: r"is not Available for a reason that only kube-apiserver sees: bad status .* 401",
}


@pytest.mark.parametrize(("broken", "first_line"), CASES.items(), ids=lambda case: getattr(case, "__name__", ""))
def test_the_first_line_names_the_cause(broken, first_line):
    lines = first_lines(broken())
    assert re.search(first_line, lines[0]), lines[0]


@pytest.mark.parametrize("broken", CASES, ids=lambda case: case.__name__)
def test_every_cause_has_the_condition_it_showed_by_and_a_remedy(broken):
    (cause,) = explain(broken())
    assert "Available=" in cause.seen
    assert cause.remedy


def test_the_log_line_that_complains_is_shown_not_the_last_request():
    complaint = '{"level": "warning", "message": "no ConfigMap yet"}'
    evidence = unready(healthy(), {"running": {}}, log=f'{complaint}\n{{"level": "info", "path": "/readyz"}}\n')
    evidence.may_read_requestheader[f"{NAMESPACE}/header-echo"] = False
    assert "seen as: no ConfigMap yet; " in first_lines(evidence)[1]


def test_a_certificate_that_the_backend_itself_refuses_is_the_cause_of_its_unreadiness():
    evidence = with_leaf(unready(healthy(), {"running": {}}), LEAF_OF_ANOTHER)
    event = named("e", type="Warning", message="Readiness probe failed: HTTP probe failed with statuscode: 503")
    evidence.objects["events"] = [event | {"involvedObject": {"uid": "pod-1"}}]
    assert first_lines(evidence)[0].startswith("the serving certificate is for header-echo.other.svc")


def test_a_failed_helm_test_is_explained_though_the_api_is_served():
    evidence = healthy()
    evidence.objects["pods"].append(named("header-echo-test", spec={}, status={"phase": "Failed"}))
    evidence.logs[f"{NAMESPACE}/header-echo-test"] = "[+] discovery lists echoes\n[-] the name is unknown\n"
    assert first_lines(evidence)[0] == "pod echo/header-echo-test failed: [-] the name is unknown"


def test_a_healthy_release_is_called_healthy():
    assert first_lines(healthy()) == [HEALTHY]


def test_no_release_is_not_called_healthy():
    assert first_lines(Evidence(namespaces=["echo"])) == [NOTHING]


def test_an_api_server_that_does_not_answer_is_the_cause():
    fault = "kube-apiserver at https://127.0.0.1:6443 does not answer: connection refused"
    assert first_lines(Evidence(faults=[fault]))[0] == fault


def test_a_rollout_that_hangs_is_explained_while_old_pods_still_answer():
    evidence = healthy()
    stuck = image_missing().objects["pods"][0]
    stuck["metadata"]["name"] = "header-echo-new"
    evidence.objects["pods"].append(stuck)
    assert "echo/header-echo-new cannot be had" in first_lines(evidence)[0]


@pytest.mark.parametrize(
    ("port", "blamed"),
    [
        ({"port": "https"}, False),
        ({"port": 10000, "endPort": 11000}, False),
        ({"port": "https", "protocol": "UDP"}, True),
        ({"port": 9090}, True),
    ],
    ids=str,
)
def test_a_network_policy_that_admits_the_control_plane_to_the_services_port_is_not_blamed(port, blamed):
    evidence = network_policy()
    rule = {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [port]}
    evidence.objects["networkpolicies"][0]["spec"]["ingress"] = [rule]
    assert ("NetworkPolicy" in first_lines(evidence)[0]) is blamed


def test_a_crash_whose_log_is_gone_is_explained_by_the_termination_message():
    """Under load the kubelet may have removed the container's log before anybody could read it."""
    ended = {"exitCode": 2, "reason": "Error", "message": "starting\nheader-echo: error: no such thing\n"}
    evidence = unready(healthy(), {"waiting": {"reason": "CrashLoopBackOff"}}, restarts=2, last={"terminated": ended})
    assert first_lines(evidence)[0].endswith("exit code 2 (restarted 2 times): header-echo: error: no such thing")


def test_a_crash_whose_log_is_gone_is_explained_by_the_words_of_another_pod():
    evidence, other = crash_loop(), crash_loop().objects["pods"][0]
    other["metadata"]["name"] = "header-echo-abc12-first"
    evidence.objects["pods"].insert(0, other)
    assert (
        "first ended with exit code 2 (restarted 2 times): header-echo: EXTENSION_APISERVER_LOG"
        in first_lines(evidence)[0]
    )


def test_what_kubelet_says_in_place_of_a_removed_log_is_no_log():
    reader = SimpleNamespace(text=lambda _path, **_query: "unable to retrieve container logs for containerd://0123")
    evidence = crash_loop()
    collectors_evidence._read_log(reader, evidence.objects["pods"][0], evidence)
    assert list(evidence.logs.values()) == [""]


def test_an_unregistered_backend_that_crashes_is_explained():
    evidence = crash_loop()
    evidence.objects["apiservices"] = []
    assert first_lines(evidence)[0].startswith("the backend crashes: ")


def test_the_condition_is_shown_with_the_cause():
    lines = first_lines(wrong_ca_bundle())
    assert (
        lines[1].strip().startswith("seen as: APIService v1.cats.example.com Available=False, FailedDiscoveryCheck: ")
    )
    assert lines[2].strip().startswith("remedy: set tls.caBundle to the CA that signed the certificate in Secret echo/")


def test_with_injection_the_remedy_names_the_injector():
    assert "cainjector should copy it from echo/header-echo-ca" in first_lines(empty_ca_bundle())[2]
