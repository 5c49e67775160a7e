"""A CustomResourceDefinition and a resource of the library, asked the same, answer the same, but for what docs/resources.md says.

The same operations each time; `make interop PARTS=twin` asks others, and many more.
"""

import re
from pathlib import Path

import pytest

from pytest_apiservice.client.namespaces import fresh_namespace
from resource_checks.allowed import ALLOWED
from resource_checks.conftest import crd, in_memory, install
from resource_checks.running import run

__all__ = ["crd", "in_memory", "install"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "resources.md"
OPERATIONS = 500


@pytest.mark.only_on("embedded", reason="it asks a control plane of its own hundreds of things")
def test_they_answer_alike(crd, in_memory, cluster, run_id, record_property):
    with fresh_namespace(cluster, f"header-echo-{run_id}-twin") as namespace:
        asked, allowed = run({"crd": crd, "ours": in_memory}, namespace, operations=OPERATIONS)
    record_property("operations", sum(asked.values()))
    record_property("allowed differences", dict(allowed))
    assert sum(asked.values()) >= OPERATIONS


def rows():
    """Return the names in the table of differences that a client sees."""
    table = DOCUMENT.read_text().partition("\n## What a client is told otherwise\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", table, flags=re.MULTILINE)[1:]


def test_each_allowed_difference_is_a_row_of_the_document_and_each_row_is_one():
    assert rows() == list(ALLOWED)
