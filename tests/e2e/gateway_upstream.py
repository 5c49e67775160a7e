"""A service that knows nothing of Kubernetes, for the gateway to stand in front of: `python3 gateway_upstream.py <port or path of a Unix socket> <control>`.

    GET  /pets, /pets/<name>    a collection and its items
    GET  /bytes?count=          so many bytes
    POST /bytes                 how many bytes came
    GET  /events                numbered server-sent events, each made once it was asked for
    POST /next                  asks for one
    GET  /chat                  WebSocket: says what it is told
    GET  /broken, /cut          an error in HTML; a connection that ends in the middle
    anything else               path, headers and body of the request, in JSON
At <control>, an address and port for the tests alone, `POST /off` ends its listener and all its connections, and `POST /on` lets it listen again.
"""

import base64
import hashlib
import http.server
import itertools
import json
import os
import re
import signal
import socket
import socketserver
import struct
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PETS = [
    {"id": name, "species": "cat", "tags": {"colour": colour}, "born": "2026-01-02T03:04:05Z"}
    for name, colour in (("kitty", "white"), ("tom", "grey"))
]
PART = bytes(65536)
DRAIN_SECONDS = 1
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # https://www.rfc-editor.org/rfc/rfc6455#section-1.3
CLOSE = 8
SHORT, MEDIUM, LONG = 126, 127, 1 << 16

asked = threading.Semaphore(0)
ending = threading.Event()
connections = set()


class Service(http.server.BaseHTTPRequestHandler):
    """Answers one connection after the other request."""

    protocol_version = "HTTP/1.1"
    wbufsize = len(PART)  # else header and body are two packets, and Nagle's algorithm holds the second one back

    def setup(self):
        """Be known, so that an end of the service ends this connection."""
        super().setup()
        connections.add(self.connection)

    def finish(self):
        """Be forgotten."""
        connections.discard(self.connection)
        super().finish()

    def do_GET(self):
        """Answer what is in the module's list."""
        url = urlsplit(self.path)
        name = url.path.removeprefix("/pets/")
        known = {pet["id"]: pet for pet in PETS}
        if url.path == "/pets":
            self.say({"items": PETS})
        elif name in known:
            self.say(known[name])
        elif url.path == "/bytes":
            self.send(int(parse_qs(url.query)["count"][0]))
        elif url.path == "/events":
            self.events()
        elif url.path == "/chat":
            self.chat()
        elif url.path == "/broken":
            self.say("<html><h1>out of cats</h1></html>", 500, "text/html")
        elif url.path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            self.close_connection = True
        else:
            self.seen()

    def do_POST(self):
        """Take a body, which may come in chunks."""
        if self.path == "/bytes":
            self.say({"count": sum(map(len, self.parts()))})
        elif self.path == "/next":
            asked.release()
            self.say({})
        else:
            self.seen(b"".join(self.parts()))

    def seen(self, body=b""):
        """Answer with what came."""
        self.say({"path": self.path, "headers": self.headers.items(), "body": body.decode("latin-1")})

    def parts(self):
        """Yield the body as it comes."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            left = int(self.headers.get("Content-Length", 0))
            while left:
                part = self.rfile.read(min(left, len(PART)))
                left -= len(part)
                yield part
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def say(self, answer, code=200, content_type="application/json"):
        """Send an answer in one piece; while the service ends, the last one of its connection."""
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if ending.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send(self, count):
        """Send so many bytes."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(count))
        self.end_headers()
        for begin in range(0, count, len(PART)):
            self.wfile.write(PART[: count - begin])

    def events(self):
        """Send events until the client leaves."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in itertools.count():
            self.wfile.write(b"data: %d\n\n" % number)
            self.wfile.flush()
            while not asked.acquire(timeout=1):
                self.wfile.write(b": nothing new\n\n")
                self.wfile.flush()

    def chat(self):
        """Become a WebSocket."""
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        digest = hashlib.sha1(key + WEBSOCKET).digest()  # noqa: S324 - as the protocol has it
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        self.wfile.flush()
        while True:
            opcode, data = self.frame()
            size = len(data)
            length = (
                bytes([size])
                if size < SHORT
                else struct.pack("!BH" if size < LONG else "!BQ", SHORT + (size >= LONG), size)
            )
            self.wfile.write(bytes([0x80 | opcode]) + length + data)
            self.wfile.flush()
            if opcode == CLOSE:
                break
        self.close_connection = True

    def frame(self):
        """Return opcode and content of a masked frame that is a whole message."""
        first, length = self.rfile.read(2)
        length &= 0x7F
        if length == SHORT:
            (length,) = struct.unpack("!H", self.rfile.read(2))
        elif length == MEDIUM:
            (length,) = struct.unpack("!Q", self.rfile.read(8))
        mask = self.rfile.read(4)
        data = self.rfile.read(length)
        whole = (mask * (length // 4 + 1))[:length]
        return first & 0x0F, (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big")

    def log_message(self, *_words):
        """Keep quiet: it would name the client's address, and a socket's client has none."""


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread for each connection."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, *_words):
        """Keep quiet about clients that leave."""


class UnixServer(Server):
    """At a Unix socket."""

    address_family = socket.AF_UNIX


class Switch(http.server.BaseHTTPRequestHandler):
    """Lets tests end the service, and begin it again."""

    server_now = None
    place = ""

    def do_GET(self):
        """Say that the program runs: an end of the service is not to take its address out of a Service, too."""
        self.send_response(204)
        self.end_headers()

    def do_POST(self):
        """Do what the path says."""
        self.on() if self.path == "/on" else self.off()
        self.send_response(204)
        self.end_headers()

    @classmethod
    def on(cls):
        """Listen."""
        if cls.place.startswith("/"):
            Path(cls.place).unlink(missing_ok=True)  # of this container before its restart
            cls.server_now = UnixServer(cls.place, Service)
        else:
            cls.server_now = Server(("", int(cls.place)), Service)
        threading.Thread(target=cls.server_now.serve_forever, args=[0.05], daemon=True).start()

    @classmethod
    def off(cls):
        """Neither listen nor answer."""
        cls.server_now.shutdown()
        cls.server_now.server_close()
        for connection in list(connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it ended by itself

    def log_message(self, *_words):
        """Keep quiet."""


def end(*_):
    """Say on each connection that it ends, then do: a Service may send requests for a moment longer."""
    ending.set()
    threading.Timer(DRAIN_SECONDS, os._exit, [0]).start()


if __name__ == "__main__":
    Switch.place, control = sys.argv[1:]
    host, port = re.fullmatch(r"(.*):(\d+)", control).groups()
    signal.signal(signal.SIGTERM, end)
    Switch.on()
    Server((host, int(port)), Switch).serve_forever()
