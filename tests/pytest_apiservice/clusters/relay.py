"""Reach what is not routed to us: a loopback port, each connection of which is handed to a program as its stdin and stdout."""

import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def relayed(argv: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield a (host, port) on loopback; each connection to it runs ``argv``, until the block ends."""
    children: list[subprocess.Popen[bytes]] = []

    def serve(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # the block has ended
                return
            with connection:
                end = connection.fileno()
                children.append(subprocess.Popen(argv, stdin=end, stdout=end))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        try:
            yield server.getsockname()
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=30)
            for child in children:
                child.kill()
                child.wait()
