"""The installations that README, chart/README.md and examples/README.md show, as they stand there but for the registry."""

import json
import re

import pytest
import requests
from readme import install_block

from image_push import version


def pushed(registry, repository, tag):
    """Return the digest that the registry has for a tag."""
    accepted = {
        "Accept": "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    }
    answer = requests.head(f"http://{registry}/v2/{repository}/manifests/{tag}", headers=accepted, timeout=10)
    return answer.headers["Docker-Content-Digest"]


@pytest.mark.parametrize("page", ["README.md", pytest.param("chart/README.md", marks=pytest.mark.interop)])
def test_the_echo_is_installed_from_the_registry_and_answers(page, clone, registry, typed, cats, images):
    printed = typed(install_block((clone / page).read_text()), REGISTRY=registry)
    assert "\nx-remote-user: kubernetes-admin\n" in printed
    digest = pushed(registry, "header-echo", version())
    assert images("header-echo") == {(f"{registry}/header-echo:{version()}", digest)}


def test_the_examples_animals_are_served(clone, registry, typed, gone, images):
    gone("zoo")
    printed = typed(install_block((clone / "examples" / "README.md").read_text(), "zoo"), REGISTRY=registry)
    assert re.search(r"^NAME +SPECIES.*\nleo +lion", printed, re.MULTILINE)
    assert json.loads(printed.splitlines()[-1])["visitor"] == "kubernetes-admin"
    assert images("zoo") == {(f"{registry}/zoo:1", pushed(registry, "zoo", "1"))}
