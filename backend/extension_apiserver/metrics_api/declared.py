"""What a user writes: a function, and above it the metric that it measures."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any

#: What `namespaces/<namespace>/<metric>` cannot be: these are subresources of the namespace.
_NO_EXTERNAL_METRIC = frozenset({"status", "finalize"})
_NAME = re.compile(r"[A-Za-z0-9_.:|-]{1,253}")
_RESOURCE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
#: Of core/v1; any other resource is told by its declaration.
ROOT_SCOPED = frozenset({"namespaces", "nodes", "persistentvolumes"})
_LONGEST_SECONDS = 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """What a function is asked for.

    Attributes:
        name: of the metric; '' for usage.
        namespace: '' for all namespaces, or if the objects are in none.
        resource: whose objects are measured, such as 'pods'; '' for an external metric.
        names: of the objects there are now; '<namespace>/<name>' if they are of all namespaces.
        selector: of the metric's labels, as text; only with `by_selector`.

    """

    name: str
    namespace: str
    resource: str = ""
    names: tuple[str, ...] = ()
    selector: str = ""


Function = Callable[[Query], Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What all metrics have.

    Attributes:
        function: measures; the metric is called as it is.
        cache_seconds: for so long what it returned is the answer, and it is not called.
        timeout_seconds: for so long a request waits for it.

    Raises:
        ValueError: if one of them is none; the message is a sentence.

    """

    function: Function
    cache_seconds: float = 15.0
    timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not callable(self.function) or inspect.iscoroutinefunction(self.function):
            raise ValueError(f"{self.title} must be measured by a function that is not async")
        for name in ("cache_seconds", "timeout_seconds"):
            seconds = getattr(self, name)
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_SECONDS:
                raise ValueError(
                    f"`{name}` of {self.title} must be more than 0 and at most {_LONGEST_SECONDS:g}, not {seconds!r}"
                )

    @property
    def title(self) -> str:
        """What sentences call it."""
        return "usage"

    def __call__(self, query: Query) -> Any:  # noqa: ANN401 - the user's
        """Call the function."""
        return self.function(query)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExternalMetric(Declared):
    """A metric of external.metrics.k8s.io. With `by_selector` the function reads `query.selector` itself."""

    name: str
    by_selector: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in _NO_EXTERNAL_METRIC | {".", ".."}:
            raise ValueError(f"'{self.name}' cannot be the name of an external metric")
        super(ExternalMetric, self).__post_init__()

    @property
    def title(self) -> str:
        """See the base."""
        return f"the external metric '{self.name}'"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomMetric(Declared):
    """A metric of custom.metrics.k8s.io; `resource` is '<plural>', with '.<group>' if it is not of core/v1."""

    resource: str
    name: str
    namespaced: bool
    by_selector: bool = False

    def __post_init__(self) -> None:
        if not _RESOURCE.fullmatch(self.resource):
            raise ValueError(
                f"'{self.resource}' is no resource: it must be '<plural>' or '<plural>.<group>', such as 'pods'"
            )
        if not _NAME.fullmatch(self.name) or self.name in {".", ".."}:
            raise ValueError(f"'{self.name}' cannot be the name of a custom metric")
        super(CustomMetric, self).__post_init__()

    @property
    def title(self) -> str:
        """See the base."""
        return f"the custom metric '{self.resource}/{self.name}'"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Usage(Declared):
    """What nodes and pods use: metrics.k8s.io."""


Metric = ExternalMetric | CustomMetric | Usage
