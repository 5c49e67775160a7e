"""Wait for the pods of a release, as `helm --wait` does, but with the cause when they do not come.

helm looks every two seconds, and says no more than "context deadline exceeded" in the end.
"""

from collections.abc import Callable, Sequence
from typing import Any

import requests

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api

CRASHES = 2  # more than bad luck, such as a dependency that starts at the same time
Object = dict[str, Any]
#: Returns lines on why the pods in a namespace do not come, as pytest_apiservice.why.rules does.
Explain = Callable[[Api, str], Sequence[str]]


def unexplained(_api: Api, _namespace: str) -> Sequence[str]:
    """Have no explanation."""
    return ()


def wait_for_rollout(
    api: Api, namespace: str, release: str, timeout_seconds: float = 120, explain: Explain = unexplained
) -> None:
    """Wait until each Deployment of the release has all its pods ready, of its latest template.

    Raises:
        HarnessError: not within ``timeout_seconds``, or a container crashes again and again; with the words of ``explain``.
    """
    with api.session() as session:
        rollout = _Rollout(api, session, namespace, release)
        try:
            wait_for(
                f"the pods of release {namespace}/{release}",
                rollout.ended,
                timeout_seconds=timeout_seconds,
                max_interval_seconds=0.3,
                died=rollout.crashing,
            )
        except HarnessError as error:
            raise HarnessError("\n".join([str(error), *explain(api, namespace)])) from None


class _Rollout:
    def __init__(self, api: Api, session: requests.Session, namespace: str, release: str) -> None:
        self._api, self._session, self._namespace = api, session, namespace
        self._query = f"?labelSelector=app.kubernetes.io/instance={release}"
        self._known = self._crashed()

    def ended(self) -> None:
        """Return once there is nothing to wait for."""
        waiting = [words for one in self._list("/apis/apps/v1", "deployments") if (words := _unfinished(one))]
        if waiting:
            raise NotYet("; ".join(waiting))

    def crashing(self) -> str | None:
        """Say which container has crashed again and again, of those that had not when the waiting began."""
        fresh = self._crashed() - self._known
        return f"{' and '.join(sorted(fresh))} crashed {CRASHES} times" if fresh else None

    def _crashed(self) -> set[str]:
        return {
            f"container {status['name']} of pod {pod['metadata']['name']}"
            for pod in self._list("/api/v1", "pods")
            for status in pod["status"].get("containerStatuses", [])
            if not status["ready"] and status["restartCount"] >= CRASHES
        }

    def _list(self, api_path: str, plural: str) -> list[Object]:
        path = f"{api_path}/namespaces/{self._namespace}/{plural}{self._query}"
        items: list[Object] = self._api.send("GET", path, session=self._session)["items"]
        return items


def _unfinished(deployment: Object) -> str | None:
    """Say what a Deployment still waits for (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment)."""
    name, wanted, status = deployment["metadata"]["name"], deployment["spec"]["replicas"], deployment["status"]
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return f"Deployment {name} was not looked at yet"
    updated, unavailable = status.get("updatedReplicas", 0), status.get("unavailableReplicas", 0)
    if updated < wanted or unavailable:
        return f"Deployment {name} wants {wanted} pods, {updated} are of its latest template, {unavailable} of all are not available"
    return None
