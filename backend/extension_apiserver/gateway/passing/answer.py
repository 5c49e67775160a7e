"""An upstream's answer as its client gets it."""

from __future__ import annotations

import asyncio
import logging

from extension_apiserver.apps.upstream.exchange import Exchange
from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import request_info
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone, Peer, Stream
from extension_apiserver.wire.http_answer import NO_BODY

from . import words
from .lines import for_browsers, from_upstream
from .served import Visit

#: kube-apiserver lets these last: https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controlplane/apiserver/config.go
_LASTING_VERBS = frozenset({"watch", "proxy"})
_LASTING_SUBRESOURCES = frozenset({"attach", "exec", "log", "portforward", "proxy"})
#: What is made whole before it is sent: with its length, without a stream of its own.
_WHOLE_BYTES = 65536
#: Whoever reads them is ready for an end at any time.
_EVENTS = ("text/event-stream", "application/json;stream=watch")
#: Whoever ends takes what is still coming within this time.
_GRACE_SECONDS = 1.0

_log = logging.getLogger(__name__)


async def answer(visit: Visit, exchange: Exchange, request: Request, *, page: bool) -> Response:
    """Return an answer: whole if it is small, else with a stream.

    Args:
        visit: ended when the answer is over.
        exchange: whose header is there.
        request: what it answers.
        page: it is for a browser, and HTML may stay what it is.

    Raises:
        StatusError: with the upstream's words for a failure that is no JSON; 502 if its body does not come or is too large.

    """
    headers = from_upstream(exchange.headers)
    kind = next((value.lower() for name, value in headers if name == "Content-Type"), "")
    status = exchange.status
    if not 200 <= status <= 599:  # noqa: PLR2004
        raise StatusError(
            502, f"the upstream {visit.served.url} answers {status}, which is no code of an answer", reason="BadGateway"
        )
    if request.method == "HEAD":
        if exchange.length is not None and status not in NO_BODY:
            headers.append(("Content-Length", str(exchange.length)))
        visit.end()
        return Response(status, headers)
    most = visit.served.config.limits.answer_bytes
    _bound(visit, most, exchange.length)
    if status >= 400 and not page and not _is_json(kind):  # noqa: PLR2004
        body = exchange.whole()
        body = await beginning(exchange, words.MOST_PAGE_BYTES) if body is None else body
        raise words.failure(status, headers, body, visit.served.url)
    headers = for_browsers(headers, kind, page=page)
    whole = exchange.whole()
    if whole is None and exchange.length is not None and exchange.length <= _WHOLE_BYTES:
        whole = await beginning(exchange, _WHOLE_BYTES)
    if whole is not None:
        _bound(visit, most, len(whole))
        visit.end()
        return Response(status, headers, whole)
    _let_last(request, exchange)
    sending = _Sending(visit, exchange, most)
    stream = Stream(sending.run, visit.end, exchange.length, ends_anywhere=kind.startswith(_EVENTS))
    return Response(status, headers, stream=stream)


def _bound(visit: Visit, most: int, length: int | None) -> None:
    if most and length is not None and length > most:
        sentence = f"the answer of the upstream {visit.served.url} has {length} bytes, of at most {most}"
        raise StatusError(502, sentence, reason="BadGateway")


async def beginning(exchange: Exchange, most_bytes: int) -> bytes:
    """Return a body, or what fits of it."""
    parts = bytearray()
    while len(parts) < most_bytes:
        part = await exchange.part()
        if not part:
            break
        parts += part
    return bytes(parts[:most_bytes])


def _let_last(request: Request, exchange: Exchange) -> None:
    info = request_info(request)
    if info.verb in _LASTING_VERBS or info.subresource in _LASTING_SUBRESOURCES:
        exchange.endless()


def _is_json(kind: str) -> bool:
    media_type = kind.partition(";")[0].strip()
    return media_type == "application/json" or media_type.endswith("+json")


class _Sending:
    """Sends a body as it comes."""

    def __init__(self, visit: Visit, exchange: Exchange, most_bytes: int) -> None:
        self._visit = visit
        self._exchange = exchange
        self._most_bytes = most_bytes

    async def run(self, peer: Peer) -> None:
        """Pass part after part on, not faster than the client takes them."""
        url = self._visit.served.url
        ending = asyncio.create_task(self._end_with(peer))
        sent = 0
        try:
            while part := await self._exchange.part():
                sent += len(part)
                self._bound(sent)
                await peer.send(part)
        except UpstreamError as error:
            # Without an end mark, so that the client knows that this is not all; a traceback would say nothing more.
            _log.warning("an answer was cut off: the upstream %s %s", url, error)
            raise Gone from None
        finally:
            ending.cancel()
            self._visit.end()

    def _bound(self, sent_bytes: int) -> None:
        if self._most_bytes and sent_bytes > self._most_bytes:
            raise UpstreamError(f"answers with more than {self._most_bytes} bytes")

    async def _end_with(self, peer: Peer) -> None:
        """Have the upstream's part fail once the client is gone, or the server stops and nothing more comes."""
        await peer.ending.wait()
        before = None
        while self._exchange.received_bytes != before:
            before = self._exchange.received_bytes
            await asyncio.sleep(_GRACE_SECONDS)
        self._visit.fail(Gone())
