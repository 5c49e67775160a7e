"""The load generator, bench/go/cmd/load, and what it reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run

#: What the API server may need beyond the asked time to answer the last requests.
SPARE_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What one load saw.

    Attributes:
        requests: answered within the counted time.
        sent: answered at all, warm-up included; for shares of processor time.
        errors: of `requests`, answers other than 200, and requests without an answer.
        codes: HTTP status code → count.
        failures: what went wrong without an answer → count.
        cpu_seconds: processor time of the load generator itself.
    """

    requests: int
    sent: int
    errors: int
    seconds: float
    bytes_read: int
    p50_seconds: float
    p90_seconds: float
    p99_seconds: float
    max_seconds: float
    cpu_seconds: float
    codes: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Load:
    """Sends requests to this machine; the program refuses any other."""

    program: Path
    ca_file: Path

    def run(
        self,
        url: str,
        *,
        connections: int = 1,
        seconds: float = 1.0,
        warm_up_seconds: float = 0.2,
        requests: int = 0,
        token_file: Path | None = None,
        server_name: str = "",
        client: tuple[Path, Path] | None = None,
        headers: Sequence[str] = (),
        body_bytes: int = 0,
    ) -> Answer:
        """Load ``url`` and return what was seen.

        Args:
            requests: stop each connection after that many, with no warm-up; 0 goes by time alone.
            client: certificate and key files to show.
            headers: "Name: value" lines.

        Raises:
            HarnessError: called wrongly, or it did not end.
        """
        argv: list[str | Path] = [self.program, f"-url={url}", f"-ca={self.ca_file}", f"-connections={connections}"]
        argv += [
            f"-duration={seconds:g}s",
            f"-warm-up={0 if requests else warm_up_seconds:g}s",
            f"-requests={requests}",
        ]
        argv += [
            f"-body-bytes={body_bytes}",
            f"-server-name={server_name}",
            *(f"-header={header}" for header in headers),
        ]
        if token_file is not None:
            argv.append(f"-token-file={token_file}")
        if client is not None:
            argv += [f"-certificate={client[0]}", f"-key={client[1]}"]
        output = run(argv, timeout_seconds=seconds + warm_up_seconds + SPARE_SECONDS).stdout
        return Answer(**json.loads(output))

    def demand(self, url: str, *, seconds: float, **arguments: Any) -> Answer:  # noqa: ANN401 - those of `run`
        """As `run`, but an error is an error: a figure of failed requests would mean nothing.

        A slow peer that answers nothing within ``seconds`` gets ten times as long.

        Raises:
            HarnessError: any request failed or was answered with anything but 200, or none was answered.
        """
        answer = self.run(url, seconds=seconds, **arguments)
        if not answer.requests and not answer.errors:
            answer = self.run(url, seconds=10 * seconds, **arguments)
        if answer.errors:
            raise HarnessError(
                f"{url}: {answer.errors} of {answer.requests} requests failed: {answer.codes} {answer.failures}"
            )
        if not answer.requests:
            raise HarnessError(
                f"{url}: no request was answered within {answer.seconds:g} s: this machine is too busy to measure"
            )
        return answer
