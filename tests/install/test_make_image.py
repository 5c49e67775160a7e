"""`make image`: the lines that it prints install what it made, and what a registry answers is told with the remedy."""

import re

import pytest

from image_push import own_platform, retag, version
from install.local_registry import loopback_registry
from pytest_apiservice.base.run import run
from pytest_apiservice.images.archive import Image, load, write_archive
from pytest_apiservice.images.registry import has_image

JANE = "jane:$2y$05$926C3y10Quzn/LnqQH86VOEVh/18T6RnLaS.khre96jLNL/7e.K5W\n"


def lines(printed, *programs):
    """Return the commands of ``programs`` that are printed to be typed."""
    return "\n".join(re.findall(rf"^  ((?:{'|'.join(programs)}) .*)$", printed, re.MULTILINE))


@pytest.mark.interop
def test_with_a_registry_its_lines_install_from_there(registry, typed, cats, images):
    printed = typed(f"make image REGISTRY={registry}/team/cats")
    assert f"{own_platform()}, this machine's architecture; PLATFORMS=" in printed
    assert "x-remote-user: kubernetes-admin" in typed(lines(printed, "helm", "kubectl"))
    digest = re.search(r"^Pushed: (sha256:[0-9a-f]{64})$", printed, re.MULTILINE)[1]
    name = f"{registry}/team/cats/header-echo"
    assert images("header-echo") == {(f"{name}:{version()}", digest)}


def test_without_a_registry_its_lines_for_kind_install_what_the_node_was_given(
    typed, cloned, local_image, cats, images
):
    folder = cloned("loaded")
    printed = typed("make image", folder)
    assert lines(printed, "minikube", "k3d") == f"minikube image load {local_image}\nk3d image import {local_image}"
    assert "x-remote-user: kubernetes-admin" in typed(lines(printed, "kind", "helm", "kubectl"), folder)
    assert {asked for asked, _ in images("header-echo")} == {local_image}


def refused(clone, environment, registry):
    """Return what `make image` says on stderr when ``registry`` does not take the image."""
    argv = ["make", "image", f"REGISTRY={registry}"]
    done = run(argv, cwd=clone, env=environment, timeout_seconds=600, check=False)
    assert done.returncode != 0
    return done.stderr + done.stdout


def test_a_registry_that_knows_nobody_asks_for_a_login(clone, environment, tmp_path):
    accounts = tmp_path / "htpasswd"
    accounts.write_text(JANE)
    with loopback_registry(tmp_path, htpasswd=accounts) as address:
        said = refused(clone, environment, address)
    assert f"error: the registry {address} refuses you: 'docker login {address}' with an account that may push" in said


def test_a_registry_that_is_not_there_is_told_and_no_image_keeps_its_name(clone, environment):
    said = refused(clone, environment, "localhost:1")
    assert "error: the registry localhost:1 does not answer: correct REGISTRY, or start it" in said
    assert not has_image(f"localhost:1/header-echo:{version()}")


@pytest.fixture
def two(cluster, tmp_path):
    """Yield the names of two images of different content."""
    names = []
    for number in "12":
        file = tmp_path / number
        file.write_text(number)
        names.append(f"header-echo-retagged-{number}:{tmp_path.parent.name.lower()}")
        write_archive(tmp_path / "image.tar", [Image(names[-1], {"file": file}, ["file"])])
        load(tmp_path / "image.tar")
    yield names
    for name in names:
        run(["docker", "image", "rm", name], timeout_seconds=60, check=False)


def identity(name):
    return run(["docker", "image", "inspect", "--format={{.Id}}", name], timeout_seconds=30).stdout.strip()


def test_an_image_that_lost_its_last_name_to_another_is_gone(two):
    first, second = two
    old = identity(first)
    retag(second, first)
    assert identity(first) == identity(second)
    assert not has_image(old)


def test_an_image_that_keeps_another_name_stays(two):
    first, second = two
    further = f"{first}-further"
    retag(first, further)
    retag(second, further)
    assert has_image(first)
    run(["docker", "image", "rm", further], timeout_seconds=60)
