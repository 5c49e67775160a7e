"""The API feels like any other to kubectl: explained, validated, printed, and without a warning."""

import json

import pytest
import yaml

from pytest_apiservice.base.wait import NotYet, wait_for


@pytest.fixture
def echo(api):
    """Return a manifest of an Echo, with ``fields`` added."""

    def manifest(**fields):
        return json.dumps(
            {
                "apiVersion": f"{api.group}/{api.version}",
                "kind": "Echo",
                "metadata": {"name": "hello"},
                **fields,
            }
        )

    return manifest


def test_kubectl_explain_tells_the_fields(api, kubectl):
    def explained():
        answer = kubectl("explain", "echoes.status", f"--api-version={api.group}/{api.version}", check=False)
        if answer.returncode != 0:  # the API server fetches OpenAPI documents once a minute
            raise NotYet(answer.stderr.strip())
        return answer.stdout

    text = wait_for("the OpenAPI document to reach the API server", explained, timeout_seconds=120)
    assert f"GROUP:      {api.group}" in text
    for field in ("user", "groups", "headers", "receivedTime"):
        assert f"  {field}\t" in text, text


def test_a_field_that_does_not_exist_is_refused_by_strict_validation(api, kubectl, echo):
    answer = kubectl("create", "--validate=strict", "-f", "-", input=echo(spec={"nonsense": 1}), check=False)
    assert answer.returncode == 1
    assert "unknown field" in answer.stderr, answer.stderr
    assert "nonsense" in answer.stderr


def test_a_valid_object_passes_strict_validation_without_a_word(api, kubectl, echo):
    answer = kubectl("create", "--validate=strict", "-f", "-", input=echo())
    assert (answer.stdout, answer.stderr) == (f"echo.{api.group}/hello created\n", "")


def test_a_dry_run_is_answered_like_a_create(api, kubectl, echo):
    answer = kubectl("create", "--dry-run=server", "-f", "-", "-o", "yaml", input=echo())
    assert yaml.safe_load(answer.stdout)["metadata"]["name"] == "hello"
    assert answer.stderr == ""


def test_kubectl_get_prints_yaml_without_a_word(api, kubectl):
    answer = kubectl("get", "echoes", "-o", "yaml")
    assert yaml.safe_load(answer.stdout)["items"][0]["kind"] == "Echo"
    assert answer.stderr == ""


def test_auth_can_i_knows_the_resource(api, kubectl):
    answer = kubectl("auth", "can-i", "list", "echoes")
    assert answer.stdout == "yes\n"
    assert "doesn't have a resource type" not in answer.stderr


@pytest.mark.parametrize("verb", ["delete", "watch"])
def test_verbs_that_are_not_offered_are_not_listed(api, verb):
    resources = api.get(api.path).json()["resources"]
    assert all(verb not in resource["verbs"] for resource in resources)


def test_kubectl_api_resources_of_the_whole_cluster_has_no_error(api, kubectl):
    answer = kubectl("api-resources", "--no-headers")
    assert answer.stderr == ""
