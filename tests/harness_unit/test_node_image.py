"""Which node image is used, how kind is configured for it, and what a failed build of our own leaves behind: nothing."""

import os
import shutil

import pytest
import yaml

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.clusters.kind import Kind
from pytest_apiservice.images import node_image as node_image_module
from pytest_apiservice.images.node_image import kind_config, node_image
from pytest_apiservice.images.offline import node_image_build
from pytest_apiservice.programs.cache import cache_dir
from pytest_apiservice.programs.tools import kubernetes_version


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Have a stub docker that has the images written to the file that this yields, and an empty cache."""
    programs = tmp_path / "bin"
    programs.mkdir()
    stub = programs / "docker"
    stub.write_text(
        f'#!/bin/sh\n[ "$1" != info ] || exec echo {tmp_path}\n[ "$1 $2" = "image inspect" ] && grep -qxF "$3" {tmp_path}/images\n'
    )
    stub.chmod(0o755)
    (tmp_path / "images").touch()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NODE_IMAGE", raising=False)
    node_image.cache_clear()
    yield tmp_path / "images"
    node_image.cache_clear()


def test_the_users_node_image_comes_first(docker, monkeypatch):
    docker.write_text(f"mine:1\nkindest/node:{kubernetes_version()}\n")
    monkeypatch.setenv("NODE_IMAGE", "mine:1")
    assert node_image() == "mine:1"


def test_a_node_image_that_cannot_be_had_is_named_with_its_variable(docker, monkeypatch):
    monkeypatch.setenv("NODE_IMAGE", "nowhere.invalid/node:1")
    with pytest.raises(HarnessError, match=r"NODE_IMAGE is 'nowhere\.invalid/node:1'.*correct or unset it"):
        node_image()


def test_the_published_image_of_our_kubernetes_is_preferred_to_our_own(docker):
    published = f"kindest/node:{kubernetes_version()}"
    docker.write_text(f"{published}\n{node_image_build.reference()}\n")
    assert node_image() == published


def test_a_backend_image_that_is_named_is_taken_as_it_is(docker, monkeypatch):
    docker.write_text("cats:1\n")
    monkeypatch.setenv("APISERVICE_IMAGE", "cats:1")
    assert Kind().backend_image() == "cats:1"


def test_a_backend_image_that_cannot_be_had_is_named(docker, monkeypatch):
    monkeypatch.setenv("APISERVICE_IMAGE", "nowhere.invalid/cats:1")
    with pytest.raises(HarnessError, match=r"APISERVICE_IMAGE is 'nowhere\.invalid/cats:1'.*correct or unset it"):
        Kind().backend_image()


def test_without_one_that_is_named_it_is_built(monkeypatch):
    monkeypatch.delenv("APISERVICE_IMAGE", raising=False)
    assert Kind().backend_image(lambda: "built:1") == "built:1"
    with pytest.raises(HarnessError, match="CLUSTER=kind needs an image of a backend: set APISERVICE_IMAGE"):
        Kind().backend_image()


def test_our_own_image_is_used_again_without_asking_a_registry(docker):
    docker.write_text(f"{node_image_build.reference()}\n")
    assert node_image() == node_image_build.reference()


def test_our_own_image_gets_another_name_when_what_it_is_made_of_changes(tmp_path, monkeypatch):
    sources = tmp_path / "node-image"
    shutil.copytree(node_image_build.NODE_IMAGE, sources)
    monkeypatch.setattr(node_image_build, "NODE_IMAGE", sources)
    before = node_image_build.reference()
    (sources / "rootfs/usr/local/bin/entrypoint").write_text("#!/bin/sh\n")
    assert node_image_build.reference() != before


def test_an_engine_without_room_for_a_node_is_told_before_anything_is_made(docker, monkeypatch):
    monkeypatch.setattr(node_image_module, "NODE_MIB", 10**9)
    with pytest.raises(HarnessError, match=r"a kind node needs \d+ MiB of free disk in .*docker system prune"):
        node_image()


def test_a_build_that_fails_leaves_nothing_half_made(docker, monkeypatch):
    def fail(_root, _packages):
        (_root / "etc").mkdir(parents=True)
        raise HarnessError("the mirror does not answer")

    monkeypatch.setattr(node_image_build, "prepare", lambda _names: None)
    monkeypatch.setattr(node_image_build.debian, "root_file_system", fail)
    with pytest.raises(HarnessError, match="the mirror does not answer"):
        node_image_build.build()
    assert [path.name for path in cache_dir().iterdir()] == ["locks"]


def test_a_build_without_room_says_how_much_it_needs(docker, monkeypatch):
    monkeypatch.setattr(node_image_build, "prepare", lambda _names: None)
    monkeypatch.setattr(node_image_build, "NEEDED_MIB", 10**9)
    with pytest.raises(HarnessError, match=r"making the node image needs \d+ MiB"):
        node_image_build.build()


def test_a_root_file_system_needs_root(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(HarnessError, match=r"needs root on Debian.*CLUSTER=embedded"):
        node_image_build.debian.root_file_system(tmp_path, ["systemd"])


def test_only_our_own_node_brings_its_network():
    ours, published = (
        yaml.safe_load(kind_config(node_image_build.reference())),
        yaml.safe_load(kind_config("kindest/node:v1")),
    )
    assert ours["networking"] == {"disableDefaultCNI": True}
    assert "networking" not in published
    assert published["kubeadmConfigPatches"] == ours["kubeadmConfigPatches"][:1]
