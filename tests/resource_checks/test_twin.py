"""A CustomResourceDefinition and a resource of the library answer alike for hours.

TWIN_OPERATIONS are asked of both, from TWIN_SEED, which is told, so that what was found can be found again.
"""

import os
import random

import pytest

from pytest_apiservice.client.namespaces import fresh_namespace
from resource_checks.running import run

OPERATIONS = int(os.environ.get("TWIN_OPERATIONS", "10000"))
SEED = int(os.environ.get("TWIN_SEED", "0")) or random.randrange(1, 2**31)  # noqa: S311 - it only has to differ

pytestmark = pytest.mark.timeout(3600)


def test_they_answer_alike(crd, in_memory, cluster, record_property):
    record_property("TWIN_SEED", SEED)
    with fresh_namespace(cluster, "header-echo-twin-long") as namespace:
        asked, allowed = run({"crd": crd, "ours": in_memory}, namespace, operations=OPERATIONS, seed=SEED, slow=True)
    record_property("operations", sum(asked.values()))
    record_property("allowed differences", dict(allowed))
    assert sum(asked.values()) >= OPERATIONS
