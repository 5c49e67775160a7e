"""KEEP=1 leaves the cluster and says how to use it; without, it is deleted however the tests end."""

import pytest

from harness_unit.nested import run_pytest

CONFTEST = """
from pathlib import Path
from pytest_apiservice.clusters import choose

pytest_plugins = ["pytest_apiservice.plugin"]


class Noted:
    kind, context = "embedded", "noted"
    kubeconfig = Path("/kept/kubeconfig")

    def create(self):
        Path("events").write_text("created ")

    def delete(self):
        with Path("events").open("a") as events:
            events.write("deleted ")


choose.cluster_for = lambda choice: Noted()
"""


@pytest.fixture
def ran(tmp_path):
    """Return a function that runs one test with a cluster that only notes what is done to it: (its notes, output)."""

    def run(outcome, keep):
        (tmp_path / "conftest.py").write_text(CONFTEST)
        (tmp_path / "test_it.py").write_text(f"def test_it(cluster): assert {outcome}\n")
        words = ["-q", "--capture=sys", "--apiservice-diagnostics=never", "--apiservice-cluster=embedded"]
        done = run_pytest(tmp_path, *words, KEEP=keep)
        return (tmp_path / "events").read_text().split(), done.stdout + done.stderr

    return run


@pytest.mark.parametrize("outcome", [True, False])
def test_a_cluster_is_deleted_at_the_end(ran, outcome):
    events, output = ran(outcome, "0")
    assert events == ["created", "deleted"], output


def test_a_kept_cluster_says_how_to_use_it(ran):
    events, output = ran(outcome=True, keep="1")
    assert events == ["created"]
    assert "export KUBECONFIG=/kept/kubeconfig; kubectl --context noted get apiservices" in output
