"""A release's dry run does everything that needs no registry, and refuses what would go wrong later."""

import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from pytest_apiservice.base.run import run

ROOT = Path(__file__).resolve().parents[2]
NEEDED = [
    "CHANGELOG.md",
    "LICENSE",
    "backend",
    "chart",
    "ci/chart_docs.py",
    "ci/release.py",
    "ci/distributions.py",
    "ci/kind.yaml",
    "ci/node-image",
    "ci/released_chart.py",
    "ci/tools",
    "examples/Dockerfile",
    "requirements/go.txt",
    "tests/LICENSE",
    "tests/README.md",
    "tests/pyproject.toml",
    "tests/pytest_apiservice",
]


@pytest.fixture
def tree(tmp_path):
    """Have a copy of what a release reads."""
    for name in NEEDED:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target, follow_symlinks=False)
    return tmp_path


def release(tree, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return run([sys.executable, tree / "ci" / "release.py"], env=environment, timeout_seconds=300, check=False)


def replace(path, old, new):
    text = path.read_text()
    assert old in text, f"{path.name} lacks '{old}'"
    path.write_text(text.replace(old, new))


def test_the_dry_run_packages_the_chart_and_cuts_the_changelog(tree):
    done = release(tree)
    assert done.returncode == 0, done.stderr
    assert (tree / "dist" / "notes.md").read_text().startswith("### ")
    with tarfile.open(next((tree / "dist").glob("header-echo-*.tgz"))) as chart:
        assert "header-echo/templates/apiservice.yaml" in chart.getnames()
        values = yaml.safe_load(chart.extractfile("header-echo/values.yaml"))
        readme = chart.extractfile("header-echo/README.md").read().decode()
    assert values["image"]["repository"] == "<registry>/header-echo"
    assert "helm install header-echo oci://<registry>/charts/header-echo --version 0.1.0 " in readme
    assert [line for line in readme.splitlines() if "./chart" in line or "REGISTRY" in line] == []
    links = re.findall(r"\]\(([^)#]+)", readme)
    assert [link for link in links if not link.startswith("https://")] == [], "links that lead nowhere without a clone"


def test_a_chart_readme_that_cannot_be_rewritten_for_the_release_is_named(tree):
    replace(tree / "chart" / "README.md", "./chart ", "./charts ")
    done = release(tree)
    assert done.returncode == 1
    assert "error: chart/README.md has nothing like" in done.stderr


def test_the_dry_run_says_what_would_be_run_in_its_order(tree):
    planned = [line for line in release(tree).stderr.splitlines() if line.startswith("would run: ")]
    words = [" ".join(line.split()[2:4]) for line in planned]
    assert words == ["docker buildx", "helm push", "cosign sign", "cosign sign", "gh release"]
    assert all(option in planned[0] for option in ("linux/amd64,linux/arm64", "--sbom=true", "--provenance=mode=max"))
    assert planned[-1].endswith("dist/image/sbom-amd64.cdx.json dist/image/sbom-arm64.cdx.json")


def test_versions_that_differ_are_refused_with_all_of_them(tree):
    replace(tree / "chart" / "Chart.yaml", "\nversion: ", "\nversion: 9")
    done = release(tree)
    assert done.returncode == 1
    assert "versions differ: chart/Chart.yaml version 9" in done.stderr


def test_a_tag_that_is_not_the_version_is_refused(tree):
    done = release(tree, TAG="v99.0.0")
    assert (done.returncode, "tag 99.0.0" in done.stderr) == (1, True), done.stderr


def test_a_version_without_changelog_is_refused(tree):
    (tree / "CHANGELOG.md").write_text("# Changelog\n")
    done = release(tree)
    assert (done.returncode, "CHANGELOG.md has no section" in done.stderr) == (1, True), done.stderr


def test_publishing_demands_a_tag(tree):
    done = release(tree, PUSH="registry.invalid/header-echo")
    assert (done.returncode, "PUSH needs TAG too" in done.stderr) == (1, True), done.stderr
    assert not (tree / "dist").exists()


@pytest.mark.parametrize(
    ("push", "told"),
    [
        (
            "https://registry.invalid",
            "PUSH is 'https://registry.invalid', which has a scheme: set PUSH=registry.invalid",
        ),
        ("registry.invalid/you:v1", "PUSH is 'registry.invalid/you:v1', which names a tag"),
    ],
)
def test_publishing_demands_a_registry(tree, push, told):
    done = release(tree, PUSH=push, TAG="v0.1.0")
    assert (done.returncode, told in done.stderr) == (1, True), done.stderr
    assert not (tree / "dist").exists()


def test_a_release_demands_buildx_and_says_how_to_rehearse_without(tree, tmp_path):
    replace(tree / "CHANGELOG.md", "[0.1.0] - unreleased", "[0.1.0] - 2026-01-01")
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    done = release(tree, PUSH="registry.invalid", TAG="v0.1.0", PATH=f"{docker.parent}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "a release needs Docker's buildx" in done.stderr
    assert "a registry on this machine, as a rehearsal" in done.stderr


def test_publishing_demands_a_dated_changelog(tree):
    replace(tree / "CHANGELOG.md", "[0.1.0] - ", "[0.1.0] - un")
    done = release(tree, PUSH="registry.invalid/header-echo", TAG="v0.1.0")
    assert (done.returncode, "put the date of the release there" in done.stderr) == (1, True), done.stderr
