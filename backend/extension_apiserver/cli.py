"""The command line that every program on this library has: `serve`, `doctor` and `selftest`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from .api.resources import Api, Resource
from .apps.asgi.caller import AppError
from .apps.asgi.messages import AsgiApp
from .apps.wsgi import WsgiApp
from .cluster.kubernetes import ApiClient
from .diagnose import doctor, selftest
from .diagnose.findings import Finding, report
from .observe import logs
from .serve import serve
from .settings import DEFAULT_PREFIX, Settings, SettingsError
from .trust.tls import TlsError

_COMMANDS = ("serve", "doctor", "selftest")
#: Exit codes: the program was called wrongly, or it failed.
CALLED_WRONGLY = 2
FAILED = 1


def main(
    app: WsgiApp | AsgiApp,
    resources: Sequence[Resource] = (),
    *,
    blocking: bool = True,
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    prefix: str = DEFAULT_PREFIX,
) -> int:
    """Run a command and return the exit code.

    Args:
        app: the WSGI or ASGI application.
        resources: the table of resources.
        blocking: False if nothing in `app` and `resources` waits for anything.
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
    if command == "serve":
        return _serve(app, Api(settings.group, settings.versions, resources), settings, blocking=blocking)
    try:
        good = asyncio.run(_examine(doctor.examine if command == "doctor" else selftest.examine, settings))
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return CALLED_WRONGLY
    return 0 if good else FAILED


def _serve(app: WsgiApp | AsgiApp, api: Api, settings: Settings, *, blocking: bool) -> int:
    logs.configure(settings.log_level)
    try:
        asyncio.run(serve(app, api, settings, blocking=blocking))
    except (AppError, TlsError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return CALLED_WRONGLY
    except OSError as error:
        sys.stderr.write(f"{settings.bind_address} port {settings.port}: {error}\n")
        return FAILED
    return 0


async def _examine(examine: Callable[[ApiClient, Settings], AsyncIterator[Finding]], settings: Settings) -> bool:
    client = ApiClient(settings)
    try:
        return await report(examine(client, settings))
    finally:
        await client.close()
