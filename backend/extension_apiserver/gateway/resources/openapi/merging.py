"""Puts an upstream's OpenAPI document into ours, where neither can be taken for the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .cleaning import Cleaner, is_parameter
from .document import SECTIONS, UpstreamOpenApi

Json = dict[str, Any]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PATH = re.compile(r"(/([^/{}?#\s\x00-\x1f]|\{[^/{}]{1,100}\})*)+")
_PART = re.compile(r"\{[^{}]*\}")
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_ID = 200


def merged(ours: Json, upstream: UpstreamOpenApi, prefix: str, below: str = "", name: str = "upstream") -> Json:
    """Return our document with the paths and components of an upstream.

    Security and servers of the upstream are left out: kube-apiserver's count. What a resource of ours answers is where the upstream can
    still be reached, below `…/proxy/`. All of it takes about as long as reading the upstream's document, so it is work for a thread.

    Args:
        ours: of one version, OpenAPI 3.0; stays as it is.
        upstream: its document.
        prefix: what stands before the upstream's paths here: `/apis/<group>/<version>`, or '' if they have it already.
        below: only paths that begin with these segments are taken; by default `prefix`.
        name: what the upstream's components begin with, another one for each upstream.

    """
    name = _NO_NAME.sub("_", name)
    names = _Names(upstream, name)
    cleaner = Cleaner(names.reference)
    components: Json = {key: dict(value) for key, value in ours.get("components", {}).items()}
    for section in SECTIONS:
        for old, value in upstream.components[section].items():
            component = cleaner.component(section, value)
            # Without a name is what is no component, and what cannot be told from another.
            new = names.names.get((section, old))
            if new and (component or section == "schemas"):
                components.setdefault(section, {})[new] = component
    paths: Json = dict(ours.get("paths", {}))
    ours_alone = {_shape(path) for path in paths}
    taken = set(ours_alone)
    ids: set[str] = set()
    for path, item in upstream.paths.items():
        whole = f"{prefix}{upstream.base}{path}"
        if (
            not isinstance(item, dict)
            or not _PATH.fullmatch(whole)
            or not f"{whole}/".startswith(f"{below or prefix}/")
        ):
            continue
        if _is_hidden(_shape(whole), ours_alone):
            whole = "/".join([*whole.split("/")[:4], "proxy", *whole.split("/")[4:]])
        operations = dict(_operations(item, cleaner, name, ids))
        if operations and _shape(whole) not in taken:
            taken.add(_shape(whole))
            parameters = cleaner.parameters(item.get("parameters"))
            paths[whole] = {**operations, **({"parameters": parameters} if parameters else {})}
    return {**ours, "paths": paths, "components": components}


def _operations(item: Json, cleaner: Cleaner, name: str, ids: set[str]) -> Iterator[tuple[str, Json]]:
    for method in _METHODS:
        if isinstance(item.get(method), dict):
            operation = cleaner.operation(item[method])
            given = item[method].get("operationId")
            new = f"{name}.{_NO_NAME.sub('_', given)}"[:_LONGEST_ID] if isinstance(given, str) and given else ""
            if new and new not in ids:
                ids.add(new)
                operation["operationId"] = new
            yield method, operation


def _shape(path: str) -> str:
    """Return a path in which all placeholders are alike: two of one shape are the same to OpenAPI."""
    return _PART.sub("{}", path)


def _is_hidden(shape: str, ours: set[str]) -> bool:
    """Return whether a resource of ours answers: the paths of a collection and of its objects, but not what is below those."""
    parent, _, _ = shape.rpartition("/")
    return shape in ours or (parent in ours and not parent.endswith("{}"))


class _Names:
    """The names of an upstream's components here: with a beginning of their own, of letters that OpenAPI allows."""

    def __init__(self, upstream: UpstreamOpenApi, name: str) -> None:
        self.names: dict[tuple[str, str], str] = {}
        for section in SECTIONS:
            taken: set[str] = set()
            for old, value in upstream.components[section].items():
                plain = f"{name}.{_NO_NAME.sub('_', old)}"
                new = plain if plain not in taken else f"{plain}_{len(taken)}"
                if new not in taken and (section != "parameters" or is_parameter(value)):
                    taken.add(new)
                    self.names[section, old] = new

    def reference(self, value: object, section: str) -> str:
        """Return where a reference leads here; '' if it leads nowhere, to another kind of thing, or out of the document."""
        beginning = f"#/components/{section}/"
        if not isinstance(value, str) or not value.startswith(beginning):
            return ""
        old = value.removeprefix(beginning).replace("~1", "/").replace("~0", "~")
        new = self.names.get((section, old))
        return f"{beginning}{new}" if new else ""
