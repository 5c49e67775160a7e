"""Streams that last minutes, a gibibyte each way, and what a hundred idle streams cost: what make test has no time for.

What was measured is in the report's properties: reports/interop-streams.xml.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests

from e2e.streaming import ALLOWED_KIB, MIB, streaming

KINDS = ("wsgi", "asgi")
GIB = 1024 * MIB
LOG_SECONDS, CHAT_SECONDS = 180, 600
IDLE = 100


@pytest.fixture(scope="module")
def backends(cluster, cert_manager, base_values, run_id):
    """Yield kind → a release of its own."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(streaming(cluster, base_values, run_id, kind)) for kind in KINDS}


@pytest.fixture(params=KINDS)
def backend(backends, request):
    """Yield the release of one kind."""
    return backends[request.param]


def test_an_event_is_with_the_client_within_a_hundred_milliseconds(backend, record_property):
    late = []
    with backend.events("late") as events:
        for _ in range(100):
            late.append(time.time() - next(events)["at"])
            backend.post("late", "next")
    late.sort()
    in_milliseconds = {"p50": late[49], "p99": late[98], "longest": late[99]}
    record_property("latency", ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in in_milliseconds.items()))
    assert statistics.median(late) < 0.1


@pytest.mark.parametrize("way", ["download", "upload"])
def test_a_gibibyte_needs_little_memory(backend, way, record_property):
    carry = getattr(backend, way)
    carry(MIB)
    came, began = [], time.monotonic()
    more = backend.more_memory(lambda: came.append(carry(GIB)))
    record_property("gibibyte", f"{time.monotonic() - began:.1f} s, {more / 1024:.1f} MiB more memory")
    assert came == [GIB]
    assert more <= ALLOWED_KIB


@pytest.mark.parametrize(("kind", "what"), [("wsgi", "events"), ("asgi", "events"), ("asgi", "chat")])
def test_an_idle_stream_costs_less_than_a_mebibyte(backends, kind, what, record_property):
    backend, rooms = backends[kind], [f"idle-{what}-{number}" for number in range(IDLE)]

    def rss():
        return backend.api.send("GET", backend.path("x", "memory"))["VmRSS"]

    before = rss()
    with ExitStack() as stack:
        for room in rooms:
            opened = stack.enter_context(getattr(backend, what)(room))
            assert next(opened) if what == "events" else opened.recv()
        more = rss() - before
    record_property("memory", f"{more / 1024:.1f} MiB for {IDLE} idle {what}")
    assert more < 1024 * IDLE


def lived(backend, where, action):
    """Ask for an event a second; return how many seconds the stream lived, and what ended it: None if that was we."""
    room, began = f"long-{action}", time.monotonic()
    try:
        with backend.events(room, action, below=where) as events:
            for event in events:
                if time.monotonic() - began > LOG_SECONDS:
                    return time.monotonic() - began, None, event["number"]
                time.sleep(1)
                backend.api.send("POST", backend.path(room, "next"))
    except requests.RequestException as error:
        return time.monotonic() - began, error, None
    return time.monotonic() - began, "its end mark", None


def talked(backend, where):
    """Have a message echoed each second; return for how many seconds."""
    began = time.monotonic()
    with backend.chat("long-chat", below=where) as chat:
        chat.recv()
        while time.monotonic() - began < CHAT_SECONDS:
            message = str(time.monotonic())
            chat.send(message)
            assert chat.recv() == message
            time.sleep(1)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def lives(backends):
    """Yield (kind, below, action) → the future of a stream; all of them live at the same time."""
    streams = [
        (kind, *one) for kind in KINDS for one in (("rooms", "log"), ("proxy/rooms", "events"), ("rooms", "events"))
    ]
    with ThreadPoolExecutor(max_workers=len(streams) + 2) as pool:
        found = {(kind, *one): pool.submit(lived, backends[kind], *one) for kind, *one in streams}
        found |= {
            ("asgi", where, "chat"): pool.submit(talked, backends["asgi"], where) for where in ("rooms", "proxy/rooms")
        }
        yield found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("below", "action"), [("rooms", "log"), ("proxy/rooms", "events")])
def test_a_log_and_what_is_below_proxy_live_on(lives, kind, below, action, record_property):
    seconds, ended, events = lives[kind, below, action].result()
    record_property("lived", f"{seconds:.1f} s, {events} events")
    assert ended is None, f"{ended} after {seconds:.1f} s"


@pytest.mark.parametrize("kind", KINDS)
def test_any_other_path_is_cut_after_a_minute_and_its_client_notices(lives, kind, record_property):
    seconds, ended, _ = lives[kind, "rooms", "events"].result()
    record_property("lived", f"{seconds:.2f} s, then {ended}")
    assert isinstance(ended, requests.RequestException), ended
    assert 50 < seconds < 120


@pytest.mark.parametrize("below", ["rooms", "proxy/rooms"])
def test_a_websocket_lives_on_wherever_it_is(lives, below, record_property):
    record_property("lived", f"{lives['asgi', below, 'chat'].result():.0f} s")
