"""What a client may do to the TLS session itself: say goodbye and go on, ask for new keys, come again by an old session."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time

import pytest

from extension_apiserver.wire.stream import TlsStream
from unit.fake_aggregator import Aggregator
from unit.raw import closed_after
from unit.running import BASE, Backend, start

REQUEST = f"GET {BASE} HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\n\r\n".encode()


class Session:
    """A TLS session whose records the test sends, or does not."""

    def __init__(self, client: Aggregator, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = client.context.wrap_bio(self.incoming, self.outgoing, server_hostname=client._server_name)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                self.incoming.write(self.socket.recv(65536))
        self.socket.sendall(self.outgoing.read())

    def goodbye(self) -> bytes:
        """Return the record that ends the session, not yet sent."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("more", [b"", b"x", b"\x17\x03\x03\x00\x10" + b"x" * 16])
@pytest.mark.parametrize("certificate", [False, True])
def test_after_a_goodbye_nothing_is_read(own: Backend, version: ssl.TLSVersion, more: bytes, certificate: bool) -> None:
    """The connection is closed at once, whatever follows, and everybody else is served."""
    start(own)
    client = own.client(own.pki.proxy if certificate else None)
    client.context.minimum_version = client.context.maximum_version = version
    session = Session(client, own.port)
    with session.socket:
        session.socket.sendall(session.goodbye() + more)

        assert closed_after(session.socket, 8, time.monotonic) < 5
    assert own.aggregator().request("GET", BASE).status == 200


@pytest.mark.skipif(shutil.which("openssl") is None, reason="only the tool openssl asks for new keys")
def test_new_keys_are_answered_at_once(own: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for them again and again makes the server send, not keep."""
    start(own)
    kept = []
    take = TlsStream.data_received

    def watch(stream: TlsStream, data: bytes) -> None:
        take(stream, data)
        kept.append(stream._outgoing.pending)

    monkeypatch.setattr(TlsStream, "data_received", watch)
    command = ["openssl", "s_client", "-tls1_3", "-connect", f"127.0.0.1:{own.port}"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as client:
        assert client.stdin is not None
        own.wait_for(lambda: len(kept) >= 2)
        for count in range(3, 6):
            client.stdin.write(b"K\n")
            client.stdin.flush()
            own.wait_for(lambda count=count: len(kept) >= count)  # type: ignore[misc]
        client.kill()

    assert kept[2:5] == [0, 0, 0]
