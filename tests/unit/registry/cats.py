"""A resource with a store, for tests of what is read of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from extension_apiserver.api.column import Column
from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.api.stored import Version
from extension_apiserver.registry.kept import Kept, kept
from extension_apiserver.store.feed import Feed
from extension_apiserver.store.memory import MemoryStore

GROUP = "zoo.example.com"
REVISION = 5
_TEXT = {"type": "string"}
_COLOR = Column("Color", lambda item: item.get("spec", {}).get("color", ""))


def cat(name: str, namespace: str = "home", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a cat as a client gets it, without its resourceVersion."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "uid": f"uid of {name}"}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": f"{GROUP}/v1", "kind": "Cat", "metadata": metadata, "spec": spec}


def cats(store: Any = None, columns: Sequence[Column] = (_COLOR,), **more: Any) -> Kept:
    """Return the resource, with a store in memory unless another is given; `v2` has the field `colour` instead of `color`."""
    store = store or MemoryStore()
    v2 = Version(
        schema={"spec": {"type": "object", "properties": {"colour": _TEXT}}},
        to_stored=lambda item: {**item, "spec": {"color": item["spec"].get("colour", "")}},
        from_stored=lambda item: {**item, "spec": {"colour": item["spec"].get("color", "")}},
    )
    resource = Resource(
        kind="Cat", plural="cats", description="A cat.", namespaced=True, store=store, columns=columns,
        schema={"spec": {"type": "object", "properties": {"color": _TEXT, "note": _TEXT}}}, versions={"v2": v2}, **more,
    )  # fmt: skip
    return kept(resource, Api(GROUP, ("v1", "v2"), (resource,)), store, Feed(store))
