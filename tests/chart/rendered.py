"""Render the chart: `render(values, configuration=…)` gives its objects; needs helm only."""

from __future__ import annotations

import functools
import json
import os

import yaml

from chart.configurations import CONFIGURATIONS, OFFERED, offers
from pytest_apiservice.base.run import run
from pytest_apiservice.client.helm import CHART
from pytest_apiservice.programs.tools import tool

#: libyaml's, an eighth of the time; a PyYAML that was built without it has none. https://pyyaml.org/wiki/PyYAMLDocumentation
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: A helm that ends at once need collect no garbage, which is a third of its time. https://go.dev/doc/gc-guide#GOGC
ENVIRONMENT = {**os.environ, "GOGC": "off"}


@functools.cache
def template(
    values="{}",
    files=(),
    show_only=(),
    release="header-echo",
    namespace="apps",
    served=OFFERED,
    chart=CHART,
    program="helm",
    extra=(),
):
    """Return what `helm template` prints; a HarnessError carries helm's own words if it refuses."""
    flags = [f"--values={path}" for path in files]
    flags += [f"--show-only={path}" for path in show_only]
    flags += [*offers(served), f"--namespace={namespace}", "--values=-", *extra]
    command = [tool(program), "template", release, chart, *flags]
    return run(command, timeout_seconds=60, input=values, env=ENVIRONMENT).stdout


def text(values=None, *, configuration="default", again=False, **options):
    """Return the text made of chart/ci/<configuration>-values.yaml and `values` over it; `again` renders it anew."""
    files = (CONFIGURATIONS[configuration],)
    return (template.__wrapped__ if again else template)(json.dumps(values or {}), files, **options)


def render(values=None, **options):
    """Return the objects in that text."""
    return [document for document in yaml.load_all(text(values, **options), LOADER) if document]


def of_kind(objects, *kinds):
    """Return the objects of these kinds."""
    return [one for one in objects if one["kind"] in kinds]


def ours(objects):
    """Return the objects of the chart itself; those of extraObjects are the user's."""
    return [one for one in objects if "helm.sh/chart" in one["metadata"].get("labels", {})]


def only(objects, kind):
    """Return the one object of this kind."""
    found = of_kind(objects, kind)
    assert len(found) == 1, f"{len(found)} objects of kind {kind}: {[title(one) for one in found]}"
    return found[0]


def leaves(value, path=()):
    """Yield (path, leaf) of every leaf; empty maps and lists are leaves."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for position, inner in enumerate(value):
            yield from leaves(inner, (*path, position))
    else:
        yield path, value


def title(one):
    """Name an object in a message."""
    return f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}"


def pod_specs(objects):
    """Return (title, labels, pod spec) of everything that runs containers."""
    for one in of_kind(objects, "Pod"):
        yield title(one), one["metadata"]["labels"], one["spec"]
    for one in of_kind(objects, "Deployment"):
        yield title(one), one["spec"]["template"]["metadata"]["labels"], one["spec"]["template"]["spec"]


def environment(container):
    """Return a container's environment as {name: value or valueFrom}."""
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
