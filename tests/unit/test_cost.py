"""What a stranger sends costs no more time than its length, and no memory once it is answered."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import extension_apiserver
import header_echo
from extension_apiserver.api import negotiation
from extension_apiserver.apps import visible, wsgi
from extension_apiserver.gateway.passing import lines
from extension_apiserver.observe import logs
from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Connection, Request
from extension_apiserver.status import StatusError
from extension_apiserver.trust.authentication import Authenticator
from extension_apiserver.trust.certificates import ClientCertificate
from extension_apiserver.trust.requestheader import RequestHeaderConfig
from extension_apiserver.trust.verdicts import Verdict
from header_echo import header_lines
from unit.fake_aggregator import Aggregator
from unit.running import BASE, Backend, start

pytestmark = pytest.mark.unmeasured

#: As long as a line of a request header may be.
LONGEST = 16384
LIMIT_SECONDS = 0.05


def modules() -> Iterator[ModuleType]:
    for package in (extension_apiserver, header_echo):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def uses() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Yield (module and name, expression, method) for each use of each compiled expression."""
    for module in modules():
        patterns = {name: value for name, value in vars(module).items() if isinstance(value, re.Pattern)}
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                continue
            owner = node.value.id
            assert owner != "re" or node.attr.isupper() or node.attr in {"compile", "Match", "Pattern"}, (
                f"{module.__name__}: re.{node.attr} hides an expression from this test; give it a name with re.compile"
            )
            if owner in patterns:
                yield f"{module.__name__}.{owner}", patterns[owner], node.attr


USES = sorted({(name, method): (pattern, method) for name, pattern, method in uses()}.items())
#: What the expressions tell apart, and what they do not expect.
_CLASSES = (
    "0",
    "9",
    "a",
    "Z",
    "e",
    "_",
    ".",
    ":",
    "-",
    "+",
    " ",
    "\t",
    "(",
    ")",
    ",",
    "=",
    "!",
    "%",
    "/",
    "\\",
    "'",
    '"',
    "{",
    "é",
)
_SPOILERS = ("", "x", "!", " ", "\n", ")", ",", "é")


def texts(size: int) -> Iterator[str]:
    for first in _CLASSES:
        for second in ("", *_CLASSES):
            for spoiler in _SPOILERS if not second else ("", "!"):
                unit = first + second
                yield unit * (size // len(unit)) + spoiler
    yield ("-----BEGIN CERTIFICATE-----" * size)[:size]


def seconds(call: Callable[..., object], text: str) -> float:
    started = time.process_time()
    call(text)
    return time.process_time() - started


@pytest.mark.parametrize(
    ("pattern", "method"), [pair for _, pair in USES], ids=[f"{name}.{how}" for (name, how), _ in USES]
)
def test_every_regular_expression_is_linear(pattern: re.Pattern[Any], method: str) -> None:
    """Sixteen KiB cost a twentieth of a second at most, or no more than sixteen times what one KiB costs; quadratic is 256 times."""
    if isinstance(pattern.pattern, bytes):
        # What is matched byte by byte costs the same as by letters.
        pattern = re.compile(pattern.pattern.decode("latin-1"), pattern.flags)
    call: Callable[..., object] = {"sub": lambda text: pattern.sub("", text), "findall": pattern.findall}.get(
        method
    ) or getattr(pattern, method)
    # From short to long, so that an exponential expression fails and does not hang.
    for size in (24, 256, 2048, LONGEST):
        for text in texts(size):
            if seconds(call, text) < LIMIT_SECONDS:
                continue
            short = text[: size // 16] + text[-1:]
            # The quickest of several, since other work on this machine only ever slows down.
            took, took_short = (min(seconds(call, one) for _ in range(5)) for one in (text, short))
            assert took < LIMIT_SECONDS or took < 4 * 16 * took_short, f"{took:.2f} s for {text[:20]!r}… {text[-3:]!r}"


def test_an_echo_of_long_lines_takes_no_longer_than_their_length(own: Backend) -> None:
    """Sixteen thousand digits and an x in one header took six seconds, in which nobody was answered."""
    start(own)
    client = own.aggregator()
    spent = time.process_time()
    for unit in ("0", "_", "0.", "1:", "e"):
        answer = client.request("GET", f"{BASE}/", headers=[("X-Long", unit * 8000 + "x")])
        assert answer.status == 200, unit
    spent = time.process_time() - spent

    assert spent < 2, "five echoes take milliseconds, and took most of a minute"


def _fill_with(function: Callable[..., object], *rest: object) -> Callable[[int], object]:
    return lambda number: function(f"application/json;x{number}={'y' * 8000},a/b;{number}", *rest)


#: Each cache of the process → what fills it with something new of the greatest length.
CACHES: dict[Any, Callable[[int], object]] = {
    negotiation._known_clauses: _fill_with(negotiation.clauses),
    negotiation._known_preferred: _fill_with(negotiation.preferred, ("text/plain", "application/json")),
    visible._known: lambda number: visible.is_visible(f"{number}".encode().rjust(LONGEST, b"x")),
    wsgi._known_key: lambda number: wsgi._variable(f"{number}".encode().rjust(LONGEST, b"x")),
    header_lines._short_scalar: lambda number: header_lines.header_lines([(b"a", f"{number}".encode() * 2000)]),
    header_lines._short_key: lambda number: header_lines.header_lines(
        [(f"{number}".encode().rjust(LONGEST, b"x"), b"")]
    ),
    lines._known_title: lambda number: lines._title(f"{number}".encode().rjust(LONGEST, b"x")),
    logs._second: logs._iso,
}


def test_every_cache_is_known_here() -> None:
    """A new cache says here how a stranger would fill it."""
    found = {
        f"{module.__name__}.{name}"
        for module in modules()
        for name, value in vars(module).items()
        if hasattr(value, "cache_info") and value.__module__ == module.__name__ and value not in CACHES
    }

    assert found == set()


@pytest.mark.parametrize("cache", CACHES, ids=lambda cache: f"{cache.__module__}.{cache.__name__}")
def test_no_cache_keeps_what_is_long(cache: Any) -> None:
    """A thousand different inputs of the greatest length leave less than a quarter of a MiB behind."""
    cache.cache_clear()
    tracemalloc.start()
    try:
        for number in range(1000):
            CACHES[cache](number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    cache.cache_clear()

    assert kept < 2**18


@pytest.mark.parametrize("text", ["a/b," * 64, "a/b;" * 64, ";" * 256, "a/b;q=0.1;x=y,"])
def test_the_caches_of_accept_are_bounded_when_full_of_what_they_take(text: str) -> None:
    """Headers that are short enough to be kept cost a few MiB at most, however many clauses they have."""
    negotiation._known_clauses.cache_clear()
    tracemalloc.start()
    try:
        for number in range(1000):
            accept = (f"a/{number}," + text)[:256]
            negotiation.preferred(accept, ("a/b", "text/plain"))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 2**21


def test_identities_of_many_users_are_bounded_in_memory() -> None:
    """Short lines cost more by what Python keeps beside them than by their bytes; that counts too."""
    config = RequestHeaderConfig(username_headers=(b"x-remote-user",), group_headers=(b"x-remote-group",))
    watch: Any = SimpleNamespace(config=config, generation=1)
    authenticator = Authenticator(watch, Metrics(), None)
    proven = Verdict(1, float("inf"), front_proxy=ClientCertificate("front-proxy-client", (), 0))

    async def call(number: int) -> None:
        lines = [
            (b"x-remote-user", b"%d" % number),
            *((bytes(bytearray(b"x-remote-group")), b"%d" % each) for each in range(100)),
        ]
        caller = await authenticator.authenticate(Request("GET", "/", lines, Connection(verdict=proven), _no_body))
        assert caller.identity.user == str(number)

    async def call_all() -> None:
        for number in range(1000):
            await call(number)

    tracemalloc.start()
    try:
        asyncio.run(call_all())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 4 * 2**20


async def _no_body() -> bytes:
    return b""


@pytest.mark.parametrize("path", [f"{BASE}/", f"{BASE}/echoes", "/apis"])
def test_a_longer_accept_header_than_anybody_needs_is_406(aggregator: Aggregator, path: str) -> None:
    """The longest of kubectl has 300 bytes; beyond 4 KiB nothing is acceptable, and just below it is read."""
    fitting = "application/json," + "a/b," * 1000
    codes = [aggregator.request("GET", path, accept=accept).status for accept in (fitting, fitting + "a/b," * 50)]

    assert codes == [200, 406]


def test_the_refusal_says_how_long_it_may_be() -> None:
    """One sentence with the remedy."""
    with pytest.raises(StatusError, match="4096") as refusal:
        negotiation.as_kind("application/json," * 300, [("", "", "")])

    assert refusal.value.code == 406
