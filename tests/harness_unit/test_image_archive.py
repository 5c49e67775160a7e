"""An image written from files is one that engines accept: digests fit, names are there, and nothing depends on the day."""

import hashlib
import json
import os
import tarfile

import pytest

from pytest_apiservice.images.archive import Image, files_below, write_archive


@pytest.fixture
def content(tmp_path):
    """Have a folder with a program and a link to it."""
    folder = tmp_path / "content"
    (folder / "usr").mkdir(parents=True)
    (folder / "usr/hello").write_text("#!/bin/sh\n")
    (folder / "usr/hello").chmod(0o755)
    (folder / "usr/link").symlink_to("hello")
    return folder


def written(content, target):
    write_archive(target, [Image("a:1", files_below(content), ["/usr/hello"], user="65532"), Image("b:1", {}, ["x"])])
    return target


def manifest(archive):
    with tarfile.open(archive) as opened:
        return json.loads(opened.extractfile("manifest.json").read())


def test_every_image_has_its_name_configuration_and_layer(content, tmp_path):
    archive = written(content, tmp_path / "images.tar")
    assert [entry["RepoTags"] for entry in manifest(archive)] == [["a:1"], ["b:1"]]
    with tarfile.open(archive) as opened:
        entry = manifest(archive)[0]
        configuration = json.loads(opened.extractfile(entry["Config"]).read())
        layer = opened.extractfile(entry["Layers"][0]).read()
    assert configuration["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert configuration["config"]["User"] == "65532"


def test_a_layer_keeps_modes_and_links_and_drops_owners(content, tmp_path):
    archive = written(content, tmp_path / "images.tar")
    with (
        tarfile.open(archive) as opened,
        tarfile.open(fileobj=opened.extractfile(manifest(archive)[0]["Layers"][0])) as layer,
    ):
        program, link = layer.getmember("usr/hello"), layer.getmember("usr/link")
    assert (program.mode, program.uid, program.uname) == (0o755, 0, "")
    assert link.linkname == "hello"


def test_the_same_files_give_the_same_image_on_another_day(content, tmp_path):
    first = manifest(written(content, tmp_path / "first.tar"))
    os.utime(content / "usr/hello", (0, 0))
    assert manifest(written(content, tmp_path / "second.tar")) == first
