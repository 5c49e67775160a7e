"""Providers' answers: what they must be to be passed on. A provider is another program, and what it says reaches controllers.

What is passed on is made anew of the fields that the types have.
https://github.com/kubernetes/metrics/blob/v0.34.0/pkg/apis/external_metrics/v1beta1/types.go
https://github.com/kubernetes/metrics/blob/v0.34.0/pkg/apis/custom_metrics/v1beta2/types.go
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from extension_apiserver.metrics_api.quantity import canonical

from .question import Question

KINDS = {"external": "ExternalMetricValueList", "custom": "MetricValueList"}
MOST_LISTED = 10000
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")
#: In discovery: `queue_depth`, `pods/requests`, `deployments.apps/requests`, and what providers list that know no names, `/custommetrics`.
_LISTED = re.compile(r"[^\x00-\x20\x7f-\x9f/\\%\ufffd]{0,253}(/[^\x00-\x20\x7f-\x9f/\\%\ufffd]{1,253})?")
_LONGEST_TEXT = 1024

Item = dict[str, Any]


def value_list(question: Question, document: Any) -> list[Item]:  # noqa: ANN401
    """Return the values of an answer.

    Raises:
        ValueError: if it is no such list, with what the provider did, such as "answers with …".

    """
    wanted = KINDS[question.api], question.group_version
    said = _of(document, "kind", str), _of(document, "apiVersion", str)
    if said != wanted:
        raise ValueError(f"answers with {_shown(said[1])} {_shown(said[0])} instead of {wanted[1]} {wanted[0]}")
    read = _external if question.api == "external" else _custom
    return [read(question, item, f"items[{number}]") for number, item in enumerate(_items(document, "items"))]


def resource_list(group_version: str, api: str, document: Any) -> dict[str, bool]:  # noqa: ANN401
    """Return name → whether it has a namespace, of what a provider lists in discovery.

    Raises:
        ValueError: as `value_list`.

    """
    if _of(document, "kind", str) != "APIResourceList" or _of(document, "groupVersion", str) != group_version:
        raise ValueError(f"answers with something else than the APIResourceList of {group_version}")
    listed = _items(document, "resources")
    if len(listed) > MOST_LISTED:
        raise ValueError(f"lists {len(listed)} metrics, of at most {MOST_LISTED}")
    found: dict[str, bool] = {}
    for number, one in enumerate(listed):
        name = _of(one, "name", str)
        slashes = 0 if api == "external" else 1
        if name and _LISTED.fullmatch(name) and name.count("/") == slashes:
            found[name] = _of(one, "namespaced", bool) is True
        elif name is None:
            raise ValueError(f"answers with resources[{number}], which has no name")
    return found


def _external(_question: Question, item: Any, place: str) -> Item:  # noqa: ANN401
    labels = _of(item, "metricLabels", dict) or {}
    if not all(isinstance(value, str) for value in labels.values()):
        raise ValueError(f"answers with {place}.metricLabels that are no texts")
    window = _whole(item, "window", place)
    return {
        "metricName": _text(item, "metricName", place),
        "metricLabels": labels,
        "timestamp": _time(item, place),
        **({} if window is None else {"window": window}),
        "value": _quantity(item, place),
    }


def _custom(question: Question, item: Any, place: str) -> Item:  # noqa: ANN401
    described = _of(item, "describedObject", dict) or {}
    reference = {
        key: _text(described, key, f"{place}.describedObject")
        for key in ("kind", "namespace", "name", "apiVersion")
        if key in described
    }
    _is_about(question, reference, place)
    if question.version == "v1beta1":
        window = _whole(item, "window", place)
        selector = _of(item, "selector", dict)
        return {
            "describedObject": reference,
            "metricName": _text(item, "metricName", place),
            "timestamp": _time(item, place),
            **({} if window is None else {"window": window}),
            "value": _quantity(item, place),
            **({} if selector is None else {"selector": selector}),
        }
    metric = _of(item, "metric", dict) or {}
    window, selector = _whole(item, "windowSeconds", place), _of(metric, "selector", dict)
    name = {"name": _text(metric, "name", f"{place}.metric")}
    return {
        "describedObject": reference,
        "metric": name if selector is None else {**name, "selector": selector},
        "timestamp": _time(item, place),
        **({} if window is None else {"windowSeconds": window}),
        "value": _quantity(item, place),
    }


def _is_about(question: Question, reference: Mapping[str, str], place: str) -> None:
    """Refuse the values of objects that were not asked for: the caller may not read them."""
    name, namespace = reference.get("name", ""), reference.get("namespace", "")
    named = question.name in {"*", name}
    own = {question.namespace, question.name} if question.resource == "namespaces" else {question.namespace}
    if not named or ("*" not in own and namespace and namespace not in own):
        where = f"{namespace}/{name}" if namespace else name
        raise ValueError(f"answers with {place} about {_shown(where)}, which was not asked for")


def _of(value: Any, key: str, kind: type) -> Any:  # noqa: ANN401
    """Return the value of a key, None if there is none of that type."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else None


def _items(document: Any, key: str) -> list[Any]:  # noqa: ANN401
    # Go writes null for a list that was never made.
    found = document.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(f"answers with `{key}` that are no list")  # noqa: TRY004 - a value of a document
    return found


def _checked(fits: Callable[[str], object], item: Any, key: str, place: str) -> str:  # noqa: ANN401
    found = _of(item, key, str)
    if found is None or not fits(found):
        raise ValueError(f"answers with {place}, whose {key} is missing or malformed")
    return str(found)


def _text(item: Any, key: str, place: str) -> str:  # noqa: ANN401
    return _checked(lambda text: len(text) <= _LONGEST_TEXT, item, key, place)


def _time(item: Any, place: str) -> str | None:  # noqa: ANN401
    # Go writes null for no time.
    missing = isinstance(item, dict) and item.get("timestamp") is None
    return None if missing else _checked(_TIME.fullmatch, item, "timestamp", place)


def _quantity(item: Any, place: str) -> str:  # noqa: ANN401
    try:
        return canonical(item.get("value") if isinstance(item, dict) else None)
    except ValueError as error:
        raise ValueError(f"answers with {place}, whose value {error}") from None


def _whole(item: Any, key: str, place: str) -> int | None:  # noqa: ANN401
    found = item.get(key) if isinstance(item, dict) else None
    if found is not None and (not isinstance(found, int) or isinstance(found, bool) or abs(found) >= 2**63):
        raise ValueError(f"answers with {place}, whose {key} is no whole number")
    return found


def _shown(text: str | None) -> str:
    """Return a provider's word for a sentence, in ASCII and not long."""
    return "nothing" if not text else ascii(text[:100])
