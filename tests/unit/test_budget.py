"""What a flood of questions does to kube-apiserver, and to those who are known."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from extension_apiserver.cluster.kubernetes import ApiError
from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError
from extension_apiserver.trust import budget
from extension_apiserver.trust.budget import Budget, Payer
from extension_apiserver.trust.delegation import Authorizer, TokenReviewer
from extension_apiserver.trust.identity import ANONYMOUS, Identity
from extension_apiserver.trust.reviews import Reviews
from unit.fake_aggregator import Answer
from unit.fake_reviews import Api
from unit.running import BASE, Backend, start

DELEGATED = {"DELEGATED_AUTHENTICATION": "true", "DELEGATED_AUTHORIZATION": "true"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stop the time; the function lets seconds pass."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def go_on(seconds: float) -> None:
        now[0] += seconds

    return go_on


def admitted(one: Budget, payer: Payer | None, tries: int) -> int:
    """Return how many of so many questions, one after another, are admitted."""
    count = 0
    for _ in range(tries):
        try:
            with one.one(payer):
                count += 1
        except StatusError:
            pass
    return count


def stranger(number: int) -> Payer:
    return Payer(f"10.0.0.{number}", known=False)


def test_a_stranger_has_twenty_questions_and_ten_more_each_second(clock: Callable[[float], None]) -> None:
    """By address; a pause does not add up to more than twenty."""
    one = Budget(Metrics())
    counts = [admitted(one, stranger(1), 100)]
    clock(1)
    counts.append(admitted(one, stranger(1), 100))
    clock(3600)
    counts.append(admitted(one, stranger(1), 100))

    assert counts == [20, 10, 20]


def test_all_strangers_together_have_a_hundred(clock: Callable[[float], None]) -> None:
    """However many addresses there are; and fifty more each second."""
    one = Budget(Metrics())
    first = sum(admitted(one, stranger(number), 50) for number in range(50))
    clock(1)
    second = sum(admitted(one, stranger(number), 50) for number in range(50))

    assert (first, second) == (100, 50)


def test_who_is_known_and_the_front_proxy_do_not_pay_for_strangers(clock: Callable[[float], None]) -> None:
    """Each has a share of its own; kube-apiserver bounds its callers itself."""
    one = Budget(Metrics())
    for number in range(50):
        admitted(one, stranger(number), 50)

    assert admitted(one, Payer("user erin", known=True), 1000) == 100
    assert admitted(one, Payer("user dave", known=True), 1000) == 100
    assert admitted(one, None, 1000) == 1000


def test_a_refusal_says_when_to_come_back(clock: Callable[[float], None]) -> None:
    """429 with Retry-After, as client-go honours it; it is counted, and it costs nothing."""
    metrics = Metrics()
    one = Budget(metrics)
    admitted(one, stranger(1), 20)
    for _ in range(3):
        with pytest.raises(StatusError) as refusal, one.one(stranger(1)):
            pass
    clock(float(dict(refusal.value.headers)["Retry-After"]))

    assert (refusal.value.code, refusal.value.reason) == (429, "TooManyRequests")
    assert refusal.value.headers == (("Retry-After", "1"),)
    assert refusal.value.details == {"retryAfterSeconds": 1}
    assert metrics.refused_reviews.value(reason="rate") == 3
    assert admitted(one, stranger(1), 1) == 1


def test_questions_that_wait_are_bounded(clock: Callable[[float], None]) -> None:
    """Sixteen of strangers, and sixty-four in all: each is a connection to a kube-apiserver that is slow already."""
    metrics = Metrics()
    one = Budget(metrics)
    open_ones: list[Any] = []

    def hold(payer: Payer | None) -> bool:
        question = one.one(payer)
        try:
            question.__enter__()
        except StatusError:
            return False
        open_ones.append(question)
        return True

    strangers = sum(hold(stranger(number)) for number in range(60))
    others = sum(hold(None) for _ in range(100))
    assert (strangers, others) == (16, 48)
    assert metrics.refused_reviews.value(reason="pending") == 44 + 52
    for question in open_ones:
        question.__exit__(None, None, None)

    assert admitted(one, None, 1) == 1, "an answer makes room"


def test_one_caller_leaves_room_for_others_while_kube_apiserver_is_slow(clock: Callable[[float], None]) -> None:
    """Also when it is known: its questions wait for ten seconds each, and those of kube-apiserver's own callers must pass."""
    one = Budget(Metrics())
    with contextlib.ExitStack() as open_ones:

        def held(payer: Payer | None, tries: int) -> int:
            count = 0
            for _ in range(tries):
                with contextlib.suppress(StatusError):
                    open_ones.enter_context(one.one(payer))
                    count += 1
            return count

        assert held(None, 10) == 10, "what kube-apiserver's own callers ask takes nothing from direct ones"
        assert [held(Payer(f"user {number}", known=True), 30) for number in range(4)] == [16, 16, 16, 0]
        assert held(stranger(1), 10) == 0
        assert held(None, 20) == 6

    assert not one._pending, "what was answered is forgotten"


def test_where_kube_apiserver_waits_for_all_places_nobody_else_gets_one(clock: Callable[[float], None]) -> None:
    one = Budget(Metrics())
    with contextlib.ExitStack() as open_ones:
        for _ in range(64):
            open_ones.enter_context(one.one(None))

        assert [admitted(one, payer, 1) for payer in (None, Payer("user", known=True), stranger(1))] == [0, 0, 0]


def test_callers_that_are_remembered_are_bounded(
    monkeypatch: pytest.MonkeyPatch, clock: Callable[[float], None]
) -> None:
    """An attacker with many addresses fills no memory; those who asked last are remembered."""
    monkeypatch.setattr(budget, "_STRANGERS", (1e9, 1e9))
    one = Budget(Metrics())
    for number in range(5000):
        admitted(one, stranger(number), 1)

    assert len(one._buckets) == 1024
    assert admitted(one, stranger(5001), 50) == 20
    assert admitted(one, stranger(4999), 50) == 19
    assert len(one._buckets) == 1024


ANYTHING = RequestInfo("get", "/x")


async def _equal_questions(api: Api) -> list[Any]:
    authorizer = Authorizer(Reviews(api, Budget(Metrics())))  # type: ignore[arg-type]
    asking = [asyncio.create_task(authorizer.allows(Identity("erin"), ANYTHING, None)) for _ in range(16)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    api.gate.set()
    return await asyncio.gather(*asking, return_exceptions=True)


def test_sixteen_equal_questions_are_one() -> None:
    """Also when the client of the first has gone before the answer."""

    async def ask() -> tuple[int, list[Any]]:
        api = Api({"allowed": True})
        return api.asked, [await _equal_questions(api), api.asked]

    _, (answers, asked) = asyncio.run(ask())

    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [True] * 15
    assert asked == 1


def test_the_order_of_extras_makes_no_other_question() -> None:
    """Header lines may come in any order; who asks is the same."""

    async def ask() -> int:
        api = Api({"allowed": True})
        api.gate.set()
        authorizer = Authorizer(Reviews(api, Budget(Metrics())))  # type: ignore[arg-type]
        for keys in ("ab", "ba"):
            await authorizer.allows(Identity("erin", extra=dict.fromkeys(keys, ("x",))), ANYTHING, None)
        return api.asked

    assert asyncio.run(ask()) == 1


def test_a_failure_is_everybodys_who_waits_and_is_not_remembered() -> None:
    """Fifteen times 500, and the next one asks anew."""

    async def ask() -> tuple[list[Any], bool, int]:
        api = Api({"allowed": True}, ApiError("no", 403))
        authorizer = Authorizer(Reviews(api, Budget(Metrics())))  # type: ignore[arg-type]
        asking = [asyncio.create_task(authorizer.allows(Identity("erin"), ANYTHING, None)) for _ in range(16)]
        await asyncio.sleep(0)
        api.gate.set()
        failures = await asyncio.gather(*asking, return_exceptions=True)
        api.failure = None
        return failures, await authorizer.allows(Identity("erin"), ANYTHING, None), api.asked

    failures, allowed, asked = asyncio.run(ask())

    assert [failure.code for failure in failures] == [500] * 16
    assert (allowed, asked) == (True, 2)


def test_who_has_asked_too_much_takes_no_answer_from_others(clock: Callable[[float], None]) -> None:
    """A stranger with an empty account asks first what another one and the front proxy's anonymous callers ask, too."""

    async def ask() -> list[Any]:
        api = Api({"allowed": True})
        api.gate.set()
        one = Budget(Metrics())
        admitted(one, stranger(1), 20)
        authorizer = Authorizer(Reviews(api, one))  # type: ignore[arg-type]
        payers = (stranger(1), stranger(1), stranger(2), None)
        asking = [authorizer.allows(ANONYMOUS, ANYTHING, payer) for payer in payers]
        return await asyncio.gather(*asking, return_exceptions=True)

    first, second, *others = asyncio.run(ask())

    assert (first.code, second.code, others) == (429, 429, [True, True])


def test_a_failure_that_nobody_waits_for_is_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    """Or asyncio would log an exception that was never retrieved."""

    async def ask() -> None:
        api = Api({}, ApiError("no", 403))
        authorizer = Authorizer(Reviews(api, Budget(Metrics())))  # type: ignore[arg-type]
        task = asyncio.create_task(authorizer.allows(ANONYMOUS, ANYTHING, None))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        api.gate.set()
        await asyncio.sleep(0.01)

    asyncio.run(ask())

    assert caplog.text == ""


def test_a_good_token_is_reviewed_again_in_the_middle_of_a_flood(
    monkeypatch: pytest.MonkeyPatch, clock: Callable[[float], None]
) -> None:
    """From an address of the flood: a scraper with a token is not kept out by invented ones. A token that is no longer good pays again."""
    monkeypatch.setattr("extension_apiserver.trust.delegation.CACHE_SECONDS", -1)

    async def ask() -> list[Any]:
        api = Api({"authenticated": True, "user": {"username": "erin"}})
        api.gate.set()
        tokens = TokenReviewer(Reviews(api, Budget(Metrics())))  # type: ignore[arg-type]
        results: list[Any] = [await tokens.review("good", "10.0.0.1")]
        api.status = {"authenticated": False}
        refused = 0
        for number in range(300):
            try:
                await tokens.review(f"bad{number}", f"10.0.0.{number % 6}")
            except StatusError as error:
                refused += error.code == 429
        api.status = {"authenticated": True, "user": {"username": "erin"}}
        results += [refused >= 150, await tokens.review("good", "10.0.0.1")]
        api.status = {"authenticated": False}
        results.append(await tokens.review("good", "10.0.0.1"))
        with pytest.raises(StatusError) as refusal:
            await tokens.review("good", "10.0.0.1")
        return [*results, refusal.value.code]

    assert asyncio.run(ask()) == [Identity("erin"), True, Identity("erin"), None, 429]


@pytest.mark.parametrize("known", [False, True])
def test_each_address_and_each_good_token_has_its_own_account(
    monkeypatch: pytest.MonkeyPatch, clock: Callable[[float], None], known: bool
) -> None:
    """Twenty questions of an address that is a stranger's leave another its twenty; likewise a hundred of a token that is known."""
    monkeypatch.setattr("extension_apiserver.trust.delegation.CACHE_SECONDS", -1)

    async def ask() -> list[int]:
        api = Api({"authenticated": known, "user": {"username": "erin"}})
        api.gate.set()
        tokens = TokenReviewer(Reviews(api, Budget(Metrics())))  # type: ignore[arg-type]
        counts = []
        for one in ("a", "b"):
            before = api.asked
            for _ in range(200):
                with contextlib.suppress(StatusError):
                    await tokens.review(one, one)
            counts.append(api.asked - before)
        return counts

    # The first question about a token is a stranger's.
    assert asyncio.run(ask()) == ([101, 101] if known else [20, 20])


def test_memory_of_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes, so that a flood of questions forgets at most what is old."""
    monkeypatch.setattr("extension_apiserver.trust.delegation._CACHE_ENTRIES", 8)

    async def ask() -> tuple[int, int, int]:
        api = Api({"authenticated": True, "user": {"username": "erin"}})
        api.gate.set()
        tokens = TokenReviewer(Reviews(api, Budget(Metrics())))  # type: ignore[arg-type]
        for number in range(20):
            await tokens.review(f"token{number}", "10.0.0.1")
        before = api.asked
        await tokens.review("token19", "10.0.0.1")
        await tokens.review("token12", "10.0.0.1")
        return len(tokens._answers._answers), len(tokens._known), api.asked - before

    assert asyncio.run(ask()) == (8, 8, 0)


def test_a_flood_without_credentials_asks_a_little_and_others_are_served(own: Backend) -> None:
    """Eight connections with ever new paths and tokens: few reviews, 429 with Retry-After, and the front proxy's user is served all the while."""
    own.apiserver.allow = lambda spec: spec["user"] == "alice"
    own.apiserver.users["good"] = {"username": "alice"}
    start(own, **DELEGATED)
    scraper = own.client(None)
    known = [("Authorization", "Bearer good")]
    assert scraper.request("GET", "/metrics", user=None, headers=known).status == 200
    own.apiserver.reviews.clear()
    began = time.monotonic()

    def flood(number: int) -> list[Answer]:
        client = own.client(None)
        answers = []
        for each in range(40):
            answers.append(client.request("GET", f"/x{number}/{each}", user=None))
            bad = [("Authorization", f"Bearer {number}.{each}")]
            answers.append(client.request("GET", "/x", user=None, headers=bad))
        return answers

    with ThreadPoolExecutor(8) as threads:
        floods = [threads.submit(flood, number) for number in range(8)]
        mine = {own.aggregator().request("GET", f"{BASE}/x{number}").status for number in range(30)}
        mine.add(scraper.request("GET", BASE, user=None, headers=known).status)
        answers = [answer for one in floods for answer in one.result()]
    passed = time.monotonic() - began
    asked = [one for one in own.apiserver.reviews if one["spec"].get("user") != "alice"]

    assert {answer.status for answer in answers} == {401, 403, 429}
    assert {answer.header("Retry-After") for answer in answers if answer.status == 429} == {"1"}
    assert mine <= {200, 404}, mine
    assert len(asked) <= 20 + 10 * passed + 1, "640 requests by one address"
