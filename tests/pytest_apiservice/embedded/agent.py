"""The node of the embedded cluster: takes every pod of the API and runs it as local processes, telling the truth about it.

What a container gets that a local process can have: its command, arguments, environment, volumes at their paths (pytest_apiservice.embedded.pod.root), those of claims too (pytest_apiservice.embedded.node.claims),
ServiceAccount token, probes, hooks, grace period and restarts. What it has not: an image, a user, a network or limits of its own, the cluster's DNS and Service addresses
(instead, HTTPS_PROXY names a proxy that knows Services: pytest_apiservice.embedded.node.egress).
Pods that ask for host features, or for an image that nobody mapped to a local command, are refused with an event (pytest_apiservice.embedded.pod.refusals).
"""

import asyncio
import platform
from pathlib import Path

from pytest_apiservice.embedded.node.client import ApiClient, ApiError, Object, Store
from pytest_apiservice.embedded.node.events import Events, now
from pytest_apiservice.embedded.node.kubelet import KubeletServer
from pytest_apiservice.embedded.node.network import KUBELET_PORT
from pytest_apiservice.embedded.pod.references import NODE_NAME, Node, machine_resource
from pytest_apiservice.embedded.pod.refusals import NODE_LABELS
from pytest_apiservice.embedded.pod.worker import PodWorker
from pytest_apiservice.programs.tools import kubernetes_version

CONFLICT = 409


class NodeAgent:
    """Follows pods, ConfigMaps, Secrets, claims and NetworkPolicies; has one worker per pod."""

    def __init__(self, node: Node, client: ApiClient, policies: Store) -> None:
        self._node = node
        self._client = client
        self._events = Events(client)
        self._policies = policies
        self._pods = Store(client, "/api/v1/pods")
        self._pods.subscribe(self._on_pod)
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._followers: list[asyncio.Task[None]] = []
        self.kubelet = KubeletServer(self._find_log)

    async def start(self) -> None:
        """Register the node and begin to take pods."""
        await asyncio.gather(self._register(), self._node.claims.offer())
        stores = (self._node.config_maps, self._node.secrets, self._node.claims.store, self._policies, self._pods)
        self._followers = [asyncio.create_task(store.run()) for store in stores]

    def broken(self) -> str | None:
        """Return why the agent no longer follows the API; None while it does."""
        for follower in self._followers:
            if follower.done():
                return f"the node agent ended: {follower.exception()!r}"
        return None

    async def stop(self) -> None:
        """End all pods at once, as when a machine is switched off: the API keeps their objects."""
        for task in (*self._followers, *self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._followers, *self._tasks.values(), return_exceptions=True)
        self._events.close()
        await self.kubelet.close()

    def pod_address(self, namespace: str, name: str) -> str | None:
        """Return the loopback address at which the pod's processes listen; None before it has one."""
        addresses = [worker.state.pod_ip for worker in self._named(namespace, name) if worker.state.pod_ip is not None]
        return self._node.network.local_address(addresses[0]) if addresses else None

    def _named(self, namespace: str, name: str) -> list[PodWorker]:
        """Return who runs the pod of that name: two while one ends and the next begins."""
        wanted = {"namespace": namespace, "name": name}
        return [worker for worker in self._workers.values() if wanted.items() <= worker.pod["metadata"].items()]

    def _on_pod(self, kind: str, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if kind == "DELETED":
            if worker is not None:
                worker.vanish()
        elif worker is not None:
            worker.update(pod)
        else:
            self._workers[uid] = worker = PodWorker(self._node, self._events, pod)
            worker.update(pod)
            task = asyncio.create_task(
                worker.run(), name=f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
            )
            self._tasks[uid] = task
            task.add_done_callback(lambda done: self._forget(uid, done))

    def _forget(self, uid: str, task: asyncio.Task[None]) -> None:
        self._workers.pop(uid, None)
        self._tasks.pop(uid, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{task.get_name()} was lost", "exception": error}
            )

    def _find_log(self, namespace: str, name: str, container: str) -> tuple[Path, bool] | None:
        for worker in self._named(namespace, name):
            for candidate in (*worker.state.init, *worker.state.containers):
                if candidate.spec["name"] == container:
                    return candidate.log_folder, candidate.is_running
        return None

    async def _register(self) -> None:
        capacity = {"cpu": str(machine_resource("cpu")), "memory": str(machine_resource("memory")), "pods": "253"}
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "EmbeddedNodeReady",
            "lastTransitionTime": now(),
            "lastHeartbeatTime": now(),
        }
        node: Object = {
            "metadata": {"name": NODE_NAME, "labels": NODE_LABELS},
            "status": {
                "addresses": [{"type": "InternalIP", "address": self._node.network.node_ip}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
                "capacity": capacity,
                "allocatable": capacity,
                "conditions": [ready | {"message": "pods run as local processes"}],
                "nodeInfo": _node_info(),
            },
        }
        try:
            await self._client.request("POST", "/api/v1/nodes", node)
        except ApiError as error:
            if error.code != CONFLICT:
                raise


def _node_info() -> dict[str, str]:
    unknown = dict.fromkeys(("machineID", "systemUUID", "bootID", "kubeProxyVersion"), "")
    return unknown | {
        "kubeletVersion": f"{kubernetes_version()}-embedded",  # kubectl and helm parse it
        "containerRuntimeVersion": "process://",
        "kernelVersion": platform.release(),
        "osImage": platform.platform(),
        "operatingSystem": NODE_LABELS["kubernetes.io/os"],
        "architecture": NODE_LABELS["kubernetes.io/arch"],
    }
