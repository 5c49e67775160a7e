"""Where resources with a store keep their objects: one pod for a file or for memory, any number for a database, and no password in values."""

import pytest

from chart.rendered import environment, of_kind, only, render
from chart.test_refusals import refusal

CATS = {"resources": ["cats"]}
SQLITE = {"replicas": 1, "store": {"mode": "sqlite", **CATS}}
POSTGRESQL = {"store": {"mode": "postgresql", **CATS, "urlSecret": {"name": "database"}}}
URL = "EXTENSION_APISERVER_STORE_URL"
ORDINARY = ("cert-manager.io/v1",)  # what a cluster serves that is not OpenShift


def pod(values, **options):
    return only(render(values, **options), "Deployment")["spec"]["template"]["spec"]


def with_store(base, **store):
    return {**base, "store": {**base["store"], **store}}


def test_without_a_mode_nothing_is_kept_and_nothing_more_may_be_read():
    objects = render()

    assert not of_kind(objects, "PersistentVolumeClaim")
    assert URL not in environment(only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0])
    assert not [one for one in of_kind(objects, "ClusterRole") if one["metadata"]["name"].endswith("store-namespaces")]


def test_sqlites_file_is_in_the_folder_of_the_claim():
    """Its URL, the mount, the volume and the claim name one another."""
    objects = render(SQLITE)
    spec = only(objects, "Deployment")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    [mount] = [one for one in container["volumeMounts"] if one["name"] == "store"]
    [volume] = [one for one in spec["volumes"] if one["name"] == "store"]
    claim = only(objects, "PersistentVolumeClaim")

    assert environment(container)[URL] == f"sqlite:///{mount['mountPath']}/objects.db"
    assert "readOnly" not in mount
    assert volume["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
    assert claim["metadata"]["namespace"] == "apps"
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


@pytest.mark.parametrize("mode", ["sqlite", "memory"])
def test_the_old_pod_leaves_the_objects_before_the_new_one_comes(mode):
    """Two pods would each write what the other does not know."""
    objects = render(with_store(SQLITE, mode=mode))

    assert only(objects, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert not of_kind(objects, "PodDisruptionBudget")


def test_a_database_has_any_number_of_pods():
    """They are rolled out and protected as ever, and there is no volume."""
    objects = render(with_store({"replicas": 3, **POSTGRESQL}))

    assert only(objects, "Deployment")["spec"]["strategy"] == {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert of_kind(objects, "PodDisruptionBudget")
    assert not of_kind(objects, "PersistentVolumeClaim")


def test_the_url_of_a_database_comes_from_a_secret():
    """It has a password."""
    [container] = pod(with_store(POSTGRESQL, urlSecret={"name": "database", "key": "uri"}))["containers"]

    assert environment(container)[URL] == {"secretKeyRef": {"name": "database", "key": "uri"}}


def test_a_new_disk_is_the_groups_that_the_image_runs_as():
    """It is root's before. A group of the user's own is kept."""
    own = pod({**SQLITE, "podSecurityContext": {"fsGroup": 7}}, served=ORDINARY)["securityContext"]

    assert pod(SQLITE, served=ORDINARY)["securityContext"]["fsGroup"] == 65532
    assert own["fsGroup"] == 7
    assert "fsGroup" not in pod(POSTGRESQL, served=ORDINARY)["securityContext"]


def test_openshift_chooses_the_group():
    """It refuses one of ours."""
    assert "fsGroup" not in pod(SQLITE)["securityContext"]


def test_a_claim_of_ones_own_is_used_and_none_is_made():
    values = with_store(SQLITE, volume={"existingClaim": "cats"})
    volumes = pod(values)["volumes"]

    assert {"name": "store", "persistentVolumeClaim": {"claimName": "cats"}} in volumes
    assert not of_kind(render(values), "PersistentVolumeClaim")


def test_the_claim_is_as_large_and_of_the_class_that_is_said():
    values = with_store(SQLITE, volume={"size": "20Gi", "storageClassName": "fast"})
    spec = only(render(values), "PersistentVolumeClaim")["spec"]

    assert (spec["resources"]["requests"]["storage"], spec["storageClassName"]) == ("20Gi", "fast")


def test_an_uninstall_leaves_the_objects_unless_it_shall_not():
    key = "helm.sh/resource-policy"
    kept = only(render(SQLITE), "PersistentVolumeClaim")["metadata"]
    gone = only(render(with_store(SQLITE, volume={"keep": False})), "PersistentVolumeClaim")["metadata"]

    assert kept["annotations"][key] == "keep"
    assert key not in gone.get("annotations", {})


def rules_of(objects, suffix):
    [role] = [one for one in of_kind(objects, "ClusterRole") if one["metadata"]["name"].endswith(suffix)]
    return role["rules"]


def test_the_backend_may_watch_namespaces_and_nothing_else_of_the_cluster():
    objects = render(SQLITE)
    [binding] = [
        one for one in of_kind(objects, "ClusterRoleBinding") if one["metadata"]["name"].endswith(":store-namespaces")
    ]

    assert rules_of(objects, ":store-namespaces") == [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}
    ]
    assert [one["name"] for one in binding["subjects"]] == ["header-echo"]


def test_resources_of_the_cluster_need_no_look_at_namespaces():
    objects = render(with_store(SQLITE, namespaces=False))

    assert not [one for one in objects if one["metadata"]["name"].endswith(":store-namespaces")]


def test_view_and_edit_get_all_that_a_resource_with_a_store_can_do():
    """`status` is written by controllers, as that of Kubernetes' own resources. The echo's resource is not there."""
    objects = render(SQLITE)
    cats = {"apiGroups": ["cats.example.com"], "resources": ["cats"]}

    assert rules_of(objects, ":view") == [
        {**cats, "verbs": ["get", "list", "watch"]},
        {**cats, "resources": ["cats/scale", "cats/status"], "verbs": ["get"]},
    ]
    assert rules_of(objects, ":edit") == [
        {**cats, "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {**cats, "resources": ["cats/scale"], "verbs": ["update", "patch"]},
    ]


def test_resources_of_functions_keep_their_verbs_beside_it():
    rules = rules_of(render({**SQLITE, "userRoles": {"resources": ["visits"]}}), ":view")

    assert rules[0] == {"apiGroups": ["cats.example.com"], "resources": ["visits"], "verbs": ["get", "list"]}
    assert rules[1]["resources"] == ["cats"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"store": {"mode": "sqlite", **CATS}},
            "- store.mode is 'sqlite' and replicas is 2, but one file has one pod: set replicas to 1, or store.mode to 'postgresql'.\n",
        ),
        ({"store": {"mode": "memory", **CATS}}, "each pod would have objects of its own: set replicas to 1"),
        ({"store": {"mode": "postgresql", **CATS}}, "set store.urlSecret.name to a Secret in namespace 'apps' whose key 'url' is"),
        (with_store(SQLITE, urlSecret={"name": "database"}), "set store.mode to 'postgresql', or remove the name"),
        (with_store(POSTGRESQL, volume={"existingClaim": "cats"}), "store.volume.existingClaim is 'cats' and store.mode is 'postgresql'"),
        ({"store": {"volume": {"storageClassName": "fast"}}}, "set store.mode to 'sqlite', or remove it"),
        (
            with_store(SQLITE, volume={"existingClaim": "cats", "storageClassName": "fast"}),
            "a claim that is there already has its class: remove one",
        ),
        ({"store": CATS}, "set store.mode to 'sqlite', 'postgresql' or 'memory'"),
        (with_store(SQLITE, resources=[]), "set store.resources to the resources that have a store, such as [cats]"),
        ({**POSTGRESQL, "backend": {"create": False, "service": {"name": "cats"}}}, "the chart makes no pods"),
        (
            {**POSTGRESQL, "gateway": {"enabled": True, "upstream": "http://cats:8000", "trustNetwork": True}},
            "the gateway (gateway.enabled) keeps nothing",
        ),
        ({**POSTGRESQL, "apiService": {"enabled": False}, "metrics": {"apis": ["external"]}}, "needs a group"),
        ({"env": [{"name": URL, "value": "memory:"}]}, "- env sets EXTENSION_APISERVER_STORE_URL: set store.mode instead"),
        ({**SQLITE, "env": [{"name": URL, "value": "memory:"}]}, "which the chart sets itself"),
        (with_store(SQLITE, mode="etcd"), "store.mode"),
        (with_store(SQLITE, volume={"size": "big"}), "store.volume.size"),
        (with_store(SQLITE, resources=["Cats"]), "store.resources.0"),
        (with_store(POSTGRESQL, url="postgresql://cats:secret@db/cats"), "url"),
    ],
)  # fmt: skip
def test_impossible_stores_are_refused(values, sentence):
    """The last four by the schema; there is no value for a URL."""
    said = refusal(values)

    assert sentence in said or sentence.replace(".", "/") in said
