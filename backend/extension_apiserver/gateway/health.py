"""Whether upstreams answer, asked once a second, for readiness and for doctor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.diagnose.findings import Finding
from extension_apiserver.observe.readiness import Check

from .passing.served import Served

_PERIOD_SECONDS = 1.0
_TIMEOUT_SECONDS = 3.0
#: As the kubelet has it: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
_GOOD = range(200, 400)
_HEADERS = ((b"user-agent", b"extension-apiserver-gateway"), (b"accept", b"*/*"))


async def complaint(served: Served) -> str | None:
    """Ask an upstream; return what is wrong with it, in words, or None."""
    path = served.config.readiness_path
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            if not path:
                await served.prober.reach()
                return None
            exchange = await served.prober.call("GET", path.encode(), _HEADERS)
            try:
                if exchange.status in _GOOD:
                    exchange.whole()
                    return None
                return f"the upstream {served.url} answers GET {path} with {exchange.status}"
            finally:
                exchange.end()
                # Behind the address of a Service a kept connection leads to one pod for ever, also when that one alone is ill; and who
                # has one connection at a time would wait for a request on this one.
                served.prober.close()
    except UpstreamError as error:
        return f"the upstream {served.url} {error}"
    except TimeoutError:
        return f"the upstream {served.url} does not answer within {_TIMEOUT_SECONDS:g} seconds"


async def findings(upstreams: Sequence[Served]) -> AsyncIterator[Finding]:
    """Yield for `doctor` whether each upstream answers."""
    for served in upstreams:
        words = await complaint(served)
        path = served.config.readiness_path
        if words is None:
            yield Finding(
                True,
                f"the upstream {served.url} answers GET {path}"
                if path
                else f"the upstream {served.url} takes connections",
            )
        else:
            yield Finding(
                False,
                words,
                "this is the hop from the gateway to the service: look at the service, its address and its log",
            )


class Health:
    """What is known of each upstream."""

    def __init__(self, upstreams: Sequence[Served]) -> None:
        """Know nothing yet."""
        self._upstreams = upstreams
        self._complaints: dict[str, str | None] = {
            one.url: f"the upstream {one.url} was not asked yet" for one in upstreams
        }

    async def run(self) -> None:
        """Ask all of them, again and again."""
        while True:
            found = await asyncio.gather(*(complaint(one) for one in self._upstreams))
            self._complaints = {one.url: words for one, words in zip(self._upstreams, found, strict=True)}
            await asyncio.sleep(_PERIOD_SECONDS)

    def check(self) -> Check:
        """Return the condition of readiness: while one of several answers, what it serves is served."""
        return Check("upstream", lambda: self._words() if all(self._complaints.values()) else None, self._words)

    def _words(self) -> str | None:
        return "; ".join(words for words in self._complaints.values() if words) or None
