"""What the pages of the distributions say is what they hold: fixtures, options, dependencies, classifiers."""

import ast
import re
import sys
from pathlib import Path

import pytest

import distributions
from pytest_apiservice import fixtures, session
from pytest_apiservice.base.run import run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "tests" / "README.md").read_text()
PROJECTS = dict(distributions.projects())
# What a distribution is called whose module has another name.
CALLED = {
    "yaml": "pyyaml",
    "re2": "google-re2",
    "pytest_kind": "pytest-kind",
    "extension_apiserver": "extension-apiserver",
}
PACKAGES = {"backend": "extension_apiserver", "backend/header_echo": "header_echo", "tests": "pytest_apiservice"}


def test_the_table_of_fixtures_is_that_of_the_plugin():
    table = PAGE.partition("## Fixtures\n")[2].partition("\n## ")[0]
    made = {
        name: one._fixture_function_marker.scope
        for name, one in vars(fixtures).items()
        if hasattr(one, "_fixture_function_marker")
    }
    assert dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE)) == made


def test_the_table_of_options_is_that_of_the_plugin(pytestconfig):
    ours = {session.CLUSTER, session.DIAGNOSTICS, session.XDIST}
    assert set(re.findall(r"^\| `(--[\w-]+|apiservice_\w+)`", PAGE, re.MULTILINE)) == ours
    added = {option for option in pytestconfig._parser._anonymous.options for option in option.names()}
    groups = [group for group in pytestconfig._parser._groups if group.name == "apiservice"]
    assert {name for group in groups for option in group.options for name in option.names()} == ours - {session.XDIST}
    assert not {name for name in added if "apiservice" in name}


def test_both_pages_show_the_same_test():
    def shown(page):
        return re.findall(
            r"^    pip install pytest-[^\n]*|^# test_cats\.py\n.*?(?=^```)", page, re.MULTILINE | re.DOTALL
        )

    assert len(shown(PAGE)) == 2
    assert shown(PAGE) == shown((ROOT / "README.md").read_text())


@pytest.mark.parametrize("folder", distributions.FOLDERS)
def test_a_distribution_requires_what_it_imports(folder):
    imported = set()
    for path in (ROOT / folder / ("." if folder.endswith("header_echo") else PACKAGES[folder])).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    others = imported - set(sys.stdlib_module_names) - {PACKAGES[folder]}
    project = PROJECTS[folder]
    extras = [text for texts in project.get("optional-dependencies", {}).values() for text in texts]
    required = {re.split(r"[\s>=\[]", text)[0] for text in (*project["dependencies"], *extras)}
    assert {CALLED.get(name, name) for name in others} == required


@pytest.mark.parametrize("folder", distributions.FOLDERS)
def test_a_distribution_says_which_pythons_it_is_tested_with(folder):
    project = PROJECTS[folder]
    (oldest,) = re.findall(r">=3\.(\d+)$", project["requires-python"])
    named = sorted(int(one[1]) for text in project["classifiers"] if (one := re.search(r":: 3\.(\d+)$", text)))
    matrix = re.findall(r'python: \["3\.(\d+)".*"3\.(\d+)"\]', (ROOT / ".github/workflows/ci.yaml").read_text())
    assert named == list(range(int(oldest), int(matrix[0][0]) + 1))


@pytest.mark.parametrize("folder", distributions.FOLDERS)
def test_the_links_of_a_distribution_lead_into_this_tree(folder):
    for url in PROJECTS[folder]["urls"].values():
        if "/blob/main/" in url:
            assert (ROOT / url.partition("/blob/main/")[2]).is_file(), url
    page = (ROOT / folder / "README.md").read_text()
    assert [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("https://")] == [], (
        "PyPI has no tree"
    )
    for kind, path in re.findall(r"header-echo/header-echo/(blob|tree)/main/([\w./-]+)", page):
        assert (ROOT / path).exists(), f"{kind} {path}"


def test_an_egg_info_or_a_build_is_ignored_by_git():
    left = [
        f"{folder}/{name}" for folder in distributions.FOLDERS for name in ("build/x", "x.egg-info/PKG-INFO", "dist/x")
    ]
    ignored = run(["git", "check-ignore", *left], cwd=ROOT, timeout_seconds=30, check=False).stdout.split()
    assert ignored == left
