"""The backend image's name stands for its content, and what is laid beside its sources fits the base rather than the builder."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

import backend_image as image
import base_image
from backend_image import BACKEND, make_context
from pytest_apiservice.base.errors import HarnessError

DOCKERFILE = (BACKEND / "Dockerfile").read_text()


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """Have the words and requirements that pip is given, instead of a download, and an empty cache."""
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path / "cache"))
    given = []

    def download(argv, **_):
        target = Path(next(word for word in argv if str(word).startswith("--dest=")).removeprefix("--dest="))
        target.mkdir()
        machine = next(word for word in argv if "_2_28_" in word).partition("_2_28_")[2]
        for name in ("pure-1-py3-none-any.whl", f"c-1-cp314-cp314-manylinux_2_28_{machine}.whl"):
            (target / name).touch()
        given.append((argv, argv[-1].read_text()))
        return subprocess.CompletedProcess(argv, 0, "", "")

    monkeypatch.setattr(image, "run", download)
    return given


@pytest.fixture
def context(tmp_path, pip):
    """Have a build context for a base with another Python than ours."""
    directory = tmp_path / "context"
    directory.mkdir()
    make_context(directory, "3.14", ["amd64", "arm64"])
    return directory


def test_wheels_are_chosen_for_the_python_and_machine_of_the_base(context, pip):
    assert [next(word for word in argv if "_2_28_" in word) for argv, _ in pip] == [
        "--platform=manylinux_2_28_x86_64",
        "--platform=manylinux_2_28_aarch64",
    ]
    assert all("--python-version=3.14" in argv and "--require-hashes" in argv for argv, _ in pip)


def test_the_wheels_of_all_machines_lie_beside_the_sources_and_pip_with_them(context):
    assert {path.name for path in (context / "wheels").iterdir()} == {
        "pip",
        "pure-1-py3-none-any.whl",
        "c-1-cp314-cp314-manylinux_2_28_x86_64.whl",
        "c-1-cp314-cp314-manylinux_2_28_aarch64.whl",
    }
    asked = [sys.executable, "-I", context / "wheels" / "pip", "--version"]
    assert f" from {context}/wheels/pip " in subprocess.run(asked, capture_output=True, check=True, text=True).stdout


def test_wheels_are_fetched_once_for_all_builds(context, pip, tmp_path):
    make_context(tmp_path / "again", "3.14", ["amd64"])
    assert len(pip) == 2


def test_no_requirement_is_left_out_by_the_python_that_builds(context, pip):
    pinned, given = image.REQUIREMENTS.read_text(), pip[0][1]
    assert " ; " in pinned
    assert " ; " not in given
    of_windows = re.findall(r"^\S+==.*sys_platform == 'win32'", pinned, re.MULTILINE)
    assert given.count("==") == pinned.count("==") - len(of_windows)


def test_the_rest_of_the_context_is_backend_as_it_stands(context):
    def files(root):
        paths = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        return {path for path in paths if "__pycache__" not in path.parts and path.parts[0] != "wheels"}

    assert files(context) == files(BACKEND)


def test_every_package_gets_into_the_image_and_docker_is_given_all_that_is_copied():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {word.rstrip("/*") for words in copied for word in words.split()}
    assert {path.parent.name for path in BACKEND.glob("*/__init__.py")} <= sources
    ignored = (BACKEND / ".dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == {
        one for one in sources if "/" not in one
    }
    assert not [
        line for line in ignored if any(fnmatch(one, line.removeprefix("**/")) for one in sources) and line != "*"
    ]


def test_by_itself_it_is_built_on_the_base_that_make_image_takes_where_it_can_be_pulled():
    assert re.findall(r"^ARG BASE=(.*)$", DOCKERFILE, re.MULTILINE) == [base_image.PUBLISHED]


def test_the_name_changes_with_the_base_and_with_a_source_file(tmp_path, monkeypatch):
    names = {image._content("python:3.13-slim"), image._content("python:3.14-slim")}
    monkeypatch.setattr(image, "BACKEND", tmp_path)
    names.add(image._content("python:3.13-slim"))
    (tmp_path / "new.py").touch()
    names.add(image._content("python:3.13-slim"))
    assert len(names) == 4


@pytest.mark.parametrize("folder", ["wheels", "__pycache__"])
def test_the_name_stays_with_what_is_made_in_the_folder_and_no_source(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(image, "BACKEND", tmp_path / folder)  # nor does it matter where the tree lies
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "app.py").touch()
    before = image._content("python:3.13-slim")
    (tmp_path / folder / folder).mkdir()
    (tmp_path / folder / folder / "made").touch()
    assert image._content("python:3.13-slim") == before
    (tmp_path / folder / "app.py").write_text("changed")
    assert image._content("python:3.13-slim") != before


def test_of_what_a_builder_leaves_of_its_stages_the_newest_of_each_stays(monkeypatch):
    left = {"build": ["new", "old", "older"], "sbom": ["only"]}
    removed = []

    def docker(argv, **_):
        if argv[2] == "rm":
            removed.extend(argv[3:])
        listed = left[argv[-1].rpartition("=")[2]] if argv[2] == "ls" else []  # Docker lists the newest first
        return subprocess.CompletedProcess(argv, 0, "\n".join(listed), "")

    monkeypatch.setattr(image, "run", docker)
    image.forget_stages("header-echo.stage", ["build", "sbom"])
    assert removed == ["old", "older"]


def test_the_stages_that_are_forgotten_are_those_of_the_dockerfile():
    labels = re.findall(r"^FROM \S+ AS (\w+)\n(?:#.*\n)*LABEL (\S+)=(\w+)$", DOCKERFILE, re.MULTILINE)
    assert [(name, label) for name, label, _ in labels] == [(stage, image.STAGE_LABEL) for stage in image.STAGES]
    assert [value for _, _, value in labels] == list(image.STAGES)
    assert len(re.findall("^FROM ", DOCKERFILE, re.MULTILINE)) == len(labels) + 1


def test_a_base_without_python_is_named_with_its_variable(monkeypatch):
    failed = subprocess.CompletedProcess([], 127, "", "python3: not found")
    monkeypatch.setattr(base_image, "run", lambda *_, **__: failed)
    with pytest.raises(HarnessError, match=r"'alpine' runs no python3.*set APISERVICE_BASE_IMAGE"):
        base_image.python_of("alpine")
