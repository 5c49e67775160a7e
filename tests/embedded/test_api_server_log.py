"""What kube-apiserver itself says about a group while it is served: nothing."""

import datetime as dt
import json
import re

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods

pytestmark = pytest.mark.only_on("embedded", reason="the log of another cluster's API server is not ours to read")

#: Beginning of a warning or an error in klog's form, with month, day and time: `E1123 04:22:03.665658 …`.
COMPLAINT = re.compile(r"[EWF](\d{4} \d\d:\d\d:\d\d\.\d{6})")
#: Who calls of itself, and what; docs/contract.md says when.
CALLS = {
    ("system:aggregator", "/openapi/v2"),
    ("system:aggregator", "/openapi/v3"),
    ("system:kube-aggregator", "/apis"),
}


def test_the_api_server_does_not_complain_of_a_group_it_serves(cluster, cert_manager, base_values, run_id):
    """From the moment it is served until discovery and both OpenAPI documents were read, no warning and no error names it.

    Not from Available on: the part that asks for OpenAPI may hear of it later than the part that says so, and complains of a 503 until then.
    """
    with fresh_namespace(cluster, f"header-echo-{run_id}-quiet") as namespace:
        helm, api, kubectl = (
            Helm(cluster, namespace, explain=explain_pods),
            Api(cluster, "quiet.example.com"),
            Kubectl(cluster, namespace),
        )

        def read():
            missing = CALLS - calls(kubectl)
            if missing:
                raise NotYet(f"not yet: {sorted(missing)}")

        try:
            helm.upgrade({**base_values, "apiService.group": api.group})
            api.wait_for_available()
            api.wait_until_served()
            since = dt.datetime.now().astimezone()
            wait_for("the API server to read what it reads of itself", read, timeout_seconds=90)
            lines = (cluster.logs_directory / "kube-apiserver.log").read_text(errors="replace").splitlines()
        finally:
            helm.uninstall()

    named = [line for line in lines if api.group in line]
    late = [line for line in named if (match := COMPLAINT.match(line)) and match[1] > f"{since:%m%d %H:%M:%S.%f}"]
    assert not late, "\n".join(late)


def calls(kubectl):
    """Return (user, path) of every request in the log of the release's pods."""
    lines = kubectl("logs", "--selector=app.kubernetes.io/name=header-echo", "--tail=-1").stdout.splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return {(entry["user"], entry["path"]) for entry in entries if "code" in entry}
