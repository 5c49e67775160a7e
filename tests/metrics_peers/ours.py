"""The metrics of upstream's test-adapter, as functions of this library."""

from extension_apiserver import main
from extension_apiserver.metrics_api import Value, custom_metric, external_metric


@external_metric("my-external-metric")
def mine(_query):
    """Return two values that differ in their labels."""
    return [Value(42, labels={"foo": "bar"}), Value(43, labels={"foo": "baz"})]


@external_metric("other-external-metric")
def other(_query):
    """Return one value."""
    return 44


@external_metric("queue_depth")
def queue_depth(_query):
    """Return what docs/metrics-mux.md asks for."""
    return 5


@custom_metric("pods", "requests")
def requests(_query):
    """Return values of pods that are there, and of one that isn't."""
    return {"web-1": "1500m", "web-2": 2, "gone": 3}


@custom_metric("nodes", "temperature")
def temperature(_query):
    """Return the value of a node."""
    return {"one": 40}


@custom_metric("namespaces", "requests")
def of_namespaces(_query):
    """Return the value of a namespace."""
    return {"peers": 7}


if __name__ == "__main__":
    raise SystemExit(main(metrics=[mine, other, queue_depth, requests, temperature, of_namespaces]))
