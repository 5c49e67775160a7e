"""What somebody sees of a failure: in the terminal, in JUnit, in reports/."""

import xml.etree.ElementTree as ET

import pytest

from harness_unit.nested import run_pytest

CONFTEST = """
import pathlib
import pytest
from pytest_apiservice.why import hooks

pytest_plugins = ["pytest_apiservice.plugin"]


def pytest_xdist_auto_num_workers():
    return 1


class Gone:
    kind = "embedded"
    context = "header-echo-embedded"
    kubeconfig = pathlib.Path("no-such-kubeconfig")

    def collectors(self, namespaces):
        return ()


@pytest.fixture(scope="session")
def cluster(pytestconfig):
    with pathlib.Path("clusters").open("a") as made:
        made.write("one ")
    pytestconfig.stash[hooks.CLUSTER] = Gone()


@pytest.fixture
def broken_cleanup(cluster):
    yield
    raise ValueError("cleanup broke")


@pytest.fixture(scope="session")
def broken_setup(cluster):
    raise ValueError("setup broke")
"""
TESTS = """
def test_good(cluster): pass
def test_bad(cluster): assert 1 == 2, "Authorization: Bearer planted-0123456789"
def test_cleanup(broken_cleanup): pass
def test_setup_a(broken_setup): pass
def test_setup_b(broken_setup): pass
def test_elsewhere(): assert 3 == 4
"""
SUIT_THE_CLUSTER = ("-o", "apiservice_xdist=true")
CAUSE = "the embedded cluster cannot be asked: "


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return a function that runs the tests above in a pytest of their own and yields (folder, output)."""

    def run(*arguments, **variables):
        folder = tmp_path_factory.mktemp("run")
        (folder / "conftest.py").write_text(CONFTEST)
        (folder / "test_it.py").write_text(TESTS)
        (folder / "reports/diagnostics/embedded/of-an-earlier-run").mkdir(parents=True)
        ended = run_pytest(folder, "-p", "xdist.plugin", "--junitxml=junit.xml", *arguments, **variables)
        return folder, ended.stdout + ended.stderr

    return run


@pytest.fixture(scope="module")
def default(ran):
    """Return (folder, output) of a run without options."""
    return ran()


def in_junit(folder):
    """Return (outcome, properties) of each test case in JUnit, by name."""
    found = {}
    for case in ET.parse(folder / "junit.xml").iter("testcase"):  # noqa: S314 - we wrote it
        name = case.get("name")
        outcome, properties = found.setdefault(name, (set(), {}))
        outcome |= {child.tag for child in case} & {"failure", "error", "skipped"}
        properties |= {p.get("name"): p.get("value") for p in case.iter("property")}
    return found


@pytest.fixture(scope="module")
def cases(default):
    """Return the properties of each test case in JUnit, by name."""
    return {name: properties for name, (_, properties) in in_junit(default[0]).items()}


def test_the_report_of_a_failed_test_opens_with_the_cause(default):
    _, output = default
    section = output.split(" why ")[1].splitlines()[1]
    assert section.startswith(CAUSE), output


@pytest.mark.parametrize("name", ["test_bad", "test_cleanup", "test_setup_a", "test_setup_b"])
def test_junit_has_the_cause_and_the_folder_of_each_failed_phase(cases, name):
    assert cases[name]["cause"].startswith(CAUSE)
    assert cases[name]["diagnostics"].startswith("reports/diagnostics/embedded/test_it-test_")


def test_a_passed_test_and_one_without_cluster_have_no_cause(cases):
    assert cases["test_good"] == {}
    assert cases["test_elsewhere"] == {}


def test_there_is_one_folder_for_each_failure_and_one_for_a_setup_that_failed_twice(default):
    folders = sorted(p.name for p in (default[0] / "reports/diagnostics/embedded").iterdir())
    assert folders == ["test_it-test_bad-call", "test_it-test_cleanup-teardown", "test_it-test_setup_a-setup"]


@pytest.fixture(scope="module")
def never_and_auto(ran):
    """Return (folder, output) of a run that writes no diagnostics, and has -n auto on a kind of cluster that workers would share."""
    return ran("--apiservice-diagnostics=never", *SUIT_THE_CLUSTER, "-nauto", "--apiservice-cluster=kind")


@pytest.fixture(scope="module")
def always_and_auto(ran):
    """Return (folder, output) of a run of a passed test that writes diagnostics, and has -n auto without our setting."""
    return ran("--apiservice-diagnostics=always", "-nauto", "--apiservice-cluster=kind", "-k", "good")


def test_never_writes_nothing(never_and_auto):
    folder, output = never_and_auto
    assert "cleanup broke" in output
    assert not (folder / "reports/diagnostics/embedded").exists()
    assert " why " not in output


def test_always_writes_a_folder_for_a_passed_test_too(always_and_auto):
    folder, _ = always_and_auto
    assert (folder / "reports/diagnostics/embedded/test_it-test_good-call/index.txt").exists()


def test_a_token_in_a_tests_own_words_does_not_reach_the_html(default):
    text = (default[0] / "reports/run-embedded.html").read_text()
    assert "Authorization: Bearer [redacted]" in text
    assert "planted-0123456789" not in text


@pytest.fixture(scope="module")
def parallel(ran):
    """Return (folder, output) of a run with two workers."""
    return ran(*SUIT_THE_CLUSTER, "-n2")


def test_under_xdist_the_cause_and_the_report_come_from_the_worker(parallel):
    folder, output = parallel
    assert CAUSE in output
    assert "cleanup broke" in (folder / "reports/run-embedded.html").read_text()


def test_under_xdist_the_results_are_the_same_and_there_is_one_cluster(default, parallel):
    outcomes = [
        {name: outcome for name, (outcome, _) in in_junit(folder).items()} for folder in (default[0], parallel[0])
    ]
    assert outcomes[0] == outcomes[1]
    assert (parallel[0] / "clusters").read_text() == "one "


def test_workers_with_clusters_of_their_own_report_as_one_run(default, ran):
    folder, output = ran(*SUIT_THE_CLUSTER, "-n2", "--apiservice-cluster=embedded")
    assert (folder / "clusters").read_text() == "one one "
    assert {name: outcome for name, (outcome, _) in in_junit(folder).items()} == {
        name: outcome for name, (outcome, _) in in_junit(default[0]).items()
    }, output
    dumps = {path.name for path in (folder / "reports/diagnostics/embedded").iterdir()}
    assert {"test_it-test_bad-call", "test_it-test_cleanup-teardown"} <= dumps
    assert "of-an-earlier-run" not in dumps


def test_n_auto_makes_no_workers_where_they_would_share_one_cluster(never_and_auto):
    folder, output = never_and_auto
    assert in_junit(folder)["test_good"] == (set(), {}), output
    assert "worker" not in output


def test_n_auto_refuses_a_wrong_cluster_in_one_line(ran):
    _, output = ran(*SUIT_THE_CLUSTER, "-nauto", CLUSTER="minikube")
    assert output.strip().splitlines() == [
        "ERROR: CLUSTER is 'minikube' and must be one of kind, embedded, existing: try CLUSTER=embedded"
    ]


def test_without_the_setting_workers_are_as_many_as_without_the_plugin(always_and_auto):
    """Which is one, by the conftest.py."""
    folder, output = always_and_auto
    assert "1 passed" in output
    assert "1 worker" in output
    assert (folder / "reports/run-embedded.html").exists(), "what the workers tell is reported all the same"
