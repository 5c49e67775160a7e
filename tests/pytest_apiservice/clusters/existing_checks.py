"""What the harness demands of an existing cluster before it touches it, and finds in it afterwards."""

import json
import os
from pathlib import Path

import yaml

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.client.namespaces import OF_TESTS

# Verb, resource and namespace of what a release and its tests need.
RIGHTS = (
    ("create", "namespaces", None),
    ("delete", "namespaces", None),
    ("create", "apiservices.apiregistration.k8s.io", None),
    ("create", "clusterroles.rbac.authorization.k8s.io", None),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io", None),
    ("create", "rolebindings.rbac.authorization.k8s.io", "kube-system"),
    ("create", "deployments.apps", "default"),
    ("create", "pods/exec", "default"),
    ("impersonate", "users", None),
)
# Where the chart and the tests leave traces outside namespaces of their own.
KINDS = "namespaces,apiservices,clusterroles,clusterrolebindings,flowschemas,prioritylevelconfigurations"
LABELS = ("app.kubernetes.io/name=header-echo", OF_TESTS)
OPENSHIFT_GROUP = "config.openshift.io"
CERT_MANAGER_CRD = "certificates.cert-manager.io"


def contexts() -> list[str]:
    """Return the names of the contexts in the user's kubeconfig files."""
    paths = os.environ.get("KUBECONFIG", str(Path.home() / ".kube" / "config")).split(os.pathsep)
    files = [yaml.safe_load(Path(path).read_text()) or {} for path in paths if Path(path).is_file()]
    return sorted({context["name"] for content in files for context in content.get("contexts") or []})


def known_contexts() -> str:
    """Return them for an error."""
    return ", ".join(contexts()) or "(your kubeconfig has none: set KUBECONFIG)"


def demand_rights(kubectl: Kubectl, context: str) -> None:
    """Raise HarnessError that names every right we lack."""
    lacking = []
    for verb, resource, namespace in RIGHTS:
        where = [f"--namespace={namespace}"] if namespace else []
        if kubectl("auth", "can-i", verb, resource, *where, check=False).stdout.strip() != "yes":
            lacking.append(f"{verb} {resource}" + (f" in {namespace}" if namespace else ""))
    if lacking:
        raise HarnessError(
            f"context '{context}' may not {', '.join(lacking)}: name a context of a cluster administrator, or use CLUSTER=embedded"
        )


def is_openshift(kubectl: Kubectl) -> bool:
    """Tell whether the cluster is OpenShift."""
    groups = json.loads(kubectl("get", "--raw", "/apis").stdout)["groups"]
    return any(group["name"] == OPENSHIFT_GROUP for group in groups)


def demand_cert_manager(kubectl: Kubectl, context: str) -> None:
    """Raise HarnessError unless cert-manager's CRDs are there."""
    if kubectl("get", "crd", CERT_MANAGER_CRD, check=False).returncode != 0:
        raise HarnessError(
            f"the cluster of context '{context}' has no cert-manager and this run may not install it: install it first"
            f" (https://cert-manager.io/docs/installation/), or use CLUSTER=embedded"
        )


def ours(kubectl: Kubectl) -> set[str]:
    """Return kind/name of everything in the cluster that carries the chart's or the tests' label, outside our namespaces."""
    found: set[str] = set()
    for label in LABELS:
        found |= set(kubectl("get", KINDS, "-o", "name", "-l", label, "--ignore-not-found").stdout.split())
        bindings = kubectl("get", "rolebindings", "--namespace=kube-system", "-o", "name", "-l", label)
        found |= {f"kube-system/{name}" for name in bindings.stdout.split()}
    return found
