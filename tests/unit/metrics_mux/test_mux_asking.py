"""Providers are asked one after the other, within the time that kube-apiserver gives a request, and for nobody who has left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from extension_apiserver.metrics_mux import asking
from extension_apiserver.metrics_mux.line import BytesTogether, Line
from extension_apiserver.metrics_mux.provider import Away, Provider
from extension_apiserver.metrics_mux.routing import Routing
from extension_apiserver.request import Connection
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone
from unit.metrics_mux.asked import EXTERNAL, of
from unit.metrics_mux.conftest import Making
from unit.metrics_mux.fake_provider import Served
from unit.metrics_mux.test_mux_routing import Named

QUEUE = of(f"{EXTERNAL}/namespaces/default/queue_depth")


class Slow(Named):
    """A provider that is away after a while."""

    asked = 0

    async def ask(self, *_arguments: object) -> Any:
        """Say so."""
        self.asked += 1
        await asyncio.sleep(0.02)
        raise Away("is silent")


def test_no_provider_is_asked_when_kube_apiserver_is_about_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was not asked is named, too: the caller would else wait for nothing, and learn nothing."""
    monkeypatch.setattr(asking, "_MOST_SECONDS", 0.01)
    first, second = Slow("first"), Slow("second")
    providers = [cast("Provider", one) for one in (first, second)]

    async def ask() -> None:
        await asking.ask(Routing(providers, [], lambda *_: False), QUEUE, "alice", Connection())

    with pytest.raises(StatusError) as raised:
        asyncio.run(ask())
    words = "first is silent; second was not asked, since the others took 0.01 seconds"
    assert (raised.value.code, raised.value.message) == (503, f"the metric queue_depth cannot be read: {words}")
    assert (first.asked, second.asked) == (1, 0)


def test_an_api_that_no_provider_serves_has_no_metric() -> None:
    """A configuration may say so, for a while."""

    async def ask() -> None:
        await asking.ask(Routing([], [], lambda *_: False), QUEUE, "alice", Connection())

    with pytest.raises(
        StatusError, match=r"^no provider serves the metric queue_depth of external\.metrics\.k8s\.io/v1beta1$"
    ):
        asyncio.run(ask())


@pytest.mark.parametrize("wait", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(0.3)], ids=["before", "meanwhile"])
def test_nobody_is_asked_for_a_caller_who_has_left(provider: Making, tmp_path: Path, wait: Callable[[], Any]) -> None:
    """Whether there is a connection to the provider yet, or an answer is waited for."""

    def silent(visitor: Any) -> None:
        visitor.socket.settimeout(30)
        visitor.socket.recv(65536)
        visitor.socket.recv(1)

    token = tmp_path / "token"
    token.write_text("t")
    one = provider("one", silent).provider(timeout_seconds=20)
    connection = Connection()

    async def leave() -> None:
        asked = asyncio.create_task(Line(one, token, BytesTogether()).get("/a", connection))
        await asyncio.sleep(0)
        await wait()
        for watcher in list(connection.watchers):
            watcher()
        with pytest.raises(Gone):
            await asked
        await asyncio.sleep(0.05)

    asyncio.run(leave())
    assert connection.watchers == set()


def test_a_token_of_another_file_is_taken(provider: Making, tmp_path: Path) -> None:
    """And the account's own is not even read."""
    token = tmp_path / "token"
    token.write_text("mine\n")
    served = Served({"namespaces/default/a": ["1"]})
    one = provider("one", served.script).provider(token_file=str(token))

    async def ask() -> int:
        line = Line(one, tmp_path / "none", BytesTogether())
        status, _ = await line.get(f"{EXTERNAL}/namespaces/default/a", None)
        line.close()
        await asyncio.sleep(0)
        return status

    assert asyncio.run(ask()) == 200
    assert "Authorization: Bearer mine\r\n" in served.asked[0]
