"""What an answer to a review means, what a failure means, and what is remembered."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from extension_apiserver.cluster.kubernetes import ApiError
from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError
from extension_apiserver.trust import delegation
from extension_apiserver.trust.budget import Budget
from extension_apiserver.trust.delegation import Authorizer, TokenReviewer
from extension_apiserver.trust.identity import ANONYMOUS, Identity
from extension_apiserver.trust.reviews import Reviews
from unit.fake_reviews import Api

ANYTHING = RequestInfo("get", "/x")


def reviews(api: Api) -> Reviews:
    return Reviews(api, Budget(Metrics()))  # type: ignore[arg-type]


def opened(status: dict[str, Any], *failures: ApiError) -> Api:
    """Return a client that answers at once."""
    api = Api(status)
    api.gate.set()
    api.failures = list(failures)
    return api


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"allowed": True}, True),
        ({"allowed": True, "denied": False}, True),
        ({"allowed": True, "denied": True}, False),
        ({"allowed": False}, False),
        ({"denied": True}, False),
        ({}, False),
    ],
)
def test_must_22_only_a_yes_is_a_yes(status: dict[str, Any], expected: bool) -> None:
    """No opinion is a no, and a denial beside a yes is one, too."""

    async def ask() -> bool:
        return await Authorizer(reviews(opened(status))).allows(ANONYMOUS, ANYTHING, None)

    assert asyncio.run(ask()) is expected


def test_must_21_nobody_is_asked_about_masters() -> None:
    """Nor would a no count."""

    async def ask() -> tuple[bool, int]:
        api = opened({"allowed": False})
        return await Authorizer(reviews(api)).allows(Identity("x", ("system:masters",)), ANYTHING, None), api.asked

    assert asyncio.run(ask()) == (True, 0)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record pauses instead of making them; the jitter is always twice. Servers of other tests, in threads of theirs, pause as ever."""
    found: list[float] = []
    ours, really = threading.get_ident(), asyncio.sleep

    async def sleep(seconds: float) -> None:
        if threading.get_ident() != ours:
            await really(seconds)
        else:
            found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr("random.uniform", lambda *bounds: 2.0 if bounds == (1, 1.2) else 0.0)
    return found


def outcome(api: Api) -> tuple[str, str | None]:
    """Return what is raised or 'ok', and the complaint."""

    async def ask() -> tuple[str, str | None]:
        one = reviews(api)
        try:
            await one.send("/reviews", {"kind": "Review"}, None)
        except ApiError as error:
            return str(error), one.complaint
        return "ok", one.complaint

    return asyncio.run(ask())


@pytest.mark.parametrize("code", [0, 429, 500, 503])
def test_must_22_what_may_pass_is_tried_five_times(pauses: list[float], code: int) -> None:
    """With pauses that grow by half from half a second, and a jitter of a fifth; the fifth failure is told."""
    api = opened({}, *(ApiError("busy", code) for _ in range(4)))
    assert outcome(api) == ("ok", None)
    assert api.calls == [("/reviews", {"kind": "Review"})] * 5
    assert pauses == [1.0, 1.5, 2.25, 3.375]
    api = opened({}, *(ApiError("busy", code) for _ in range(5)))

    assert (outcome(api), api.asked) == (("busy", "busy"), 5)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 499])
def test_must_22_a_refusal_is_not_tried_again(pauses: list[float], code: int) -> None:
    """And only for a missing right the complaint says which."""
    api = opened({}, ApiError("no", code))
    hint = "; bind ClusterRole system:auth-delegator to this ServiceAccount"

    assert outcome(api) == ("no", f"no{hint}" if code == 403 else "no")
    assert (api.asked, pauses) == (1, [])


def test_must_22_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten seconds in all; here after a moment."""
    monkeypatch.setattr("extension_apiserver.trust.reviews._REVIEW_SECONDS", 0.05)

    assert outcome(Api({})) == ("/reviews is not answered within 0.05 seconds",) * 2


def test_a_success_ends_the_complaint(pauses: list[float]) -> None:
    """None, not an empty text: readiness shows what is not None."""

    async def ask() -> list[str | None]:
        api = opened({}, ApiError("no", 404))
        one = reviews(api)
        said = [one.complaint]
        with pytest.raises(ApiError):
            await one.send("/reviews", {}, None)
        said.append(one.complaint)
        await one.send("/reviews", {}, None)
        return [*said, one.complaint]

    assert asyncio.run(ask()) == [None, "no", None]


def test_an_answer_without_a_status_is_an_empty_one() -> None:
    """Which is no yes."""

    async def ask() -> dict[str, Any]:
        return await reviews(opened(None)).send("/reviews", {}, None)  # type: ignore[arg-type]

    assert asyncio.run(ask()) == {}


def test_what_was_asked_last_is_remembered_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it was asked before: an answer that is renewed is young again."""
    monkeypatch.setattr(delegation, "_CACHE_ENTRIES", 3)
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    async def ask() -> int:
        api = opened({"authenticated": False})
        tokens = TokenReviewer(reviews(api))
        for token in "abc":
            await tokens.review(token, "")
        now[0] += 11
        for token in "bde":
            await tokens.review(token, "")
        before = api.asked
        for token in "bde":
            await tokens.review(token, "")
        return api.asked - before

    assert asyncio.run(ask()) == 0


def test_must_18_a_review_names_the_whole_user() -> None:
    """Name, groups, uid, and extras with keys in lower case; what is missing is empty."""
    user = {"username": "erin", "groups": ["b", "a"], "uid": "9", "extra": {"Key": ["v", "w"]}}

    async def ask(user: dict[str, Any]) -> tuple[Identity | None, list[Any]]:
        api = opened({"authenticated": True, "user": user})
        return await TokenReviewer(reviews(api)).review("good", ""), api.calls

    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "good"}}
    assert asyncio.run(ask(user)) == (Identity("erin", ("b", "a"), "9", {"key": ("v", "w")}), [(path, review)])
    assert asyncio.run(ask({"username": "erin"}))[0] == Identity("erin")
    assert asyncio.run(ask({"username": "erin", "groups": None, "extra": None}))[0] == Identity("erin")


def test_must_20_a_review_asks_the_whole_question() -> None:
    """By its path, with user and attributes."""

    async def ask() -> list[Any]:
        api = opened({"allowed": True})
        await Authorizer(reviews(api)).allows(Identity("erin", ("g",)), ANYTHING, None)
        return api.calls

    spec = {"user": "erin", "groups": ["g"], "nonResourceAttributes": {"path": "/x", "verb": "get"}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    assert asyncio.run(ask()) == [("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)]


@pytest.mark.parametrize(("seconds", "asked"), [(9.9, 1), (10.1, 2)])
def test_must_18_an_answer_counts_for_ten_seconds(monkeypatch: pytest.MonkeyPatch, seconds: float, asked: int) -> None:
    """As upstream's cache."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    async def ask() -> int:
        api = opened({"authenticated": True, "user": {"username": "erin"}})
        tokens = TokenReviewer(reviews(api))
        await tokens.review("a", "")
        now[0] += seconds
        await tokens.review("a", "")
        return api.asked

    assert asyncio.run(ask()) == asked


@pytest.mark.parametrize(("seconds", "codes"), [(3599, 200), (3601, 429)])
def test_a_token_counts_as_known_for_an_hour(monkeypatch: pytest.MonkeyPatch, seconds: float, codes: int) -> None:
    """Then it is a stranger's again, who waits if its address has asked too much."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    async def ask() -> int:
        tokens = TokenReviewer(reviews(opened({"authenticated": True, "user": {"username": "erin"}})))
        await tokens.review("a", "10.0.0.1")
        now[0] += seconds
        for number in range(20):
            await tokens.review(f"other{number}", "10.0.0.1")
        try:
            await tokens.review("a", "10.0.0.1")
        except StatusError as error:
            return error.code
        return 200

    assert asyncio.run(ask()) == codes
