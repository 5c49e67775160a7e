"""tls.mode decides who makes the certificate and who tells kube-apiserver its CA; never two of them."""

import base64

import pytest

from chart.rendered import environment, of_kind, only, render

INJECTION = {
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
    "service.beta.openshift.io/inject-cabundle",
}
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def trust(apiservice):
    """Return everything by which this APIService learns whom to trust."""
    spec = apiservice["spec"]
    return (INJECTION & set(apiservice["metadata"].get("annotations", {}))) | (
        {"caBundle", "insecureSkipTLSVerify"} & set(spec)
    )


def test_there_is_exactly_one_source_of_trust(objects):
    """CaBundle is never rendered where somebody injects it: Helm 4 would fight over the field, and an upgrade would empty it."""
    for one in of_kind(objects, "APIService"):
        assert len(trust(one)) == 1, one["metadata"]["name"]


def test_only_the_mode_insecure_skips_verification(configuration):
    """The field is absent everywhere else, not false."""
    skipping = {
        "insecureSkipTLSVerify" in one["spec"] for one in of_kind(render(configuration=configuration), "APIService")
    }

    assert {configuration == "insecure"} == skipping


def test_default_is_a_two_tier_pki():
    """A self-signed issuer makes a CA, the CA signs the serving certificate, and the CA is what kube-apiserver trusts."""
    objects = render()
    ca, serving = sorted(of_kind(objects, "Certificate"), key=lambda one: not one["spec"].get("isCA", False))
    issuers = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "Issuer")}

    assert issuers[ca["spec"]["issuerRef"]["name"]] == {"selfSigned": {}}
    assert {"ca": {"secretName": ca["spec"]["secretName"]}} == issuers[serving["spec"]["issuerRef"]["name"]]
    assert (
        f"apps/{ca['metadata']['name']}"
        == only(objects, "APIService")["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
    )
    assert serving["spec"]["usages"] == ["digital signature", "server auth"]


def test_ca_outlives_what_it_signs():
    """A leaf signed just before the CA's renewal still ends before that CA."""
    ca, serving = sorted(of_kind(render(), "Certificate"), key=lambda one: not one["spec"].get("isCA", False))

    assert int(ca["spec"]["renewBefore"].removesuffix("h")) >= int(serving["spec"]["duration"].removesuffix("h"))


def test_rotation_policy_is_explicit(objects):
    """cert-manager changed its default in 1.18: https://cert-manager.io/docs/releases/upgrading/upgrading-1.17-1.18/."""
    for one in of_kind(objects, "Certificate"):
        if "helm.sh/chart" in one["metadata"].get("labels", {}):
            assert one["spec"]["privateKey"]["rotationPolicy"] == "Always", one["metadata"]["name"]


def test_ca_may_sign_for_the_service_alone():
    """Critical: who doesn't understand the constraint must not trust the CA."""
    [ca] = [one for one in of_kind(render(), "Certificate") if one["spec"].get("isCA")]

    assert ca["spec"]["nameConstraints"] == {"critical": True, "permitted": {"dnsDomains": ["header-echo.apps.svc"]}}


def test_secrets_that_stay_can_be_found():
    """NOTES and README delete them by these labels."""
    labels = {"app.kubernetes.io/name": "header-echo", "app.kubernetes.io/instance": "header-echo"}
    found = [one["spec"]["secretTemplate"]["labels"] for one in of_kind(render(), "Certificate")]

    assert found == [labels, labels]


def test_name_constraints_can_be_left_out():
    """For a cert-manager whose feature gate is off."""
    objects = render({"tls": {"ca": {"nameConstraints": False}}})

    assert not any("nameConstraints" in one["spec"] for one in of_kind(objects, "Certificate"))


def test_given_issuer_signs_the_serving_certificate():
    """An issuer of any group; the injected CA is the one that the issuer publishes beside the certificate."""
    reference = {"name": "corporate", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"}
    objects = render({"tls": {"mode": "certManagerIssuer", "issuerRef": reference}})

    assert reference == only(objects, "Certificate")["spec"]["issuerRef"]
    assert only(objects, "APIService")["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": "apps/header-echo-serving"
    }


def test_given_issuer_that_publishes_no_ca_comes_with_a_bundle():
    """Then cainjector stays out of it."""
    objects = render({"tls": {"mode": "certManagerIssuer", "issuerRef": {"name": "acme"}, "caBundle": CA}})

    assert {"caBundle"} == trust(only(objects, "APIService"))


def test_openshift_mode_uses_its_annotations():
    """https://docs.openshift.com/container-platform/latest/security/certificates/service-serving-certificate.html."""
    objects = render(configuration="openshift")
    secret = only(objects, "Service")["metadata"]["annotations"]["service.beta.openshift.io/serving-cert-secret-name"]
    volumes = only(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]

    assert only(objects, "APIService")["metadata"]["annotations"]["service.beta.openshift.io/inject-cabundle"] == "true"
    assert {"name": "tls", "secret": {"secretName": secret}} in volumes


def test_given_secret_comes_with_a_bundle():
    """The CA stands in the values, as PEM; kube-apiserver gets it in base64."""
    objects = render({"tls": {"mode": "secret", "secretName": "given", "caBundle": CA}})

    assert base64.b64decode(only(objects, "APIService")["spec"]["caBundle"]).decode() == CA
    assert of_kind(objects, "Certificate", "Issuer") == []


def test_backend_with_its_own_certificate_gets_no_mount():
    """Only without verification: nobody could know the CA."""
    spec = only(render({"tls": {"mode": "insecure"}}), "Deployment")["spec"]["template"]["spec"]

    assert [volume["name"] for volume in spec["volumes"]] == ["token"]
    assert [mount["name"] for mount in spec["containers"][0]["volumeMounts"]] == ["token"]
    assert "EXTENSION_APISERVER_TLS_DIRECTORY" not in environment(spec["containers"][0])


def test_existing_service_can_be_registered_with_its_own_ca():
    """Nothing is made but the registration."""
    values = {
        "backend": {"create": False, "service": {"name": "cats", "namespace": "zoo"}},
        "tls": {"mode": "secret", "caBundle": CA},
    }
    objects = render(values)

    assert only(objects, "APIService")["spec"]["service"] == {"name": "cats", "namespace": "zoo"}
    assert {"APIService", "ClusterRole"} == {one["kind"] for one in objects}


@pytest.mark.parametrize("configuration", ["default", "openshift", "secret"])
def test_user_annotations_join_the_injection_annotation(configuration):
    """Argo CD's sync wave and our annotation live side by side; ours can't be overwritten."""
    annotations = {"argocd.argoproj.io/sync-wave": "1", "service.beta.openshift.io/inject-cabundle": "false"}
    found = only(render({"apiService": {"annotations": annotations}}, configuration=configuration), "APIService")[
        "metadata"
    ]["annotations"]

    assert found["argocd.argoproj.io/sync-wave"] == "1"
    assert (found["service.beta.openshift.io/inject-cabundle"] == "true") == (configuration == "openshift")


def test_private_key_of_each_algorithm():
    """Ed25519 has no size."""
    keys = [
        only(
            render(
                {
                    "tls": {
                        "mode": "certManagerIssuer",
                        "issuerRef": {"name": "i"},
                        "privateKey": {"algorithm": algorithm, "size": size},
                    }
                }
            ),
            "Certificate",
        )["spec"]["privateKey"]
        for algorithm, size in (("ECDSA", 384), ("RSA", 2048), ("Ed25519", 256))
    ]

    assert [key.get("size") for key in keys] == [384, 2048, None]
