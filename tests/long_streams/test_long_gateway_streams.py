"""Streams of minutes and a gibibyte each way through the gateway, with what it needs of memory: what make test has no time for.

What was measured is in the report's properties: reports/interop-streams.xml.
"""

import re
import threading
import time
from pathlib import Path

import pytest

from e2e.gatewayed import gatewayed
from e2e.streaming import ALLOWED_KIB, MIB

pytestmark = pytest.mark.only_on("embedded", reason="a pod's process is one of this machine, whose memory can be read")
GIB = 1024 * MIB
CHAT_SECONDS = 600
LOOK_SECONDS = 0.05


@pytest.fixture(scope="module")
def gateway(cluster, cert_manager, base_values, run_id):
    """Yield the API of a release of this file's own."""
    with gatewayed(cluster, base_values, run_id, "long-gateway") as installed:
        yield installed


@pytest.fixture
def memory(gateway):
    """Yield a function that returns the KiB of memory that the gateway's process has now."""
    (process,) = [
        one["containerID"].removeprefix("process://")
        for one in gateway.gateway_pod()["status"]["containerStatuses"]
        if one["name"] == "backend"
    ]
    status = Path(f"/proc/{process}/status")
    return lambda: int(re.search(r"^VmRSS:\s+(\d+) kB$", status.read_text(), re.MULTILINE)[1])


def most(memory, carry):
    """Return the most memory, as seen at each look, while ``carry`` ran."""
    over, seen = threading.Event(), [memory()]

    def look():
        while not over.wait(LOOK_SECONDS):
            seen.append(memory())

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        carry()
    finally:
        over.set()
        looking.join()
    return max(seen)


@pytest.mark.parametrize("way", ["download", "upload"])
def test_a_gibibyte_needs_little_memory(gateway, memory, way, record_property):
    carry = getattr(gateway, way)
    carry(MIB)  # what is made once for all
    before, came, began = memory(), [], time.monotonic()
    more = most(memory, lambda: came.append(carry(GIB))) - before
    record_property(
        "gibibyte", f"{time.monotonic() - began:.1f} s, {more / 1024:.1f} MiB more than {before / 1024:.0f} MiB"
    )
    assert came == [GIB]
    assert more <= ALLOWED_KIB


def talked(gateway):
    """Have a message echoed each second; return for how many seconds."""
    began = time.monotonic()
    with gateway.websocket("/proxy/chat") as chat:
        while time.monotonic() - began < CHAT_SECONDS:
            message = str(time.monotonic())
            chat.send(message)
            assert chat.recv() == message
            time.sleep(1)
    return time.monotonic() - began


def test_a_websocket_lives_for_minutes(gateway, memory, record_property):
    before = memory()
    seconds = talked(gateway)
    more = memory() - before
    record_property("lived", f"{seconds:.0f} s, {more / 1024:.1f} MiB more memory")
    assert more <= ALLOWED_KIB
