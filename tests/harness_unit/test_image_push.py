"""A wrong registry is told in one sentence with the remedy, and an image that lost its name does not stay in the engine."""

import os
import sys
from pathlib import Path

import pytest

from image_push import demand_registry, image_name, own_platform, platforms, push, version
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run

ROOT = Path(__file__).resolve().parents[2]
ONLY_FOREIGN = "linux/arm64" if own_platform() == "linux/amd64" else "linux/amd64"


@pytest.mark.parametrize(
    "value", ["localhost:5000", "ghcr.io/you", "you", "[::1]:5000/cats", "registry.example:443/a/b_c/d--e", "10.0.0.1"]
)
def test_a_registry_and_a_place_in_one_are_taken(value):
    demand_registry(value, "REGISTRY")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("https://ghcr.io/you", "which has a scheme: set REGISTRY=ghcr.io/you"),
        ("ghcr.io/you:latest", "which names a tag, which is the chart's to choose: set REGISTRY=ghcr.io/you"),
        ("ghcr.io/you@sha256:0", "which names a tag, which is the chart's to choose: set REGISTRY=ghcr.io/you"),
        ("ghcr.io:latest", "which names a tag, which is the chart's to choose: set REGISTRY=ghcr.io"),
        ("ghcr.io/You", "which has upper-case letters, which no image's name may have: set REGISTRY=ghcr.io/you"),
        ("ghcr.io/you/", "which is no registry with a place in it: set REGISTRY=ghcr.io/you"),
        ("<registry>", "which is no registry with a place in it: set REGISTRY=ghcr.io/you"),
        ("--help", "which is no registry with a place in it: set REGISTRY=ghcr.io/you"),
    ],
)
def test_what_is_no_registry_is_refused_with_what_to_set(value, told):
    with pytest.raises(HarnessError) as refused:
        demand_registry(value, "REGISTRY")
    assert str(refused.value) == f"REGISTRY is '{value}', {told}"


def test_the_name_is_the_one_that_the_chart_asks_for():
    assert image_name("") == f"header-echo:{version()}"
    assert image_name("ghcr.io/you") == f"ghcr.io/you/header-echo:{version()}"


def test_without_platforms_it_is_this_machines():
    assert platforms("") == [own_platform()]
    assert platforms("linux/amd64, linux/arm64,linux/amd64") == ["linux/amd64", "linux/arm64"]


def test_a_platform_without_wheels_is_refused():
    with pytest.raises(HarnessError, match="PLATFORMS is 'arm64' and may name linux/amd64 and linux/arm64"):
        platforms("arm64")


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Yield a function that has docker say that and fail."""

    def have(said):
        stub = tmp_path / "docker"
        stub.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 1\n")
        stub.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return have


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no basic auth credentials", "the registry r.example refuses you: 'docker login r.example' with an account"),
        ("denied: requested access to the resource is denied", "the registry r.example refuses you: 'docker login"),
        ("Get ...: dial tcp: lookup r.example: no such host", "does not answer: correct REGISTRY, or start it"),
        ("Get ...: dial tcp 127.0.0.1:1: connect: connection refused", "does not answer: correct REGISTRY, or start"),
        (
            "Get ...: http: server gave HTTP response to HTTPS client",
            "speaks no TLS: give it a certificate, or name it",
        ),
        ("Get ...: x509: certificate signed by unknown authority", "put its CA into /etc/docker/certs.d/r.example/"),
        ("received unexpected HTTP status: 500", "did not take it (pushing r.example/cats:1: received unexpected HTTP"),
    ],
)
def test_a_push_that_fails_says_what_to_do(docker, said, told):
    docker(f"progress\n{said}")
    with pytest.raises(HarnessError) as failed:
        push("r.example/cats:1", "REGISTRY")
    assert told in str(failed.value)
    assert f"(pushing r.example/cats:1: {said})" in str(failed.value)


def test_a_name_without_a_host_is_docker_hubs(docker):
    docker("denied: requested access to the resource is denied")
    with pytest.raises(HarnessError, match=r"the registry docker\.io refuses you: 'docker login docker\.io'"):
        push("you/header-echo:1", "REGISTRY")


def make_image(**variables):
    """Run what `make image` runs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), **variables}
    return run(
        [sys.executable, ROOT / "ci" / "commands" / "image.py"], env=environment, timeout_seconds=60, check=False
    )


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"REGISTRY": "https://ghcr.io"}, "error: REGISTRY is 'https://ghcr.io', which has a scheme: set REGISTRY=ghcr.io\n"),
        ({"PLATFORMS": "windows"}, "may name linux/amd64 and linux/arm64, separated by a comma: correct it\n"),
        ({"PLATFORMS": ONLY_FOREIGN}, "set REGISTRY too\n"),
        ({"PLATFORMS": ONLY_FOREIGN, "REGISTRY": "r.example"}, f"or leave PLATFORMS out for {own_platform()} alone\n"),
    ],
)  # fmt: skip
def test_make_image_refuses_bad_input_in_one_sentence_before_it_begins(docker, variables, told):
    docker("unknown command: docker buildx")
    refused = make_image(**variables)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.endswith(told)
    assert refused.stderr.count("\n") == 1
