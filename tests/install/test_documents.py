"""The installations that README, chart/README.md and examples/README.md show, as they stand there but for the registry."""

import json
import re

import pytest
from readme import install_block

from harness.image_push import version


def pulled(registry, repository):
    """Return what matches (asked for, runs) of a pod whose image came from the registry."""
    return rf"{registry}/{repository}@sha256:[0-9a-f]{{64}}"


@pytest.mark.parametrize("page", ["README.md", "chart/README.md"])
def test_the_echo_is_installed_from_the_registry_and_answers(page, clone, registry, typed, cats, images):
    printed = typed(install_block((clone / page).read_text()), REGISTRY=registry)
    assert "\nx-remote-user: kubernetes-admin\n" in printed
    ((asked, runs),) = images("header-echo")
    assert asked == f"{registry}/header-echo:{version()}"
    assert re.fullmatch(pulled(registry, "header-echo"), runs)


def test_the_examples_animals_are_served(clone, registry, typed, gone, cluster, images):
    gone("zoo")
    printed = typed(install_block((clone / "examples" / "README.md").read_text()), REGISTRY=registry)
    assert re.search(r"^NAME +SPECIES.*\nleo +lion", printed, re.MULTILINE)
    assert json.loads(printed.splitlines()[-1])["visitor"] == "kubernetes-admin"
    ((asked, runs),) = images("zoo")
    assert asked == f"{registry}/zoo:1"
    assert re.fullmatch(pulled(registry, "zoo"), runs)
