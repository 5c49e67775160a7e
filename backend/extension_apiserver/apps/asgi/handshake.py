"""The opening handshake of a WebSocket (RFC 6455, section 4.2)."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from websockets.datastructures import Headers
from websockets.http11 import Request as HandshakeRequest
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from extension_apiserver.apps.answers import SERVER_HEADERS
from extension_apiserver.request import Request
from extension_apiserver.status import StatusError

from .messages import AsgiFault, Message, header_lines
from .scope import TOKEN_PROTOCOL

#: At its levels the library would log each connection and what users say.
SILENT = logging.getLogger(f"{__name__}.silent")
SILENT.disabled = True
_LONGEST_SENTENCE = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Handshake:
    """A handshake that may be accepted.

    Attributes:
        accept: the value of Sec-WebSocket-Accept.
        subprotocols: what the client offers, in its order, without credentials.

    """

    accept: str
    subprotocols: list[str]

    def accepted(self, message: Message) -> list[tuple[str, str]]:
        """Return the headers of the answer that accepts it, as a message of the application says.

        Raises:
            AsgiFault: if it accepts what was not offered, or writes headers that are the server's.

        """
        headers = [pair for pair in header_lines(message) if pair[0].lower() not in SERVER_HEADERS]
        if any(name.lower().startswith("sec-websocket-") for name, _ in headers):
            raise AsgiFault("the application gives a Sec-WebSocket header; of them the subprotocol alone is its choice")
        chosen = message.get("subprotocol")
        if chosen is not None:
            if chosen not in self.subprotocols:
                raise AsgiFault(f"the application accepts the subprotocol {chosen!r:.100}, which is not offered")
            headers.append(("Sec-WebSocket-Protocol", chosen))
        return [*headers, ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", self.accept)]


def handshake(request: Request) -> Handshake:
    """Examine a request for a WebSocket.

    Its Origin is not looked at: browsers send it so that a foreign page cannot use the cookies of its visitor, and here nobody is known by
    a cookie. Who calls was proven by kube-apiserver, by a certificate or by a token.

    Raises:
        StatusError: 400 if it is none, 405 if it is no GET, 426 if another protocol is asked for.

    """
    if request.method != "GET":
        raise StatusError(405, "a WebSocket handshake must be a GET", headers=[("Allow", "GET")])
    if request.length != 0:
        raise StatusError(400, "a WebSocket handshake must have no body")
    offered: list[str] = []

    def note(_protocol: ServerProtocol, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        offered.extend(subprotocols)
        return None

    headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers])
    answer = ServerProtocol(select_subprotocol=note, logger=SILENT).accept(HandshakeRequest(request.target, headers))
    if answer.status_code != 101:  # noqa: PLR2004
        # It repeats what the client sent.
        sentence = (answer.body or b"").decode().partition("\n")[0].rstrip(".")[:_LONGEST_SENTENCE]
        upgrade = [("Upgrade", "websocket")] if answer.status_code == 426 else []  # noqa: PLR2004
        raise StatusError(answer.status_code, f"{sentence[:1].lower()}{sentence[1:]}", headers=upgrade)
    return Handshake(
        answer.headers["Sec-WebSocket-Accept"], [one for one in offered if not one.startswith(TOKEN_PROTOCOL)]
    )
