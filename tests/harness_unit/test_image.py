"""The backend image's name stands for its content, and its wheels fit the base rather than the builder."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.images import backend as image
from pytest_apiservice.images import base_image
from pytest_apiservice.images.backend import BACKEND, make_context


def pins(requirements):
    """Return (name, version, hashes) of each distribution that is pinned."""
    found = re.findall(r"^(\S+)==(\S+)((?:.*\n    .*)+)", requirements, re.MULTILINE)
    return [(name, version, re.findall(r"sha256:(\w+)", rest)) for name, version, rest in found]


def installed(pin):
    """Return what pip reports of an installed wheel (https://pip.pypa.io/en/stable/reference/installation-report/)."""
    name, version, hashes = pin
    url = f"https://index.invalid/{name}-{version}-py3-none-any.whl"
    return {
        "download_info": {"url": url, "archive_info": {"hashes": {"sha256": hashes[-1]}}},
        "metadata": {"name": name, "version": version},
    }


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """Have the words and requirements that pip is given, instead of an installation, and an empty cache."""
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path / "cache"))
    given = []

    def install(argv, **_):
        target = next(word for word in argv if str(word).startswith("--target="))
        Path(target.removeprefix("--target=")).mkdir()
        given.append((argv, argv[-1].read_text()))
        argv[argv.index("--report") + 1].write_text(json.dumps({"install": list(map(installed, pins(given[-1][1])))}))
        return subprocess.CompletedProcess(argv, 0, "", "")

    monkeypatch.setattr(image, "run", install)
    return given


@pytest.fixture
def context(tmp_path, pip):
    """Have a build context for a base with another Python than ours."""
    directory = tmp_path / "context"
    directory.mkdir()
    make_context(directory, base_image.Python("3.14", "/opt/python3"), ["amd64", "arm64"])
    return directory


def test_wheels_are_chosen_for_the_python_and_machine_of_the_base(context, pip):
    assert [next(word for word in argv if "_2_28_" in word) for argv, _ in pip] == [
        "--platform=manylinux_2_28_x86_64",
        "--platform=manylinux_2_28_aarch64",
    ]
    assert all("--python-version=3.14" in argv and "--require-hashes" in argv for argv, _ in pip)


def test_wheels_are_fetched_once_for_all_builds(context, pip, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    make_context(again, base_image.Python("3.14", "/opt/python3"), ["amd64"])
    assert len(pip) == 2


def test_the_bill_of_materials_has_every_pinned_distribution_with_its_version_and_hash(context):
    bill = json.loads((context / "sbom-arm64.cdx.json").read_text())
    told = {c["name"]: (c["version"], c["purl"], c["hashes"][0]["content"]) for c in bill["components"]}
    pinned = pins(image.REQUIREMENTS.read_text())
    assert {"flask", "cryptography", "httptools"} <= told.keys() == {name for name, _, _ in pinned}
    for name, version, hashes in pinned:
        assert told[name][:2] == (version, f"pkg:pypi/{name}@{version}")
        assert told[name][2] in hashes, f"{name}: a hash that is not pinned"


def test_the_bill_of_materials_is_of_our_version_and_names_no_index(context):
    text = (context / "sbom-amd64.cdx.json").read_text()
    project = tomllib.loads((BACKEND / "pyproject.toml").read_text())["project"]
    own = json.loads(text)["metadata"]["component"]
    assert (own["name"], own["version"]) == (project["name"], project["version"])
    assert "index.invalid" not in text
    assert "flask-" in text


def test_the_dockerfile_copies_the_bill_of_materials():
    assert "COPY sbom-${TARGETARCH}.cdx.json " in (BACKEND / "Dockerfile").read_text()


def test_no_requirement_is_left_out_by_the_python_that_builds(context, pip):
    pinned, given = image.REQUIREMENTS.read_text(), pip[0][1]
    assert " ; " in pinned
    assert " ; " not in given
    assert given.count("==") == pinned.count("==")


def test_the_start_script_is_that_of_the_project_under_the_python_of_the_base(context):
    assert (context / "bin/header-echo").read_text().splitlines() == [
        "#!/opt/python3", "import sys", "from header_echo.__main__ import main", "sys.exit(main())",
    ]  # fmt: skip


def test_our_packages_are_in_the_context_without_compiled_files(context):
    copied = context / "packages" / "header_echo"
    assert {path.name for path in copied.iterdir()} == {
        p.name for p in (BACKEND / "header_echo").glob("*") if p.name != "__pycache__"
    }


def test_the_name_changes_with_the_base_and_with_a_source_file(tmp_path, monkeypatch):
    names = {image._content("python:3.13-slim"), image._content("python:3.14-slim")}
    monkeypatch.setattr(image, "BACKEND", tmp_path)
    names.add(image._content("python:3.13-slim"))
    (tmp_path / "new.py").touch()
    names.add(image._content("python:3.13-slim"))
    assert len(names) == 4


def test_a_base_without_python_is_named_with_its_variable(monkeypatch):
    failed = subprocess.CompletedProcess([], 127, "", "python3: not found")
    monkeypatch.setattr(base_image, "run", lambda *_, **__: failed)
    with pytest.raises(HarnessError, match=r"'alpine' runs no python3.*set APISERVICE_BASE_IMAGE"):
        base_image.python_of("alpine")
