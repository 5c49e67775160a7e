"""Counters in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_DURATION_BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


def _labels(pairs: tuple[tuple[str, str], ...]) -> str:
    def escape(value: str) -> str:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return "{" + ",".join(f'{name}="{escape(value)}"' for name, value in pairs) + "}" if pairs else ""


class Counter:
    """Counts events by labels. The caller sees to it that labels have few values.

    Attributes:
        text: the HELP line.

    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._values: dict[tuple[tuple[str, str], ...], int] = {}

    def add(self, **labels: str) -> None:
        """Count one event; the same labels in another order are another row."""
        key = tuple(labels.items())
        self._values[key] = self._values.get(key, 0) + 1

    def show_zero(self, **labels: str) -> None:
        """Show 0 before the first event: a rate sees no event in a series that begins with 1.

        https://prometheus.io/docs/practices/instrumentation/#avoid-missing-metrics
        """
        self._values.setdefault(tuple(labels.items()), 0)

    def value(self, **labels: str) -> int:
        """Return the count for exactly these labels."""
        return self._values.get(tuple(labels.items()), 0)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the exposition, HELP and TYPE first, without newlines."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} counter"
        for key, value in self._values.items():
            yield f"{self.name}{_labels(key)} {value}"


class Gauge:
    """Shows a value of now.

    Attributes:
        text: the HELP line.
        read: returns the value; until it is replaced there is none, and no line.

    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.read: Callable[[], float | None] = lambda: None

    def lines(self) -> Iterator[str]:
        """Yield the lines of the exposition, HELP and TYPE first, without newlines."""
        value = self.read()
        if value is not None:
            yield f"# HELP {self.name} {self.text}"
            yield f"# TYPE {self.name} gauge"
            yield f"{self.name} {value:.15g}"


class Rows:
    """Shows values of now by labels, as they are read; whoever reads sees to it that there are few.

    Attributes:
        text: the HELP line.

    """

    def __init__(
        self, name: str, text: str, read: Callable[[], Iterable[tuple[Mapping[str, str], float]]], *, kind: str
    ) -> None:
        self.name, self.text, self.kind = name, text, kind
        self._read = read

    def lines(self) -> Iterator[str]:
        """Yield the lines of the exposition, HELP and TYPE first, without newlines."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self._read():
            yield f"{self.name}{_labels(tuple(labels.items()))} {value:.15g}"


class Requests:
    """A histogram of durations for each verb and code."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], list[float]] = {}

    def observe(self, verb: str, code: int, seconds: float) -> None:
        """Count one request. `verb` is a Kubernetes verb or 'other', so that a caller cannot make rows without end."""
        row = self._rows.get((verb, code))
        if row is None:
            row = self._rows[verb, code] = [0.0] * (len(_DURATION_BOUNDS_SECONDS) + 2)
        row[bisect.bisect_left(_DURATION_BOUNDS_SECONDS, seconds)] += 1
        row[-1] += seconds

    def lines(self) -> Iterator[str]:
        """Yield the lines of the exposition, HELP and TYPE first, without newlines."""
        name = "extension_apiserver_request_duration_seconds"
        yield f"# HELP {name} Time from complete header to answer, by verb and code."
        yield f"# TYPE {name} histogram"
        for (verb, code), row in self._rows.items():
            labels = f'verb="{verb}",code="{code}"'
            total = 0.0
            for bound, count in zip((*_DURATION_BOUNDS_SECONDS, "+Inf"), row[:-1], strict=True):
                total += count
                yield f'{name}_bucket{{{labels},le="{bound}"}} {total:.0f}'
            yield f"{name}_sum{{{labels}}} {row[-1]:.6f}"
            yield f"{name}_count{{{labels}}} {total:.0f}"


class Metrics:
    """The metrics of one server, each an attribute; those of connections and certificate are read when they are shown.

    Attributes:
        others: of what this server hosts.

    """

    def __init__(self) -> None:
        self.others: list[Rows] = []
        self.requests = Requests()
        self.refused_identities = Counter(
            "extension_apiserver_refused_identities_total", "Requests whose identity was refused, by reason."
        )
        self.tls_reloads = Counter(
            "extension_apiserver_tls_reloads_total", "Reloads of the serving certificate, by result."
        )
        self.requestheader_reloads = Counter(
            "extension_apiserver_requestheader_reloads_total", "Reloads of the front proxy's configuration, by result."
        )
        for reloads in (self.tls_reloads, self.requestheader_reloads):
            reloads.show_zero(result="failure")
        self.refused_reviews = Counter(
            "extension_apiserver_refused_reviews_total",
            "Questions that kube-apiserver was not asked because there were too many, by reason.",
        )
        self.refused_connections = Counter(
            "extension_apiserver_refused_connections_total", "Connections closed by a bound, by reason."
        )
        self.refused_requests = Counter(
            "extension_apiserver_refused_requests_total", "Requests refused by a bound over all connections, by reason."
        )
        for reason in ("max_bytes_in_flight", "max_streams"):
            self.refused_requests.show_zero(reason=reason)
        self.metric_calls = Counter(
            "extension_apiserver_metric_calls_total", "Calls of functions of metrics, by metric and result."
        )
        self.certificate_not_after = Gauge(
            "extension_apiserver_certificate_not_after_seconds",
            "When the serving certificate expires, seconds since the epoch.",
        )
        self.streams = Gauge(
            "extension_apiserver_streams", "Answers that are still being made, and upgraded connections."
        )
        self.bytes_in_flight = Gauge(
            "extension_apiserver_bytes_in_flight",
            "Bytes of bodies and answers in memory, beyond 64 KiB for each connection.",
        )
        self.connections = Gauge("extension_apiserver_connections", "Open connections, unfinished handshakes included.")

    def expose(self) -> bytes:
        """Return everything in the text format, UTF-8."""
        parts: tuple[Requests | Counter | Gauge | Rows, ...] = (
            self.requests,
            self.refused_identities,
            self.refused_reviews,
            self.refused_connections,
            self.refused_requests,
            self.metric_calls,
            self.tls_reloads,
            self.requestheader_reloads,
            self.certificate_not_after,
            self.connections,
            self.streams,
            self.bytes_in_flight,
            *self.others,
        )
        return ("\n".join(line for part in parts for line in part.lines()) + "\n").encode()
