"""The page of troubles is what its data say, knows every reason of the aggregator, and names what the chart makes."""

import re
import shlex

import pytest
import yaml

from extension_apiserver.diagnose.availability import REASONS
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.tools import kubernetes_version, tool
from troubleshooting import PAGE, TABLES, page

COMMANDS = sorted({row.command for rows in TABLES.values() for row in rows})


@pytest.fixture(scope="module")
def names():
    """Yield (kind, name) of what the chart makes as the README installs it."""
    cluster = ["--kube-version", kubernetes_version(), "--api-versions", "cert-manager.io/v1"]
    words = [tool("helm"), "template", "header-echo", PAGE.parents[1] / "chart", "--namespace", "header-echo", *cluster]
    manifests = yaml.safe_load_all(run(words, timeout_seconds=60).stdout)
    return {(manifest["kind"].lower(), manifest["metadata"]["name"]) for manifest in manifests if manifest}


def test_the_page_is_current():
    assert PAGE.read_text() == page(), "run 'python ci/docs/troubleshooting.py' and commit docs/troubleshooting.md"


def test_every_reason_that_doctor_knows_is_explained():
    assert [reason for reason in REASONS if f"| `{reason}` |" not in PAGE.read_text()] == ["Passed"]


def test_reasons_are_those_that_doctor_knows():
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)*(?:NotFound|Error|Endpoints|Check))`", page()))
    assert named == set(REASONS) - {"Passed"}


def test_there_is_one_table_of_reasons():
    """Others would say something else one day; they link here."""
    root = PAGE.parents[1]
    pages = [
        root / "README.md",
        *(path for folder in ("chart", "docs", "examples") for path in root.glob(f"{folder}/*.md")),
    ]
    tables = [path.name for path in pages if re.search(r"^\| *`ServiceNotFound`", path.read_text(), re.MULTILINE)]
    assert tables == [PAGE.name]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_what_the_chart_makes(names, command):
    for kind, name in re.findall(r"\b(service|apiservice|deployment)[ /]([\w.-]+)", command):
        assert (kind, name) in names, f"'{command}' names {kind} {name}, which the chart does not make"


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("kubectl")])
def test_kubectl_knows_the_command_and_its_flags(command):
    words = shlex.split(command)[1:]
    asked = run([tool("kubectl"), *words, "--help"], timeout_seconds=30, check=False)
    assert asked.returncode == 0, asked.stderr
    flags = re.findall(r"(?<= )(--[\w-]+)", command)
    assert [flag for flag in flags if flag not in asked.stdout] == []
