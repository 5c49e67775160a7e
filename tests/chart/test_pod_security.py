"""Pods meet the Pod Security Standard "restricted", and OpenShift's restricted-v2, as they are.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from chart.rendered import of_kind, only, ours, pod_specs, render, title


def containers(objects):
    for name, _, spec in pod_specs(objects):
        for container in spec.get("initContainers", []) + spec["containers"]:
            yield f"{name} container {container['name']}", container


def test_pods_run_as_nobody_in_particular(objects):
    """Not root, and no fixed number: OpenShift chooses one, and a fixed one would be refused there."""
    for name, _, spec in pod_specs(objects):
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}, name


def test_containers_are_restricted(objects):
    """No capability, no escalation, nothing written to the image's file system."""
    expected = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    for name, container in containers(objects):
        assert expected == container["securityContext"], name


def test_pods_share_nothing_with_the_node(configuration):
    """Except in the configuration that says so."""
    for name, _, spec in pod_specs(render(configuration=configuration)):
        shared = {"hostNetwork", "hostPID", "hostIPC"} & set(spec) | {
            "hostPath" for volume in spec.get("volumes", []) if "hostPath" in volume
        }

        assert (
            {"hostNetwork"} if configuration == "host-network" and name.startswith("Deployment") else set()
        ) == shared, name


def test_token_is_short_lived_and_its_own(objects):
    """No automatic mount; a projected token of an hour. A Secret with a token would live for ever."""
    for name, _, spec in pod_specs(ours(objects)):
        sources = next(volume["projected"]["sources"] for volume in spec["volumes"] if volume["name"] == "token")

        assert spec["automountServiceAccountToken"] is False, name
        assert [
            source["serviceAccountToken"]["expirationSeconds"] for source in sources if "serviceAccountToken" in source
        ] == [3600], name


def test_service_accounts_hand_out_no_token_by_themselves():
    """Another pod under the same account gets none unasked."""
    handing = [title(one) for one in of_kind(render(), "ServiceAccount") if one["automountServiceAccountToken"]]

    assert handing == []


def test_certificates_are_mounted_whole(objects):
    """A subPath mount never sees a renewed certificate."""
    wrong = [
        name
        for name, container in containers(objects)
        for mount in container.get("volumeMounts", [])
        if "subPath" in mount
    ]

    assert wrong == []


def test_security_context_can_be_extended():
    """A user's field joins ours instead of replacing all of them."""
    spec = only(
        render({"podSecurityContext": {"runAsUser": 7}, "securityContext": {"readOnlyRootFilesystem": False}}),
        "Deployment",
    )["spec"]["template"]["spec"]

    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsUser": 7,
    }
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": False,
    }


def test_user_namespaces_can_be_asked_for():
    """The field is absent otherwise."""
    spec = only(render({"hostUsers": False}), "Deployment")["spec"]["template"]["spec"]

    assert spec["hostUsers"] is False
