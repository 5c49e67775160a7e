"""Things that are written in two places and must be one: selector and labels, ports, DNS name, Secret."""

import pytest

from chart.configurations import CONFIGURATIONS
from chart.rendered import environment, of_kind, only, ours, pod_specs, render, title

# Of each metrics API, the preferred one first: https://github.com/kubernetes/metrics
KNOWN_TO_THE_CONTROLLER = {"external": ["v1beta1"], "custom": ["v1beta2", "v1beta1"], "resource": ["v1beta1"]}
WITH_BACKEND = [name for name in CONFIGURATIONS if name != "existing-backend"]


@pytest.fixture(params=WITH_BACKEND)
def backend(request):
    """The objects of each configuration in which the chart makes the backend."""
    return render(configuration=request.param)


def selectors(objects):
    for one in objects:
        match one["kind"]:
            case "Service":
                yield title(one), one["spec"]["selector"]
            case "Deployment" | "PodDisruptionBudget":
                yield title(one), one["spec"]["selector"]["matchLabels"]
            case "NetworkPolicy":
                yield title(one), one["spec"]["podSelector"]["matchLabels"]


def test_every_selector_finds_the_backend_and_only_it(objects):
    """The test pod bears other labels: it must never get traffic, nor count for the PodDisruptionBudget."""
    pods = list(pod_specs(objects))
    for name, selector in selectors(objects):
        found = [pod for pod, labels, _ in pods if selector.items() <= labels.items()]

        assert len(found) == 1, f"{name} selects {found}"
        assert found[0].startswith("Deployment"), f"{name} selects {found}"


def test_spread_counts_the_backend(backend):
    """A constraint that selects nothing spreads nothing."""
    _, labels, spec = next(pod_specs(of_kind(backend, "Deployment")))

    assert all(
        constraint["labelSelector"]["matchLabels"].items() <= labels.items()
        for constraint in spec.get("topologySpreadConstraints", [])
    )


def test_service_monitor_finds_the_service():
    """By labels that the Service has."""
    objects = render(configuration="monitoring")
    selector = only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"]

    assert selector.items() <= only(objects, "Service")["metadata"]["labels"].items()


def test_apiservice_names_the_service_and_its_port(objects):
    """In every configuration, also that of a Service that the chart doesn't make."""
    services = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): [port["port"] for port in one["spec"]["ports"]]
        for one in of_kind(objects, "Service")
    }
    for one in of_kind(objects, "APIService"):
        reference = one["spec"]["service"]

        assert reference.get("port", 443) in services[reference["namespace"], reference["name"]]


def test_service_probes_and_container_use_one_port(backend):
    """By the name https: kube-apiserver reads EndpointSlices by the Service port's name."""
    service = only(ours(backend), "Service")
    container = only(ours(backend), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    probes = {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}

    assert [(port["name"], port["targetPort"]) for port in service["spec"]["ports"]] == [("https", "https")]
    assert {"https"} == probes
    assert str(ports["https"]) == environment(container)["EXTENSION_APISERVER_PORT"]


def test_network_policy_admits_the_container_port():
    """The port that is open is the one that is served."""
    objects = render(configuration="locked-down")
    [rule] = only(objects, "NetworkPolicy")["spec"]["ingress"]
    container = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]

    assert [{"port": container["ports"][0]["containerPort"]}] == rule["ports"]


def test_certificate_is_for_the_name_that_kube_apiserver_asks_for(objects):
    """<service>.<namespace>.svc, as the APIService says."""
    reference = of_kind(objects, "APIService")[0]["spec"]["service"]
    expected = f"{reference['name']}.{reference['namespace']}.svc"
    for one in of_kind(objects, "Certificate"):
        if one["metadata"]["name"].endswith("-serving"):
            assert [expected] == one["spec"]["dnsNames"], title(one)
        if "nameConstraints" in one["spec"]:
            assert [expected] == one["spec"]["nameConstraints"]["permitted"]["dnsDomains"], title(one)


def test_backend_checks_itself_for_that_name(backend):
    """Except where nobody verifies."""
    reference = of_kind(backend, "APIService")[0]["spec"]
    container = only(ours(backend), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    expected = (
        None
        if reference.get("insecureSkipTLSVerify")
        else f"{reference['service']['name']}.{reference['service']['namespace']}.svc"
    )

    assert expected == environment(container).get("EXTENSION_APISERVER_SERVICE_DNS_NAME")


def test_mounted_secret_is_made_by_somebody(objects):
    """By a Certificate of the same render, or on OpenShift by the Service's annotation."""
    made = {one["spec"]["secretName"] for one in of_kind(objects, "Certificate")}
    made |= {
        one["metadata"].get("annotations", {}).get("service.beta.openshift.io/serving-cert-secret-name")
        for one in of_kind(objects, "Service")
    }
    mounted = {
        volume["secret"]["secretName"]
        for _, _, spec in pod_specs(objects)
        for volume in spec.get("volumes", [])
        if "secret" in volume
    }
    mounted |= {
        source["secret"]["name"]
        for _, _, spec in pod_specs(objects)
        for volume in spec.get("volumes", [])
        for source in volume.get("projected", {}).get("sources", [])
        if "secret" in source
    }

    assert mounted <= made


def test_injection_annotation_names_something_in_the_same_render(objects):
    """Cainjector passes over a wrong name in silence."""
    certificates = {
        f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in of_kind(objects, "Certificate")
    }
    secrets = {
        f"{one['metadata']['namespace']}/{one['spec']['secretName']}"
        for one in of_kind(objects, "Certificate")
        if one["spec"].get("secretTemplate", {}).get("annotations", {}).get("cert-manager.io/allow-direct-injection")
        == "true"
    }
    for one in of_kind(objects, "APIService"):
        annotations = one["metadata"].get("annotations", {})

        assert {annotations.get("cert-manager.io/inject-ca-from")} <= certificates | {None}, title(one)
        assert {annotations.get("cert-manager.io/inject-ca-from-secret")} <= secrets | {None}, title(one)


def test_issuers_that_are_named_exist(objects):
    """Each Certificate is signed by an Issuer of the same render."""
    issuers = {one["metadata"]["name"] for one in of_kind(objects, "Issuer")}
    wrong = [title(one) for one in of_kind(objects, "Certificate") if one["spec"]["issuerRef"]["name"] not in issuers]

    assert wrong == []


def test_backend_is_told_what_is_registered(backend):
    """The same group, and the same versions in the order that kube-apiserver prefers."""
    registered = sorted(of_kind(backend, "APIService"), key=lambda one: -one["spec"]["versionPriority"])
    told = environment(only(ours(backend), "Deployment")["spec"]["template"]["spec"]["containers"][0])

    def versions(group):
        return [one["spec"]["version"] for one in registered if one["spec"]["group"] == group]

    groups = {
        f"{api}.metrics.k8s.io".removeprefix("resource."): KNOWN_TO_THE_CONTROLLER[api]
        for api in told.get("EXTENSION_APISERVER_METRICS_APIS", "").split(",")
        if api
    }
    if "EXTENSION_APISERVER_GROUP" in told:
        groups[told["EXTENSION_APISERVER_GROUP"]] = told["EXTENSION_APISERVER_VERSIONS"].split(",")

    assert groups == {one["spec"]["group"]: versions(one["spec"]["group"]) for one in registered}
    assert all(one["metadata"]["name"] == f"{one['spec']['version']}.{one['spec']['group']}" for one in registered)


def test_roles_are_given_to_accounts_that_run(objects):
    """No binding to a ServiceAccount that no pod uses."""
    accounts = {spec.get("serviceAccountName") for _, _, spec in pod_specs(objects)}
    bound = {
        subject["name"]
        for one in of_kind(objects, "RoleBinding", "ClusterRoleBinding")
        for subject in one["subjects"]
        if subject["kind"] == "ServiceAccount"
    }

    assert bound <= accounts


def test_selector_of_the_pods_never_changes():
    """It is immutable: a Deployment of any earlier release must accept an upgrade."""
    expected = {"app.kubernetes.io/name": "header-echo", "app.kubernetes.io/instance": "header-echo"}

    assert {"matchLabels": expected} == only(render(), "Deployment")["spec"]["selector"]
