"""Metrics of one's own for autoscalers and `kubectl top`: a function, and above it what it measures."""

from .declared import Query
from .decorators import custom_metric, external_metric, node_and_pod_usage
from .values import Value

__all__ = ["Query", "Value", "custom_metric", "external_metric", "node_and_pod_usage"]
