"""Values that can't work are refused with one sentence that names the value and the remedy."""

import pytest

from chart.rendered import render, template
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.client.helm import CHART

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ELSEWHERE = {"create": False, "service": {"name": "cats", "namespace": "zoo"}}
ISSUER = {"mode": "certManagerIssuer", "issuerRef": {"name": "given"}}


def refusal(values, **options):
    """Return helm's words; fail if it renders."""
    with pytest.raises(HarnessError) as caught:
        render(values, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"apiService": {"versions": None}}, "apiService.versions must list at least one version, e.g. [{name: v1}]"),
        (
            {"apiService": {"versions": [{"name": "v1", "versionPriority": 2}, {"name": "v1", "versionPriority": 1}]}},
            "'v1' is listed twice",
        ),
        (
            {"apiService": {"versions": [{"name": "v1", "versionPriority": 1}, {"name": "v2", "versionPriority": 2}]}},
            "versionPriority of 'v2' is 2 and must be lower than 1, that of the version before it",
        ),
        (
            {"apiService": {"versions": [{"name": "v2"}, {"name": "v1", "versionPriority": 100}]}},
            "put the versions into the right order, or leave versionPriority out",
        ),
        (
            {"apiService": {"versions": [{"name": "v2", "versionPriority": 1}, {"name": "v1"}]}},
            "versionPriority of 'v1' would be 0, one less than that of the version before it",
        ),
        ({"backend": {"create": False}}, "set backend.service.name"),
        ({"backend": {"service": {"name": "cats"}}}, "set backend.create to false, or remove the name"),
        (
            {"backend": ELSEWHERE},
            "tls.mode 'certManager' makes the serving Secret in namespace 'apps', but backend.service.namespace is 'zoo', where no pod can mount it: install this release into that namespace, or set tls.mode to 'secret'",
        ),
        (
            {"backend": ELSEWHERE, "tls": ISSUER},
            "tls.mode 'certManagerIssuer' makes the serving Secret in namespace 'apps'",
        ),
        ({"fullnameOverride": "Cats"}, "The name 'Cats' can't be a Service's: set fullnameOverride"),
        ({"fullnameOverride": "7cats"}, "a letter first"),
        ({"serviceAccount": {"create": False}}, "set serviceAccount.name"),
        ({"hostNetwork": True}, "port is 10250, which the kubelet of every node holds: set port to a free one"),
        (
            {"hostNetwork": True, "port": 10443, "networkPolicy": {"enabled": True}},
            "a NetworkPolicy doesn't apply to pods in the node's network",
        ),
        ({"hostNetwork": True, "port": 10443, "hostUsers": False}, "set hostUsers to true"),
        (
            {"env": [{"name": "EXTENSION_APISERVER_GROUP", "value": "x"}]},
            "env sets EXTENSION_APISERVER_GROUP, which the chart sets itself",
        ),
        (
            {"env": [{"name": "HEADER_ECHO_LOG_LEVEL", "value": "debug"}]},
            "- env sets HEADER_ECHO_LOG_LEVEL, which is of an older version: set EXTENSION_APISERVER_LOG_LEVEL.\n",
        ),
        (
            {"args": ["--port=$(HEADER_ECHO_PORT)"]},
            "- args refers to $(HEADER_ECHO_PORT), which is of an older version: write $(EXTENSION_APISERVER_PORT).\n",
        ),
        ({"command": ["serve", "$(HEADER_ECHO_TLS_DIRECTORY)/tls.crt"]}, "write $(EXTENSION_APISERVER_TLS_DIRECTORY)."),
        ({"env": [{"name": "SELF", "value": "x:$(HEADER_ECHO_PORT)"}]}, "- env refers to $(HEADER_ECHO_PORT)"),
        ({"commonLabels": {"app.kubernetes.io/name": "x"}}, "commonLabels sets app.kubernetes.io/name"),
        ({"podLabels": {"app.kubernetes.io/instance": "x"}}, "podLabels sets app.kubernetes.io/instance"),
        (
            {"serviceMonitor": {"enabled": True}, "delegation": {"authentication": True}},
            "set delegation.authentication and delegation.authorization to true",
        ),
        (
            {"prometheusRule": {"enabled": True, "certificateExpiryHours": 720}},
            "certificateExpiryHours is 720 and must be lower than tls.certificate.renewBeforeHours, 720",
        ),
    ],
)
def test_impossible_values_are_refused(values, sentence):
    """Before anything reaches the cluster."""
    assert sentence in refusal(values)


@pytest.mark.parametrize(
    ("tls", "sentence"),
    [
        ({"mode": "certManagerIssuer"}, "set tls.issuerRef.name"),
        ({"issuerRef": {"name": "given"}}, "set tls.mode to 'certManagerIssuer', or remove the name"),
        (
            {"secretName": "given"},
            "tls.mode 'certManager' makes its own Secret: set tls.mode to 'secret', or remove tls.secretName",
        ),
        ({"mode": "openshift", "secretName": "given"}, "tls.mode 'openshift' makes its own Secret"),
        (ISSUER | {"secretName": "given"}, "tls.mode 'certManagerIssuer' makes its own Secret"),
        (
            {"mode": "secret", "caBundle": CA},
            "set tls.secretName to a Secret of type kubernetes.io/tls in namespace 'apps' with a certificate for header-echo.apps.svc",
        ),
        (
            {"mode": "secret", "secretName": "given"},
            "set tls.caBundle to the CA of its certificate (PEM), or tls.injectCaFromSecret",
        ),
        (
            {"mode": "insecure", "secretName": "any", "caBundle": CA},
            "Kubernetes refuses a CA beside insecureSkipTLSVerify",
        ),
        (
            {"mode": "insecure", "secretName": "any", "injectCaFromSecret": "a/b"},
            "have no place in tls.mode 'insecure'",
        ),
        ({"mode": "openshift", "caBundle": CA}, "the service-ca operator writes it"),
        ({"caBundle": CA}, "tls.mode 'certManager' has its CA written by cert-manager: remove tls.caBundle"),
        ({"injectCaFromSecret": "a/b"}, "remove tls.caBundle and tls.injectCaFromSecret"),
        (ISSUER | {"caBundle": CA, "injectCaFromSecret": "a/b"}, "exclude each other"),
        ({"mode": "secret", "secretName": "given", "caBundle": "MIIB"}, "tls.caBundle must hold certificates in PEM"),
        (
            {"mode": "secret", "secretName": "given", "caBundle": CA + "-----BEGIN PRIVATE KEY-----"},
            "never a private key",
        ),
        (
            {"mode": "secret", "secretName": "given", "injectCaFromSecret": "b"},
            "tls.injectCaFromSecret must be '<namespace>/<name>', not 'b'",
        ),
        (
            {"certificate": {"renewBeforeHours": 2160}},
            "tls.certificate.renewBeforeHours is 2160 and must be less than tls.certificate.durationHours, 2160",
        ),
        (
            {"ca": {"renewBeforeHours": 43800}},
            "tls.ca.renewBeforeHours is 43800 and must be less than tls.ca.durationHours, 43800",
        ),
        ({"ca": {"renewBeforeHours": 2159}}, "would outlive that CA by 1 hours"),
        ({"ca": {"renewBeforeHours": 100}}, "tls.ca.renewBeforeHours is 100 and tls.certificate.durationHours is 2160"),
        ({"privateKey": {"size": 2048}}, "tls.privateKey.size must be one of 256, 384, 521 for ECDSA, not 2048"),
        ({"privateKey": {"algorithm": "RSA"}}, "for RSA, not 256"),
    ],
)
def test_contradictory_tls_values_are_refused(tls, sentence):
    """Each says what to set instead."""
    assert sentence in refusal({"tls": tls})


def test_ca_may_be_renewed_exactly_when_its_last_leaf_ends():
    """The bound itself is allowed."""
    assert render({"tls": {"ca": {"renewBeforeHours": 2160}}})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"tls": {"mode": "cert-manager"}},
            "at '/tls/mode': value must be one of 'certManager', 'certManagerIssuer', 'openshift', 'secret', 'insecure'",
        ),
        ({"replicas": "2"}, "at '/replicas': got string, want integer"),
        ({"replica": 2}, "additional properties 'replica' not allowed"),
        ({"image": {"pullPolicy": "Sometimes"}}, "at '/image/pullPolicy': value must be one of"),
        ({"apiService": {"versions": ["v1"]}}, "at '/apiService/versions/0': got string, want object"),
        ({"service": {"port": 0}}, "at '/service/port'"),
        (
            {"apiService": {"group": "Cats.example.com"}},
            "at '/apiService/group': 'Cats.example.com' does not match pattern",
        ),
        ({"apiService": {"group": "cats"}}, "at '/apiService/group': 'cats' does not match pattern"),
        ({"apiService": {"group": f"{'c' * 64}.example.com"}}, "at '/apiService/group'"),
        ({"apiService": {"group": ".".join(["cats"] * 51)}}, "at '/apiService/group': maxLength: got 254, want 253"),
        ({"apiService": {"group": ""}}, "at '/apiService/group'"),
        (
            {"apiService": {"groupPriorityMinimum": 20001}},
            "at '/apiService/groupPriorityMinimum': maximum: got 20,001, want 20,000",
        ),
        ({"apiService": {"groupPriorityMinimum": 0}}, "minimum: got 0, want 1"),
        ({"apiService": {"versions": []}}, "at '/apiService/versions': minItems: got 0, want 1"),
        ({"apiService": {"versions": [{"name": "1"}]}}, "at '/apiService/versions/0/name': '1' does not match pattern"),
        ({"apiService": {"versions": [{"name": "V1"}]}}, "'V1' does not match pattern"),
        ({"apiService": {"versions": [{"versionPriority": 1}]}}, "missing property 'name'"),
        (
            {"apiService": {"versions": [{"name": "v1", "versionPriority": 1001}]}},
            "at '/apiService/versions/0/versionPriority': maximum: got 1,001, want 1,000",
        ),
        ({"port": 443}, "at '/port': minimum: got 443, want 1,024"),
        ({"port": 65536}, "at '/port': maximum: got 65,536, want 65,535"),
        ({"tls": {"certificate": {"durationHours": 0}}}, "at '/tls/certificate/durationHours': minimum: got 0, want 1"),
        ({"tls": {"ca": {"renewBeforeHours": 0}}}, "at '/tls/ca/renewBeforeHours': minimum: got 0, want 1"),
        (
            {"tls": {"privateKey": {"size": 1024}}},
            "at '/tls/privateKey/size': value must be one of 256, 384, 521, 2048",
        ),
        ({"backend": {"service": {"name": "Cats"}}}, "at '/backend/service/name': 'Cats' does not match pattern"),
        ({"podDisruptionBudget": {"maxUnavailable": "half"}}, "at '/podDisruptionBudget/maxUnavailable': 'half'"),
        ({"networkPolicy": {"cidrs": ["10.0.0.1"]}}, "at '/networkPolicy/cidrs/0': '10.0.0.1' does not match pattern"),
        ({"serviceMonitor": {"interval": "30"}}, "at '/serviceMonitor/interval': '30' does not match pattern"),
    ],
)
def test_schema_names_the_place(values, sentence):
    """What one value alone decides is refused by Helm itself, before any template runs, and shown by editors."""
    assert sentence in refusal(values)


@pytest.mark.parametrize("mode", ["certManager", "certManagerIssuer"])
def test_absent_cert_manager_is_named_with_its_remedies(mode):
    """Never "no matches for kind", and never a silent install that waits for a Secret."""
    words = refusal({"tls": {"mode": mode, "issuerRef": {"name": "" if mode == "certManager" else "given"}}}, served=())

    assert (
        f"tls.mode is '{mode}', but this cluster doesn't serve cert-manager.io/v1. Install cert-manager first" in words
    )
    assert "add --api-versions cert-manager.io/v1" in words


def test_absent_injector_is_named():
    """Mode secret needs no cert-manager, unless it shall copy the CA."""
    tls = {"mode": "secret", "secretName": "given", "injectCaFromSecret": "apps/given"}

    assert "so nobody copies the CA. Install cert-manager with its cainjector first, or set tls.caBundle" in refusal(
        {"tls": tls}, served=()
    )


def test_absent_openshift_is_named():
    """Elsewhere the pods would wait for their Secret for ever."""
    assert "this cluster doesn't serve security.openshift.io/v1" in refusal({}, configuration="openshift", served=())


def test_modes_without_an_operator_need_none():
    """A given Secret works anywhere."""
    assert render({"tls": {"mode": "secret", "secretName": "given", "caBundle": CA}}, served=())


def test_all_faults_are_told_at_once():
    """Nobody should have to run helm five times."""
    of_the_schema = refusal({"apiService": {"group": "x"}, "port": 1, "replicas": -1})
    of_the_templates = refusal(
        {"backend": {"service": {"name": "cats"}}, "hostNetwork": True, "tls": {"secretName": "s"}}
    )

    for words in (of_the_schema, of_the_templates):
        assert len([line for line in words.splitlines() if line.strip().startswith("- ")]) == 3, words


def test_old_kubernetes_is_refused():
    """The chart uses fields of 1.30."""
    with pytest.raises(HarnessError, match="chart requires kubeVersion"):
        template("{}", program="helm", files=(), chart=CHART, namespace="a", extra=("--kube-version=1.29.0",))
