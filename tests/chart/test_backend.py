"""Any backend: the container is the user's, the contract around it the chart's."""

from chart.rendered import environment, of_kind, only, ours, pod_specs, render

PATHS = {"EXTENSION_APISERVER_TLS_DIRECTORY": "tls", "EXTENSION_APISERVER_SERVICE_ACCOUNT_DIRECTORY": "token"}


def container(values=None, **options):
    return only(render(values, **options), "Deployment")["spec"]["template"]["spec"]["containers"][0]


def test_every_directory_that_is_told_is_mounted():
    """No path is left to a default of the image."""
    found = container()
    mounts = {mount["mountPath"]: mount["name"] for mount in found["volumeMounts"]}

    assert {variable: mounts[environment(found)[variable]] for variable in PATHS} == PATHS


def test_backend_listens_on_its_pod_address_only():
    """Not on whatever else the pod may have."""
    assert environment(container())["EXTENSION_APISERVER_BIND_ADDRESS"] == {"fieldRef": {"fieldPath": "status.podIP"}}


def test_no_variable_is_set_for_the_service():
    """Kubernetes would set EXTENSION_APISERVER_PORT=tcp://… for a Service called header-echo, and the backend refuses what it doesn't know."""
    for name, _, spec in pod_specs(render()):
        assert spec["enableServiceLinks"] is False, name


def test_delegation_is_told():
    """And absent when off."""
    told = environment(container(configuration="locked-down"))

    assert (
        told["EXTENSION_APISERVER_DELEGATED_AUTHENTICATION"],
        told["EXTENSION_APISERVER_DELEGATED_AUTHORIZATION"],
    ) == ("true", "true")
    assert not {name for name in environment(container()) if "DELEGATED" in name}


def test_image_by_tag_or_digest():
    """The chart's appVersion by default; a digest wins."""
    digest = "sha256:" + "0" * 64
    images = [container({"image": image})["image"] for image in ({}, {"tag": "7"}, {"tag": "7", "digest": digest})]

    assert ["header-echo:0.1.0", "header-echo:7", f"header-echo@{digest}"] == images


def test_command_arguments_and_environment_are_the_users():
    """Template expressions in them give what the chart knows."""
    found = container(
        {
            "command": ["cats"],
            "args": ['--versions={{ include "header-echo.versions" . }}'],
            "env": [{"name": "GROUP", "value": "{{ .Values.apiService.group }}"}],
        }
    )

    assert (found["command"], found["args"]) == (["cats"], ["--versions=v1"])
    assert environment(found)["GROUP"] == "cats.example.com"


def test_containers_and_volumes_join_ours():
    """None replaces ours."""
    values = {
        "extraContainers": [{"name": "side", "image": "side:1"}],
        "initContainers": [{"name": "first", "image": "first:1"}],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108 - a path in the container
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"cats": "yes"},
        "affinity": {"nodeAffinity": {"x": "y"}},
        "priorityClassName": "high",
    }
    spec = only(render(values), "Deployment")["spec"]["template"]["spec"]

    assert [one["name"] for one in spec["containers"]] == ["backend", "side"]
    assert [one["name"] for one in spec["initContainers"]] == ["first"]
    assert [one["name"] for one in spec["volumes"]] == ["token", "tls", "scratch"]
    assert [one["name"] for one in spec["containers"][0]["volumeMounts"]] == ["token", "tls", "scratch"]
    assert all(
        spec[key] == values[key] for key in ("imagePullSecrets", "nodeSelector", "affinity", "priorityClassName")
    )


def test_image_decides_what_runs_unless_the_values_do():
    """An image that has its own command gets no argument `serve`, which it may not know."""
    assert not {"command", "args"} & set(container())


def test_version_priorities_follow_the_order_of_the_list():
    """kube-apiserver prefers the highest: a version without one comes right below that before it."""

    def priorities(*versions):
        objects = of_kind(render({"apiService": {"versions": list(versions)}}), "APIService")
        return {one["spec"]["version"]: one["spec"]["versionPriority"] for one in objects}

    assert priorities({"name": "v1"}) == {"v1": 100}
    assert priorities({"name": "v2"}, {"name": "v1"}, {"name": "v1beta1"}) == {"v2": 100, "v1": 99, "v1beta1": 98}
    assert priorities({"name": "v2", "versionPriority": 500}, {"name": "v1"}) == {"v2": 500, "v1": 499}
    assert priorities({"name": "v2"}, {"name": "v1", "versionPriority": 5}) == {"v2": 100, "v1": 5}


def test_existing_backend_gets_a_registration_and_no_pods():
    """Whatever runs there is the user's."""
    kinds = {one["kind"] for one in ours(render(configuration="existing-backend"))}

    assert {"APIService", "Certificate", "Issuer", "ClusterRole"} == kinds


def test_registration_can_come_later():
    """The backend first, the APIService with the next upgrade."""
    objects = render({"apiService": {"create": False}})

    assert of_kind(objects, "APIService") == []
    assert of_kind(objects, "Deployment", "Certificate")


def test_the_last_words_of_a_crash_stay_in_the_status_of_the_pod():
    """Where a log is gone, `kubectl describe pod` still says why."""
    assert container()["terminationMessagePolicy"] == "FallbackToLogsOnError"
