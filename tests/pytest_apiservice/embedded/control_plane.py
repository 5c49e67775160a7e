"""etcd, kube-apiserver and kube-controller-manager as processes of this machine, set up as a real cluster is.

Only the API server listens on a port (loopback, mutual TLS); etcd and the egress proxy use Unix sockets in the cluster's folder.
"""

import asyncio
import os
import socket
import ssl
from pathlib import Path

import aiohttp
import yaml

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.process import LocalProcess
from pytest_apiservice.embedded import arguments
from pytest_apiservice.embedded.credentials import Credentials, write_kubeconfig
from pytest_apiservice.embedded.node.egress import CONFIGURATION as EGRESS_CONFIGURATION
from pytest_apiservice.programs.tools import RARE_COLLECTION, minor_version, tool

READY_TIMEOUT_SECONDS = 120.0  # 2.7 s on an idle machine; kube-apiserver was seen 20 times slower on busy ones
POLL_SECONDS = 0.02
STOP_SECONDS = 5.0
RESTART_GRACE_SECONDS = 1.0  # open watches keep it from ending by itself

# What a Deployment with a Service, a PersistentVolumeClaim, a PodDisruptionBudget, a HorizontalPodAutoscaler and a Job needs, and a ResourceQuota; each further controller costs start time.
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "job-controller",
    "endpointslice-controller",
    "disruption-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "horizontal-pod-autoscaler-controller",
    "persistentvolumeclaim-protection-controller",  # it lets go of claims that no pod uses
    "resourcequota-controller",
)
AUTOSCALER_SECONDS = (
    2  # between two looks at each HorizontalPodAutoscaler; Kubernetes' own 15 are most of what a test of one would take
)
# Until then the aggregator asked for Endpoints (pkg/controllers/status/remote of k8s.io/kube-aggregator).
AGGREGATOR_READS_SLICES_SINCE = (1, 34)


class ControlPlane:
    """The three components, their credentials and their order.

    Attributes:
        port: the API server's port on 127.0.0.1, ours for the cluster's whole life.
        credentials: certificates and the admin kubeconfig.
        components: running, in the order they were started.
    """

    def __init__(self, directory: Path, node_ip: str, port: int | None = None) -> None:
        """Write credentials and configuration into ``directory``, which has to be private to its owner.

        Args:
            port: the API server's; None takes a free one.

        Raises:
            HarnessError: ``port`` is taken.
        """
        self.directory = directory
        self.components: list[LocalProcess] = []
        self._reservation, self.port = _reserve_port(port or 0)
        self.server = f"https://127.0.0.1:{self.port}"
        self.credentials = Credentials(directory / "credentials", node_ip)
        (directory / "egress.yaml").write_text(yaml.safe_dump(EGRESS_CONFIGURATION))
        write_kubeconfig(directory / "kubeconfig", self.server, self.credentials.serving_ca, self.credentials.admin)

    async def start(self) -> None:
        """Start everything; return when the API server is ready and the controller manager runs.

        Raises:
            HarnessError: a component ended or was not ready in time.
        """
        await self._launch("etcd", *arguments.ETCD)
        await self._start_api_server()
        reads_slices = minor_version("kube-apiserver") >= AGGREGATOR_READS_SLICES_SINCE
        controllers = CONTROLLERS if reads_slices else (*CONTROLLERS, "endpoints-controller")
        await self._launch(
            "kube-controller-manager",
            "--kubeconfig=kubeconfig",
            f"--controllers={','.join(controllers)}",
            "--use-service-account-credentials=false",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--leader-elect=false",
            "--secure-port=0",
            f"--horizontal-pod-autoscaler-sync-period={AUTOSCALER_SECONDS}s",
            "--root-ca-file=credentials/serving-ca.crt",
        )

    async def restart_api_server(self) -> None:
        """Stop the API server, start it again at the same port, and wait until it is ready."""
        position = next(i for i, component in enumerate(self.components) if component.name == "kube-apiserver")
        await self.components.pop(position).stop(RESTART_GRACE_SECONDS)
        await self._start_api_server()
        self.components.insert(position, self.components.pop())

    async def stop(self) -> None:
        """Stop in the reverse order of the start."""
        while self.components:
            await self.components.pop().stop(STOP_SECONDS)
        self._reservation.close()

    async def launch(self, name: str, *flags: str, program: Path) -> LocalProcess:
        """Start one more component in the cluster's folder; it ends before those started earlier."""
        try:
            component = await LocalProcess.start(
                name,
                [program, *flags],
                log=self.directory / "logs" / f"{name}.log",
                env={**RARE_COLLECTION, **os.environ},
                cwd=self.directory,
            )
        except OSError as error:
            raise HarnessError(f"cannot start {name} ({program}): {error.strerror}") from error
        self.components.append(component)
        return component

    async def _launch(self, name: str, *flags: str) -> LocalProcess:
        return await self.launch(name, *flags, program=tool(name))

    async def _start_api_server(self) -> None:
        component = await self._launch(
            "kube-apiserver",
            *arguments.of_api_server(self.credentials, self.port),
            "--permit-port-sharing",  # with our reservation
            "--allow-privileged=true",
            "--disable-admission-plugins=TaintNodesByCondition",  # no controller would take its not-ready off the node
            "--enable-aggregator-routing=true",
            "--egress-selector-config-file=egress.yaml",
            "--kubelet-preferred-address-types=InternalIP",
        )
        await self._until_ready(component)

    def dead(self) -> LocalProcess | None:
        """Return a component that ended by itself."""
        return next((component for component in self.components if component.exit_code is not None), None)

    async def _until_ready(self, component: LocalProcess) -> None:
        seen = "no answer"
        trust = ssl.create_default_context(cadata=self.credentials.serving_ca.decode())
        self.credentials.admin_chain(trust)
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS), aiohttp.ClientSession(timeout=timeout) as session:
                while self.dead() is None:
                    try:
                        async with session.get(f"{self.server}/readyz", ssl=trust) as answer:
                            seen = await answer.text()
                            if answer.status == 200:  # noqa: PLR2004
                                return
                    except (aiohttp.ClientError, TimeoutError) as error:
                        seen = str(error)
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise HarnessError(
                f"kube-apiserver was not ready within {READY_TIMEOUT_SECONDS:g} s; last seen: {seen}\n{component.last_lines()}"
            ) from None
        raise HarnessError(death(self.dead() or component))


def death(component: LocalProcess) -> str:
    """Say that a component ended, with what it said last."""
    return f"{component.name} ended with exit code {component.exit_code}; its last lines:\n{component.last_lines()}"


def _reserve_port(port: int) -> tuple[socket.socket, int]:
    """Return a bound socket and its port (0: any free); while it is open, only processes of ours that share ports can bind it."""
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        if port:
            with socket.socket() as alone:  # another cluster's API server would share it with us
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                alone.bind(("127.0.0.1", port))
        reservation.bind(("127.0.0.1", port))
    except OSError as error:
        reservation.close()
        raise HarnessError(f"API_PORT {port} cannot be had ({error.strerror}): choose another, or unset it") from error
    return reservation, int(reservation.getsockname()[1])
