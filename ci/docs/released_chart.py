"""The chart as a release has it: its default image is the released one, and its README says where the chart itself is to be had."""

import json
import re
import shutil
from pathlib import Path

import yaml

import chart_docs
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.tools import tool

CHART = chart_docs.CHART
IN_A_CLONE = {  # of chart/README.md: what only somebody with a clone types or follows, and what stands there instead
    r"^    (REGISTRY=|make image).*\n": "",
    r" --set image\.repository=\$REGISTRY\S*": "",
    r"\./chart(?= )": "{url} --version {version}",
    r"\]\(\.\./": "]({tree}/",
    r"\]\((?=ci[/)]|values\.yaml)": "]({tree}/chart/",
}


def package(version: str, registry: str, digest: str, directory: Path) -> Path:
    """Package the chart into ``directory`` and return the archive.

    Args:
        registry: where image and chart are, as "ghcr.io/you".
        digest: of the image there, "sha256:…"; "" leaves the tag to say which, in a dry run.

    Raises:
        HarnessError: chart/values.yaml or chart/README.md does not have what is replaced here.
    """
    source = directory / "chart"
    shutil.copytree(CHART, source)
    values = source / "values.yaml"
    values.write_text(replaced(values, r"^  repository: header-echo$", f"  repository: {registry}/header-echo"))
    values.write_text(replaced(values, r'^  digest: ""$', f"  digest: {json.dumps(digest)}"))
    for path, content in chart_docs.documents(source).items():
        path.write_text(content)
    readme = source / "README.md"
    home = yaml.safe_load((source / "Chart.yaml").read_text())["home"]
    known = {"url": f"oci://{registry}/charts/header-echo", "version": version, "tree": f"{home}/blob/v{version}"}
    for pattern, instead in IN_A_CLONE.items():
        readme.write_text(replaced(readme, pattern, instead.format(**known)))
    run([tool("helm"), "package", source, "--destination", directory], timeout_seconds=60)
    return directory / f"header-echo-{version}.tgz"


def replaced(path: Path, pattern: str, instead: str) -> str:
    """Return the text of the file ``path`` with each match of ``pattern`` replaced; raises HarnessError if there is none."""
    text, count = re.subn(pattern, instead, path.read_text(), flags=re.MULTILINE)
    if count == 0:
        raise HarnessError(f"chart/{path.name} has nothing like '{pattern}': mend {__file__}")
    return text
