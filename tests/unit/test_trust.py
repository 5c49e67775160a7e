"""What the newest ConfigMap changes, and what a bad one leaves: the decision alone, without a server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from extension_apiserver.cluster.kubernetes import ApiError
from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.trust.certificates import load_authorities
from extension_apiserver.trust.requestheader import RequestHeaderConfig
from extension_apiserver.trust.requestheader_watch import RequestHeaderWatch
from extension_apiserver.trust.tls import TlsError
from unit.pki import Authority

PROXIES, NEW_PROXIES, USERS, NEW_USERS = (Authority(name) for name in ("p", "q", "u", "v"))
NAME = "kube-system/extension-apiserver-authentication"
DATA: dict[str, Any] = {
    "requestheader-client-ca-file": PROXIES.pem,
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-username-headers": '["X-Remote-User", ""]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "client-ca-file": USERS.pem,
}


class Watched:
    """A watch without a client, the configurations it announced, and what announcing them raises."""

    def __init__(self, client: Any = None) -> None:
        self.metrics = Metrics()
        self.told: list[RequestHeaderConfig] = []
        self.refuse: Callable[[RequestHeaderConfig], Exception | None] = lambda _config: None
        self.watch = RequestHeaderWatch(client, self.metrics, self._changed)

    def _changed(self, config: RequestHeaderConfig) -> None:
        failure = self.refuse(config)
        if failure is not None:
            raise failure
        self.told.append(config)

    def reloads(self) -> tuple[int, int]:
        """Return how many good and bad updates were counted."""
        counter = self.metrics.requestheader_reloads
        return counter.value(result="success"), counter.value(result="failure")


@pytest.fixture
def good() -> Watched:
    """A watch that took over DATA."""
    one = Watched()
    one.watch.update(DATA)
    return one


def test_must_11_before_the_first_update_nobody_is_trusted() -> None:
    """And readiness fails, in words."""
    one = Watched()

    assert (one.watch.known, one.watch.config, one.watch.generation) == (False, RequestHeaderConfig(), 0)
    assert one.watch.failure() == f"ConfigMap {NAME} was not read yet"


def test_must_11_everything_is_read(good: Watched) -> None:
    """Names in lower case, empty ones left out; told before it counts; one update, one reload."""
    assert good.watch.config == RequestHeaderConfig(
        authorities=load_authorities(PROXIES.pem),
        allowed_names=frozenset({"front-proxy-client"}),
        username_headers=(b"x-remote-user",),
        group_headers=(b"x-remote-group",),
        uid_headers=(b"x-remote-uid",),
        extra_prefixes=(b"x-remote-extra-",),
        client_authorities=load_authorities(USERS.pem),
    )
    assert good.told[-1] == good.watch.config
    assert good.reloads() == (1, 0)
    assert (good.watch.known, good.watch.failure(), good.watch.complaint) == (True, None, None)


def test_must_11_the_same_again_changes_nothing(good: Watched) -> None:
    """Neither who is told nor what verdicts of open connections depend on."""
    before = good.watch.generation, len(good.told)
    good.watch.update(dict(DATA))

    assert (good.watch.generation, len(good.told)) == before
    assert good.reloads() == (1, 0)


def test_must_11_each_change_is_a_generation_of_its_own(good: Watched) -> None:
    """Verdicts and identities of one are nothing in the next."""
    seen = [good.watch.generation]
    for names in ('["a"]', '["b"]'):
        good.watch.update({**DATA, "requestheader-allowed-names": names})
        seen.append(good.watch.generation)

    assert [one - seen[0] for one in seen] == [0, 1, 2]


def test_must_11_an_empty_config_map_is_known_and_trusts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Readiness and log say what is missing."""
    one = Watched()
    one.watch.update({})
    words = f"ConfigMap {NAME} names no requestheader-client-ca-file; no caller can be trusted"

    assert (one.watch.known, one.watch.failure(), one.watch.config) == (True, words, RequestHeaderConfig())
    assert words in caplog.text
    assert len(one.told) == 1, "who was told of nothing before is told that nobody is trusted"


KEYS = [key for key in DATA if key not in {"client-ca-file", "requestheader-client-ca-file"}]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "value",
    ["X", '{"a": 1}', "[1]", '"x"', "[" * 100_000, 5],
    ids=["text", "object", "number", "string", "deep", "no text"],
)
def test_must_11_a_list_that_is_none_changes_nothing(good: Watched, key: str, value: Any) -> None:
    """The front proxy of before stays; the complaint names the key, and a failure is counted."""
    before = good.watch.config
    good.watch.update({**DATA, key: value})

    assert (good.watch.config, good.reloads()) == (before, (1, 1))
    assert good.watch.failure() is None
    complaint = good.watch.complaint or ""
    assert complaint.endswith("; the last good configuration stays"), complaint
    assert f"ConfigMap {NAME}" in complaint
    if isinstance(value, str) and len(value) < 100:
        assert complaint.startswith(f"{key} of ConfigMap {NAME} is not a JSON list of strings"), complaint
    good.watch.update(DATA)
    assert good.watch.complaint is None


@pytest.mark.parametrize("key", ["client-ca-file", "requestheader-client-ca-file"])
@pytest.mark.parametrize("value", ["x", 5])
def test_must_11_a_bundle_that_is_none_holds_up_its_own_part_alone(good: Watched, key: str, value: Any) -> None:
    """The other changes."""
    changed = {"client-ca-file": NEW_USERS.pem, "requestheader-client-ca-file": NEW_PROXIES.pem, key: value}
    good.watch.update({**DATA, **changed})
    proxies, users = (PROXIES, NEW_USERS) if key != "client-ca-file" else (NEW_PROXIES, USERS)

    assert good.watch.config.authorities == load_authorities(proxies.pem)
    assert good.watch.config.client_authorities == load_authorities(users.pem)
    assert good.reloads() == (2, 1)
    if value == "x":
        assert (good.watch.complaint or "").startswith(f"{key} of ConfigMap {NAME} is not a PEM bundle;")


@pytest.mark.parametrize("failure", [TlsError("no"), ValueError("no"), KeyError("no"), UnicodeError("no")])
def test_must_11_what_tls_does_not_take_does_not_count(good: Watched, failure: Exception) -> None:
    """Who is told first may refuse, in any way."""
    before, generation = good.watch.config, good.watch.generation
    good.refuse = lambda _config: failure
    good.watch.update({**DATA, "requestheader-client-ca-file": NEW_PROXIES.pem})

    assert (good.watch.config, good.watch.generation, good.reloads()) == (before, generation, (1, 1))
    assert "no" in (good.watch.complaint or "")


def test_must_11_a_first_update_that_is_bad_makes_nothing_known() -> None:
    """So that 503 says "not yet" and nobody takes the server for one that trusts nobody."""
    one = Watched()
    one.watch.update({**DATA, "requestheader-allowed-names": "x"})

    assert (one.watch.known, one.told, one.reloads()) == (False, [], (0, 1))
    assert (one.watch.failure() or "").startswith("requestheader-allowed-names of")


def test_no_allowed_names_is_worth_a_warning(good: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each change, and not where there are names."""
    assert "allowed-names is empty" not in caplog.text
    for _ in range(2):
        good.watch.update({**DATA, "requestheader-allowed-names": "[]"})

    assert caplog.text.count("requestheader-allowed-names is empty") == 1


def test_the_same_complaint_is_logged_once(good: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """Though it is counted each time."""
    for _ in range(3):
        good.watch.update({**DATA, "requestheader-allowed-names": "x"})

    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert good.reloads() == (1, 3)


class Client:
    """Answers reads and watches with what it is given, then ends the test."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.paths: list[str] = []

    def _next(self, path: str) -> Any:
        self.paths.append(path)
        if not self.answers:
            raise EndError
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def get(self, path: str) -> Any:
        """Return the next answer."""
        return self._next(path)

    async def watch(self, path: str, *, timeout_seconds: float) -> Any:
        """Yield the events of the next answer."""
        self.paths.append(f"{timeout_seconds:g}")
        for event in self._next(path):
            yield event


class EndError(BaseException):
    """Nothing more to answer."""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the failures for which a pause is made, instead of making it."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr("asyncio.sleep", sleep)
    monkeypatch.setattr("extension_apiserver.trust.requestheader_watch.backoff_seconds", lambda failures: failures)
    return found


def run(client: Client) -> Watched:
    """Read and watch until the client has nothing more to answer."""
    one = Watched(client)
    coroutine = one.watch.run()
    with pytest.raises(EndError):
        coroutine.send(None)
    return one


def object_of(data: Any, version: str = "7") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version}, "data": data}


COLLECTION = "/api/v1/namespaces/kube-system/configmaps"
WATCH = "?watch=1&fieldSelector=metadata.name%3Dextension-apiserver-authentication&resourceVersion=7&timeoutSeconds=600"
CHANGED = {**DATA, "requestheader-allowed-names": '["another"]'}


def test_must_11_the_config_map_is_read_and_watched(pauses: list[float]) -> None:
    """From the version that was read, for ten minutes; every change counts; then it is read again."""
    one = run(Client(object_of(DATA), [{"type": "MODIFIED", "object": object_of(CHANGED)}]))
    client: Any = one.watch._client

    assert client.paths == [
        f"{COLLECTION}/extension-apiserver-authentication",
        "630",
        f"{COLLECTION}{WATCH}",
        f"{COLLECTION}/extension-apiserver-authentication",
    ]
    assert one.watch.config.allowed_names == {"another"}
    assert pauses == [1], "a watch that ends as soon as it begins is no reason to hurry"


@pytest.mark.parametrize(
    ("event", "names", "words"),
    [
        ({"type": "ADDED", "object": object_of(CHANGED)}, "another", None),
        ({"type": "BOOKMARK", "object": object_of(CHANGED)}, "front-proxy-client", None),
        ({"type": "ERROR", "object": {"code": 410}}, "front-proxy-client", None),
        (
            {"type": "DELETED", "object": object_of(CHANGED)},
            "front-proxy-client",
            "was deleted; the last good configuration stays",
        ),
        (
            {"type": "MODIFIED", "object": {"data": CHANGED}},
            "front-proxy-client",
            "answers with something else: KeyError",
        ),
        ({"type": "MODIFIED"}, "front-proxy-client", "answers with something else: KeyError"),
        ({}, "front-proxy-client", "answers with something else: KeyError"),
    ],
)
def test_must_11_what_an_event_means(pauses: list[float], event: Any, names: str, words: str | None) -> None:
    """What is no change of a ConfigMap changes nothing."""
    one = run(Client(object_of(DATA), [event]))

    assert one.watch.config.allowed_names == {names}
    assert (one.watch.complaint is None) if words is None else (words in (one.watch.complaint or ""))


def test_an_error_ends_a_watch(pauses: list[float]) -> None:
    """Usually the version is too old; what comes after it is not of that watch."""
    events = [{"type": "ERROR", "object": {}}, {"type": "MODIFIED", "object": object_of(CHANGED)}]

    assert run(Client(object_of(DATA), events)).watch.config.allowed_names == {"front-proxy-client"}


@pytest.mark.parametrize(("code", "hinted"), [(403, True), (404, False), (0, False)])
def test_must_11_a_read_that_fails_is_told_and_tried_again(pauses: list[float], code: int, hinted: bool) -> None:
    """With pauses that grow, and a hint where a right is missing."""
    one = run(Client(*(ApiError("no", code) for _ in range(3))))
    hint = "; bind Role kube-system/extension-apiserver-authentication-reader to this ServiceAccount"

    assert one.watch.complaint == f"ConfigMap {NAME} cannot be read: no{hint if hinted else ''}"
    assert (pauses, one.reloads()) == ([1, 2, 3], (0, 3))


@pytest.mark.parametrize(
    "answer",
    [{}, [], {"metadata": {}}, {"metadata": 1}, {"data": DATA}],
    ids=["empty", "list", "no-version", "metadata-is-a-number", "no-metadata"],
)
def test_must_11_an_answer_that_is_none_says_nothing(pauses: list[float], answer: Any) -> None:
    """It is told, tried again, and trusts nobody and distrusts nobody."""
    one = run(Client(object_of(DATA), ApiError("broken"), answer, answer))

    assert one.watch.config.allowed_names == {"front-proxy-client"}
    assert "answers with something else" in (one.watch.complaint or "")
    assert pauses == [1, 2, 3]


def test_a_long_watch_ends_the_count_of_failures(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Five seconds are long; the next read is made at once."""
    now = iter([0.0, 4.9, 10.0, 15.0, 20.0, 20.0, 20.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    run(Client(object_of(DATA), [], object_of(DATA), [], object_of(DATA), []))

    assert pauses == [1, 1]
