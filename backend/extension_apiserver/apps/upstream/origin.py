"""Where an upstream is, out of its URL."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where a service listens.

    Attributes:
        url: as it was given; for messages.
        secure: by TLS.
        host: name or address, without brackets; '' for a Unix socket.
        port: TCP; 0 for a Unix socket.
        socket: path of a Unix socket, '' for TCP.
        path: what stands before every path that is sent, '' or '/…' without a slash at its end.

    """

    url: str
    secure: bool
    host: str
    port: int
    socket: str
    path: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        if self.socket:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def origin(url: str) -> Origin:
    """Read `http://host[:port][/path]`, `https://…` or `unix:///path/of.sock`.

    Raises:
        ValueError: with a sentence that says what is wrong and what to write.

    """
    raise NotImplementedError
