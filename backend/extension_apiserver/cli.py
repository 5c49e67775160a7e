"""The command line that every program on this library has: `serve`, `doctor` and `selftest`."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any

from .api.resources import Api, Resource
from .apps.asgi.caller import AppError
from .apps.asgi.messages import AsgiApp
from .apps.wsgi import WsgiApp
from .cluster.kubernetes import ApiClient
from .diagnose import doctor, selftest
from .diagnose.findings import Finding, report
from .metrics_api.declared import Metric
from .metrics_api.groups import MetricsError
from .observe import logs
from .registry.stores import STORES, ResourceError
from .serve import serve
from .settings import DEFAULT_PREFIX, Settings, SettingsError
from .trust.tls import TlsError

_COMMANDS = ("serve", "doctor", "selftest")
#: Exit codes: the program was called wrongly, or it failed.
CALLED_WRONGLY = 2
FAILED = 1


def main(
    app: WsgiApp | AsgiApp | None = None,
    resources: Sequence[Resource] = (),
    *,
    metrics: Sequence[Metric] = (),
    blocking: bool = True,
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    prefix: str = DEFAULT_PREFIX,
) -> int:
    """Run a command and return the exit code.

    Args:
        app: the WSGI or ASGI application; without it and `resources` there is no group of one's own.
        resources: the table of resources.
        metrics: functions below decorators of `extension_apiserver.metrics_api`.
        blocking: False if nothing in `app`, `resources` and `metrics` waits for anything.
        arguments: by default those of the process; none means `serve`.
        environ: by default that of the process.
        prefix: of the environment variables.

    """
    command, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["serve"]
    if command not in _COMMANDS or rest:
        sys.stderr.write(f"usage: {' | '.join(_COMMANDS)}\n")
        return CALLED_WRONGLY
    try:
        settings = Settings.from_environ(os.environ if environ is None else environ, prefix=prefix)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return CALLED_WRONGLY
    has_group = app is not None or bool(resources)
    if command == "serve":
        complaint = _complaint(settings, resources, prefix, has_group=has_group, serves=has_group or bool(metrics))
        if complaint:
            sys.stderr.write(f"{complaint}\n")
            return CALLED_WRONGLY
        api = Api(settings.group, settings.versions, resources) if has_group else None
        return serving(serve(app, api, settings, blocking=blocking, metrics=metrics), settings)
    if not has_group:
        settings = dataclasses.replace(settings, versions=())
    return examine(doctor.examine if command == "doctor" else selftest.examine, settings)


def _complaint(settings: Settings, resources: Sequence[Resource], prefix: str, *, has_group: bool, serves: bool) -> str:
    """Return why these cannot be served with these settings, or ''."""
    if not serves:
        return "nothing is served: give main() an application, `resources` or `metrics`"
    if has_group and not settings.versions:
        return f"{prefix}VERSIONS is empty, and main() has an application or `resources`: say a version, or leave these out"
    stored = next((one.plural for one in resources if one.store is True), None)
    if stored and not settings.store_url:
        return f"{prefix}STORE_URL is empty, and resource '{stored}' has a store: {STORES}"
    return ""


def serving(server: Coroutine[Any, Any, None], settings: Settings) -> int:
    """Run a server until its end, and return the exit code; what keeps it from starting is one line."""
    logs.configure(settings.log_level)
    try:
        asyncio.run(server)
    except (AppError, TlsError, MetricsError, ResourceError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return CALLED_WRONGLY
    except OSError as error:
        sys.stderr.write(f"{settings.bind_address} port {settings.port}: {error}\n")
        return FAILED
    return 0


def examine_both(own: Callable[[], AsyncIterator[Finding]], settings: Settings) -> int:
    """Print what a program finds out by itself, then what `doctor` does, and return the exit code."""

    async def both(client: ApiClient, settings: Settings) -> AsyncIterator[Finding]:
        async for finding in own():
            yield finding
        async for finding in doctor.examine(client, settings):
            yield finding

    return examine(both, settings)


def examine(examination: Callable[[ApiClient, Settings], AsyncIterator[Finding]], settings: Settings) -> int:
    """Print what is found, and return the exit code."""

    async def found() -> bool:
        client = ApiClient(settings)
        try:
            return await report(examination(client, settings))
        finally:
            await client.close()

    try:
        return 0 if asyncio.run(found()) else FAILED
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return CALLED_WRONGLY
