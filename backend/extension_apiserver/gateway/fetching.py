"""Asks upstreams for what resources and documents are made of: answers that are read whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from urllib.parse import urlencode

from extension_apiserver.api.documents.openapi import OpenApi
from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.status import StatusError

from .passing import words
from .passing.answer import beginning
from .passing.forward import Teller
from .passing.lines import from_upstream, to_upstream
from .passing.paths import chosen
from .passing.served import Served, Visit
from .resources.fetch import FetchCall, Fetched
from .resources.openapi.collection import Origin, UpstreamDocuments

#: Of an answer, if its upstream has no bound of its own; an object of Python takes some times its JSON.
MOST_BYTES = 8 * 2**20
#: They are about the object for kubectl, not about the item of the upstream.
_CLIENTS_OWN = frozenset({b"accept", b"accept-encoding", b"content-type", b"content-encoding", b"range"})
_CONDITIONS = b"if-"
_JSON = ((b"accept", b"application/json"), (b"accept-encoding", b"identity"))
_PERIOD_SECONDS, _RETRY_SECONDS, _TIMEOUT_SECONDS = 60.0, 5.0, 30.0
_OK = 200

_log = logging.getLogger(__name__)


class Fetcher:
    """Asks upstreams in the name of a caller."""

    def __init__(self, upstreams: Sequence[Served], teller: Teller) -> None:
        """Take who is asked, and who tells them who calls."""
        self._upstreams = upstreams
        self._teller = teller

    async def fetch(self, call: FetchCall) -> Fetched:
        """Return an answer; as `resources.fetch.Fetch` says."""
        served = chosen(self._upstreams, call.version, call.segment)
        if served is None:
            raise StatusError(
                500, f"Internal error occurred: no upstream is configured for {call.version} and '{call.segment}'"
            )
        visit = Visit(served, call.identity.user)
        most = served.config.limits.answer_bytes or MOST_BYTES
        target = call.path + (f"?{urlencode(call.query)}" if call.query else "")
        data = call.body or b""
        try:
            lines = to_upstream(call.request, self._passes, self._teller.lines(call.identity), "")
            lines += _JSON if call.body is None else (*_JSON, (b"content-type", b"application/json"))
            with call.request.connection.watching(visit.leave):
                exchange = await served.client.call(
                    call.method, target.encode(), lines, data, length=len(data), began=visit.begin
                )
                body = await beginning(exchange, most + 1)
        except UpstreamError as error:
            raise words.unreachable(served.url, error, call.method) from None
        finally:
            visit.end()
        if len(body) > most:
            sentence = (
                f"the answer of the upstream {served.url} to {call.method} {call.path} has more than {most} bytes"
            )
            raise StatusError(502, sentence, reason="BadGateway")
        return Fetched(exchange.status, from_upstream(exchange.headers), body)

    def _passes(self, name: bytes) -> bool:
        return name not in _CLIENTS_OWN and not name.startswith(_CONDITIONS) and self._teller.passes(name)


class DocumentWatch:
    """Keeps what upstreams say of themselves, once a minute."""

    def __init__(self, upstreams: Sequence[Served], documents: UpstreamDocuments, openapi: OpenApi) -> None:
        """Take whose documents, where to keep them, and what they are part of."""
        self._upstreams = [one for one in upstreams if one.config.openapi_path]
        self._documents = documents
        self._openapi = openapi
        self._said: dict[str, str] = {}

    async def run(self) -> None:
        """Ask again and again."""
        while self._upstreams:
            try:
                found = [await self._ask(one) for one in self._upstreams]
                if any(changed for _, changed in found):
                    await asyncio.to_thread(self._openapi.renew, self._documents.extend)
                good = all(good for good, _ in found)
            except Exception:  # noqa: BLE001 - whatever it is, what an upstream says of itself must not end the server
                _log.exception("the OpenAPI documents of the upstreams cannot be read")
                good = True
            await asyncio.sleep(_PERIOD_SECONDS if good else _RETRY_SECONDS)
        await asyncio.Event().wait()

    async def _ask(self, served: Served) -> tuple[bool, bool]:
        """Return whether there is a document, and whether it is another one than before."""
        path = served.config.openapi_path
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                exchange = await served.reader.call("GET", path.encode(), _JSON)
                try:
                    body = await beginning(exchange, MOST_BYTES + 1)
                finally:
                    exchange.end()
        except UpstreamError as error:
            return self._say(served, f"{error}")
        except TimeoutError:
            return self._say(served, f"does not answer within {_TIMEOUT_SECONDS:g} seconds")
        if exchange.status != _OK:
            return self._say(served, f"answers {exchange.status}")
        origin = Origin(served.version, served.segment, served.prefix)
        changed, remarks = await asyncio.to_thread(self._documents.put, origin, body)
        if remarks:
            self._say(served, "; ".join(remarks))
        else:
            self._said.pop(f"{served.url}{path}", None)
        return True, changed

    def _say(self, served: Served, sentence: str) -> tuple[bool, bool]:
        key = f"{served.url}{served.config.openapi_path}"
        if self._said.get(key) != sentence:
            self._said[key] = sentence
            _log.warning(
                "the OpenAPI document of the upstream %s at %s: %s", served.url, served.config.openapi_path, sentence
            )
        return False, False
