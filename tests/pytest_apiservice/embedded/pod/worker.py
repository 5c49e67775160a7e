"""The life of one pod: bound, its volumes filled, its containers run, its status told, in the end taken away."""

import asyncio
import shutil
from functools import partial
from typing import Any

import aiohttp

from pytest_apiservice.embedded.node.client import MERGE_PATCH, ApiError, Object
from pytest_apiservice.embedded.node.events import Events
from pytest_apiservice.embedded.pod.container import Container
from pytest_apiservice.embedded.pod.launch import Launcher
from pytest_apiservice.embedded.pod.probes import Notify
from pytest_apiservice.embedded.pod.references import NODE_NAME, Missing, Node
from pytest_apiservice.embedded.pod.refusals import refusals, unseen_paths
from pytest_apiservice.embedded.pod.status import PodState, pod_status
from pytest_apiservice.embedded.pod.volumes import PodVolumes

RETRY_SECONDS = 0.1
GONE = (404, 409)  # the pod, or the pod of this uid, is no more


class PodWorker:
    """Runs one pod until its object is deleted."""

    def __init__(self, node: Node, events: Events, pod: Object) -> None:
        """Take the pod as the watch first showed it."""
        self.pod = pod
        self.state = PodState(node_ip=node.network.node_ip)
        self._node, self._events = node, events
        metadata = pod["metadata"]
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self._directory = node.directory / "pods" / metadata["uid"]
        self._ending = asyncio.Event()
        self._dirty = asyncio.Event()
        self._published: Object = {}

    def update(self, pod: Object) -> None:
        """Take a newer version of the object; a deletion timestamp begins the end."""
        self.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._ending.set()

    def vanish(self) -> None:
        """The object is gone from the API."""
        self.pod["metadata"].setdefault("deletionGracePeriodSeconds", 0)
        self._ending.set()

    async def run(self) -> None:
        """Live until the object is deleted; leave no process and no folder."""
        life = asyncio.create_task(self._live())
        publisher = asyncio.create_task(self._publish_changes())
        ending = asyncio.create_task(self._ending.wait())
        tasks: list[asyncio.Task[Any]] = [life, publisher, ending]
        try:
            limit = self.pod["spec"].get("activeDeadlineSeconds")
            done, _ = await asyncio.wait([life, ending], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self.state.failure = "DeadlineExceeded", f"Pod was active on the node longer than {limit} seconds"
                self._dirty.set()
                await self._end(self.pod["spec"].get("terminationGracePeriodSeconds", 30))
            elif life.done() and (error := life.exception()) is not None:
                self._give_up(error)
            await ending  # a pod that completed waits for its deletion
            await self._end(self.pod["metadata"].get("deletionGracePeriodSeconds", 0))
            if self.state.containers:
                await asyncio.wait([life])  # its containers tell how they ended
            publisher.cancel()
            await self._publish()
            await self._delete()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end(0)
            if self.state.pod_ip is not None:
                self._node.network.release(self.state.pod_ip)
            shutil.rmtree(self._directory, ignore_errors=True)

    def _give_up(self, error: BaseException) -> None:
        message = f"the node agent failed: {type(error).__name__}: {error}"
        self.state.waiting = "NodeAgentError", message
        self._events.emit(self.pod, "Warning", "NodeAgentError", message)
        self._dirty.set()

    async def _end(self, grace_seconds: float) -> None:
        running = [c for c in (*self.state.init, *self.state.containers) if c.is_running]
        for container in running:
            self._events.emit(self.pod, "Normal", "Killing", f"Stopping container {container.spec['name']}")
        await asyncio.gather(*(c.stop(grace_seconds) for c in (*self.state.init, *self.state.containers)))

    async def _live(self) -> None:
        await self._bind()
        while found := refusals(self.pod, self._node.images):
            loaded = self._node.image_loaded
            self.state.waiting = found[0][0], "; ".join(message for _, message in found)
            self._dirty.set()
            for reason, message in found:
                self._events.emit(self.pod, "Warning", reason, message)
            await loaded.wait()
        for message in unseen_paths(self.pod, self._node.no_root) if self._node.no_root else ():
            self._events.emit(self.pod, "Warning", "MountPathNotGiven", message)
        self.state.pod_ip = self._node.network.allocate()
        volumes = PodVolumes(self._node, self.pod, self._directory / "volumes")
        await self._fill(volumes)
        local_ip = self._node.network.local_address(self.state.pod_ip)
        self.state.waiting = None
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(volumes.keep_current())
            await self._run_containers(volumes, local_ip)
            keeper.cancel()

    async def _fill(self, volumes: PodVolumes) -> None:
        told = ""
        while True:
            try:
                return await volumes.first_write()
            except Missing as missing:
                if str(missing) != told:
                    told = str(missing)
                    self._events.emit(self.pod, "Warning", "FailedMount", told)

    async def _run_containers(self, volumes: PodVolumes, local_ip: str) -> None:
        spec, policy = self.pod["spec"], self.pod["spec"].get("restartPolicy", "Always")
        self.state.init = [self._container(c, volumes, local_ip) for c in spec.get("initContainers") or []]
        self.state.containers = [self._container(c, volumes, local_ip) for c in spec["containers"]]
        for container in self.state.init:
            await container.run("Never" if policy == "Never" else "OnFailure")
            if container.exit_code != 0:
                return
        await asyncio.gather(*(container.run(policy) for container in self.state.containers))

    def _container(self, spec: Object, volumes: PodVolumes, local_ip: str) -> Container:
        directory = self._directory / "containers" / spec["name"]
        directory.mkdir(parents=True)
        launcher = Launcher(self._node, self.pod, spec, directory, volumes.folders, local_ip)
        return Container(
            self._node, self.pod, spec, launcher, Notify(self._dirty.set, partial(self._events.emit, self.pod))
        )

    async def _bind(self) -> None:
        if self.pod["spec"].get("nodeName"):
            return
        metadata = self.pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME}
        body: Object = {"metadata": {"name": metadata["name"], "uid": metadata["uid"]}, "target": target}
        await self._request("POST", f"{self._path}/binding", body)
        self._events.emit(self.pod, "Normal", "Scheduled", f"Successfully assigned {metadata['name']} to {NODE_NAME}")

    async def _publish_changes(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._publish()

    async def _publish(self) -> None:
        status = pod_status(self.pod, self.state)
        if status != self._published:
            metadata = {"uid": self.pod["metadata"]["uid"]}
            await self._request("PATCH", f"{self._path}/status", {"metadata": metadata, "status": status}, MERGE_PATCH)
            self._published = status

    async def _delete(self) -> None:
        preconditions = {"uid": self.pod["metadata"]["uid"]}
        await self._request("DELETE", self._path, {"gracePeriodSeconds": 0, "preconditions": preconditions})

    async def _request(self, method: str, path: str, body: Object, content_type: str = "application/json") -> None:
        """Send a request until it is answered; a pod that is gone needs none."""
        while True:
            try:
                await self._node.client.request(method, path, body, content_type)
            except ApiError as error:
                if error.code not in GONE:
                    raise
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            return
