"""`doctor` and `selftest`: from what the cluster has to a sentence with a remedy."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from typing import Any

import pytest

from extension_apiserver import main
from extension_apiserver.diagnose.availability import REASONS
from header_echo.app import create_app
from unit.pki import DNS_NAME, Authority
from unit.running import BASE, GROUP, Backend, start

APISERVICE = f"/apis/apiregistration.k8s.io/v1/apiservices/v1.{GROUP}"
SERVICE = "/api/v1/namespaces/default/services/header-echo"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
ME = "system:serviceaccount:default:test"


@pytest.fixture
def installation(own: Backend, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A healthy installation; the Service's name resolves to the backend, as a cluster's DNS does it."""
    start(own)
    resolve = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == DNS_NAME else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    own.apiserver.objects = {
        APISERVICE: apiservice(own, "True", "Passed", "all checks passed"),
        SERVICE: {"spec": {"clusterIP": "10.96.0.9", "ports": [{"port": own.port}]}},
        SLICES: {"items": [{"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}]}]},
        BASE: own.aggregator().request("GET", BASE).json(),
        f"{BASE}/echoes": {"items": [{"status": {"user": ME}}]},
    }
    own.apiserver.myself = ME
    return own


def apiservice(backend: Backend, status: str, reason: str, message: str, **spec: Any) -> dict[str, Any]:
    """Return an APIService with a condition."""
    service = {"name": "header-echo", "namespace": "default", "port": backend.port}
    bundle = base64.b64encode(backend.pki.serving.pem.encode()).decode()
    condition = {"type": "Available", "status": status, "reason": reason, "message": message}
    return {"spec": {"service": service, "caBundle": bundle, **spec}, "status": {"conditions": [condition]}}


@pytest.fixture
def run(installation: Backend, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str]]]:
    """Return a function that runs a command and returns exit code and lines."""

    def run(command: str, **variables: str) -> tuple[int, list[str]]:
        code = main(create_app(), arguments=[command], environ=installation.environ(**variables))
        return code, capsys.readouterr().out.splitlines()

    return run


Run = Callable[..., tuple[int, list[str]]]


def test_doctor_finds_nothing_wrong(run: Run) -> None:
    """Every line of a healthy installation is good, and the exit code 0."""
    code, lines = run("doctor", DELEGATED_AUTHENTICATION="true", DELEGATED_AUTHORIZATION="true")

    assert (code, [line for line in lines if not line.startswith("[+]")]) == (0, [])
    assert len(lines) == 9, lines


@pytest.mark.parametrize("reason", [reason for reason in REASONS if reason != "Passed"])
def test_doctor_explains_every_reason(installation: Backend, run: Run, reason: str) -> None:
    """Reason, what it means, kube-apiserver's own message and the remedy stand in one line."""
    installation.apiserver.objects[APISERVICE] = apiservice(installation, "False", reason, "the message")
    code, lines = run("doctor")
    saw, remedy = REASONS[reason]

    assert code == 1
    assert f"[-] APIService v1.{GROUP} is not Available, {reason}: {saw} (the message); {remedy}" in lines


@pytest.mark.parametrize(
    ("path", "found", "words"),
    [
        (APISERVICE, 404, "does not exist"),
        (APISERVICE, 403, "look yourself: kubectl get apiservice"),
        (SERVICE, 404, "does not exist"),
        (SERVICE, {"spec": {"ports": [{"port": 1}]}}, "has port 1, not"),
        (APISERVICE, 500, "kube-apiserver answers 500"),
        (APISERVICE, {"spec": {}}, "names no Service"),
        (SERVICE, {"spec": {"ports": [], "clusterIP": "None"}}, "has port none"),
        (SLICES, {"items": []}, "no EndpointSlice"),
        (SLICES, {"items": [{"endpoints": [{"conditions": {"ready": False}}]}]}, "none of them ready"),
        (SLICES, 403, "cannot be read"),
    ],
)
def test_doctor_says_what_is_missing(installation: Backend, run: Run, path: str, found: Any, words: str) -> None:
    """One line says it; what may not be read is no fault but is said."""
    installation.apiserver.objects[path] = found
    code, lines = run("doctor")
    [line] = [line for line in lines if words in line]

    assert (code, line[:3]) == ((0, "[?]") if found == 403 else (1, "[-]"))


def test_doctor_names_a_wrong_ca_bundle(installation: Backend, run: Run) -> None:
    """The Service is called as kube-apiserver calls it, so a wrong bundle shows."""
    other = base64.b64encode(installation.pki.apiserver.pem.encode()).decode()
    installation.apiserver.objects[APISERVICE] = apiservice(installation, "True", "Passed", "", caBundle=other)
    code, lines = run("doctor")

    assert code == 1
    assert any(line.startswith(f"[-] https://{DNS_NAME}") and "certificate verify failed" in line for line in lines), (
        lines
    )


@pytest.mark.parametrize("spec", [{"insecureSkipTLSVerify": True}, {"caBundle": ""}])
def test_doctor_warns_of_missing_trust(installation: Backend, run: Run, spec: dict[str, Any]) -> None:
    """Neither an insecure APIService nor one without a bundle passes."""
    installation.apiserver.objects[APISERVICE] = apiservice(installation, "True", "Passed", "", **spec)
    code, lines = run("doctor")

    assert code == 1
    assert any(line.startswith("[-]") and next(iter(spec)) in line for line in lines), lines


def test_doctor_names_missing_rights(installation: Backend, run: Run) -> None:
    """The Role to bind is in the line."""
    installation.apiserver.set_config_map(403)
    installation.apiserver.allow = lambda _spec: False
    code, lines = run("doctor", DELEGATED_AUTHORIZATION="true")

    assert code == 1
    assert sum("bind" in line for line in lines if line.startswith("[-]")) == 2, lines


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"requestheader_client_ca_file": None}, "turn on the aggregation layer"),
        ({"requestheader_allowed_names": "front-proxy-client"}, "look at its --requestheader flags"),
    ],
)
def test_doctor_names_a_front_proxy_that_cannot_be_known(
    installation: Backend, run: Run, changes: dict[str, str | None], words: str
) -> None:
    """What kube-apiserver publishes is checked, with the flags to look at."""
    installation.apiserver.set_config_map(installation.pki.config_map(**changes))
    code, lines = run("doctor")

    assert code == 1
    assert any(line.startswith("[-]") and words in line for line in lines), lines


def test_doctor_says_that_a_service_is_headless(installation: Backend, run: Run) -> None:
    """Its port alone does not help kube-apiserver, which dials the ClusterIP."""
    spec = {"ports": [{"port": installation.port}], "clusterIP": "None"}
    installation.apiserver.objects[SERVICE] = {"spec": spec}
    code, lines = run("doctor")

    assert code == 1
    assert "[-] Service default/header-echo is headless; give it a ClusterIP, which kube-apiserver dials" in lines


def test_doctor_outside_a_pod_looks_at_the_rest(installation: Backend, run: Run) -> None:
    """Without the pod's certificate nothing is wrong yet; the line says where to look."""
    (installation.directory / "tls" / "tls.crt").unlink()
    code, lines = run("doctor")
    [line] = [line for line in lines if not line.startswith("[+]")]

    assert (code, line[:34]) == (0, "[?] no serving certificate is at /")
    assert line.endswith("run this inside a pod of the backend to look at it")


def test_doctor_cannot_ask_what_it_may(installation: Backend, run: Run) -> None:
    """That is no fault, and is said."""
    installation.apiserver.review_code = 500
    code, lines = run("doctor", DELEGATED_AUTHORIZATION="true")

    assert code == 0
    assert any(line.startswith("[?]") and "may be created cannot be asked" in line for line in lines), lines


@pytest.mark.parametrize("command", ["doctor", "selftest"])
def test_a_service_that_nobody_answers_for_is_named(installation: Backend, run: Run, command: str) -> None:
    """With its address, and why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = apiservice(installation, "True", "Passed", "")
    found["spec"]["service"]["port"] = port
    installation.apiserver.objects[APISERVICE] = found
    code, lines = run(command)

    assert code == 1
    assert any(
        line.startswith("[-]") and f"https://{DNS_NAME}:{port}/apis/{GROUP}/v1 cannot be reached: " in line
        for line in lines
    ), lines


def test_doctor_shows_an_answer_that_is_not_the_backends(installation: Backend, run: Run) -> None:
    """Whatever stands there instead, here the fake kube-apiserver, is quoted."""
    bundle = base64.b64encode(installation.pki.apiserver.pem.encode()).decode()
    service = {"name": "header-echo", "namespace": "default", "port": installation.apiserver.port}
    installation.apiserver.objects[APISERVICE] = apiservice(
        installation, "True", "Passed", "", caBundle=bundle, service=service
    )
    installation.apiserver.objects[BASE] = 502
    code, lines = run("doctor")

    assert code == 1
    assert any(line.startswith(f"[-] {DNS_NAME} answers 502 to {BASE}: ") for line in lines), lines


def test_doctor_names_a_wrong_certificate(installation: Backend, run: Run) -> None:
    """The name that is missing is in the line."""
    code, lines = run("doctor", SERVICE_DNS_NAME="other.default.svc")

    assert code == 1
    assert any("no subjectAltName other.default.svc" in line for line in lines), lines


def test_selftest_passes(run: Run) -> None:
    """One line for the APIService, discovery, the echoed identity and the refused forgery."""
    code, lines = run("selftest")

    assert (code, [line for line in lines if not line.startswith("[+]")]) == (0, [])
    assert len(lines) == 4, lines
    assert lines[-1] == "[+] a direct call with a forged X-Remote-User is refused with 401"


@pytest.mark.parametrize(
    ("path", "found", "words"),
    [
        (APISERVICE, 404, "cannot be read"),
        (BASE, 503, "discovery"),
        (f"{BASE}/echoes", 403, "cannot be listed"),
        (f"{BASE}/echoes", {"items": [{"status": {"user": "system:admin"}}]}, "sees the caller as"),
    ],
)
def test_selftest_fails(installation: Backend, run: Run, path: str, found: Any, words: str) -> None:
    """Any bad line makes exit code 1."""
    installation.apiserver.objects[path] = found
    code, lines = run("selftest")

    assert code == 1
    assert any(line.startswith("[-]") and words in line for line in lines), lines


def test_selftest_without_a_ca_bundle_does_not_try_forgery(installation: Backend, run: Run) -> None:
    """Whoever answered could be anybody."""
    installation.apiserver.objects[APISERVICE] = apiservice(installation, "True", "Passed", "", caBundle="")
    code, lines = run("selftest")

    assert code == 0
    assert lines[-1] == f"[?] forgery is not tried: APIService v1.{GROUP} has no caBundle to verify {DNS_NAME} by"


def test_selftest_of_objects_that_name_no_user_lists_them(installation: Backend, run: Run) -> None:
    """Only where objects say who the caller is can that be compared; what cannot be listed is left out."""
    resources = [{"name": "cats", "verbs": ["get", "list"]}, {"name": "dogs", "verbs": ["get"]}]
    installation.apiserver.objects |= {BASE: {"resources": resources}, f"{BASE}/cats": {"items": [{}, {}]}}
    code, lines = run("selftest")

    assert (code, len(lines)) == (0, 4)
    assert f"[+] {BASE}/cats lists 2 objects" in lines


def test_selftest_of_a_long_list_reads_its_beginning(installation: Backend, run: Run) -> None:
    """Its pod has not the memory for all that a database holds."""
    page = {"metadata": {"continue": "next"}, "items": [{}]}
    resources = [{"name": "cats", "verbs": ["list"]}]
    installation.apiserver.objects |= {BASE: {"resources": resources}, f"{BASE}/cats": page}
    _, lines = run("selftest")

    assert f"[+] {BASE}/cats lists 1 objects and more" in lines


def test_selftest_fails_where_a_direct_caller_is_answered(installation: Backend, run: Run) -> None:
    """A backend that answers a direct caller, here the fake kube-apiserver itself, is found out."""
    bundle = base64.b64encode(installation.pki.apiserver.pem.encode()).decode()
    service = {"name": "header-echo", "namespace": "default", "port": installation.apiserver.port}
    found = apiservice(installation, "True", "Passed", "", caBundle=bundle, service=service)
    installation.apiserver.objects[APISERVICE] = found
    code, lines = run("selftest")

    assert code == 1
    assert lines[-1].startswith("[-] a direct call with a forged X-Remote-User is answered"), lines


@pytest.mark.parametrize("order", [1, -1])
def test_selftest_verifies_by_any_authority_of_the_bundle(installation: Backend, run: Run, order: int) -> None:
    """As kube-apiserver does: the old and the new CA of one name, without key identifiers, stand side by side while it is renewed."""
    known = installation.pki.serving
    bundle = "".join([known.pem, Authority(known.common_name).pem][::order])
    spec = {"caBundle": base64.b64encode(bundle.encode()).decode()}
    installation.apiserver.objects[APISERVICE] = apiservice(installation, "True", "Passed", "", **spec)
    code, lines = run("selftest")

    assert code == 0, lines


def test_without_a_service_account_exit_2(own: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the file."""
    (own.directory / "serviceaccount" / "ca.crt").unlink()

    assert main(create_app(), arguments=["doctor"], environ=own.environ()) == 2
    assert "serviceaccount/ca.crt is missing" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["doctor", "selftest"])
def test_each_api_of_metrics_that_is_registered_is_looked_at(installation: Backend, run: Run, command: str) -> None:
    """Besides the own group, and each version by itself: an autoscaler asks for one, and a namespace's end for all."""
    _, lines = run(command, METRICS_APIS="custom,resource")
    named = ["v1beta2.custom.metrics.k8s.io", "v1beta1.custom.metrics.k8s.io", "v1beta1.metrics.k8s.io"]

    assert [name for name in named if not any(line.startswith(f"[-] APIService {name} ") for line in lines)] == []
    assert any(f"APIService v1.{GROUP}" in line for line in lines)


@pytest.mark.parametrize("versions", [{}, {"VERSIONS": ""}])
def test_a_program_without_a_group_of_its_own_looks_at_none(
    installation: Backend, capsys: pytest.CaptureFixture[str], versions: dict[str, str]
) -> None:
    environ = installation.environ(METRICS_APIS="external", **versions)
    main(arguments=["selftest"], environ=environ)

    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()] == ["v1beta1.external.metrics.k8s.io"]


def test_an_application_without_a_version_is_not_served(
    installation: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chart sets none for a release without a group of its own."""
    environ = installation.environ(VERSIONS="")

    assert main(create_app(), arguments=["serve"], environ=environ) == 2
    assert "VERSIONS is empty, and main() has an application or `resources`" in capsys.readouterr().err
