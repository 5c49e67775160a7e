"""What controllers, GitOps tools and kubectl rely on, asked by client-go of a CustomResourceDefinition and of a resource of the library."""

import subprocess
import sys

import pytest

from pytest_apiservice.client.namespaces import fresh_namespace
from resource_checks import twins

CHECKS_SECONDS = 900

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("subject", ["crd", "in_memory", "in_postgresql"])
def test_all_checks_pass(request, cluster, checks, subject, record_property):
    api = request.getfixturevalue(subject)
    with fresh_namespace(cluster, f"header-echo-checks-{subject.replace('_', '-')}") as namespace:
        command = [checks, cluster.kubeconfig, api.group, api.version, twins.PLURAL, twins.KIND, namespace]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=CHECKS_SECONDS)
    lines = done.stdout.splitlines()
    sys.stdout.write(done.stdout + done.stderr)
    record_property("checks", len(lines))
    failed = [line for line in lines if line.startswith("FAIL")]
    assert not failed, "\n".join(failed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines, "the program checked nothing"
