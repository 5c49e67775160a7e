"""How each backend that is measured is started, and what the tables call it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench.plane import ControlPlane
from pytest_apiservice.embedded.credentials import FRONT_PROXY_USER
from pytest_apiservice.programs import go
from pytest_apiservice.programs.cache import cache_dir, digest, locked

GO_SOURCES = Path(__file__).parent / "go"
#: gunicorn's own advice for two cores: https://docs.gunicorn.org/en/stable/design.html#how-many-workers
SYNC_WORKERS = 2 * (os.cpu_count() or 1) + 1
#: (control plane, folder with tls.crt and tls.key, port, group) → command and environment.
Command = Callable[[ControlPlane, Path, int, str], tuple[list[str | Path], dict[str, str]]]
#: The same of what passes requests on; the fifth argument is the port of the service on loopback.
ProxyCommand = Callable[[ControlPlane, Path, int, str, int], tuple[list[str | Path], dict[str, str]]]


def go_program(name: str) -> Path:
    """Return the program bench/go/cmd/<name>, built if it is not in the cache."""
    sources = [GO_SOURCES / "go.mod", *GO_SOURCES.glob(f"cmd/{name}/*.go")]
    target = cache_dir() / "bench" / f"{name}-{digest(sources, go.platform())}"
    with locked("build-bench"):
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            building = target.with_suffix(".building")
            go.build(
                f"./cmd/{name}", building, directory=GO_SOURCES, link_flags="", title=f"building bench/go/cmd/{name}"
            )
            building.replace(target)
    return target


def _go_echo(plane: ControlPlane, tls: Path, port: int, group: str) -> tuple[list[str | Path], dict[str, str]]:
    del group
    authorities = plane.credentials.folder / "front-proxy-ca.crt"
    return [
        go_program("echo"),
        f"-address=127.0.0.1:{port}",
        f"-certificate={tls / 'tls.crt'}",
        f"-key={tls / 'tls.key'}",
        f"-client-ca={authorities}",
    ], {}


def settings(plane: ControlPlane, tls: Path, port: int, group: str) -> dict[str, str]:
    """Return the environment of a program on the library."""
    return {
        "EXTENSION_APISERVER_BIND_ADDRESS": "127.0.0.1",
        "EXTENSION_APISERVER_PORT": str(port),
        "EXTENSION_APISERVER_GROUP": group,
        "EXTENSION_APISERVER_TLS_DIRECTORY": str(tls),
        "EXTENSION_APISERVER_SERVICE_ACCOUNT_DIRECTORY": str(plane.directory / "backend-account"),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(plane.port),
    }


def _on_the_library(module: str) -> Command:
    def command(plane: ControlPlane, tls: Path, port: int, group: str) -> tuple[list[str | Path], dict[str, str]]:
        return [sys.executable, "-m", module, "serve"], settings(plane, tls, port, group)

    return command


def _gateway(
    plane: ControlPlane, tls: Path, port: int, group: str, upstream: int
) -> tuple[list[str | Path], dict[str, str]]:
    where = f"--upstream=http://127.0.0.1:{upstream}"
    return [sys.executable, "-m", "extension_apiserver", "gateway", where], settings(plane, tls, port, group)


def _reverse_proxy(
    plane: ControlPlane, tls: Path, port: int, group: str, upstream: int
) -> tuple[list[str | Path], dict[str, str]]:
    return [
        go_program("reverseproxy"),
        f"-address=127.0.0.1:{port}",
        f"-certificate={tls / 'tls.crt'}",
        f"-key={tls / 'tls.key'}",
        f"-client-ca={plane.credentials.folder / 'front-proxy-ca.crt'}",
        f"-allowed-names={FRONT_PROXY_USER}",
        f"-base=/apis/{group}/v1",
        f"-upstream=http://127.0.0.1:{upstream}",
    ], {}


def _gunicorn(*arguments: str) -> Command:
    def command(plane: ControlPlane, tls: Path, port: int, group: str) -> tuple[list[str | Path], dict[str, str]]:
        del group
        return [
            *(sys.executable, "-m", "gunicorn", "bench.flask_echo:app"),
            f"--bind=127.0.0.1:{port}",
            f"--certfile={tls / 'tls.crt'}",
            f"--keyfile={tls / 'tls.key'}",
            f"--ca-certs={plane.credentials.folder / 'front-proxy-ca.crt'}",
            "--cert-reqs=1",
            "--keep-alive=100",
            *arguments,
        ], {}

    return command


def _uvicorn(plane: ControlPlane, tls: Path, port: int, group: str) -> tuple[list[str | Path], dict[str, str]]:
    del group
    return [
        *(sys.executable, "-m", "uvicorn", "bench.fastapi_echo:app", "--host=127.0.0.1", f"--port={port}"),
        f"--ssl-certfile={tls / 'tls.crt'}",
        f"--ssl-keyfile={tls / 'tls.key'}",
        f"--ssl-ca-certs={plane.credentials.folder / 'front-proxy-ca.crt'}",
        "--ssl-cert-reqs=1",
        "--timeout-keep-alive=100",
        "--no-access-log",
    ], {}


COMMANDS: dict[str, Command] = {
    "go": _go_echo,
    "ours": _on_the_library("header_echo"),
    "wsgi": _on_the_library("bench.wsgi_echo"),
    "asgi": _on_the_library("bench.asgi_echo"),
    "uvicorn": _uvicorn,
    "gthread": _gunicorn("--worker-class=gthread", "--workers=1", "--threads=32"),
    "sync": _gunicorn("--worker-class=sync", f"--workers={SYNC_WORKERS}"),
}
#: Each is in front of an echo of its own, "go" without TLS.
PROXIES: dict[str, ProxyCommand] = {"reverseproxy": _reverse_proxy, "gateway": _gateway}
#: These answer /readyz as soon as they know whom to trust.
ON_THE_LIBRARY = ("ours", "wsgi", "asgi", "gateway")
#: What the tables call them.
TITLES = {
    "go": "Go net/http echo",
    "ours": "header-echo (a Flask route)",
    "wsgi": "bare WSGI echo on the library",
    "asgi": "bare ASGI echo on the library",
    "uvicorn": "FastAPI on uvicorn (1 worker)",
    "gthread": "Flask on gunicorn (1 worker, 32 threads)",
    "sync": f"Flask on gunicorn ({SYNC_WORKERS} sync workers)",
    "reverseproxy": "Go's httputil.ReverseProxy before a Go echo",
    "gateway": "the gateway before a Go echo",
    "version": "/version of kube-apiserver",
}
