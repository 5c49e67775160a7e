"""Large objects hold up neither the event loop nor those that are smaller."""

import asyncio
import threading

from extension_apiserver.registry.work import Work

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
