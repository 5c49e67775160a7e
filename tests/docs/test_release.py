"""A release's dry run does everything that needs no registry, and refuses what would go wrong later."""

import os
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from harness.run import run

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ["CHANGELOG.md", "backend/pyproject.toml", "chart", "ci/release.py"]


@pytest.fixture
def tree(tmp_path):
    """Have a copy of what a release reads."""
    for name in NEEDED:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    return tmp_path


def release(tree, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), **variables}
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


def test_publishing_demands_a_dated_changelog(tree):
    replace(tree / "CHANGELOG.md", "[0.1.0] - ", "[0.1.0] - un")
    done = release(tree, PUSH="registry.invalid/header-echo", TAG="v0.1.0")
    assert (done.returncode, "put the date of the release there" in done.stderr) == (1, True), done.stderr
