"""NOTES.txt gives the commands that fit, and warns where it should."""

import json
import shutil

import pytest
import yaml

from chart.rendered import template
from pytest_apiservice.client.helm import CHART


@pytest.fixture(scope="session")
def notes(tmp_path_factory):
    """Return a function values -> text. helm prints NOTES only with a cluster, so a copy of the chart shows it as a template."""
    chart = tmp_path_factory.mktemp("notes") / "chart"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "NOTES.txt").rename(chart / "notes.tpl")
    (chart / "templates" / "notes.yaml").write_text('text: {{ tpl (.Files.Get "notes.tpl") . | quote }}\n')

    def render_notes(values, release="header-echo"):
        text = template(
            json.dumps(values), (), ("templates/notes.yaml",), release=release, namespace="apps", chart=chart
        )
        return yaml.safe_load(text)["text"]

    return render_notes


def test_it_gives_one_command_that_shows_it_works(notes):
    """Wait until kube-apiserver reaches the backend, then call it."""
    command = "kubectl wait --for=condition=Available --timeout=2m apiservice/v1.cats.example.com && kubectl get --raw /apis/cats.example.com/v1/"

    assert command in notes({})


def test_it_gives_the_command_that_tells_the_reason(notes):
    """Helm and kubectl only say that the list of server APIs isn't complete."""
    assert "kubectl get apiservice v1.cats.example.com -o jsonpath=" in notes({})


def test_it_shows_a_resource_with_a_store_and_what_an_uninstall_leaves_of_it(notes):
    """There may be nothing at the path of its version. One file has one pod, so that more replicas are no remedy."""
    text = notes({"replicas": 1, "store": {"mode": "sqlite", "resources": ["cats"]}})

    assert "apiservice/v1.cats.example.com && kubectl get cats.cats.example.com --all-namespaces\n" in text
    assert "kubectl delete persistentvolumeclaim --namespace apps header-echo-store" in text
    assert "Set store.mode to 'postgresql' and replicas to 2 or more" in text


def test_it_names_group_namespace_and_release(notes):
    """Commands can be pasted as they are."""
    text = notes(
        {"apiService": {"group": "birds.example.com", "versions": [{"name": "v2"}]}},
        release="tweet",
    )

    assert "apiservice/v2.birds.example.com" in text
    assert "helm test tweet --namespace apps" in text


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"replicas": 1}, "WARNING: replicas is 1"),
        ({"tls": {"mode": "insecure", "secretName": "any"}}, "WARNING: tls.mode is insecure"),
        ({"anonymous": {"enabled": True}}, "WARNING: anonymous.enabled is true"),
        ({"hostNetwork": True, "port": 10443}, "WARNING: hostNetwork is true"),
        (
            {"replicas": 1, "store": {"mode": "memory", "resources": ["cats"]}},
            "WARNING: store.mode is memory. Whenever that pod ends, all objects of cats are lost.",
        ),
    ],
)
def test_it_warns_of_what_is_dangerous(notes, values, warning):
    """And only then."""
    assert warning in notes(values)
    assert warning not in notes({})


def test_default_has_nothing_to_warn_of(notes):
    """A warning that everybody sees is read by nobody."""
    assert "WARNING" not in notes({})


def test_it_names_the_port_to_open(notes):
    """The most common reason for an API that isn't available."""
    assert "TCP port 10250" in notes({})
    assert "the nodes on TCP port 10443" in notes({"hostNetwork": True, "port": 10443})


def test_it_names_the_secrets_that_stay(notes):
    """cert-manager keeps them after an uninstall."""
    assert "leaves the Secrets header-echo-ca and header-echo-serving" in notes({})
    assert "leaves the Secret header-echo-serving" in notes(
        {"tls": {"mode": "certManagerIssuer", "issuerRef": {"name": "i"}}}
    )
    assert "leaves" not in notes({"tls": {"mode": "openshift"}})


@pytest.mark.parametrize("tls", [{}, {"mode": "certManagerIssuer", "issuerRef": {"name": "i"}}, {"mode": "openshift"}])
def test_it_names_the_secret_that_an_existing_backend_mounts(notes, tls):
    """Its name follows from the release's, and nothing else says it before the first pod hangs."""
    text = notes({"backend": {"create": False, "service": {"name": "cats"}}, "tls": tls}, release="zoo")

    assert "Secret zoo-header-echo-serving" in text
    assert "as a whole directory" in text
    assert "as a whole directory" not in notes({"tls": tls})


def test_it_gives_the_command_that_makes_openshift_issue_to_an_existing_service(notes):
    """The chart doesn't own that Service, so it can't annotate it."""
    command = "kubectl annotate service cats --namespace apps service.beta.openshift.io/serving-cert-secret-name=header-echo-serving"

    assert command in notes({"backend": {"create": False, "service": {"name": "cats"}}, "tls": {"mode": "openshift"}})


@pytest.mark.parametrize(
    ("repository", "named"),
    [
        ("header-echo", False),
        ("cats/header-echo", False),
        ("registry.example.com/header-echo", True),
        ("localhost/header-echo", True),
        ("kind-registry:5000/header-echo", True),
    ],
)
def test_it_says_that_nodes_must_have_an_image_without_a_registry(notes, repository, named):
    """Else the pods' ErrImagePull is the first to say it."""
    text = notes({"image": {"repository": repository}})

    assert (f"The image {repository}:0.1.0 names no registry: the nodes must already have this image" in text) != named


def test_it_says_that_an_insecure_backend_without_a_secret_makes_its_own_certificate(notes):
    """The echo doesn't, and ends with exit code 2."""
    assert "No Secret is mounted" in notes({"tls": {"mode": "insecure"}})
    assert "No Secret is mounted" not in notes({"tls": {"mode": "insecure", "secretName": "any"}})


def test_it_says_who_renews_a_given_secret(notes):
    """You."""
    text = notes({"tls": {"mode": "secret", "secretName": "given", "injectCaFromSecret": "a/b"}})

    assert "Nobody but you renews the certificate in Secret given" in text


def test_it_says_what_is_missing_without_a_registration(notes):
    """And how to register."""
    text = notes({"apiService": {"create": False}})

    assert "nothing is registered yet" in text
    assert "--set apiService.create=true" in text


def test_paragraphs_are_apart(notes):
    """One empty line between them, none doubled."""
    text = notes({"replicas": 1, "anonymous": {"enabled": True}, "hostNetwork": True, "port": 10443})

    assert "\n\n\n" not in text.strip()
    assert all(
        not line or text.splitlines()[number] == ""
        for number, line in enumerate(text.splitlines()[1:])
        if line.startswith("WARNING")
    )


PETS = {"enabled": True, "upstream": "http://pets:8000"}
PET = {"kind": "Pet", "list": {"path": "/animals"}, "fields": {"name": "id"}}


def test_it_says_how_to_reach_the_service_behind_the_gateway(notes):
    """By kubectl and by a browser, with a path that there is."""
    text = notes({"gateway": PETS | {"resources": [PET]}})

    assert "  kubectl get pets.cats.example.com\n" in text
    assert "  kubectl get --raw /apis/cats.example.com/v1/animals\n" in text
    assert "  http://127.0.0.1:8001/apis/cats.example.com/v1/proxy/animals\n" in text
    assert "/v1/healthz\n" in notes({"gateway": PETS | {"readinessPath": "/healthz"}})
    assert "/v1/<path>\n" in notes({"gateway": PETS})
    assert "kubectl proxy" not in notes({})


def test_first_command_works_whatever_the_service_behind_the_gateway_has(notes):
    """Discovery; the service may have no page at /."""
    assert "kubectl get --raw /apis/cats.example.com/v1\n" in notes({"gateway": PETS})


def test_it_gives_the_command_that_tells_at_which_hop_a_request_fails(notes):
    command = "kubectl exec --namespace apps deployment/header-echo --container backend -- python3 -m extension_apiserver doctor --config /etc/extension-apiserver/gateway.json"

    assert command in notes({"gateway": PETS})


WARNED = "WARNING: pods that reach http://pets:8000 past the gateway can claim to be anybody"


def test_it_warns_of_a_service_that_pods_can_call_past_the_gateway(notes):
    assert WARNED in notes({"gateway": PETS})
    assert "app.kubernetes.io/name=header-echo, app.kubernetes.io/instance=header-echo" in notes({"gateway": PETS})


@pytest.mark.parametrize(
    "gateway",
    [
        PETS | {"token": {"enabled": True, "audience": "pets"}},
        PETS | {"trustNetwork": True},
        {"enabled": True, "upstream": "https://pets", "tls": {"clientSecretName": "pair"}},
        {"enabled": True, "upstream": "http://LOCALHOST:8000", "sidecar": True},
    ],
)
def test_it_warns_of_no_service_that_knows_better(notes, gateway):
    assert "WARNING" not in notes({"gateway": gateway, "extraContainers": [{"name": "pets"}]})


def test_it_says_that_a_token_must_be_verified_and_by_which_keys(notes):
    text = notes({"gateway": PETS | {"token": {"enabled": True, "audience": "pets"}}, "service": {"port": 8443}})

    assert "ES256, audience 'pets', keys of https://header-echo.apps.svc:8443/.well-known/jwks.json." in text
    assert "header-echo-ca, header-echo-serving and header-echo-gateway-token" in text
