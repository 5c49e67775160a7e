"""A release's dry run does everything that needs no registry, and refuses what would go wrong later."""

import os
import re
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import distributions
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from release import Release

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DryRun:
    """A tree after a release's dry run, the files it had before, and what that said."""

    tree: Path
    before: set[Path]
    said: str

    @property
    def planned(self):
        """The commands that it says it would run."""
        return [line for line in self.said.splitlines() if line.startswith("would run: ")]


NEEDED = [
    "CHANGELOG.md",
    "LICENSE",
    "backend",
    "chart",
    "ci/backend_image.py",
    "ci/base_image.py",
    "ci/image_push.py",
    "ci/docs/chart_docs.py",
    "ci/release.py",
    "ci/distributions.py",
    "ci/docs/released_chart.py",
    "ci/docs/versions.py",
    "ci/kind.yaml",
    "ci/node-image",
    "ci/tools",
    "examples/Dockerfile",
    "requirements/go.txt",
    "tests/LICENSE",
    "tests/README.md",
    "tests/pyproject.toml",
    "tests/pytest_apiservice",
]


def copied(folder):
    """Fill ``folder`` with what a release reads; return it."""
    for name in NEEDED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target, follow_symlinks=False)
    return folder


@pytest.fixture
def tree(tmp_path):
    """Have a copy of what a release reads."""
    return copied(tmp_path)


@pytest.fixture(scope="module")
def dry(tmp_path_factory):
    """Yield a copy after its dry run, with PYPI, and what that said; before: the files it had."""
    tree = copied(tmp_path_factory.mktemp("dry"))
    before = set(tree.rglob("*"))
    done = release(tree, PYPI="1")
    assert done.returncode == 0, done.stderr
    return DryRun(tree, before, done.stderr)


def release(tree, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return run([sys.executable, tree / "ci" / "release.py"], env=environment, timeout_seconds=300, check=False)


def replace(path, old, new):
    text = path.read_text()
    assert old in text, f"{path.name} lacks '{old}'"
    path.write_text(text.replace(old, new))


def test_the_dry_run_packages_the_chart_and_cuts_the_changelog(dry):
    assert (dry.tree / "dist" / "notes.md").read_text().startswith("### ")
    with tarfile.open(next((dry.tree / "dist").glob("header-echo-*.tgz"))) as chart:
        assert "header-echo/templates/apiservice.yaml" in chart.getnames()
        values = yaml.safe_load(chart.extractfile("header-echo/values.yaml"))
        readme = chart.extractfile("header-echo/README.md").read().decode()
    assert values["image"]["repository"] == "<registry>/header-echo"
    assert "helm install header-echo oci://<registry>/charts/header-echo --version 0.1.0 " in readme
    assert [line for line in readme.splitlines() if "./chart" in line or "REGISTRY" in line] == []
    links = re.findall(r"\]\(([^)#]+)", readme)
    assert [link for link in links if not link.startswith("https://")] == [], "links that lead nowhere without a clone"


def test_the_dry_run_builds_a_wheel_and_an_sdist_of_each_distribution(dry):
    names = ("extension_apiserver", "header_echo", "pytest_apiservice")
    forms = ("-0.1.0-py3-none-any.whl", "-0.1.0.tar.gz")
    assert {path.name for path in (dry.tree / "dist" / "python").iterdir()} == {
        f"{name}{form}" for name in names for form in forms
    }


def test_a_build_leaves_nothing_in_the_tree(dry):
    made = set(dry.tree.rglob("*")) - dry.before
    assert {path.relative_to(dry.tree).parts[0] for path in made} == {"dist"}


@pytest.fixture
def echo(tmp_path, monkeypatch):
    """Have a copy of one distribution, the only one to build, and the folder for what is built."""
    folder = tmp_path / "backend" / "header_echo"
    shutil.copytree(ROOT / "backend" / "header_echo", folder)
    monkeypatch.setattr(distributions, "ROOT", tmp_path)
    monkeypatch.setattr(distributions, "FOLDERS", ("backend/header_echo",))
    return folder, tmp_path / "built"


def test_a_distribution_that_an_index_would_not_take_is_refused(echo):
    folder, built = echo
    replace(folder / "pyproject.toml", 'readme = "README.md"\n', "")
    files = distributions.build(built)
    with pytest.raises(HarnessError, match=r"(?s)an index would not take the distributions.*long_description"):
        distributions.check(files)


def test_a_distribution_that_does_not_build_is_named(echo):
    folder, built = echo
    replace(folder / "pyproject.toml", 'license = "Apache-2.0"', 'license = "whatever"')
    with pytest.raises(HarnessError, match="backend/header_echo does not build"):
        distributions.build(built)


def test_a_chart_readme_that_cannot_be_rewritten_for_the_release_is_named(tree):
    replace(tree / "chart" / "README.md", "./chart ", "./charts ")
    done = release(tree)
    assert done.returncode == 1
    assert "error: chart/README.md has nothing like" in done.stderr


def test_the_dry_run_says_what_would_be_run_in_its_order(dry):
    words = [" ".join(line.split()[2:4]) for line in dry.planned]
    assert words == [
        "docker buildx",
        "docker buildx",
        "helm push",
        "cosign sign",
        "cosign sign",
        "python -m",
        "gh release",
    ]
    assert all(
        option in dry.planned[0] for option in ("linux/amd64,linux/arm64", "--sbom=true", "--provenance=mode=max")
    )
    assert all(option in dry.planned[1] for option in ("linux/amd64,linux/arm64", "--target sbom"))
    assert " dist/sbom-amd64.cdx.json dist/sbom-arm64.cdx.json dist/python/" in dry.planned[-1]


def test_pypi_is_sent_all_distributions(dry):
    (upload,) = [line for line in dry.planned if "twine upload" in line]
    assert upload.count(" dist/python/") == 6


@pytest.mark.parametrize(("value", "uploads"), [("", 0), ("0", 0), ("1", 1)])
def test_the_distributions_are_uploaded_where_pypi_asks_for_it(monkeypatch, value, uploads):
    monkeypatch.setenv("PYPI", value)
    done = []
    monkeypatch.setattr(Release, "do", lambda _self, title, *_command: done.append(title))
    Release("0.1.0", "<registry>", really=False).upload([Path("cats-1.whl")])
    assert done == ["PyPI"] * uploads


@pytest.mark.parametrize("folder", ["backend", "backend/header_echo", "tests"])
def test_a_distribution_of_another_version_is_refused(tree, folder):
    replace(tree / folder / "pyproject.toml", 'version = "', 'version = "9.')
    done = release(tree)
    assert (done.returncode, f"{folder}/pyproject.toml version 9.0.1.0" in done.stderr) == (1, True), done.stderr


def test_an_echo_that_wants_another_library_is_refused(tree):
    replace(tree / "backend/header_echo/pyproject.toml", "extension-apiserver == ", "extension-apiserver == 9.")
    done = release(tree)
    assert done.returncode == 1
    assert "backend/header_echo/pyproject.toml extension-apiserver 9.0.1.0" in done.stderr


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
