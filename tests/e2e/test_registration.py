"""What the API server knows of the group once the chart is installed."""

import base64
import json

from cryptography import x509


def test_the_apiservice_is_available_because_all_checks_passed(api):
    condition = api.available()
    assert (condition["status"], condition["reason"]) == ("True", "Passed"), condition


def test_the_apiservice_verifies_tls_with_the_ca_that_cert_manager_injected(api, kubectl):
    service = kubectl.get("apiservice", f"{api.version}.{api.group}")
    assert "insecureSkipTLSVerify" not in service["spec"]
    injected = x509.load_pem_x509_certificates(base64.b64decode(service["spec"]["caBundle"]))
    secret_name = kubectl.get("deployment", "header-echo")["spec"]["template"]["spec"]["volumes"]
    secret_name = next(v["secret"]["secretName"] for v in secret_name if "secret" in v)
    leaf = x509.load_pem_x509_certificate(base64.b64decode(kubectl.get("secret", secret_name)["data"]["tls.crt"]))
    assert leaf.issuer in {ca.subject for ca in injected}, f"APIService {service['metadata']['name']}: wrong caBundle"


def test_nobody_but_cert_manager_owns_the_ca_bundle(api, kubectl):
    service = kubectl("get", "apiservice", f"{api.version}.{api.group}", "-o", "json", "--show-managed-fields").stdout
    owners = [
        entry["manager"]
        for entry in json.loads(service)["metadata"]["managedFields"]
        if "f:caBundle" in entry.get("fieldsV1", {}).get("f:spec", {})
    ]
    assert len(owners) == 1, f"spec.caBundle is owned by {owners}"
    assert "cainjector" in owners[0]


def test_kubectl_api_resources_lists_echoes(api, kubectl):
    answer = kubectl("api-resources", f"--api-group={api.group}", "--no-headers")
    assert answer.stdout.split() == ["echoes", f"{api.group}/{api.version}", "false", "Echo"]
    assert answer.stderr == ""


def test_discovery_is_the_same_aggregated_and_plain(api):
    aggregated = api.get(
        "/apis",
        headers={"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"},
    ).json()
    group = next(item for item in aggregated["items"] if item["metadata"]["name"] == api.group)
    (version,) = group["versions"]
    assert version["freshness"] == "Current"
    plain = api.get(api.path).json()
    assert plain["groupVersion"] == f"{api.group}/{api.version}"
    assert {(r["resource"], tuple(r["verbs"])) for r in version["resources"]} == {
        (r["name"], tuple(r["verbs"])) for r in plain["resources"]
    }


def test_the_group_has_the_chart_priorities(api, kubectl):
    spec = kubectl.get("apiservice", f"{api.version}.{api.group}")["spec"]
    assert (spec["groupPriorityMinimum"], spec["versionPriority"]) == (18000, 100)
