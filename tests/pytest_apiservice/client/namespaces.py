"""Namespaces of tests, labelled so that they are found again."""

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.cluster import Cluster

PART_OF, OURS = "app.kubernetes.io/part-of", "header-echo-tests"
OF_TESTS = f"{PART_OF}={OURS}"
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"


@contextmanager
def fresh_namespace(cluster: Cluster, name: str, *, keep: bool = False, emptied: bool = False) -> Iterator[str]:
    """Make a labelled namespace under Pod Security "restricted"; at the end delete it without waiting, unless kept.

    One of that name that is still being deleted is waited for.

    Args:
        emptied: the caller removes what runs in it, so that a cluster that is not kept need not spend a fifth of a second of
            processor time on deleting it; there it only loses its label, as nobody tests in it any more.
    """
    api = Api(cluster)
    path = f"/api/v1/namespaces/{name}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted", PART_OF: OURS}
    wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}

    def living() -> None:
        made = api.send("PATCH", f"{path}?fieldManager={OURS}&force=true", wanted, APPLY)
        if made["status"]["phase"] == "Terminating":
            raise NotYet(str(made["status"].get("conditions")))

    def account() -> None:
        answer = api.get(f"{path}/serviceaccounts/default")
        if not answer.ok:
            raise NotYet(answer.text.strip())

    wait_for(f"an earlier namespace {name} to go", living, timeout_seconds=120)
    try:
        wait_for(f"ServiceAccount {name}/default", account, timeout_seconds=60, interval_seconds=0.02)
        yield name
    finally:
        if emptied and not cluster.keep:
            api.send("PATCH", path, {"metadata": {"labels": {PART_OF: None}}}, MERGE, missing_ok=True)
        elif not keep:
            api.send("DELETE", path, missing_ok=True)
