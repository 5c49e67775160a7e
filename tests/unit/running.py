"""Runs a backend as a pod would: certificates, a ServiceAccount, an environment, and kube-apiserver to talk to."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from extension_apiserver import Api, Resource, Settings, serve
from extension_apiserver.apps.wsgi import WsgiApp
from extension_apiserver.gateway.config import GatewayConfig
from extension_apiserver.gateway.gateway import Gateway
from extension_apiserver.host import host
from extension_apiserver.metrics_api.declared import Metric
from extension_apiserver.metrics_mux.config import MuxConfig
from extension_apiserver.metrics_mux.mux import Mux
from header_echo.app import create_app
from header_echo.echoes import ECHOES
from unit.background import Background
from unit.fake_aggregator import Aggregator
from unit.fake_apiserver import TOKEN, FakeApiServer
from unit.pki import DNS_NAME, Authority, Pair

GROUP = "cats.example.com"
BASE = f"/apis/{GROUP}/v1"


class Pki:
    """One cluster's authorities and the certificates that everybody uses."""

    def __init__(self) -> None:
        self.front_proxy = Authority("front-proxy-ca")
        self.clients = Authority("kubernetes")
        self.serving = Authority("header-echo-ca", key_identifiers=True)
        self.apiserver = Authority("apiserver-ca")
        self.proxy = self.front_proxy.client("front-proxy-client")

    def config_map(self, **changes: str | None) -> dict[str, str]:
        """Return `data` as kubeadm publishes it; underscores in names of changes stand for dashes, None removes a key."""
        data: dict[str, str | None] = {
            "client-ca-file": self.clients.pem,
            "requestheader-client-ca-file": self.front_proxy.pem,
            "requestheader-allowed-names": '["front-proxy-client"]',
            "requestheader-username-headers": '["X-Remote-User"]',
            "requestheader-group-headers": '["X-Remote-Group"]',
            "requestheader-uid-headers": '["X-Remote-Uid"]',
            "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
        }
        data |= {key.replace("_", "-"): value for key, value in changes.items()}
        return {key: value for key, value in data.items() if value is not None}


@dataclasses.dataclass
class Backend:
    """A running backend and what it runs in.

    Attributes:
        port: on 127.0.0.1.
        directory: holds `tls/` and `serviceaccount/`.

    """

    pki: Pki
    apiserver: FakeApiServer
    directory: Path
    port: int = 0
    stop: Callable[[], None] = lambda: None
    aggregators: list[Aggregator] = dataclasses.field(default_factory=list)

    def environ(self, **variables: str) -> dict[str, str]:
        """Return the environment of the backend."""
        return {
            "EXTENSION_APISERVER_BIND_ADDRESS": "127.0.0.1",
            "EXTENSION_APISERVER_PORT": "0",
            "EXTENSION_APISERVER_TLS_DIRECTORY": str(self.directory / "tls"),
            "EXTENSION_APISERVER_SERVICE_ACCOUNT_DIRECTORY": str(self.directory / "serviceaccount"),
            "EXTENSION_APISERVER_SERVICE_DNS_NAME": DNS_NAME,
            "EXTENSION_APISERVER_SHUTDOWN_DELAY_SECONDS": "0",
            "EXTENSION_APISERVER_SHUTDOWN_TIMEOUT_SECONDS": "2",
            "EXTENSION_APISERVER_LOG_LEVEL": "warning",
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.apiserver.port),
            **{f"EXTENSION_APISERVER_{name}": value for name, value in variables.items()},
        }

    def client(self, proxy: Pair | None, *, server_name: str | None = DNS_NAME) -> Aggregator:
        """Return a client with any certificate or none."""
        aggregator = Aggregator(self.port, self.pki.serving.pem, server_name, proxy, self.directory)
        self.aggregators.append(aggregator)
        return aggregator

    def aggregator(self) -> Aggregator:
        """Return a client with the front proxy's certificate."""
        return self.client(self.pki.proxy)

    def close(self) -> None:
        """End everything."""
        for aggregator in self.aggregators:
            aggregator.close()
        self.stop()
        self.apiserver.close()

    def wait_until_ready(self) -> None:
        """Wait until `/readyz` passes."""
        client = self.client(None)
        self.wait_for(lambda: client.request("GET", "/readyz", user=None).status == 200)

    def wait_for(self, condition: Callable[[], object], *, seconds: float = 10) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"did not happen within {seconds:g} s"
            time.sleep(0.02)


def prepare(pki: Pki, directory: Path) -> Backend:
    """Start a fake kube-apiserver and write the files that a pod would have."""
    apiserver = FakeApiServer(pki.apiserver.server("127.0.0.1", DNS_NAME), directory)
    apiserver.set_config_map(pki.config_map())
    account = directory / "serviceaccount"
    account.mkdir()
    (account / "ca.crt").write_text(pki.apiserver.pem)
    (account / "token").write_text(TOKEN)
    (account / "namespace").write_text("default")
    pki.serving.server(DNS_NAME).write(directory / "tls")
    return Backend(pki, apiserver, directory)


def start(
    backend: Backend,
    *,
    app: WsgiApp | None = None,
    resources: Sequence[Resource] = (ECHOES,),
    blocking: bool = False,
    ready: bool = True,
    environ: Mapping[str, str] = MappingProxyType({}),
    **variables: str,
) -> None:
    """Serve in a thread until `backend.stop()`."""
    settings = Settings.from_environ(backend.environ(**environ, **variables))
    api = Api(settings.group, settings.versions, resources)
    _run(backend, lambda **how: serve(app or create_app(), api, settings, blocking=blocking, **how))
    if ready:
        backend.wait_until_ready()


def start_metrics(
    backend: Backend, *metrics: Metric, ready: bool = True, environ: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Serve functions of metrics, and no group beside theirs, in a thread until `backend.stop()`."""
    settings = Settings.from_environ(backend.environ(**environ))
    _run(backend, lambda **how: serve(None, None, settings, blocking=True, metrics=metrics, **how))
    if ready:
        backend.wait_until_ready()


def start_gateway(backend: Backend, config: GatewayConfig, *, ready: bool = True, **variables: str) -> None:
    """Serve a gateway in a thread until `backend.stop()`."""
    settings = Settings.from_environ(backend.environ(**{"MAX_STREAMED_BODY_BYTES": str(2**40), **variables}))
    gateway = Gateway(config, settings)
    _run(backend, lambda **how: host(gateway.host, settings, **how))
    if ready:
        backend.wait_until_ready()


def start_mux(backend: Backend, config: MuxConfig, *, ready: bool = True, **variables: str) -> Mux:
    """Serve a multiplexer in a thread until `backend.stop()`, and return it."""
    settings = Settings.from_environ(backend.environ(**variables))
    mux = Mux(config, settings)
    _run(backend, lambda **how: host(mux.host, settings, **how))
    if ready:
        backend.wait_until_ready()
    return mux


def _run(backend: Backend, server: Callable[..., Coroutine[Any, Any, None]]) -> None:
    background = Background()
    opened: asyncio.Queue[int] = asyncio.Queue()

    async def begin() -> tuple[asyncio.Event, asyncio.Task[None], int]:
        stop = asyncio.Event()
        task = asyncio.create_task(server(stop=stop, started=opened.put_nowait))
        port = asyncio.create_task(opened.get())
        await asyncio.wait([task, port], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            port.cancel()
            await task
        return stop, task, port.result()

    try:
        stop, task, backend.port = background.run(begin())
    except BaseException:
        background.close()
        raise

    async def wait() -> None:
        stop.set()
        await task

    def end() -> None:
        backend.stop = lambda: None
        background.run(wait())
        background.close()

    backend.stop = end


def echo(name: str, **spec: Any) -> dict[str, Any]:
    """Return an Echo to create."""
    return {"apiVersion": f"{GROUP}/v1", "kind": "Echo", "metadata": {"name": name}, **({"spec": spec} if spec else {})}
