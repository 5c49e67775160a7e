"""Every block of docs/metrics.md, as it stands there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from extension_apiserver.metrics_api import cache, objects, values
from extension_apiserver.metrics_api.asked import _MOST_REQUIREMENTS, LONGEST_SELECTOR
from extension_apiserver.metrics_api.declared import Metric
from extension_apiserver.observe.metrics import Metrics
from unit.fake_aggregator import Aggregator
from unit.metrics_api.measured import put
from unit.running import Backend

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "metrics.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$|^    (kubectl [^\n]*)$", PAGE, re.MULTILINE | re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def programs() -> Iterator[tuple[str, list[tuple[str, str]], list[str]]]:
    """Yield each program, its commands with what they print, and the manifests for it."""
    found: list[tuple[str, list[tuple[str, str]], list[str]]] = []
    command = ""
    for language, text, line in BLOCKS:
        if language == "python":
            found.append((text, [], []))
        elif language == "json":
            found[-1][1].append((command, text))
        elif language == "yaml":
            found[-1][2].append(text)
        command = line or command
    yield from found


def metrics_of(program: str) -> list[Metric]:
    """Return what the program gives to `main`."""
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(program, "docs/metrics.md", "exec"), names)  # noqa: S102 - the page is ours
    given = re.search(r"main\(metrics=\[(.*)\]\)", program)
    assert given is not None, program
    return [names[name] for name in given[1].split(", ")]


@pytest.mark.parametrize(("program", "printed", "manifests"), list(programs()))
def test_a_program_answers_what_the_page_says(
    own: Backend,
    alone: Callable[..., Aggregator],
    program: str,
    printed: list[tuple[str, str]],
    manifests: list[str],
) -> None:
    """But for the time."""
    client = alone(*metrics_of(program))
    put(own.apiserver, "/api/v1/namespaces/default/pods", web_1={})
    assert printed
    for command, text in printed:
        words = shlex.split(command)
        assert words[:3] == ["kubectl", "get", "--raw"]
        answer = client.request("GET", words[3])
        assert answer.status == 200, answer.text
        assert json.loads(TIME.sub("T", answer.text)) == json.loads(TIME.sub("T", text))
    for manifest in map(yaml.safe_load, manifests):
        for metric in manifest["spec"]["metrics"]:
            name = metric["external"]["metric"]["name"]
            path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/default/{name}"
            assert client.request("GET", path).status == 200


def test_the_first_program_is_ten_lines() -> None:
    """Without blank ones."""
    first = next(programs())[0]
    assert len([line for line in first.splitlines() if line.strip() and not line.startswith("#")]) <= 10


def test_the_bounds_are_those_of_the_library() -> None:
    """And the metric is there."""
    numbers = [
        cache._MOST_KEPT, cache._AT_ONCE, cache.MOST_OF_ONE, values.MOST_VALUES, objects._MOST_OBJECTS, LONGEST_SELECTOR, _MOST_REQUIREMENTS
    ]  # fmt: skip
    table = PAGE.partition("| bound |")[2].partition("\n\n")[0].replace(",", "")
    assert [number for number in numbers if str(number) not in table] == []
    assert Metrics().metric_calls.name in PAGE
