"""A client that sends what kube-aggregator sends, byte for byte where it matters, over verified TLS.

Go writes Host and User-Agent first, then all headers sorted by canonical name, one line per value; it encodes path and query anew.
https://github.com/kubernetes/kube-aggregator/blob/v0.34.0/pkg/apiserver/handler_proxy.go
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import re
import socket
import ssl
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from unit.pki import Pair

_TIMEOUT_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Answer:
    """A response; `json()` also checks that no failure is anything but a Status."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return all values of a header joined by ', '."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        assert self.header("Content-Type").startswith("application/json"), (self.status, self.headers, self.body)
        return json.loads(self.body)


def canonical(name: str) -> str:
    """Return a header name as Go writes it: each part between dashes capitalized, the rest in lower case."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def escape_extra_key(key: str) -> str:
    """Percent-encode what may not stand in a header name: client-go transport.headerKeyEscape."""
    return re.sub(rb"[^A-Za-z0-9!#$&'*+.^_`|~-]", lambda match: b"%%%02X" % match.group()[0], key.encode()).decode()


class Aggregator:
    """One kube-apiserver in front of the backend; keeps its connection open between requests."""

    def __init__(
        self, port: int, serving_ca: str, server_name: str | None, proxy: Pair | None, directory: Path
    ) -> None:
        """Remember where to dial.

        Args:
            port: of the backend, on 127.0.0.1.
            serving_ca: PEM that verifies the backend (`caBundle`).
            server_name: name to verify and to send as SNI; None sends no SNI, as the availability probe before 1.36.
            proxy: client certificate, or None.
            directory: where the certificate is written for OpenSSL.

        """
        self._address = ("127.0.0.1", port)
        self._server_name = server_name
        self.context = ssl.create_default_context(cadata=serving_ca)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        if server_name is None:
            self.context.check_hostname = False
        if proxy is not None:
            self.context.load_cert_chain(*proxy.write(directory, f"client-{uuid.uuid4().hex}"))
        self._connection: http.client.HTTPConnection | None = None

    def connect(self, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """Open a TLS connection that nothing else uses."""
        raw = socket.create_connection(self._address, _TIMEOUT_SECONDS)
        return self.context.wrap_socket(raw, server_hostname=self._server_name, session=session)

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(
        self,
        method: str,
        path: str,
        *,
        user: str | None = "alice",
        groups: Sequence[str] = ("dev", "system:authenticated"),
        uid: str = "",
        extra: Mapping[str, Sequence[str]] | None = None,
        accept: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | Mapping[str, Any] | None = None,
        content_type: str | None = "application/json",
        chunked: bool = False,
    ) -> Answer:
        """Send one request of a user.

        Args:
            method: HTTP method.
            path: path and query as the user wrote them.
            user: user name, None for a request without identity headers.
            groups: one header line each.
            uid: UID, '' for none.
            extra: key → values.
            accept: Accept header, None for none.
            headers: what the user sent beside; the real aggregator removes and replaces identity headers.
            body: an object is sent as JSON.
            content_type: type of the body.
            chunked: send the body in chunks, as Go does for a body of unknown length.

        """
        decoded, _, query = path.partition("?")
        target = quote(unquote(decoded), safe="/:@!$&'()*+,;=~-._")
        if query:
            target += "?" + urlencode(sorted(parse_qs(query, keep_blank_values=True).items()), doseq=True)
        lines: list[tuple[str, str]] = [("Accept-Encoding", "gzip"), ("Audit-Id", str(uuid.uuid4()))]
        host = f"{self._address[0]}:{self._address[1]}"
        lines += [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", host), ("X-Forwarded-Proto", "https")]
        lines += [("X-Forwarded-Uri", target.partition("?")[0])]
        if user is not None:
            lines += [("X-Remote-User", user), *(("X-Remote-Group", group) for group in groups)]
            lines += [("X-Remote-Uid", uid)] if uid else []
            for key, values in (extra or {}).items():
                lines += [(f"X-Remote-Extra-{escape_extra_key(key)}", value) for value in values]
        if accept is not None:
            lines.append(("Accept", accept))
        if body is not None and content_type is not None:
            lines.append(("Content-Type", content_type))
        lines = sorted([*lines, *headers], key=lambda line: canonical(line[0]))
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        return self._send(method, target, host, lines, content, chunked=chunked)

    def try_request(self, method: str, path: str, **arguments: Any) -> int | None:
        """Send one request and return the code, None if the connection fails."""
        try:
            return self.request(method, path, **arguments).status
        except OSError:
            return None

    def _send(
        self,
        method: str,
        target: str,
        host: str,
        lines: Sequence[tuple[str, str]],
        body: Any,
        *,
        chunked: bool,
    ) -> Answer:
        connection = self._connection
        if connection is None:
            connection = self._connection = http.client.HTTPConnection(*self._address)
            connection.sock = self.connect()
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            connection.putheader("User-Agent", "kubectl/v1.37.2 (linux/amd64) kubernetes/abcdef0")
            if body is not None and not chunked:
                connection.putheader("Content-Length", str(len(body)))
            elif chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            for name, value in lines:
                connection.putheader(canonical(name), value.encode())
            connection.endheaders(body, encode_chunked=chunked)
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        except OSError:
            self.close()
            raise
        if response.will_close:
            self.close()
        return answer
