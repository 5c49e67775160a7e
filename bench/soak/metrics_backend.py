"""Functions of metrics that take as long as a short question to a database, and one that says how often they were called."""

from __future__ import annotations

import time
from collections import Counter

from extension_apiserver import main
from extension_apiserver.metrics_api import Query, Value, custom_metric, external_metric

QUESTION_SECONDS = 0.02
CALLS: Counter[str] = Counter()


@external_metric("queue_depth", cache_seconds=15)
def queue_depth(query: Query) -> list[Value]:
    """Return the depths of ten queues."""
    CALLS[query.name] += 1
    time.sleep(QUESTION_SECONDS)
    return [Value(number, labels={"queue": f"q{number}"}) for number in range(10)]


@custom_metric("deployments.apps", "requests_per_second", cache_seconds=15)
def requests_per_second(query: Query) -> dict[str, float]:
    """Return a rate of each object."""
    CALLS[query.name] += 1
    time.sleep(QUESTION_SECONDS)
    return dict.fromkeys(query.names, 12.5)


@external_metric("calls", cache_seconds=0.001)
def calls(_query: Query) -> list[Value]:
    """Return how often the others were called."""
    return [Value(count, labels={"function": name}) for name, count in CALLS.items()]


if __name__ == "__main__":
    raise SystemExit(main(metrics=[queue_depth, requests_per_second, calls]))
