"""The process that owns one embedded cluster: it starts everything, and ends everything, whatever happens to who asked for it.

    python -m pytest_apiservice.embedded.supervisor --directory DIR [--crds DIR] [--owned] [--api-port PORT] [--one-root]

With ``--owned`` its standard input is a pipe from its owner: end of file (the owner finished, or died in any way) ends the cluster and
removes DIR. Without, it runs until SIGTERM. With ``--one-root`` pods have no file system of their own, even where they could. Everything it starts dies with it. DIR/state.json says how far it is; DIR/control.sock takes requests.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import ssl
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from pytest_apiservice.base.authorities import write_private
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.embedded.agent import NodeAgent
from pytest_apiservice.embedded.cert_manager import create_crds, start_cert_manager, stop_cert_manager
from pytest_apiservice.embedded.control import Requests, serve_control
from pytest_apiservice.embedded.control_plane import ControlPlane, death
from pytest_apiservice.embedded.node.claims import Claims
from pytest_apiservice.embedded.node.client import ApiClient, ApiError, Object, Store
from pytest_apiservice.embedded.node.egress import EgressProxy, ServiceNames
from pytest_apiservice.embedded.node.images import LocalImage
from pytest_apiservice.embedded.node.network import PodNetwork
from pytest_apiservice.embedded.node.policies import NetworkPolicies
from pytest_apiservice.embedded.pod import root as pod_root
from pytest_apiservice.embedded.pod.references import Node

DEATH_POLL_SECONDS = 0.2


class Supervisor:
    """One embedded cluster, running in this process's event loop."""

    def __init__(self, directory: Path, crds: Path | None, api_port: int | None, ended: asyncio.Event) -> None:
        """Reserve addresses and write credentials; call it inside a running event loop.

        Args:
            crds: the folder of cert-manager's CRDs; None for none.
            ended: is set when somebody asks for the end.
        """
        self._ended = ended
        self.directory = directory
        self._crds = crds
        self.network = PodNetwork()
        self.control_plane = ControlPlane(directory, self.network.node_ip, api_port)
        trust = ssl.create_default_context(cadata=self.control_plane.credentials.serving_ca.decode())
        self.control_plane.credentials.admin_chain(trust)
        self.client = ApiClient(self.control_plane.server, trust)
        policies = NetworkPolicies(self.client, self.network.node_ip)
        self.egress = EgressProxy(self.network, ServiceNames(self.client), policies)
        config_maps, secrets = Store(self.client, "/api/v1/configmaps"), Store(self.client, "/api/v1/secrets")
        claims = Claims(self.client, directory / "claims")
        self.node = Node(self.client, self.network, directory, self.control_plane.port, config_maps, secrets, claims)
        self.agent = NodeAgent(self.node, self.client, policies.store)
        self._restarting = False
        # From where we are: the path of a socket has 107 bytes at most (unix(7)), and the folder may be deep.
        self._here = Path(os.path.relpath(directory))

    async def start(self) -> None:
        """Bring the cluster up; what it needs from the network and the disk is there already."""
        self.node.proxy = await self.egress.start(self._here / "egress.sock")
        await self.agent.kubelet.start(
            self.network.kubelet_socket, self.control_plane.credentials.node_server_context()
        )
        _, self._held_back = await asyncio.gather(self.control_plane.start(), create_crds(self.client, self._crds))
        await self.agent.start()
        await serve_control(self._here / "control.sock", self.requests())

    async def stop(self) -> None:
        """End everything: pods first, etcd last."""
        await self.agent.stop()
        await self.client.close()
        await self.control_plane.stop()
        await self.egress.close()

    async def fail_with_component(self) -> None:
        """Raise HarnessError as soon as a component ends by itself."""
        while True:
            dead = self.control_plane.dead()
            cause = death(dead) if dead is not None and not self._restarting else self.agent.broken()
            if cause is not None:
                raise HarnessError(f"the embedded cluster is broken: {cause}")
            await asyncio.sleep(DEATH_POLL_SECONDS)

    def requests(self) -> Requests:
        """Return what can be asked for at the control socket, by name."""
        return {
            "load-image": self._load_image,
            "pod-address": self._pod_address,
            "restart-api-server": self._restart_api_server,
            "publish-front-proxy-ca": lambda _: self.control_plane.credentials.publish_front_proxy_ca(),
            "use-front-proxy-ca": lambda _: self.control_plane.credentials.use_front_proxy_ca(),
            "install-cert-manager": lambda request: start_cert_manager(
                self.control_plane, request["commands"], self._held_back
            ),
            "stop-cert-manager": lambda _: stop_cert_manager(self.control_plane),
            "stop": lambda _: self._ended.set(),
        }

    def _load_image(self, request: Object) -> None:
        self.node.load_image(request["reference"], LocalImage(**request["image"]))

    async def _pod_address(self, request: Object) -> str | None:
        found = self.agent.pod_address(request["namespace"], request["pod"])
        if found is None:  # not yet, or no such pod
            await self.client.request("GET", f"/api/v1/namespaces/{request['namespace']}/pods/{request['pod']}")
        return found

    async def _restart_api_server(self, _: Object) -> None:
        self._restarting = True
        try:
            await self.control_plane.restart_api_server()
        finally:
            self._restarting = False


async def supervise(directory: Path, crds: Path | None, *, owned: bool, api_port: int | None, no_root: str) -> int:
    """Run one cluster to its end and return the exit code: 0 when it was told to end, 1 when a component failed."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    if owned:
        loop.add_reader(sys.stdin.fileno(), ended.set)  # nothing is ever written: readable means end of file
    supervisor: Supervisor | None = None
    try:
        supervisor = Supervisor(directory, crds, api_port, ended)
        supervisor.node.no_root = no_root
        if await _unless(ended, supervisor.start()):
            _write_state(directory, "ready", "")
            await _unless(ended, supervisor.fail_with_component())
    except (HarnessError, ApiError, aiohttp.ClientError, OSError) as error:
        _write_state(directory, "failed", str(error))
        return 1
    finally:
        if supervisor is not None:
            await supervisor.stop()
    return 0


async def _unless(ended: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do ``work``; False when ``ended`` was set first, which cancels it."""
    tasks = [asyncio.create_task(work), asyncio.create_task(ended.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if not ended.is_set():
        await tasks[0]  # raises what it raised
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return not ended.is_set()


def _write_state(directory: Path, phase: str, message: str) -> None:
    write_private(directory / "state.json", json.dumps({"phase": phase, "message": message}).encode())


def main() -> None:
    """Parse the command line, supervise, clean up."""
    parser = argparse.ArgumentParser(description="Run one embedded cluster.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--crds", type=Path)
    parser.add_argument("--owned", action="store_true")
    parser.add_argument("--api-port", type=int)
    parser.add_argument("--one-root", action="store_true")
    given = parser.parse_args()
    os.umask(0o077)
    os.chdir(given.directory)
    no_root = "it was started with --one-root" if given.one_root else pod_root.gain()
    code = asyncio.run(
        supervise(given.directory, given.crds, owned=given.owned, api_port=given.api_port, no_root=no_root)
    )
    if code == 0:  # a failed cluster's logs are its owner's to read and remove
        shutil.rmtree(given.directory, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
