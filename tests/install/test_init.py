"""What `extension-apiserver init hello` makes: its Dockerfile builds its image, and the chart installs it as its README says."""

import os
import re
import shutil
import sys

import pytest
from readme import install_block

import distributions
from install.test_docker_build import BUILD_SECONDS, base, base_with_pip, named, prepared  # noqa: F401 - fixtures
from install.test_documents import pushed
from pytest_apiservice.base.data import module_path
from pytest_apiservice.base.run import run

pytestmark = pytest.mark.interop

FROM = "python:3.13-slim"
#: What a published base has, and ours lacks; and instead of an index, a folder.
FURTHER = """FROM {base}
COPY sh {shell}
COPY pip /usr/local/bin/pip
COPY pip.conf /etc/pip.conf
COPY wheels /wheels
"""
PIP = '#!/bin/sh\nexec python3 -m pip "$@"\n'
PIP_CONFIGURATION = "[install]\nno-index = true\nfind-links = /wheels\nbreak-system-packages = true\n"


@pytest.fixture(scope="module")
def slim(base_with_pip, prepared, tmp_path_factory):  # noqa: F811
    """Yield a base as python:3.13-slim is, which finds our wheels and those that we need without a network."""
    folder = tmp_path_factory.mktemp("slim") / "base"
    shutil.copytree(prepared / "wheels", folder / "wheels", ignore=shutil.ignore_patterns("pip", "bin"))
    (wheel, _) = distributions.build(folder.with_name("built"), ["backend"])
    shutil.copy(wheel, folder / "wheels")
    has_shell = run(
        ["docker", "run", "--rm", "--network=none", "--entrypoint=/bin/sh", base_with_pip, "-c", "exit"],
        timeout_seconds=60,
        check=False,
    )
    shutil.copy("/bin/sh", folder / "sh")
    (folder / "pip").write_text(PIP)
    (folder / "pip").chmod(0o755)
    (folder / "pip.conf").write_text(PIP_CONFIGURATION)
    shell = "/tmp/sh" if has_shell.returncode == 0 else "/bin/sh"  # noqa: S108 - of an image, which has its own
    (folder / "Dockerfile").write_text(FURTHER.format(base=base_with_pip, shell=shell))
    with named("slim") as name:
        run(["docker", "build", "--tag", name, folder], timeout_seconds=BUILD_SECONDS)
        yield name


def made(folder, slim, *options):
    """Have `init` make ``folder``, and return it; its Dockerfile is on another base."""
    program = [sys.executable, "-m", "extension_apiserver", "init", folder, *options]
    run(program, env={**os.environ, "PYTHONPATH": module_path("extension_apiserver")}, timeout_seconds=60)
    text = (folder / "Dockerfile").read_text()
    assert text.startswith(f"FROM {FROM}\n")
    (folder / "Dockerfile").write_text(text.replace(FROM, slim, 1))
    return folder


@pytest.mark.parametrize("options", [[], ["--gateway", "http://pets.default.svc"]], ids=["app", "gateway"])
def test_without_settings_its_image_says_what_it_lacks(slim, tmp_path, options):
    folder = made(tmp_path / "hello", slim, *options)
    with named("hello") as name:
        run(["docker", "build", "--tag", name, folder], timeout_seconds=BUILD_SECONDS)
        done = run(["docker", "run", "--rm", "--network=none", name], timeout_seconds=60, check=False)
    assert done.stderr.startswith("KUBERNETES_SERVICE_HOST must be set ")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_its_image_is_built_and_installed_from_the_registry(slim, registry, typed, gone, images, tmp_path):
    """As its README says, but for the base of the image and where Python is that has the harness."""
    folder = made(tmp_path / "hello", slim)
    block = install_block((folder / "README.md").read_text(), "hello")
    python = f"PYTHONPATH={module_path('pytest_apiservice')} {sys.executable}"
    gone("hello")
    printed = typed(block.replace("$(python3 ", f"$({python} "), folder, REGISTRY=registry)
    assert re.search(r"^NAME +SIZE\nfirst +1$", printed, re.MULTILINE)
    assert images("hello") == {(f"{registry}/hello:1", pushed(registry, "hello", "1"))}
