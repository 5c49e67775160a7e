"""Large objects hold up neither the event loop nor those that are smaller."""

import asyncio
import threading

import pytest

from extension_apiserver.registry import work as module
from extension_apiserver.registry.work import Work
from extension_apiserver.status import StatusError

SMALL, MEDIUM, LARGE = 4096, 4097, 2**20


def test_what_takes_long_holds_up_nobody_who_has_less():
    async def whole():
        work, go = Work(), threading.Event()
        slow = [asyncio.create_task(work.run(LARGE, go.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        assert await work.run(MEDIUM, lambda: "medium") == "medium"
        assert await work.run(SMALL, threading.current_thread) is threading.main_thread()
        go.set()
        await asyncio.gather(*slow)

    asyncio.run(whole())


def test_a_client_that_leaves_makes_no_room_before_its_work_is_done():
    async def whole():
        work, go = Work(), threading.Event()
        began = asyncio.Event()
        loop = asyncio.get_running_loop()

        def first():
            loop.call_soon_threadsafe(began.set)
            go.wait()
            raise ValueError

        left = asyncio.create_task(work.run(LARGE, first))
        await began.wait()
        left.cancel()
        second = asyncio.create_task(work.run(LARGE, go.is_set))
        await asyncio.wait([left])
        assert not second.done()
        go.set()
        assert await second

    asyncio.run(whole())


def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(module, "_MOST_WAIT_SECONDS", 0.01)

    async def whole():
        work, go = Work(), threading.Event()
        slow = asyncio.create_task(work.run(LARGE, go.wait))
        await asyncio.sleep(0)
        with pytest.raises(StatusError) as refused:
            await work.run(LARGE, go.is_set)
        assert (refused.value.code, refused.value.reason) == (429, "TooManyRequests")
        assert ("Retry-After", "1") in refused.value.headers
        go.set()
        await slow
        assert await work.run(LARGE, go.is_set)

    asyncio.run(whole())
