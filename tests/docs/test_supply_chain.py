"""The lines that verify a release name what the release signs, and the workflow that signs it."""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from clone import copy_tree

from pytest_apiservice.base.run import run

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ".github/workflows/release.yaml"
CHART = yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text())
REPOSITORY = CHART["home"].removeprefix("https://github.com/")
PAGE = (ROOT / "docs" / "supply-chain.md").read_text()
LINES = [shlex.split(line) for line in re.findall(r"^    (cosign .*)$", PAGE.replace("\\\n", " "), re.MULTILINE)]


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """Yield what the release signs, under the names that the workflow gives it, without digests; tried in a copy, for it writes dist/."""
    tree = copy_tree(tmp_path_factory.mktemp("tree"))
    environment = {**os.environ, "PUSH": "", "TAG": ""}
    planned = run([sys.executable, tree / "ci" / "release.py"], env=environment, timeout_seconds=300)
    steps = yaml.safe_load((ROOT / WORKFLOW).read_text())["jobs"]["release"]["steps"]
    (registry,) = [step["env"]["PUSH"] for step in steps if "PUSH" in step.get("env", {})]
    for expression, value in {"repository": REPOSITORY, "repository_owner": REPOSITORY.partition("/")[0]}.items():
        registry = registry.replace(f"${{{{ github.{expression} }}}}", value)
    return [
        name.replace("<registry>", registry) for name in re.findall(r"would run: cosign sign .*?(\S+)@", planned.stderr)
    ]


def test_everything_that_is_signed_is_verified_and_nothing_else(signed):
    assert [line[2] for line in LINES] == [f"{name}:{CHART['version']}" for name in signed]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[2])
def test_a_signature_counts_only_from_the_workflow_that_releases(line):
    """https://docs.sigstore.dev/cosign/verifying/verify/."""
    options = dict(zip(line[3::2], line[4::2], strict=True))
    assert options == {
        "--certificate-oidc-issuer": "https://token.actions.githubusercontent.com",
        "--certificate-identity": f"{CHART['home']}/{WORKFLOW}@refs/tags/v{CHART['version']}",
    }
