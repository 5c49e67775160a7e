"""Serves an application and a table of resources."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import cast

from .api.resources import Api
from .apps.application import Host, Hosted, WebApp
from .apps.asgi.caller import AsgiCaller, is_asgi
from .apps.asgi.lifespan import Lifespan
from .apps.asgi.messages import AsgiApp
from .apps.calls import Calls
from .apps.table_group import TableGroup
from .apps.wsgi import WsgiApp, WsgiCaller
from .host import Hosting, host, stop_by_signals
from .metrics_api.declared import Metric
from .metrics_api.groups import check, groups
from .observe.metrics import Metrics
from .observe.readiness import Check
from .registry.namespaces import Namespaces
from .registry.rest import Registry
from .registry.stores import Stores
from .settings import Settings
from .wire.connections import BytesInFlight

#: What an asynchronous application does after its answers has this time when the server has stopped.
_LAST_SECONDS = 1.0


async def serve(
    app: WsgiApp | AsgiApp | None,
    api: Api | None,
    settings: Settings,
    *,
    blocking: bool,
    metrics: Sequence[Metric] = (),
    stop: asyncio.Event | None = None,
    started: Callable[[int], None] = lambda _port: None,
) -> None:
    """Serve an application as an extension API server until SIGTERM or SIGINT, then drain.

    Args:
        app: answers what is below `/apis/<group>/<version>/` and no resource; it is ASGI's if it is asynchronous. None for nothing.
        api: the table of resources; None if there is no group of one's own, and then no `app`.
        settings: validated configuration.
        blocking: False if application and verbs never wait for anything; then they run in the event loop, without a thread.
        metrics: functions, each of which is measured by one.
        stop: ends it too; for tests. With it no signal handler is installed.
        started: called with the port when it is open.

    Raises:
        ResourceError: if a resource with a store cannot be served as it is.
        MetricsError: if the metrics do not go together, or not with those that are registered.
        AppError: if the application is none, or does not start.
        TlsError: if the certificate pair cannot be used.
        OSError: if the port cannot be opened or the ServiceAccount's `ca.crt` cannot be read.

    """
    stop = stop or stop_by_signals()
    calls = Calls(blocking=blocking)

    check(metrics, settings.metrics_apis)
    stores = Stores(api, settings.store_url) if api else None

    def hosting(app: WebApp | None) -> Hosting:
        def hosted(host: Host) -> Hosted:
            more = groups(metrics, calls, host)
            if api is None or stores is None:
                return Hosted(groups=more)
            most = settings.most_body_bytes
            in_namespaces = any(one.resource.namespaced for one in stores.kept)
            namespaces = Namespaces(host.client) if in_namespaces else None
            registries = {one.resource.plural: Registry(one, namespaces) for one in stores.kept}
            own = TableGroup(
                api=api, app=app, calls=calls, streams=host.streams, most_body_bytes=most, registries=registries,
                authorizer=host.authorizer,
            )  # fmt: skip
            checks = [Check("store", stores.complaint)] if stores.kept else []
            if namespaces is not None:
                checks.append(Check("namespaces", namespaces.complaint))
            return Hosted(groups=[own, *more], checks=checks, run=functools.partial(_run, stores, namespaces))

        return hosted

    if app is None:
        await host(hosting(None), settings, stop=stop, started=started)
        return
    if not is_asgi(app):
        most_whole_bytes = settings.max_body_bytes if settings.most_body_bytes > settings.max_body_bytes else None
        wsgi = WsgiCaller(cast("WsgiApp", app), calls, most_whole_bytes)
        await host(hosting(WebApp(wsgi)), settings, stop=stop, started=started)
        return
    counters = Metrics()
    in_flight = BytesInFlight(settings.max_bytes_in_flight, counters)
    asynchronous = cast("AsgiApp", app)
    lifespan = Lifespan(asynchronous)
    await lifespan.start(stop)
    asgi = AsgiCaller(asynchronous, lifespan.state, in_flight, max_message_bytes=settings.max_body_bytes)
    try:
        await host(hosting(WebApp(asgi)), settings, counters, in_flight, stop=stop, started=started)
    finally:
        await asgi.stop(_LAST_SECONDS)
        await lifespan.stop()


async def _run(stores: Stores, namespaces: Namespaces | None) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(stores.run())
        if namespaces is not None:
            group.create_task(namespaces.run())
