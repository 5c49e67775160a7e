"""What `make interop` promises: every minor from the oldest to the newest, one line a part, and a failure that isn't lost."""

import ast
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

import conformance
import interop
import parts
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.programs import tools

ROOT = Path(__file__).resolve().parents[2]
CHART = yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text())


def names(several):
    return [part.name for part in several]


@pytest.fixture
def part(monkeypatch, tmp_path):
    """Return a function (Python source, report) → a part that runs it, and has written the report before."""
    monkeypatch.setattr(parts, "REPORTS", tmp_path)

    def make(source, report=None):
        made = parts.Part("it", [sys.executable, "-c", source])
        if report is not None:
            source = f"import pathlib; pathlib.Path({str(made.report)!r}).write_text({report!r}); {source}"
        return parts.Part("it", [sys.executable, "-c", source])

    return make


def test_every_minor_from_the_oldest_that_the_chart_admits_is_a_part():
    oldest = int(re.search(r">=1\.(\d+)\.", CHART["kubeVersion"])[1])
    newest = int(tools.kubernetes_version().split(".")[1])
    wanted = [f"kubernetes-1.{minor}" for minor in range(oldest, newest + 1)]
    assert [name for name in names(parts.every()) if name.startswith("kubernetes")] == wanted


def test_the_oldest_cert_manager_that_the_chart_admits_is_a_part():
    oldest = re.search(r"cert-manager.*\| (1\.\d+) or later", (ROOT / "chart" / "README.md").read_text())[1]
    assert f"cert-manager-{oldest}" in names(parts.every())


def test_old_programs_are_pinned_to_their_minor(monkeypatch):
    for name, program in parts.programs().items():
        monkeypatch.setitem(tools.PROGRAMS, name, program)
        assert tools.pinned_version(name).startswith(f"v{name.rpartition('-')[2]}.")


def test_upstreams_tests_are_those_of_the_kubernetes_we_build_with(monkeypatch):
    for name, program in conformance.E2E.items():
        monkeypatch.setitem(tools.PROGRAMS, name, program)
        assert tools.pinned_version(name) == tools.kubernetes_version()


def test_each_folder_of_tests_is_run_by_make_or_by_a_part():
    ran = (ROOT / "Makefile").read_text() + " ".join(str(word) for part in parts.every() for word in part.command)
    folders = {f"tests/{path.parent.name}" for path in (ROOT / "tests").glob("*/test_*.py")}
    assert [folder for folder in sorted(folders) if not re.search(rf"{folder}\b", ran)] == []


def test_what_make_test_leaves_out_is_run_by_a_part():
    folders = {
        path.parent.relative_to(ROOT)
        for path in (ROOT / "tests").rglob("test_*.py")
        if "mark.interop" in path.read_text()
    } - {Path("tests/docs")}
    ran = {str(word) for part in parts.every() if {"interop", ""} & set(part.command) for word in part.command}
    assert folders
    assert [str(folder) for folder in sorted(folders) if str(folder) not in ran] == []


def test_what_kind_is_spared_runs_on_processes():
    """Else `make test` would run it nowhere."""
    marked = [
        (f"{path.name}::{node.name}", [ast.unparse(decorator) for decorator in node.decorator_list])
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    spared = {name: marks for name, marks in marked if any("same_on_processes" in one for one in marks)}
    nowhere = [
        name for name, marks in spared.items() if any("only_on" in one and "embedded" not in one for one in marks)
    ]
    assert spared
    assert nowhere == []


def test_parts_are_chosen_by_how_their_names_begin():
    chosen = names(parts.chosen("cert-manager,kubernetes-1.3", parts.every()))
    assert (chosen[0], chosen[-1]) == ("kubernetes-1.30", "cert-manager-1.19")


def test_an_unknown_part_is_named_with_the_known_ones():
    with pytest.raises(
        HarnessError, match=r"PARTS names chart, and there are kubernetes-1\.30, .*: correct or unset it"
    ):
        parts.chosen("chart", parts.every())


def test_a_part_counts_its_tests_and_names_those_that_failed(part):
    report = (
        "<testsuite><testcase name='good'/><testcase name='left'><skipped/></testcase>"
        "<testcase name='bad'><failure message='no pod&#10;and more'/></testcase></testsuite>"
    )
    result = interop.run(part("raise SystemExit(1)", report))
    assert (result.passed, result.skipped, result.failures) == (1, 1, ["bad: no pod"])


def test_what_a_part_is_about_reaches_its_command(part):
    program = "import os; print(os.environ['APISERVICE_ETCD'], repr(os.environ['KEEP'])); raise SystemExit(1)"
    about = parts.Part("it", part(program).command, lambda: {"APISERVICE_ETCD": "/old/etcd"})
    assert interop.run(about).failures[0].endswith("/old/etcd ''")


def test_a_part_that_fails_without_a_failed_test_shows_its_last_words(part):
    [failure] = interop.run(part("print('no cluster'); raise SystemExit(3)")).failures
    assert failure == "it ended with exit code 3, and said last:\n    no cluster"


def test_a_part_whose_command_is_not_there_fails_and_the_others_go_on(part):
    [failure] = interop.run(parts.Part("it", ["/no/such/program"])).failures
    assert "/no/such/program" in failure


def test_a_report_of_an_earlier_run_does_not_count(part, tmp_path):
    (tmp_path / "interop-it.xml").write_text("<testsuite><testcase name='old'/></testsuite>")
    assert interop.run(part("pass")).passed == 0


def test_what_was_found_out_about_a_failure_is_kept_from_the_next_part(part, tmp_path):
    (tmp_path / "diagnostics" / "embedded" / "test_x-call").mkdir(parents=True)
    interop.run(part("raise SystemExit(1)"))
    assert [path.name for path in (tmp_path / "diagnostics" / "interop-it").iterdir()] == ["test_x-call"]


def test_a_failure_is_in_the_line_and_in_the_report_of_all_parts(tmp_path):
    good, bad = interop.Result("a", 2.4, passed=7, skipped=1), interop.Result("b", 3, failures=["x: y"])
    interop.write([good, bad], tmp_path / "all.xml")
    assert [str(good).split(), str(bad).split()] == [
        ["ok", "a", "7", "passed", "1", "skipped", "2", "s"],
        ["FAILED", "b", "3", "s"],
    ]
    suite = ET.parse(tmp_path / "all.xml").getroot()  # noqa: S314 - we wrote it
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert suite.find("testcase[@name='b']/failure").text == "x: y"


def test_the_report_of_upstreams_tests_keeps_those_that_ran_and_says_why_others_did_not(tmp_path):
    suite = (
        "<testsuites><testsuite name='Kubernetes e2e suite'>"
        "<testcase name='[It] [sig-api-machinery] Watchers should x [Conformance]'/>"
        "<testcase name='[It] [sig-api-machinery] ResourceQuota should y [Conformance]'><skipped message='skipped'/></testcase>"
        "<testcase name='[It] [sig-node] Pods should z [Conformance]'><skipped message='skipped'/></testcase>"
        "<testcase name='[ReportBeforeSuite]'/>"
        "<testcase name='[SynchronizedBeforeSuite]'><failure>no node</failure></testcase>"
        "</testsuite></testsuites>"
    )
    (tmp_path / "all.xml").write_text(suite)
    conformance.shorten(tmp_path / "all.xml", tmp_path / "short.xml")
    result = interop.Result("conformance")
    interop.read(tmp_path / "short.xml", result)
    assert (result.passed, result.skipped) == (1, 1)
    assert result.failures == ["[SynchronizedBeforeSuite]: no node"]
    assert conformance.NOT_HERE["ResourceQuota"] in (tmp_path / "short.xml").read_text()
