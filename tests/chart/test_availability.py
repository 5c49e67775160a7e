"""While the backend is away, the whole cluster's discovery is degraded: rollouts, drains and dead nodes must not take it away."""

import pytest

from chart.rendered import environment, of_kind, only, pod_specs, render


def pod_spec(values=None, **options):
    return only(render(values, **options), "Deployment")["spec"]["template"]["spec"]


def test_rollout_never_drops_below_the_replicas():
    """The new pod comes first."""
    strategy = only(render(), "Deployment")["spec"]["strategy"]["rollingUpdate"]

    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}


def test_host_network_is_one_consistent_set():
    """The port is free, DNS still is the cluster's, and the old pod leaves the port before the new one comes."""
    deployment = only(render(configuration="host-network"), "Deployment")
    spec = deployment["spec"]["template"]["spec"]

    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    assert [port["containerPort"] for port in spec["containers"][0]["ports"]] == [10443]


def test_several_replicas_bring_their_protection_by_themselves():
    """PodDisruptionBudget, spread and fast eviction."""
    objects = render({"replicas": 3})
    _, _, spec = next(pod_specs(of_kind(objects, "Deployment")))
    budget = only(objects, "PodDisruptionBudget")["spec"]

    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert [constraint["topologyKey"] for constraint in spec["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert {10} == {toleration["tolerationSeconds"] for toleration in spec["tolerations"]}


def test_spread_counts_each_rollout_by_itself():
    """Else the old pods would push the new ones together."""
    assert [constraint["matchLabelKeys"] for constraint in pod_spec()["topologySpreadConstraints"]] == [
        ["pod-template-hash"],
        ["pod-template-hash"],
    ]


@pytest.mark.parametrize("replicas", [0, 1])
def test_one_replica_brings_none_of_it(replicas):
    """A PodDisruptionBudget over one pod only blocks drains."""
    objects = render({"replicas": replicas})

    assert of_kind(objects, "PodDisruptionBudget") == []
    assert not {"topologySpreadConstraints", "tolerations"} & set(
        only(objects, "Deployment")["spec"]["template"]["spec"]
    )


def test_budget_of_zero_is_kept():
    """Zero is a number: nobody may evict."""
    assert (
        only(render({"podDisruptionBudget": {"maxUnavailable": 0}}), "PodDisruptionBudget")["spec"]["maxUnavailable"]
        == 0
    )


def test_eviction_after_zero_seconds_is_kept():
    """Zero means at once."""
    assert {0} == {
        toleration["tolerationSeconds"] for toleration in pod_spec({"fastEviction": {"seconds": 0}})["tolerations"]
    }


def test_own_tolerations_and_spread_are_used():
    """Tolerations join ours; constraints replace ours."""
    toleration = {"key": "cats", "operator": "Exists"}
    constraint = {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    spec = pod_spec({"tolerations": [toleration], "topologySpreadConstraints": [constraint]})

    assert toleration in spec["tolerations"]
    assert len(spec["tolerations"]) == 3
    assert [constraint] == spec["topologySpreadConstraints"]


@pytest.mark.parametrize(
    "shutdown",
    [{}, {"preStopSeconds": 7}, {"delaySeconds": 30, "timeoutSeconds": 60}, {"delaySeconds": 0, "timeoutSeconds": 0}],
)
def test_grace_period_covers_the_drain(shutdown):
    """SIGKILL never comes before the backend has finished by itself."""
    spec = pod_spec({"shutdown": shutdown})
    told = environment(spec["containers"][0])
    sleep = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = (
        sleep
        + int(told["EXTENSION_APISERVER_SHUTDOWN_DELAY_SECONDS"])
        + int(told["EXTENSION_APISERVER_SHUTDOWN_TIMEOUT_SECONDS"])
    )

    assert shutdown.get("preStopSeconds", 0) == sleep
    assert needed < spec["terminationGracePeriodSeconds"]


def test_pods_are_restarted_and_removed_by_different_questions():
    """A backend that waits for its configuration isn't ready, but must not be restarted for it."""
    [container] = pod_spec()["containers"]

    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert {"HTTPS"} == {
        container[probe]["httpGet"]["scheme"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }


def test_probe_can_be_removed():
    """Null removes it."""
    [container] = pod_spec({"probes": {"startup": None}})["containers"]

    assert "startupProbe" not in container


def test_memory_and_disk_are_bounded_and_cpu_is_not():
    """A flood of log lines ends its pod instead of the node's others. A CPU limit would delay handshakes just when they matter."""
    for name, _, spec in pod_specs(render()):
        [container] = spec["containers"]

        assert {"memory", "ephemeral-storage"} == set(container["resources"]["limits"]), name
        assert {"cpu", "memory", "ephemeral-storage"} == set(container["resources"]["requests"]), name
