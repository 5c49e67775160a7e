"""Upstream's tests of a store, over REST: what kube-apiserver demands of etcd, a client may demand of a resource."""

import re
import subprocess
import sys

import pytest

from resource_checks import twins

SUITE_SECONDS = 1200

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("subject", ["crd", "in_memory", "in_postgresql"])
def test_upstreams_tests_of_a_store_pass(request, cluster, storage_suite, subject, record_property):
    api = request.getfixturevalue(subject)
    whose = "crd" if subject == "crd" else "ours"
    command = [storage_suite, cluster.kubeconfig, api.group, api.version, twins.PLURAL, twins.KIND, whose, "-test.v"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SUITE_SECONDS)
    sys.stdout.write(done.stdout + done.stderr)
    outcomes = re.findall(r"^ *--- (PASS|FAIL|SKIP): (\S+)", done.stdout, re.MULTILINE)
    failed = [name for outcome, name in outcomes if outcome == "FAIL"]
    record_property("passed", len(outcomes) - len(failed))
    record_property("skipped", re.findall(r"^SKIP .*", done.stdout, re.MULTILINE))
    assert not failed, "\n".join(failed)
    assert done.returncode == 0, done.stderr
    assert outcomes, "the program tested nothing"
