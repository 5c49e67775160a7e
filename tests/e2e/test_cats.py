"""A resource with a store is to kubectl, GitOps and Kubernetes' own controllers what a CustomResourceDefinition's is: examples/cats.py, with a disk."""

import json

import pytest

from e2e.pets import CATS, GROUP, WAIT_SECONDS, Cats, cat, disk
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import fresh_namespace

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def cats(cluster, cert_manager, base_values, run_id, image):
    """Yield the release."""
    with disk(cluster, run_id, image) as values, fresh_namespace(cluster, f"header-echo-{run_id}-cats") as namespace:
        made = Cats(cluster, namespace)
        made.install({**base_values, **values, "store.volume.keep": False})
        yield made
        made.kubectl("delete", CATS, "--all")  # as long as somebody can
        made.helm.uninstall()


@pytest.fixture
def kubectl(cats):
    """Yield kubectl in its namespace."""
    return cats.kubectl


def owned(kubectl, mother, *, child):
    """Make a ConfigMap and a cat, both called ``child``, that a cat owns; return their names as kubectl prints them."""
    uid = kubectl.get(CATS, mother)["metadata"]["uid"]
    owner = {"apiVersion": f"{GROUP}/v1", "kind": "Cat", "name": mother, "uid": uid, "blockOwnerDeletion": True}
    note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": child, "ownerReferences": [owner]}}
    kubectl("create", "-f", "-", input=json.dumps(note))
    kubectl("create", "-f", "-", input=cat(child, ownerReferences=[owner]))
    return f"configmap/{child}", f"{CATS}/{child}"


def test_apply_creates_changes_and_then_has_nothing_to_do(kubectl):
    """And removes what is not in the file any more."""
    said = [
        kubectl("apply", "-f", "-", input=cat("applied", spec, labels={"a": "b"})).stdout.split()[-1]
        for spec in ({"colour": "black"}, {"colour": "white"}, {"colour": "white"}, {})
    ]
    assert said == ["created", "configured", "unchanged", "configured"]
    assert kubectl.get(CATS, "applied")["spec"] == {"colour": "tabby", "kittens": 0}


def test_server_side_apply_has_owners_of_fields(kubectl):
    """Another's field is a conflict that names him, unless it is forced."""
    apply = ["apply", "--server-side", "-f", "-"]
    kubectl(*apply, "--field-manager=jane", input=cat("shared", {"colour": "black"}))
    refused = kubectl(*apply, "--field-manager=joe", input=cat("shared", {"colour": "white"}), check=False)
    assert 'conflict with "jane": .spec.colour' in refused.stderr, refused.stderr
    kubectl(*apply, "--field-manager=joe", "--force-conflicts", input=cat("shared", {"colour": "white"}))
    assert kubectl.get(CATS, "shared")["spec"]["colour"] == "white"


def test_diff_shows_what_apply_would_change_and_no_more(kubectl):
    kubectl("apply", "-f", "-", input=cat("different", {"colour": "black"}))
    changed = kubectl("diff", "-f", "-", input=cat("different", {"colour": "white"}), check=False)
    lines = [line for line in changed.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]

    assert (changed.returncode, changed.stderr) == (1, "")
    assert [line.split() for line in lines if "generation" not in line] == [
        ["-", "colour:", "black"],
        ["+", "colour:", "white"],
    ]
    assert kubectl("diff", "-f", "-", input=cat("different", {"colour": "black"})).stdout == ""


def test_a_gitops_tool_sees_no_drift_after_it_has_applied(kubectl):
    """As Flux does: it asks by a dry run whether applying would change anything, and applies only then."""
    flux = ["apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller", "-o=json", "-f", "-"]
    manifest = cat("flux", {"kittens": 2}, labels={"kustomize.toolkit.fluxcd.io/name": "pets"})

    def asked(*options):
        return json.loads(kubectl(*flux, *options, input=manifest).stdout)

    assert asked("--dry-run=server")["spec"] == {"colour": "tabby", "kittens": 2}
    assert kubectl("get", CATS, "flux", "--ignore-not-found").stdout == ""
    applied = asked()
    assert asked("--dry-run=server") == applied
    assert asked() == applied, "applying it again has written something"


def test_edit_label_annotate_and_patch_change_what_they_say(kubectl, monkeypatch):
    kubectl("create", "-f", "-", input=cat("edited", {"colour": "black"}))
    monkeypatch.setenv("KUBE_EDITOR", "sed -i s/black/white/")
    assert kubectl("edit", CATS, "edited").stdout == f"cat.{GROUP}/edited edited\n"
    kubectl("label", CATS, "edited", "mood=good")
    kubectl("annotate", CATS, "edited", "example.com/vet=seen")
    kubectl("patch", CATS, "edited", "--type=merge", "--patch", '{"spec":{"kittens":1}}')
    kubectl("patch", CATS, "edited", "--type=json", "--patch", '[{"op":"replace","path":"/spec/kittens","value":2}]')
    found = kubectl.get(CATS, "edited")

    assert found["spec"] == {"colour": "white", "kittens": 2}
    assert found["metadata"]["labels"] == {"mood": "good"}
    assert found["metadata"]["annotations"] == {"example.com/vet": "seen"}
    assert found["metadata"]["generation"] == 4
    assert kubectl("get", CATS, "-l", "mood in (good)", "-o", "name").stdout == f"cat.{GROUP}/edited\n"


def test_what_the_schema_forbids_is_refused_with_the_field(kubectl):
    refused = kubectl("create", "-f", "-", input=cat("green", {"colour": "green"}), check=False)
    assert 'spec.colour: Unsupported value: "green"' in refused.stderr, refused.stderr


def test_get_watch_and_wait_see_a_change_when_it_comes(cats, kubectl, tmp_path):
    kubectl("create", "-f", "-", input=cat("seen", {"colour": "black"}))
    with cats.watching(tmp_path / "log", "seen", "--output-watch-events") as printed:
        printed("ADDED", "seen", "black")
        kubectl("patch", CATS, "seen", "--type=merge", "--patch", '{"spec":{"colour":"white"}}')
        printed("MODIFIED", "seen", "white")
        kubectl("wait", f"{CATS}/seen", "--for=jsonpath={.spec.colour}=white", "--timeout=60s")
        kubectl("delete", CATS, "seen")
        printed("DELETED", "seen", "white")


def test_columns_are_those_of_the_resource(kubectl):
    kubectl("create", "-f", "-", input=cat("shown", {"colour": "black"}))
    assert [line.split() for line in kubectl("get", CATS, "shown").stdout.splitlines()] == [
        ["NAME", "COLOUR"],
        ["shown", "black"],
    ]


def test_scale_writes_the_number_and_nothing_else(kubectl):
    kubectl("create", "-f", "-", input=cat("scaled"))
    kubectl("scale", CATS, "scaled", "--replicas=3")
    scale = kubectl.get(CATS, "scaled", "--subresource=scale")

    assert kubectl.get(CATS, "scaled")["spec"] == {"colour": "tabby", "kittens": 3}
    assert (scale["kind"], scale["spec"], scale["status"]["replicas"]) == ("Scale", {"replicas": 3}, 0)


def test_who_may_edit_a_namespace_may_do_all_but_write_status(kubectl):
    """Kubernetes' own role `edit`; status is for controllers."""
    kubectl("create", "rolebinding", "jane", "--clusterrole=edit", "--user=jane")

    def may(verb, subresource=""):
        asked = ["auth", "can-i", verb, CATS, "--as=jane"]
        return kubectl(*asked, f"--subresource={subresource}", check=False).stdout.strip() == "yes"

    def known():
        if not may("create"):
            raise NotYet("jane may not create cats")

    wait_for("the role edit to have the rights of the release", known, timeout_seconds=60)
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    assert [verb for verb in verbs if not may(verb)] == []
    assert (may("patch", "scale"), may("get", "status"), may("update", "status")) == (True, True, False)


def test_a_namespace_with_cats_ends(cats, cluster, other_namespace):
    """And takes no cat any more when it is gone."""
    there = Kubectl(cluster, other_namespace)
    there("create", "-f", "-", input=cat("alone", finalizers=["example.com/vet"]))
    there("delete", "namespace", other_namespace, "--wait=false")

    def ending():
        phase = there.get("namespace", other_namespace)
        conditions = {one["type"]: one["message"] for one in phase["status"].get("conditions", [])}
        if "example.com/vet" not in conditions.get("NamespaceFinalizersRemaining", ""):
            raise NotYet(json.dumps(phase["status"]))

    wait_for("the namespace to say what holds it", ending, timeout_seconds=60)
    refused = there("create", "-f", "-", input=cat("late"), check=False)
    assert "is being terminated" in refused.stderr, refused.stderr
    there("patch", CATS, "alone", "--type=merge", "--patch", '{"metadata":{"finalizers":null}}')
    there("wait", "--for=delete", f"namespace/{other_namespace}", "--timeout=120s", timeout_seconds=150)
    refused = there("create", "-f", "-", input=cat("late"), check=False)
    assert f'namespaces "{other_namespace}" not found' in refused.stderr, refused.stderr


def test_objects_are_there_after_a_restart(cats, kubectl):
    """On the disk, with the same uid and resourceVersion."""
    kubectl("apply", "-f", "-", input=cat("old"))
    before = cats.get("old")
    kubectl("delete", "pod", "-l", "app.kubernetes.io/name=header-echo", "--wait")
    kubectl("rollout", "status", "deployment/header-echo", "--timeout=120s", timeout_seconds=150)
    cats.wait_until_listed()
    assert cats.get("old") == before


def test_a_controller_makes_a_cat_ready(cats, kubectl, tmp_path):
    """And what it has made for the cat goes with the cat."""
    kubectl("create", "-f", "-", input=cat("served", {"kittens": 2}))
    with cats.controlled(tmp_path / "log"):
        kubectl("wait", f"{CATS}/served", "--for=condition=Ready", "--timeout=60s", timeout_seconds=90)
        found = kubectl.get(CATS, "served")
        kubectl("patch", CATS, "served", "--type=merge", "--patch", '{"spec":{"kittens":3}}')
        kubectl("wait", f"{CATS}/served", "--for=jsonpath={.status.kittens}=3", "--timeout=60s")
    assert (found["metadata"]["generation"], found["status"]["kittens"]) == (1, 2)
    assert kubectl.get("configmap", "served-diary")["metadata"]["ownerReferences"][0]["name"] == "served"
    kubectl("delete", CATS, "served")
    cats.until_gone("configmap/served-diary")


def test_a_background_delete_takes_what_is_owned(cats, kubectl):
    """The real garbage collector, for a ConfigMap and for a cat."""
    kubectl("create", "-f", "-", input=cat("mother"))
    children = owned(kubectl, "mother", child="taken")
    kubectl("delete", CATS, "mother", "--cascade=background")
    cats.until_gone(*children)


def test_a_foreground_delete_waits_for_what_is_owned(cats, kubectl):
    kubectl("create", "-f", "-", input=cat("grandmother"))
    children = owned(kubectl, "grandmother", child="awaited")
    kubectl("delete", CATS, "grandmother", "--cascade=foreground", f"--timeout={WAIT_SECONDS}s", timeout_seconds=150)
    assert kubectl("get", *children, "--ignore-not-found", "-o", "name").stdout == ""


def test_an_orphaning_delete_leaves_what_is_owned_without_an_owner(kubectl):
    kubectl("create", "-f", "-", input=cat("stranger"))
    children = owned(kubectl, "stranger", child="left")
    kubectl("delete", CATS, "stranger", "--cascade=orphan", f"--timeout={WAIT_SECONDS}s", timeout_seconds=150)
    for kind, _, name in (child.partition("/") for child in children):
        assert "ownerReferences" not in kubectl.get(kind, name)["metadata"], f"{kind}/{name} has an owner"


def test_a_quota_counts_them(kubectl):
    """It is not enforced: kube-apiserver's admission does not run for what it passes on. The controller counts anew when the quota changes."""
    kubectl("apply", "-f", "-", input=cat("counted"))
    there = len(kubectl.get(CATS)["items"])
    name, limits = f"count/{CATS}", iter(range(1000, 2000))

    def counted():
        hard = {name: str(next(limits))}
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "pets"}, "spec": {"hard": hard}}
        kubectl.apply(json.dumps(quota))
        used = kubectl.get("quota", "pets").get("status", {}).get("used", {})
        if used.get(name) != str(there):
            raise NotYet(f"used {used}, and {there} cats are there")

    wait_for("the quota to count cats", counted, timeout_seconds=WAIT_SECONDS, max_interval_seconds=2)
