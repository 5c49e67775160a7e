"""A thousand random series of updates and applies end as they do with kube-apiserver's own packages: objects, owners and conflicts.

Here and not in tests/unit, because the program that asks those packages is built with Go. tests/unit/objects has forty of its answers.
"""

import json
import subprocess

import pytest

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.programs import go
from unit.objects.play import play
from unit.objects.scenarios import scenario

SERIES = 1000
BUILD_SECONDS = 3600

pytestmark = pytest.mark.timeout(BUILD_SECONDS)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    """Yield the program of ci/tools/interop/structured-merge-diff."""
    program = tmp_path_factory.mktemp("oracle") / "structured-merge-diff"
    go.build(
        ".",
        program,
        directory=FAMILIES / "interop" / "structured-merge-diff",
        link_flags="",
        title="building the oracle of merges",
    )
    return program


def test_random_merges_end_as_upstream_s(oracle, record_property):
    asked = [scenario(seed) for seed in range(SERIES)]
    lines = "".join(f"{json.dumps(one)}\n" for one in asked)
    said = subprocess.run(
        [oracle], input=lines, capture_output=True, text=True, check=True, timeout=600
    ).stdout.splitlines()
    assert len(said) == SERIES
    conflicts = 0
    for seed, (series, line) in enumerate(zip(asked, said, strict=True)):
        theirs = json.loads(line)["results"]
        for step in theirs:
            step["failed"] = bool(step.pop("error"))
            step["conflicts"].sort()
            conflicts += bool(step["conflicts"])
        assert play(series) == theirs, f"seed {seed}"
    record_property("conflicts", conflicts)
    assert conflicts > SERIES / 10, "the series try conflicts too"
