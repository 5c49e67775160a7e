"""The tutorial and the recipes, as somebody follows them: what they say to type is typed as it stands, what they show is what comes out."""

import os
import re
import shlex
import socket
import sys
from pathlib import Path

import pytest
from walk import Walk, steps

from embedded.test_wheelhouse import outside, wheels_of_others
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.embedded.node.images import of_this_python
from pytest_apiservice.programs.tools import tool

pytestmark = pytest.mark.only_on(
    "embedded", reason="its images are the user's to build; here their commands stand for them"
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ["tutorial.md", "resources.md", *(f"recipes/{path.name}" for path in sorted((DOCS / "recipes").glob("*.md")))]
TEXTS = {page: (DOCS / page).read_text() for page in PAGES}
TUTORIAL, _, INSTALL = TEXTS["tutorial.md"].partition("## 6. Install\n")
RESOURCES, _, INSTALL_RESOURCES = TEXTS["resources.md"].partition("## Install\n")
WANTED = {
    word
    for text in TEXTS.values()
    for line in re.findall(r"^pip install (.+)$", text, re.MULTILINE)
    for word in shlex.split(line)
}
DOCKER = re.compile(r"^docker .*\n", re.MULTILINE)


@pytest.fixture(scope="module")
def environment(built):
    """Yield the variables of a reader's shell, whose pip takes our distributions and all others from files."""
    houses = f"{built} {wheels_of_others(*sorted(WANTED))}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return outside(PIP_NO_INDEX="1", PIP_FIND_LINKS=houses, PIP_DISABLE_PIP_VERSION_CHECK="1", PATH=path)


@pytest.fixture(scope="module")
def prepared(environment, tmp_path_factory):
    """Yield the same with an environment of Python's, made as the tutorial makes it; of all recipes together."""
    first = steps(TUTORIAL)[0].text.splitlines()
    with Walk(tmp_path_factory.mktemp("prepared"), environment) as walk:
        walk.type("\n".join(line for line in first if not line.startswith("pip ")))
        return walk.environment


def port():
    """Return a port that nobody listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return str(unused.getsockname()[1])


def test_every_page_is_walked():
    assert len(PAGES) == 6
    assert [page for page, text in TEXTS.items() if not re.search("^extension-apiserver dev", text, re.MULTILINE)] == []


@pytest.mark.interop
@pytest.mark.parametrize("page", PAGES[2:])
def test_a_recipe_makes_what_it_shows(page, prepared, tmp_path):
    with Walk(tmp_path, prepared, {"8000": port()}) as walk:
        walk.take(steps(TEXTS[page]))


def on(cluster, walk):
    """Return the variables of a reader who has that cluster, kubectl and helm."""
    programs = os.pathsep.join(str(tool(name).parent) for name in ("kubectl", "helm"))
    return {"KUBECONFIG": str(cluster.kubeconfig), "PATH": f"{programs}{os.pathsep}{walk.environment['PATH']}"}


@pytest.mark.interop
def test_five_minutes_lead_to_a_resource_with_a_store_and_a_claim_that_keeps_it(
    prepared, cluster, cert_manager, tmp_path
):
    with Walk(tmp_path, prepared, {"ghcr.io/you": "registry.example"}) as walk:
        walk.take(steps(RESOURCES))
        program = of_this_python(str(walk.folder / "cats.py"), packages=["extension_apiserver"])
        cluster.load_image("registry.example/cats:1", program)
        walk.environment |= on(cluster, walk)
        try:
            walk.take(steps(INSTALL_RESOURCES))
        finally:
            Helm(cluster, "cats", "cats").uninstall()
            Kubectl(cluster)("delete", "namespace", "cats", "--wait=false")


def test_the_tutorial_leads_to_an_api_that_is_tested_and_installed(environment, cluster, cert_manager, tmp_path):
    """For its last step the program itself stands for the image: docker is the reader's."""
    with Walk(tmp_path, environment, {"ghcr.io/you": "registry.example"}) as walk:
        walk.take(steps(TUTORIAL))
        assert DOCKER.findall(INSTALL) == ["docker build --tag $REGISTRY/zoo:1 .\n", "docker push $REGISTRY/zoo:1\n"]
        cluster.load_image(
            "registry.example/zoo:1", of_this_python(str(walk.folder / "app.py"), packages=["extension_apiserver"])
        )
        walk.environment |= on(cluster, walk)
        try:
            walk.take(steps(DOCKER.sub("", INSTALL)))
        finally:
            Helm(cluster, "zoo", "zoo").uninstall()
