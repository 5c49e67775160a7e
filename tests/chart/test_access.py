"""Rights: as few as possible, each for a reason."""

from chart.rendered import of_kind, only, render


def grants(objects):
    """Return {role: subjects} of all bindings."""
    return {
        one["roleRef"]["name"]: [subject["name"] for subject in one["subjects"]]
        for one in of_kind(objects, "RoleBinding", "ClusterRoleBinding")
        if one["metadata"]["labels"]["app.kubernetes.io/name"] == "header-echo"
    }


def rules(objects):
    return [rule for one in of_kind(objects, "ClusterRole") for rule in one["rules"]]


def test_backend_may_read_the_front_proxy_configuration_and_no_more():
    """One Role that Kubernetes brings, in kube-system."""
    objects = render()

    assert grants(objects) == {"extension-apiserver-authentication-reader": ["header-echo"]}
    assert only(objects, "RoleBinding")["metadata"]["namespace"] == "kube-system"


def test_delegating_backend_may_ask_the_api_server():
    """Only then system:auth-delegator is granted."""
    for key in ("authentication", "authorization"):
        assert "system:auth-delegator" in grants(render({"delegation": {key: True}}))


def test_view_and_edit_get_what_the_resource_can_do():
    """No delete and no watch: the echo has neither."""
    roles = {one["metadata"]["name"].rpartition(":")[2]: one for one in of_kind(render(), "ClusterRole")}
    key = "rbac.authorization.k8s.io/aggregate-to-"

    assert roles["view"]["rules"] == [
        {"apiGroups": ["cats.example.com"], "resources": ["echoes"], "verbs": ["get", "list"]}
    ]
    assert roles["edit"]["rules"] == [{"apiGroups": ["cats.example.com"], "resources": ["echoes"], "verbs": ["create"]}]
    assert {key + "view", key + "edit", key + "admin"} <= set(roles["view"]["metadata"]["labels"])
    assert key + "view" not in roles["edit"]["metadata"]["labels"]


def test_no_rule_is_wider_than_the_group(objects):
    """Nothing grants a wildcard verb, a Secret, or another group's resource, but a list of what custom metrics are about, and namespaces."""
    groups = {one["spec"]["group"] for one in of_kind(objects, "APIService")}
    for rule in rules(objects):
        assert "*" not in rule["verbs"]
        assert "secrets" not in rule.get("resources", [])
        others = rule["verbs"] == ["list"] or rule.get("resources") == ["namespaces"]
        assert set(rule.get("apiGroups", [])) <= {*groups, "apiregistration.k8s.io"} or others
        assert "resourceNames" in rule or "apiregistration.k8s.io" not in rule.get("apiGroups", [])


def test_nobody_without_credentials_gets_in(configuration):
    """Except in the configuration that says so."""
    subjects = {
        subject["name"]
        for one in of_kind(render(configuration=configuration), "RoleBinding", "ClusterRoleBinding")
        for subject in one["subjects"]
    }

    assert ("system:unauthenticated" in subjects) == (configuration == "anonymous")


def test_anonymous_access_is_to_the_echo_alone():
    """With and without the slash, GET, and no resource."""
    [role] = [
        one
        for one in of_kind(render(configuration="anonymous"), "ClusterRole")
        if one["metadata"]["name"].endswith(":anonymous")
    ]

    assert role["rules"] == [
        {"nonResourceURLs": ["/apis/cats.example.com/v1", "/apis/cats.example.com/v1/"], "verbs": ["get"]}
    ]


def test_network_policy_never_selects_peers_by_label():
    """kube-apiserver is in the host network, where no label finds it."""
    [rule] = only(render(configuration="locked-down"), "NetworkPolicy")["spec"]["ingress"]

    assert rule["from"] == [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]
    assert "from" not in only(render({"networkPolicy": {"enabled": True}}), "NetworkPolicy")["spec"]["ingress"][0]


def test_the_example_of_a_flow_schema_covers_resources_and_paths_of_the_group():
    """For everybody, and before the catch-all of service accounts."""
    objects = render(configuration="locked-down")
    spec = only(objects, "FlowSchema")["spec"]
    [rule] = spec["rules"]

    assert only(objects, "PriorityLevelConfiguration")["metadata"]["name"] == spec["priorityLevelConfiguration"]["name"]
    assert spec["matchingPrecedence"] < 9000
    assert spec["distinguisherMethod"] == {"type": "ByUser"}
    assert rule["resourceRules"][0]["apiGroups"] == ["cats.example.com"]
    assert [subject["group"]["name"] for subject in rule["subjects"]] == [
        "system:authenticated",
        "system:unauthenticated",
    ]
    assert rule["nonResourceRules"][0]["nonResourceURLs"] == ["/apis/cats.example.com/*"]
