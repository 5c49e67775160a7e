"""The part of YAML that means the same as JSON; only this module needs PyYAML."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from .section import shown

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Makes the objects of JSON, and refuses what could be anything else."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                None, None, f"the alias {shown(f'*{event.anchor}')} is refused; write what it stands for", mark
            )
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(None, None, f"the tag {shown(event.tag)} is refused; write a plain value", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(None, None, "a key is no string", key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"the key {shown(key)} stands twice in one object", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load(text: str) -> Any:  # noqa: ANN401
    """Return the one document of a text.

    Raises:
        ValueError: with what is wrong, and its line.

    """
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise ValueError(f"is not YAML that means the same as JSON: {place}{ascii(error.problem)[1:-1]}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"is not YAML: {ascii(' '.join(str(error).split()))[1:-1]}") from None
    except ValueError as error:  # a number that Python does not read
        raise ValueError(f"is not YAML that means the same as JSON: {error}") from None
    finally:
        if loader is not None:
            loader.dispose()
