"""What is kept of answers, and whose they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from extension_apiserver.metrics_api import cache as module
from extension_apiserver.metrics_api.cache import Cache
from extension_apiserver.status import StatusError


async def get(cache: Cache, key: object, ask: Callable[[], Awaitable[Any]], *, user: str = "hpa", **how: float) -> Any:
    """Ask with what most tests have."""
    seconds = {"keep_seconds": 60.0, "timeout_seconds": 10.0, **how}
    return await cache.get(key, ask, user=user, what="it", **seconds)


def counted(result: object = 1) -> tuple[Callable[[], Awaitable[Any]], list[object]]:
    """Return what answers, or fails with an exception, and the list of its calls."""
    calls: list[object] = []

    async def ask() -> object:
        calls.append(result)
        await asyncio.sleep(0)
        if isinstance(result, Exception):
            raise result
        return result

    return ask, calls


def test_a_hundred_who_ask_at_once_are_one_question() -> None:
    """And so is everybody who asks later, while the answer is kept."""

    async def run() -> None:
        cache = Cache()
        ask, calls = counted()
        assert await asyncio.gather(*(get(cache, "a", ask) for _ in range(100))) == [1] * 100
        assert await get(cache, "a", ask) == 1
        assert len(calls) == 1

    asyncio.run(run())


def test_an_answer_is_asked_for_anew_after_its_time() -> None:
    """Not before."""

    async def run() -> None:
        cache = Cache()
        ask, calls = counted()
        await get(cache, "a", ask, keep_seconds=1e-9)
        await get(cache, "a", ask)
        assert len(calls) == 2

    asyncio.run(run())


def test_a_failure_is_kept_too_and_told_to_each_anew() -> None:
    """One exception for all would grow with each of them."""

    async def run() -> None:
        cache = Cache()
        ask, calls = counted(StatusError(503, "not now"))
        errors = []
        for _ in range(3):
            with pytest.raises(StatusError, match="not now") as caught:
                await get(cache, "a", ask)
            errors.append(caught.value)
        assert len(calls) == 1
        assert len({id(error) for error in errors}) == 3
        assert {(error.code, error.reason) for error in errors} == {(503, "ServiceUnavailable")}

    asyncio.run(run())


def test_who_leaves_does_not_end_the_question_of_others() -> None:
    """The first one asked it."""

    async def run() -> None:
        cache = Cache()
        gate = asyncio.Event()

        async def ask() -> int:
            await gate.wait()
            return 1

        first = asyncio.create_task(get(cache, "a", ask))
        second = asyncio.create_task(get(cache, "a", ask))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert await second == 1

    asyncio.run(run())


def test_what_takes_too_long_is_504_and_asked_once() -> None:
    """Whoever asks next waits for the same."""

    async def run() -> None:
        cache = Cache()
        gate, calls = asyncio.Event(), []

        async def ask() -> int:
            calls.append(1)
            await gate.wait()
            return 1

        for _ in range(3):
            with pytest.raises(StatusError, match=r"it has not answered for 0\.01 seconds") as caught:
                await get(cache, "a", ask, timeout_seconds=0.01)
            assert caught.value.code == 504
        gate.set()
        assert await get(cache, "a", ask) == 1
        assert len(calls) == 1

    asyncio.run(run())


def test_who_asks_for_much_waits_for_its_own_and_nobody_else_does() -> None:
    """Eight of one caller run at once, whatever else it asks; more than 64 are refused."""

    async def run() -> None:
        cache = Cache()
        gate, running = asyncio.Event(), []

        async def ask() -> int:
            running.append(1)
            await gate.wait()
            return 1

        waiting = [asyncio.create_task(get(cache, n, ask, user="mallory")) for n in range(64)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(running) == 8
        with pytest.raises(StatusError) as caught:
            await get(cache, "one more", ask, user="mallory")
        assert caught.value.code == 429
        # What is asked already costs nothing.
        same = asyncio.create_task(get(cache, 0, ask, user="mallory"))
        other = asyncio.create_task(get(cache, "hers", ask, user="alice"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(running) == 9
        gate.set()
        assert await asyncio.gather(same, other, *waiting) == [1] * 66
        assert await get(cache, "one more", ask, user="mallory") == 1
        assert not cache._accounts

    asyncio.run(run())


def test_whoever_fills_the_cache_pushes_out_only_what_is_its_own() -> None:
    """Ten thousand namespaces of one caller, and the autoscaler's answers are still kept."""

    async def run() -> None:
        cache = Cache(100)
        ask, calls = counted()
        for n in range(10):
            await get(cache, ("hpa", n), ask)
        for n in range(10_000):
            await get(cache, n, ask, user="mallory")
        before = len(calls)
        for n in range(10):
            await get(cache, ("hpa", n), ask)
        assert len(calls) == before
        assert len(cache._kept) == 100

    asyncio.run(run())


def test_what_is_out_of_date_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor who asked for it."""
    monkeypatch.setattr(module, "_SWEEP_SECONDS", 0.0)

    async def run() -> None:
        cache = Cache()
        ask, _ = counted()
        for n in range(100):
            await get(cache, n, ask, user=f"user-{n}", keep_seconds=1e-9)
        assert len(cache._kept) == len(cache._keys_of) == 1
        assert not cache._running
        assert not cache._accounts

    asyncio.run(run())
