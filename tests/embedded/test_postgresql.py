"""examples/cats.py with PostgreSQL, by the chart's `store.mode: postgresql`: two pods have the same objects, and say when the database is away."""

import json

import pytest

from e2e.pets import Cats, cat
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.namespaces import fresh_namespace
from unit.store.server import Server, programs

pytestmark = pytest.mark.only_on(
    "embedded", reason="its pods reach the test's database, which is a process of this machine"
)

PASSWORD = "hush-hush"
VALUES = {"replicas": 2, "store.mode": "postgresql", "store.urlSecret.name": "cats-database"}


@pytest.fixture(scope="module")
def database():
    """Yield a PostgreSQL of the test's own."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = Server(found)
    yield server
    server.close()


@pytest.fixture(scope="module")
def cats(database, cluster, cert_manager, base_values, run_id):
    """Yield the release, whose Secret has the database's URL."""
    with fresh_namespace(cluster, f"header-echo-{run_id}-database") as namespace:
        made = Cats(cluster, namespace)
        url = database.url.replace("cats@", f"cats:{PASSWORD}@")  # which it does not ask for
        made.kubectl("create", "secret", "generic", "cats-database", f"--from-literal=url={url}")
        made.install({**base_values, **VALUES})
        yield made
        made.helm.uninstall()


def ready_pods(kubectl):
    """Return how many pods are in service."""
    deployment = kubectl.get("deployment", "header-echo")
    return deployment["status"].get("readyReplicas", 0)


def until_ready(kubectl, wanted):
    """Wait until so many pods are in service."""

    def counted():
        if (seen := ready_pods(kubectl)) != wanted:
            raise NotYet(f"{seen} pods are ready")

    wait_for(f"{wanted} pods to be ready", counted, timeout_seconds=120)


def test_what_one_pod_has_written_the_other_has(cats):
    """Whichever is asked: each in its turn is alone in service."""
    cats.kubectl("create", "-f", "-", input=cat("shared"))
    before = cats.get("shared")
    for pod in cats.kubectl.get("pods", "-l", "app.kubernetes.io/name=header-echo")["items"]:
        cats.kubectl("delete", "pod", pod["metadata"]["name"], "--wait")
        assert cats.get("shared") == before
    until_ready(cats.kubectl, 2)


def test_while_the_database_is_away_no_pod_is_ready_and_nothing_is_said_to_be_gone(cats, database):
    """503 and never an empty list, after which a controller would delete what it believes to be gone."""
    cats.kubectl("apply", "-f", "-", input=cat("there"))
    before, path = cats.get("there"), f"{cats.api.path}/cats"
    answers = []

    def noted():
        answer = cats.api.get(path)
        answers.append((answer.status_code, len(answer.json().get("items", [])) if answer.ok else 0))

    database.kill()

    def away():
        noted()
        if seen := ready_pods(cats.kubectl):
            raise NotYet(f"{seen} pods are ready")

    wait_for("no pod to be ready", away, timeout_seconds=120)
    database.start()

    def back():
        noted()
        if answers[-1][0] != 200:
            raise NotYet(f"the last answers were {answers[-5:]}")

    wait_for("the objects to be listed again", back, timeout_seconds=120)
    until_ready(cats.kubectl, 2)
    assert {code for code, _ in answers} == {200, 503}, answers
    assert all(count for code, count in answers if code == 200), f"an empty list: {answers}"
    assert cats.get("there") == before


def test_neither_log_nor_pods_show_the_password(cats):
    """After the database was away, too, which is when its client has most to say."""
    logs = cats.kubectl("logs", "-l", "app.kubernetes.io/name=header-echo", "--tail=-1").stdout

    assert "store" in logs, "the log says nothing of the database"
    assert PASSWORD not in logs + json.dumps(cats.kubectl.get("pods"))
