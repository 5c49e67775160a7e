"""What a resource with a store may say besides: its other versions, and where its `scale` is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .call import Object
from .column import Column

#: What else is wrong with an object that its schema takes, as (path of the field, sentence), given what it is to be, what it was, which is None
#: for a new one, and the subresource by which it is written, "" or "status". It runs with every write, where nothing may wait.
Check = Callable[[Object, Object | None, str], Iterable[tuple[str, str]]]
#: Returns an object in another version; it is given a copy, and what it makes of apiVersion, kind and metadata does not count.
Convert = Callable[[Object], Object]

# The simple paths that a CustomResourceDefinition takes: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource
_PATH = re.compile(r"\.(spec|status)(\.[A-Za-z_][A-Za-z0-9_-]*)+")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Another version of a resource than the one that is stored.

    Attributes:
        schema: as that of a Resource.
        to_stored: makes an object of the stored version of one of this.
        from_stored: the other way. Who has seen an object in this version and writes it back must lose nothing.
        columns: as those of a Resource.
        check: as that of a Resource.

    """

    schema: Mapping[str, Any]
    to_stored: Convert
    from_stored: Convert
    columns: Sequence[Column] = ()
    check: Check | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where an object keeps what `kubectl scale` and autoscalers read and write.

    Attributes:
        spec_replicas: path of the wanted number, such as '.spec.replicas'.
        status_replicas: path of the number that there is, such as '.status.replicas'.
        selector: path of a label selector as text, such as '.status.selector'; '' for none, and then no HorizontalPodAutoscaler works.

    Raises:
        ValueError: if a path is none of these.

    """

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str = ""

    def __post_init__(self) -> None:
        rules = (("spec_replicas", "spec"), ("status_replicas", "status"), ("selector", ""))
        for name, root in rules:
            path = getattr(self, name)
            match = _PATH.fullmatch(path)
            if (match is None or (root and match[1] != root)) and not (name == "selector" and not path):
                raise ValueError(
                    f"`{name}` of a scale must be a path such as '.{root or 'status'}.replicas', not '{path}'"
                )
