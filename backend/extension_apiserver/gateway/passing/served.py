"""One upstream as the gateway serves it: its configuration, and who calls it."""

from __future__ import annotations

from collections import Counter

from extension_apiserver.apps.upstream.client import Client
from extension_apiserver.apps.upstream.exchange import Exchange
from extension_apiserver.apps.upstream.tls import ClientTls
from extension_apiserver.gateway.config import UpstreamConfig
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone

#: Of the connections to one upstream, those of one caller: whoever asks for what takes long keeps nobody else out.
_SHARE = 0.5


class Served:
    """An upstream.

    Attributes:
        config: what the file says of it.
        client: calls it.
        prober: asks whether it is there, over a connection of its own: that it has much to do is no reason to leave it.
        reader: asks for its document, likewise: that may take long.
        version: as `paths.Place`.
        segment: likewise.
        prefix: likewise.

    """

    def __init__(self, config: UpstreamConfig) -> None:
        """Read the files of its TLS.

        Raises:
            ValueError: if they cannot be used, with a sentence.

        """
        self.config = config
        self.version, self.segment, self.prefix = config.version, config.segment, config.prefix
        tls, limits, origin = config.tls, config.limits, config.origin
        secure = None
        if origin.secure:
            files = {"ca_file": tls.ca_file, "certificate_file": tls.certificate_file, "key_file": tls.key_file}
            secure = ClientTls(host=origin.host, server_name=tls.server_name, **files)
        seconds = {"connect_seconds": limits.connect_seconds, "silence_seconds": limits.answer_seconds}
        self.client = Client(origin, secure, connections=limits.connections, **seconds)
        self.prober, self.reader = (Client(origin, secure, connections=1, **seconds) for _ in range(2))
        self._most_of_one = max(1, int(limits.connections * _SHARE))
        self._by_user: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """Where it is, for messages."""
        return self.config.origin.url

    def enter(self, user: str) -> None:
        """Count a request of a caller; `leave` must follow.

        Raises:
            StatusError: 429 if too many of the caller's are being answered.

        """
        if self._by_user[user] >= self._most_of_one:
            raise StatusError(
                429, f"the upstream {self.url} is answering {self._most_of_one} requests of yours; wait for one of them",
                headers=[("Retry-After", "1")],
            )  # fmt: skip
        self._by_user[user] += 1

    def leave(self, user: str) -> None:
        """Note that a request is over."""
        self._by_user[user] -= 1
        if not self._by_user[user]:
            del self._by_user[user]


class Visit:
    """One request to an upstream, and those that follow its redirects: over once, however it ends."""

    def __init__(self, served: Served, user: str) -> None:
        """Count it. Raises StatusError as `Served.enter`."""
        self.served = served
        self.exchange: Exchange | None = None
        self._user = user
        self._over = False
        self._failure: Exception | None = None
        served.enter(user)

    def begin(self, exchange: Exchange) -> None:
        """Note what is on its way."""
        self.exchange = exchange
        if self._failure is not None:
            exchange.fail(self._failure)

    def fail(self, error: Exception) -> None:
        """Have whoever waits for the upstream, or for a connection to it, get an error."""
        self._failure = self._failure or error
        if self.exchange is not None and not self._over:
            self.exchange.fail(error)

    def leave(self) -> None:
        """Note that the client has left."""
        self.fail(Gone())

    def end(self) -> None:
        """Let go of everything."""
        if self._over:
            return
        self._over = True
        self.served.leave(self._user)
        if self.exchange is not None:
            self.exchange.end()
