"""From nothing to Available: a cluster, and the chart in it, with the time that each part takes."""

from __future__ import annotations

import functools
import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.cluster import Choice, Cluster
from pytest_apiservice.clusters.choose import cluster_for
from pytest_apiservice.fixtures import image_values
from pytest_apiservice.why.rules import explain_pods

sys.path.append(str(Path(__file__).resolve().parents[2] / "ci"))

from backend_image import build_image

DEADLINE_SECONDS = 180.0

#: The moments of an installation, in their usual order.
MOMENTS = ("objects created", "certificate issued", "container started", "pod ready", "Available")
#: Who makes us wait, from which moment until which.
STAGES = (
    ("helm and API server", "", "objects created"),
    ("certificate", "objects created", "certificate issued"),
    ("pod", "certificate issued", "container started"),
    ("probe", "container started", "pod ready"),
    ("aggregator", "pod ready", "Available"),
)


def loaded_image(cluster: Cluster) -> str:
    """Have the backend's image usable by pods of ``cluster``, built if they need one; return its name."""
    image = cluster.backend_image(build_image)
    cluster.load_image(image)
    return image


def bring_up(kind: str) -> dict[str, float]:
    """Create a cluster of that kind, install the chart, delete both; return seconds from the start to each moment.

    Raises:
        HarnessError: anything of it failed.
    """
    begin = time.monotonic()
    cluster = cluster_for(Choice.read(kind, {}))
    seconds: dict[str, float] = {}
    try:
        cluster.create()
        seconds["cluster ready"] = time.monotonic() - begin
        cluster.install_cert_manager()
        seconds["cert-manager runs"] = time.monotonic() - begin
        image = loaded_image(cluster)
        moments = install(cluster, image)
        installing = moments.pop("began") - begin
        seconds["helm install begins"] = installing
        seconds |= {f"install: {name}": at for name, at in moments.items()}
        seconds["nothing to Available"] = installing + moments["Available"]
    finally:
        cluster.delete()
    return seconds


def stages(moments: Mapping[str, float]) -> dict[str, float]:
    """Return who took how many seconds of an installation, one after another."""
    return {
        stage: moments[until] - (moments[since] if since else 0.0)
        for stage, since, until in STAGES
        if until in moments and (not since or since in moments)
    }


def _no_use(_: Api) -> None:
    return


def install(
    cluster: Cluster,
    image: str,
    values: Mapping[str, object] | None = None,
    use: Callable[[Api], None] = _no_use,
) -> dict[str, float]:
    """Install the chart, wait until it is Available, uninstall; return seconds from `helm install` to each moment.

    "began" is no duration: time.monotonic() at `helm install`.

    Args:
        values: of the chart, besides the image.
        use: called while it is Available.
    """
    with fresh_namespace(cluster, f"bench-{secrets.token_hex(3)}") as namespace, ExitStack() as stack:
        api, helm = Api(cluster), Helm(cluster, namespace, explain=explain_pods)
        clock = _Clock()
        watched: list[tuple[str, Callable[[dict[str, Any]], str | None]]] = [
            (f"/api/v1/namespaces/{namespace}/secrets", _secret),
            (f"/api/v1/namespaces/{namespace}/pods", _pod),
            ("/apis/apiregistration.k8s.io/v1/apiservices", functools.partial(_api_service, api.group)),
        ]
        for path, moment in watched:
            stack.enter_context(_Watch(api, path, moment, clock))
        clock.begin()
        try:
            helm.upgrade({**image_values(image), **cluster.values, **(values or {})})
            clock.wait_for("Available")
            use(api)
            return {"began": clock.began} | {name: clock.moments[name] for name in MOMENTS if name in clock.moments}
        finally:
            helm.uninstall()


class _Clock:
    """Notes when each moment was first seen."""

    def __init__(self) -> None:
        self.moments: dict[str, float] = {}
        self._changed = threading.Condition()
        self.began = time.monotonic()

    def begin(self) -> None:
        self.began = time.monotonic()

    def note(self, name: str) -> None:
        with self._changed:
            self.moments.setdefault(name, time.monotonic() - self.began)
            self._changed.notify_all()

    def wait_for(self, name: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: name in self.moments, DEADLINE_SECONDS):
                raise TimeoutError(f"'{name}' was not seen within {DEADLINE_SECONDS:g} s; seen: {self.moments}")


class _Watch:
    """Watches a collection in a thread, while the block runs."""

    def __init__(self, api: Api, path: str, moment: Callable[[dict[str, Any]], str | None], clock: _Clock) -> None:
        self._session = api.session()
        self._url = f"{api.server}{path}?watch=1&timeoutSeconds={DEADLINE_SECONDS:.0f}"
        self._moment = moment
        self._clock = clock
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        self._open.wait(10)

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def _run(self) -> None:
        try:
            with self._session.get(self._url, stream=True, timeout=(10, DEADLINE_SECONDS)) as answer:
                self._open.set()
                for line in answer.iter_lines(chunk_size=None):
                    event = json.loads(line)
                    name = self._moment(event["object"]) if event["type"] in {"ADDED", "MODIFIED"} else None
                    if name == "container started":
                        self._clock.note("objects created")
                    if name:
                        self._clock.note(name)
        except (requests.RequestException, ValueError, AttributeError):  # closed by the block's end
            return


def _secret(secret: dict[str, Any]) -> str | None:
    issued = secret.get("type") == "kubernetes.io/tls" and secret.get("data", {}).get("tls.crt")
    return "certificate issued" if issued and "header-echo" in secret["metadata"]["name"] else None


def _pod(pod: dict[str, Any]) -> str | None:
    status = pod.get("status", {})
    if any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", [])):
        return "pod ready"
    if any("running" in one.get("state", {}) for one in status.get("containerStatuses", [])):
        return "container started"
    return "objects created"


def _api_service(group: str, service: dict[str, Any]) -> str | None:
    if service["spec"].get("group") != group:
        return None
    conditions = service.get("status", {}).get("conditions", [])
    return "Available" if any(one["type"] == "Available" and one["status"] == "True" for one in conditions) else None
