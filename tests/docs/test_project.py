"""What GitHub, Artifact Hub and a newcomer are told about the project is the same everywhere, and leads somewhere."""

import re
import shlex
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pytest_apiservice.base.run import run
from pytest_apiservice.programs.tools import kubernetes_version, tool

ROOT = Path(__file__).resolve().parents[2]
CHART = yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text())
HOME = CHART["home"]
RAW = HOME.replace("github.com", "raw.githubusercontent.com") + "/main/"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
ANSWERS = re.findall(
    r"^\| .*\]\(.*\|$", CONTRIBUTING.partition("## Where is ...?\n")[2].partition("\n## ")[0], re.MULTILINE
)
MAKE = {
    command
    for page in ROOT.glob("*.md")
    for command in re.findall(r"`((?:[A-Z]+=\w+ )*make [a-z][^`]*)`", page.read_text())
}
FORMS = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


def test_the_project_has_one_address():
    tracked = run(["git", "ls-files", "*.md", "*.yaml", "*.yml", "*.py", "*.toml"], cwd=ROOT, timeout_seconds=60).stdout
    text = "\n".join((ROOT / name).read_text() for name in tracked.splitlines() if (ROOT / name).is_file())
    assert set(re.findall(r"https://github\.com/[\w-]+/header-echo", text)) == {HOME}
    assert CHART["sources"] == [HOME]
    assert f"git clone {HOME}\n" in (ROOT / "README.md").read_text()


def test_the_charts_icon_is_a_picture_in_this_tree():
    name = CHART["icon"].removeprefix(RAW)
    assert ET.parse(ROOT / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
def test_an_issue_form_is_one_that_github_shows(form):
    """https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-issue-forms."""
    document = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= set(document)
    fields = [field for field in document["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)


def test_a_vulnerability_is_reported_where_security_md_says():
    private = f"{HOME}/security/advisories/new"
    for page in ("SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml", ".github/ISSUE_TEMPLATE/bug.yml"):
        assert private in (ROOT / page).read_text(), f"{page} sends nobody to {private}"


def test_the_path_through_the_code_takes_the_time_that_its_heading_says():
    table = CONTRIBUTING.partition("## The code in twenty minutes\n")[2].partition("\n## ")[0]
    assert sum(map(int, re.findall(r"^\| (\d+) \|", table, re.MULTILINE))) == 20


def test_the_path_through_the_code_leads_along_files_that_are_there():
    table = CONTRIBUTING.partition("## The code in twenty minutes\n")[2].partition("\n## ")[0]
    links = re.findall(r"\]\(([^)]+)\)", table)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: row.split("|")[1].strip())
def test_where_something_is_said_to_be_it_is(row):
    """Each link leads somewhere, and the first one, the module, holds the names that stand beside it."""
    _, question, module, names, _ = row.split("|")
    assert question.strip().endswith("?")
    (link,) = re.findall(r"\]\(([^)]+)\)", module)
    absent = [word for word in re.findall(r"`([^`]+)`", names) if word not in (ROOT / link).read_text()]
    assert absent == [], f"{link} does not have them"
    assert [other for other in re.findall(r"\]\(([^)]+)\)", names) if not (ROOT / other).exists()] == []


def test_a_script_that_something_names_is_there():
    tracked = run(["git", "ls-files", ":!CHANGELOG.md", ":!ci/tools"], cwd=ROOT, timeout_seconds=60).stdout.splitlines()
    texts = {name: (ROOT / name).read_text(errors="replace") for name in tracked if (ROOT / name).is_file()}
    named = [
        (name, script) for name, text in texts.items() for script in re.findall(r"\b(?:bench|ci)/[\w/]+\.py\b", text)
    ]
    assert named
    assert [f"{name}: {script}" for name, script in named if not (ROOT / script).is_file()] == []


@pytest.mark.parametrize("folder", ["bench", "ci"])
def test_scripts_are_small_and_few_in_a_folder(folder):
    """Most are 200 lines a module and 12 modules a folder, those within it not counted."""
    modules = list((ROOT / folder).rglob("*.py"))
    assert modules
    assert [str(path) for path in modules if len(path.read_text().splitlines()) > 200] == []
    siblings = Counter(path.parent for path in modules if path.name != "__init__.py")
    assert [str(crowded) for crowded, count in siblings.items() if count > 12] == []


def test_a_newcomers_questions_have_answers():
    questions = " ".join(row.split("|")[1] for row in ANSWERS)
    asked = ("become a user", "forged header", "TLS mode", "verb", "kind of cluster", "cause of failure")
    assert [words for words in asked if words not in questions] == []


@pytest.mark.parametrize("command", sorted(MAKE))
def test_make_knows_what_a_page_says_to_type(command):
    words = [word for word in shlex.split(command.replace("…", "x")) if word != "make"]
    plan = run(["make", "--dry-run", *words], cwd=ROOT, timeout_seconds=30, check=False)
    assert plan.returncode == 0, f"'{command}' does not work: {plan.stderr}"


def test_one_template_can_be_looked_at_as_contributing_says():
    (command,) = re.findall(r"`(helm template chart [^`]+)`", CONTRIBUTING.replace("\n", " "))
    words = shlex.split(command.replace("<values>", "default-values"))
    asked = [tool(words[0]), *words[1:], "--kube-version", kubernetes_version()]
    done = run(asked, cwd=ROOT, timeout_seconds=60, check=False)
    assert done.returncode == 0, f"'{command}' does not work: {done.stderr}"
    assert "kind: APIService" in done.stdout
