"""The measurements with load: through the API server, direct, growing requests, memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.commands import go_program
from bench.load import Answer, Load
from bench.peers import Peer
from bench.plane import GROUP_COUNTS, GROUP_NAME, ControlPlane
from bench.processes import Child

#: What the aggregator adds to a request, so that a direct one looks the same.
FORWARDED = (
    "Audit-Id: 1b0ff3f5-8e2c-4a4e-9fd0-0c0ab20a5f0e",
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Host: 127.0.0.1:6443",
    "X-Forwarded-Proto: https",
    "X-Remote-User: user-1",
    "X-Remote-Group: system:authenticated",
    "Accept-Encoding: gzip",
)
SIZES_BYTES = (100, 1000, 8000, 32000)
BODIES_BYTES = (100, 1000, 10000, 100000)


@dataclass(frozen=True)
class Sample:
    """One load on one peer.

    Attributes:
        way: "through" the API server or "direct".
        what: what is varied, such as "connections" or "groups", and `amount` of it.
        peer_cpu_microseconds: processor time of the peer for one request; of the API server likewise, and of the service behind a proxy,
            0 if there is none.
    """

    way: str
    peer: str
    what: str
    amount: int
    round: int
    answer: Answer
    peer_cpu_microseconds: float
    api_server_cpu_microseconds: float
    upstream_cpu_microseconds: float = 0

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "per_second": self.answer.per_second}


@dataclass
class Bench:
    """A control plane with its peers, and everything measured so far."""

    plane: ControlPlane
    peers: Mapping[str, Peer]
    seconds: float
    rounds: int
    samples: list[Sample] = field(default_factory=list)

    def connections(self, amounts: Sequence[int], detail: Callable[[str], None]) -> None:
        """Measure every peer and /version through the API server, and every peer direct, one after another, round by round."""
        for turn, amount in itertools.product(range(self.rounds), amounts):
            detail(f"round {turn + 1} of {self.rounds}, {amount} connections")
            for peer in self.peers.values():
                self._through(peer, "connections", amount, turn, connections=amount)
            self._version(amount, turn)
            for peer in self.peers.values():
                self._direct(peer, "connections", amount, turn, connections=amount)

    def growth(self, names: Sequence[str], detail: Callable[[str], None]) -> None:
        """Measure named peers through the API server at 8 connections, with more groups, longer headers, longer bodies."""
        for turn in range(self.rounds):
            detail(f"round {turn + 1} of {self.rounds}")
            for name in names:
                peer = self.peers[name]
                for count in GROUP_COUNTS:
                    self._through(peer, "groups", count, turn, connections=8, token_groups=count)
                for size in SIZES_BYTES:
                    lines = [
                        f"X-Filler-{number}: {'x' * min(4000, size - 4000 * number)}"
                        for number in range(-(-size // 4000))
                    ]
                    self._through(peer, "header bytes", size, turn, connections=8, headers=lines)
                for size in BODIES_BYTES:
                    self._through(peer, "body bytes", size, turn, connections=8, body_bytes=size)

    def _through(
        self, peer: Peer, what: str, amount: int, turn: int, *, token_groups: int = 1, **arguments: object
    ) -> None:
        load = Load(go_program("load"), self.plane.ca_file)
        url, token = self.plane.server + peer.path, self.plane.token_file(token_groups)
        self._sample(
            "through",
            peer.name,
            what,
            amount,
            turn,
            peer.child,
            load,
            url,
            upstream=peer.upstream,
            token_file=token,
            **arguments,
        )

    def _version(self, amount: int, turn: int) -> None:
        load = Load(go_program("load"), self.plane.ca_file)
        url, token = f"{self.plane.server}/version", self.plane.token_file()
        api_server = self.plane.api_server
        self._sample(
            "through",
            "version",
            "connections",
            amount,
            turn,
            api_server,
            load,
            url,
            token_file=token,
            connections=amount,
        )

    def _direct(self, peer: Peer, what: str, amount: int, turn: int, **arguments: object) -> None:
        load = Load(go_program("load"), self.plane.directory / "bench-ca.crt")
        self._sample(
            "direct",
            peer.name,
            what,
            amount,
            turn,
            peer.child,
            load,
            f"https://127.0.0.1:{peer.port}{peer.path}",
            upstream=peer.upstream,
            client=front_proxy(self.plane),
            server_name=peer.dns_name,
            headers=(*FORWARDED, f"X-Remote-Group: {GROUP_NAME.format(number=0)}"),
            **arguments,
        )

    def _sample(
        self,
        way: str,
        name: str,
        what: str,
        amount: int,
        turn: int,
        child: Child,
        load: Load,
        url: str,
        *,
        upstream: Child | None = None,
        **arguments: object,
    ) -> None:
        def used() -> list[float]:
            processes = (child, self.plane.api_server, upstream)
            return [process.cpu_seconds() if process else 0.0 for process in processes]

        before = used()
        answer = load.demand(url, seconds=self.seconds, **arguments)
        each = [(now - then) / answer.sent * 1e6 for now, then in zip(used(), before, strict=True)]
        self.samples.append(Sample(way, name, what, amount, turn, answer, *each))

    def figures(self, way: str, peer: str, what: str, amount: int, figure: Callable[[Sample], float]) -> list[float]:
        """Return one figure of every round, in order."""
        wanted = (way, peer, what, amount)
        return [figure(one) for one in self.samples if (one.way, one.peer, one.what, one.amount) == wanted]


def front_proxy(plane: ControlPlane) -> tuple[Path, Path]:
    """Return certificate and key of the API server's proxy client."""
    return plane.credentials.folder / "front-proxy.crt", plane.credentials.folder / "front-proxy.key"
