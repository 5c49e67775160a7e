"""A service that runs on this machine, for `make demo GATEWAY=` to stand in front of."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class OwnService(BaseHTTPRequestHandler):
    """Somebody's service, which knows nothing of Kubernetes."""

    def do_GET(self) -> None:
        """Say who called."""
        body = f"{self.path} for {self.headers['X-Remote-User']}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Keep quiet."""


@contextmanager
def own_service() -> Iterator[str]:
    """Yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OwnService) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
