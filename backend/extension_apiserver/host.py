"""Runs a server and what it hosts until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import logging
import resource as limits
import signal
from collections.abc import Callable

from .apiserver import ExtensionApiServer
from .apps.application import Host, Hosted
from .apps.open_streams import OpenStreams
from .cluster.kubernetes import ApiClient
from .observe.logs import RequestLog
from .observe.metrics import Metrics
from .observe.readiness import Check, Readiness
from .settings import SECRETS, Settings
from .trust.authentication import Authenticator
from .trust.budget import Budget
from .trust.certificates import authorities_pem
from .trust.delegation import Authorizer, TokenReviewer
from .trust.requestheader import RequestHeaderConfig
from .trust.requestheader_watch import RequestHeaderWatch
from .trust.reviews import Reviews
from .trust.tls import Tls
from .wire.connections import BytesInFlight
from .wire.server import ACCEPTED_AT_ONCE, Server

#: Descriptors beside connections: files, the client's connections, logs, and what is accepted to be refused within a few rounds.
_OTHER_DESCRIPTORS = 64 + 4 * ACCEPTED_AT_ONCE
#: Returns what is to be hosted, given what the server has for it.
Hosting = Callable[[Host], Hosted]

_log = logging.getLogger(__name__)


async def host(
    hosting: Hosting,
    settings: Settings,
    metrics: Metrics | None = None,
    in_flight: BytesInFlight | None = None,
    *,
    stop: asyncio.Event | None = None,
    started: Callable[[int], None] = lambda _port: None,
) -> None:
    """Serve what is hosted until SIGTERM or SIGINT, then drain.

    Args:
        hosting: returns it.
        settings: validated configuration.
        metrics: of this server.
        in_flight: where its bytes count.
        stop: ends it too; for tests. With it no signal handler is installed.
        started: called with the port when it is open.

    Raises:
        TlsError: if the certificate pair cannot be used.
        OSError: if the port cannot be opened or the ServiceAccount's `ca.crt` cannot be read.

    """
    stop = stop or stop_by_signals()
    metrics = metrics or Metrics()
    in_flight = in_flight or BytesInFlight(settings.max_bytes_in_flight, metrics)
    _allow_descriptors(settings.max_connections + settings.max_unverified_connections + _OTHER_DESCRIPTORS)
    tls = Tls(settings.tls_directory, settings.service_dns_name, metrics)
    client = ApiClient(settings)

    def trust(config: RequestHeaderConfig) -> None:
        direct = config.client_authorities if settings.delegated_authentication else ()
        tls.trust(authorities_pem((*config.authorities, *direct)))

    watch = RequestHeaderWatch(client, metrics, trust)
    reviews = Reviews(client, Budget(metrics))
    authorizer = Authorizer(reviews) if settings.delegated_authorization else None
    streams = OpenStreams(settings.max_streams, metrics)
    hosted = hosting(Host(authorizer=authorizer, client=client, metrics=metrics, streams=streams))
    stopping = "the server is shutting down"
    readiness = Readiness(
        [
            Check("requestheader", watch.failure, lambda: watch.complaint),
            Check("serving-certificate", tls.name_complaint, tls.remark),
            Check("delegation", lambda: None, lambda: reviews.complaint),
            *hosted.checks,
            Check("shutdown", lambda: stopping if stop.is_set() else None),
        ]
    )
    request_log = RequestLog()
    authenticator = Authenticator(watch, metrics, TokenReviewer(reviews) if settings.delegated_authentication else None)
    handler = ExtensionApiServer(
        hosted=hosted,
        authenticator=authenticator,
        authorizer=authorizer,
        readiness=readiness,
        metrics=metrics,
        starting=lambda: None if watch.known else watch.complaint,
        request_log=request_log,
        streams=streams,
    )
    server = Server(handler.handle, authenticator.is_front_proxy, tls, settings, metrics, in_flight)
    await server.start()
    _log.info(
        "serving %s on port %d: %s", ", ".join(one.name for one in hosted.groups), server.port, _summary(settings)
    )
    # What is there now stays: the collector need not look at it again, which would take tens of milliseconds each time.
    gc.freeze()
    started(server.port)
    background = [asyncio.ensure_future(one) for one in (watch.run(), tls.run(), hosted.run())]
    waiting = asyncio.create_task(stop.wait())
    try:
        # A background task never ends by itself; if it does, its exception is the reason to stop.
        done, _ = await asyncio.wait([waiting, *background], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waiting}:
            task.result()
        # Endpoints are withdrawn after readiness fails or the pod is deleted, and until then requests arrive:
        # https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
        server.drain()
        _log.info("draining for %g seconds", settings.shutdown_delay_seconds)
        await asyncio.sleep(settings.shutdown_delay_seconds)
        await server.stop(settings.shutdown_timeout_seconds)
    finally:
        for task in (*background, waiting):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await client.close()
        request_log.write()
    _log.info("stopped")


def stop_by_signals() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set, from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _allow_descriptors(count: int) -> None:
    """Raise the soft limit on descriptors if it is lower than the bound on connections needs."""
    soft, hard = limits.getrlimit(limits.RLIMIT_NOFILE)
    if soft < count:
        limits.setrlimit(limits.RLIMIT_NOFILE, (min(count, hard) if hard != limits.RLIM_INFINITY else count, hard))


def _summary(settings: Settings) -> str:
    return ", ".join(
        f"{field.name}={getattr(settings, field.name)}"
        for field in dataclasses.fields(settings)
        if field.name not in SECRETS
    )
