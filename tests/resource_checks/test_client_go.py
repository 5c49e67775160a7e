"""What controllers, GitOps tools and kubectl rely on, asked by client-go of a CustomResourceDefinition and of a resource of the library."""

import subprocess

import pytest

from pytest_apiservice.client.namespaces import fresh_namespace
from resource_checks import twins

CHECKS_SECONDS = 900

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("name", twins.GROUPS)
def test_all_checks_pass(served, cluster, checks, name, record_property):
    with fresh_namespace(cluster, f"header-echo-checks-{name}") as namespace:
        command = [checks, cluster.kubeconfig, twins.GROUPS[name], twins.VERSION, twins.PLURAL, twins.KIND, namespace]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=CHECKS_SECONDS)
    lines = done.stdout.splitlines()
    print(done.stdout, done.stderr)
    failed = [line for line in lines if line.startswith("FAIL")]
    record_property("checks", len(lines))
    assert not failed, "\n".join(failed)
    assert done.returncode == 0, done.stderr
    assert lines, "the program checked nothing"
