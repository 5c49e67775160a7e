"""Kubernetes' label selectors: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors."""

from typing import Any

Object = dict[str, Any]


def matches(selector: Object, pod: Object) -> bool:
    """Return whether a label selector (matchLabels, matchExpressions) matches ``pod``; an empty one matches all."""
    labels = pod["metadata"].get("labels") or {}
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _meets(labels, expression) for expression in selector.get("matchExpressions") or []
    )


def _meets(labels: dict[str, str], expression: Object) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or []
    if operator in {"Exists", "DoesNotExist"}:
        return (key in labels) is (operator == "Exists")
    return (labels.get(key) in values) is (operator == "In")
