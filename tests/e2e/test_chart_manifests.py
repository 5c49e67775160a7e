"""What the chart renders is valid to the real API: server-side dry-run of each supported configuration, hooks included."""

import pytest
import yaml

from chart.configurations import CONFIGURATIONS, OF_PROMETHEUS, dry_run, rendered
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace


@pytest.fixture(scope="module")
def restricted(cluster, cert_manager, run_id):
    """Yield helm for a namespace under Pod Security "restricted", in which nothing is installed."""
    with fresh_namespace(cluster, f"header-echo-{run_id}-manifests", emptied=True) as namespace:
        yield Helm(cluster, namespace)


@pytest.mark.same_on_processes
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_api_accepts_every_field(name, cluster, restricted):
    """Unknown fields are errors, and a warning (deprecation, Pod Security) counts too; Prometheus' kinds: tests/embedded."""
    path = CONFIGURATIONS[name]
    own_group = "group" in yaml.safe_load(path.read_text()).get("apiService", {})
    # The release under test has the default group.
    group = [] if own_group else ["--set=apiService.group=manifests.example.com"]
    objects = [one for one in rendered(restricted, path, *group) if one["kind"] not in OF_PROMETHEUS]
    for pod in (one for one in objects if one["kind"] == "Pod"):
        pod["spec"]["serviceAccountName"] = "default"  # a dry-run makes no account, and admission looks it up
    taken, warnings = dry_run(Kubectl(cluster), objects)
    if name == "host-network":
        warnings = [line for line in warnings if "hostNetwork=true" not in line and "hostPort" not in line]

    assert warnings == []
    assert taken == len(objects)
