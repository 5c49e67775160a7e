"""Who the backend believes the caller to be: always whom the API server says, never what a caller claims."""

import base64
import socket
import ssl

import pytest
import yaml

from pytest_apiservice.base.authorities import Authority
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import CURL, TRACING

FORGED = "X-Remote-User: system:admin\r\nX-Remote-Group: system:masters\r\n"


@pytest.fixture
def account(kubectl):
    """Yield a ServiceAccount without any rights of its own."""
    kubectl("create", "serviceaccount", "caller")
    yield "caller"
    kubectl("delete", "serviceaccount", "caller")


@pytest.fixture
def opened_to_anonymous(release, base_values):
    """Have the release open the echo to anonymous callers."""
    release.upgrade({**base_values, "anonymous.enabled": True})
    yield
    release.upgrade(base_values)


def headers_of(text):
    return {name: value if isinstance(value, list) else [value] for name, value in yaml.safe_load(text).items()}


def test_a_service_account_arrives_with_its_name_groups_and_extras(api, account, namespace):
    answer = api.get(f"{api.path}/", token=api.token(namespace, account), headers={"Accept": "application/yaml"})
    headers = headers_of(answer.text)
    assert headers["x-remote-user"] == [f"system:serviceaccount:{namespace}:{account}"]
    assert headers["x-remote-group"] == [
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    ]
    assert headers["x-remote-extra-authentication.kubernetes.io%2fcredential-id"][0].startswith("JTI=")
    assert "authorization" not in headers


def test_a_caller_without_the_right_gets_403(api, account, namespace):
    answer = api.get(f"{api.path}/echoes", token=api.token(namespace, account))
    assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden"), answer.text


def test_the_view_role_lets_a_caller_list_echoes(api, account, namespace, kubectl):
    name = f"view-echoes-{namespace}"
    kubectl("create", "clusterrolebinding", name, "--clusterrole=view", f"--serviceaccount={namespace}:{account}")
    token = api.token(namespace, account)

    def allowed():
        answer = api.get(f"{api.path}/echoes", token=token)
        if answer.status_code != 200:
            raise NotYet(f"{answer.status_code}: {answer.text}")
        return answer.json()

    try:
        listed = wait_for("the view role to apply to echoes", allowed, timeout_seconds=30)
    finally:
        kubectl("delete", "clusterrolebinding", name)
    (echo,) = listed["items"]
    assert echo["status"]["user"] == f"system:serviceaccount:{namespace}:{account}"


def test_an_impersonated_user_is_the_user(api, kubectl):
    text = kubectl("get", "--raw", f"{api.path}/", "--as=jane", "--as-group=dev", "--as-group=CN=ops,OU=x").stdout
    headers = headers_of(text)
    assert headers["x-remote-user"] == ["jane"]
    assert headers["x-remote-group"] == ["dev", "CN=ops,OU=x", "system:authenticated"]
    assert not [name for name in headers if name.startswith("impersonate")]


def test_an_anonymous_caller_gets_403_by_default(api):
    answer = api.get(f"{api.path}/", anonymous=True)
    assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden"), answer.text


def test_an_anonymous_caller_sees_the_seed_answer_once_opened(api, opened_to_anonymous):
    def answered():
        answer = api.get(f"{api.path}/", anonymous=True, headers=CURL)
        if answer.status_code != 200:
            raise NotYet(f"{answer.status_code}: {answer.text}")
        return answer.text

    text = wait_for("the echo to be open to anonymous callers", answered, timeout_seconds=30)
    lines = dict(line.split(": ", 1) for line in text.splitlines())
    kept = {name: value for name, value in lines.items() if name not in TRACING}
    assert list(kept) == [
        "host",
        "user-agent",
        "accept",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-uri",
        "x-remote-group",
        "x-remote-user",
        "accept-encoding",
    ]
    assert kept["accept"] == "*/*"
    assert kept["accept-encoding"] == "gzip"
    assert kept["x-forwarded-proto"] == "https"
    assert kept["x-forwarded-uri"] == f"{api.path}/"
    assert kept["x-forwarded-host"] == kept["host"]
    assert kept["x-remote-group"] == "system:unauthenticated"
    assert kept["x-remote-user"] == "system:anonymous"


def test_forged_headers_through_the_api_server_change_nothing(api, account, namespace):
    forged = {
        "X-Remote-User": "system:admin",
        "X_Remote_User": "system:admin",
        "X-Remote-Group": "system:masters",
        "X_Remote_Group": "system:masters",
        "X-Remote-Extra-Scopes": "all",
    }
    with api.session(api.token(namespace, account)) as session:
        body = {"apiVersion": f"{api.group}/{api.version}", "kind": "Echo", "metadata": {"name": "forged"}}
        url = f"{api.server}{api.path}/echoes"
        answer = session.post(url, json=body, headers=forged, timeout=30)
        assert answer.status_code == 403, "a caller without rights became somebody else"
        echoed = session.get(f"{api.server}{api.path}/", headers={**forged, "Accept": "application/yaml"}, timeout=30)
    headers = headers_of(echoed.text)
    assert headers["x-remote-user"] == [f"system:serviceaccount:{namespace}:{account}"]
    assert "system:masters" not in headers["x-remote-group"]
    assert "x-remote-extra-scopes" not in headers


@pytest.fixture
def direct(api, cluster, kubectl):
    """Yield a function that sends a forged request straight to a pod, past the API server, and returns the answer."""
    pods = kubectl.get("pods", "-l", "app.kubernetes.io/name=header-echo")["items"]
    pod = next(p["metadata"]["name"] for p in pods if "deletionTimestamp" not in p["metadata"])
    port = next(iter(kubectl.get("pod", pod)["spec"]["containers"][0]["ports"]))["containerPort"]
    ca = kubectl.get("apiservice", f"{api.version}.{api.group}")["spec"]["caBundle"]

    def send(certificate=None):
        context = ssl.create_default_context(cadata=base64.b64decode(ca).decode())
        if certificate:
            context.load_cert_chain(*certificate)
        name = f"header-echo.{kubectl.namespace}.svc"
        with (
            cluster.pod_endpoint(kubectl.namespace, pod, port) as address,
            socket.create_connection(address, timeout=30) as connection,
            context.wrap_socket(connection, server_hostname=name) as tls,
        ):
            tls.sendall(f"GET {api.path}/ HTTP/1.1\r\nHost: {name}\r\n{FORGED}Connection: close\r\n\r\n".encode())
            received = b""
            while part := tls.recv(65536):
                received += part
        return received.decode()

    return send


def certificate_of_a_stranger(folder, common_name):
    """Write a client certificate of an authority that nobody knows and return the paths of certificate and key."""
    Authority("a stranger").client(common_name).write(folder, "client")
    return folder / "client.crt", folder / "client.key"


def test_a_direct_call_with_forged_headers_and_no_certificate_is_refused(direct):
    answer = direct()
    assert answer.startswith("HTTP/1.1 401 "), answer
    assert "system:masters" not in answer


def test_a_direct_call_with_forged_headers_and_a_strangers_certificate_is_refused(direct, tmp_path):
    assert direct().startswith("HTTP/1.1 401 "), "without a certificate the pod answers: the way there is open"
    try:
        answer = direct(certificate_of_a_stranger(tmp_path, "front-proxy-client"))
    except ssl.SSLError:
        return  # refused in the handshake: as good
    except ConnectionError:
        return
    assert answer.startswith("HTTP/1.1 401 ") or answer == "", answer
