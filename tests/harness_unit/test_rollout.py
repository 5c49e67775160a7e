"""Waiting for a release's pods ends when they are ready, or with the cause."""

from contextlib import nullcontext

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.client.rollout import wait_for_rollout


def deployment(generation=1, replicas=2, **status):
    return {
        "metadata": {"name": "backend", "generation": generation},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 1, "updatedReplicas": 2, **status},
    }


def pod(restarts):
    status = {"name": "backend", "ready": False, "restartCount": restarts}
    return {"metadata": {"name": f"pod-{restarts}"}, "status": {"containerStatuses": [status]}}


class Cluster:
    """Answers lists of Deployments and pods, the next ones at each call; the last ones for ever."""

    def __init__(self, deployments, pods=((),)):
        self._answers = {"deployments": list(deployments), "pods": list(pods)}

    def session(self):
        """Return what the lists are to be asked by."""
        return nullcontext("the kept one")

    def send(self, method, path, *, session):
        """Return the next answer."""
        assert (method, session) == ("GET", "the kept one")
        assert path.endswith("?labelSelector=app.kubernetes.io/instance=ours")
        answers = self._answers[path.partition("?")[0].rpartition("/")[2]]
        return {"items": answers.pop(0) if len(answers) > 1 else answers[0]}


@pytest.mark.parametrize(
    ("unfinished", "words"),
    [
        (deployment(generation=2), "Deployment backend was not looked at yet"),
        (deployment(replicas=3), "wants 3 pods, 2 are of its latest template, 0 of all are not available"),
        (deployment(unavailableReplicas=1), "wants 2 pods, 2 are of its latest template, 1 of all are not available"),
    ],
)
def test_what_is_waited_for_and_what_explains_it_are_told_at_the_deadline(unfinished, words):
    with pytest.raises(HarnessError, match=f"(?s)pods of release here/ours: not within 0 s.*{words}\nthe image cannot"):
        wait_for_rollout(
            Cluster([[unfinished]]), "here", "ours", timeout_seconds=0, explain=lambda *_: ["the image cannot be had"]
        )


def test_the_wait_ends_when_all_pods_are_of_the_latest_template_and_ready():
    wait_for_rollout(Cluster([[deployment(unavailableReplicas=1)], [deployment()]]), "here", "ours")


def test_a_release_without_pods_is_not_waited_for():
    wait_for_rollout(Cluster([[]]), "here", "ours", timeout_seconds=0)


def test_a_container_that_crashes_twice_ends_the_wait():
    cluster = Cluster([[deployment(unavailableReplicas=1)]], [[], [pod(1)], [pod(2)]])
    with pytest.raises(HarnessError, match="will not come, container backend of pod pod-2 crashed 2 times"):
        wait_for_rollout(cluster, "here", "ours")


def test_a_container_that_had_crashed_before_does_not_end_the_wait():
    wait_for_rollout(Cluster([[deployment(unavailableReplicas=1)], [deployment()]], [[pod(5)]]), "here", "ours")
