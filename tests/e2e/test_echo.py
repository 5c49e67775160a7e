"""What a caller sees of a request: the header lines, and the resource echoes."""

import json

import pytest
import yaml

from pytest_apiservice.client.api import CURL, TRACING


def names(text):
    return [line.split(":")[0] for line in text.splitlines() if not line.startswith("-")]


def test_kubectl_get_raw_prints_the_header_lines_as_yaml(api, kubectl):
    headers = yaml.safe_load(kubectl("get", "--raw", f"{api.path}/").stdout)
    assert headers["x-forwarded-uri"] == f"{api.path}/"
    assert headers["x-forwarded-proto"] == "https"
    assert "system:authenticated" in headers["x-remote-group"]
    assert headers["x-remote-user"]


def test_curl_sees_the_header_lines_in_the_order_they_arrived(api):
    answer = api.get(f"{api.path}/", headers=CURL)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert [name for name in names(answer.text) if name not in TRACING] == [
        "host",
        "user-agent",
        "accept",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-uri",
        *[name for name in names(answer.text) if name.startswith("x-remote-extra-")],
        "x-remote-group",
        "x-remote-user",
        "accept-encoding",
    ]
    assert "accept: */*\n" in answer.text
    assert "user-agent: curl/8.11.0\n" in answer.text


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_echoed(api, method):
    with api.session() as session:
        answer = session.request(method, f"{api.server}{api.path}/", timeout=30, data=b"")
    assert answer.status_code == 200, answer.text
    assert f"x-forwarded-uri: {api.path}/\n" in answer.text


def test_the_echo_is_json_for_who_asks_for_json(api):
    answer = api.get(f"{api.path}/", headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"].startswith("application/json")
    assert "system:authenticated" in json.dumps(answer.json())


def test_secrets_of_the_caller_are_not_echoed(api):
    answer = api.get(f"{api.path}/", headers={"Cookie": "session=planted-secret"})
    assert "planted-secret" not in answer.text


def test_kubectl_get_echoes_prints_a_table_with_the_caller(api, kubectl):
    answer = kubectl("get", "echoes")
    assert answer.stderr == ""
    assert "NAME" in answer.stdout
    user = yaml.safe_load(kubectl("get", "--raw", f"{api.path}/").stdout)["x-remote-user"]
    assert user in answer.stdout


def test_kubectl_create_returns_what_the_backend_saw(api, kubectl):
    manifest = f"apiVersion: {api.group}/{api.version}\nkind: Echo\nmetadata:\n  name: hello\n"
    answer = kubectl("create", "-f", "-", "-o", "yaml", input=manifest)
    echo = yaml.safe_load(answer.stdout)
    assert (echo["kind"], echo["metadata"]["name"]) == ("Echo", "hello")
    assert "system:authenticated" in echo["status"]["groups"]
    assert echo["status"]["method"] == "POST"


def test_the_backends_errors_reach_kubectl_as_words(api, kubectl):
    answer = kubectl("get", "echoes", "missing", check=False)
    assert answer.returncode == 1
    assert f'Error from server (NotFound): echoes.{api.group} "missing" not found' in answer.stderr
