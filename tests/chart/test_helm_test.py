"""`helm test` goes through kube-apiserver, and leaves nothing behind."""

from chart.rendered import environment, of_kind, only, render

HOOKS = "before-hook-creation,hook-succeeded,hook-failed"


def hooks(objects):
    return [one for one in objects if one["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"]


def test_pod_and_its_account_are_hooks_that_clean_up_after_themselves():
    """`helm uninstall` doesn't know of hooks, so whatever stayed would stay for ever."""
    found = hooks(render())

    assert {"Pod", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"} == {one["kind"] for one in found}
    assert {HOOKS} == {one["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for one in found}


def test_rights_exist_before_the_pod():
    """A lower weight comes first."""
    weights = {
        one["kind"]: int(one["metadata"]["annotations"].get("helm.sh/hook-weight", 0)) for one in hooks(render())
    }

    assert max(weight for kind, weight in weights.items() if kind != "Pod") < weights["Pod"]


def test_pod_says_what_it_found():
    """Helm prints its log before it deletes it."""
    assert (
        only(render(), "Pod")["metadata"]["annotations"]["helm.sh/hook-output-log-policy"]
        == "hook-succeeded,hook-failed"
    )


def test_pod_is_the_backend_image_with_its_own_identity():
    """Nothing else to mirror, and a caller that isn't the backend."""
    objects = render()
    [container] = only(objects, "Pod")["spec"]["containers"]
    deployment = only(objects, "Deployment")["spec"]["template"]["spec"]

    assert deployment["containers"][0]["image"] == container["image"]
    assert container["args"] == ["selftest"]
    assert deployment["serviceAccountName"] != only(objects, "Pod")["spec"]["serviceAccountName"]


def test_pod_runs_the_command_of_the_values():
    """Else an image whose command stands in the values would start something else."""
    [container] = only(render({"command": ["python3", "/app/zoo.py"]}), "Pod")["spec"]["containers"]

    assert (container["command"], container["args"]) == (["python3", "/app/zoo.py"], ["selftest"])
    assert "command" not in only(render(), "Pod")["spec"]["containers"][0]


def test_pod_has_what_the_program_is_read_from():
    """A ConfigMap with a program, as examples/metrics, and no disk, which may be for one node alone."""
    app = {"name": "app", "configMap": {"name": "zoo"}}
    disk = {"name": "disk", "persistentVolumeClaim": {"claimName": "zoo"}}
    mounts = [{"name": "app", "mountPath": "/app"}, {"name": "disk", "mountPath": "/data"}]
    spec = only(render({"volumes": [app, disk], "volumeMounts": mounts}), "Pod")["spec"]

    assert [volume["name"] for volume in spec["volumes"]] == ["token", "app"]
    assert spec["containers"][0]["volumeMounts"][1:] == mounts[:1]


def test_pod_knows_what_to_call():
    """The group, the versions and the name of the Service, in every configuration."""
    for configuration in ("default", "insecure", "two-versions"):
        told = environment(only(render(configuration=configuration), "Pod")["spec"]["containers"][0])

        assert {
            "EXTENSION_APISERVER_GROUP",
            "EXTENSION_APISERVER_VERSIONS",
            "EXTENSION_APISERVER_SERVICE_DNS_NAME",
        } <= set(told), configuration


def test_it_can_be_left_out():
    """For an image that has no selftest."""
    assert hooks(render({"test": {"enabled": False}})) == []
    assert of_kind(render(configuration="existing-backend"), "Pod") == []
