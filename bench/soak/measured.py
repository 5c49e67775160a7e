"""The functions whose metrics autoscalers read, behind the API server, with the objects that they are about."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.commands import settings
from bench.peers import environment, give_account
from bench.plane import NAMESPACE, ControlPlane
from bench.processes import Child, free_port, started

EXTERNAL, CUSTOM = "external.metrics.k8s.io", "custom.metrics.k8s.io"
NAMESPACES, OBJECTS = 25, 10
NAME, RBAC = "metrics", "rbac.authorization.k8s.io"


@contextmanager
def backend(plane: ControlPlane) -> Iterator[Child]:
    """Run the functions behind the API server while the block runs."""
    give_account(plane)
    port, dns_name = free_port(), f"{NAME}.{NAMESPACE}.svc"
    tls = plane.directory / "tls-metrics"
    tls.mkdir(mode=0o700)
    plane.authority.server([dns_name]).write(tls, "tls")
    plane.kubectl("apply", "-f", "-", manifest=[*_registration(plane, port), *_rights()])
    for number in range(NAMESPACES):
        plane.kubectl("apply", "-f", "-", manifest=_objects(f"ns-{number}"))
    apis = {"EXTENSION_APISERVER_METRICS_APIS": "external,custom"}
    env = {**environment(), **settings(plane, tls, port, "bench.example.com"), **apis}
    argv: list[str | Path] = [sys.executable, "-m", "bench.soak.metrics_backend"]
    with started(NAME, argv, directory=plane.directory, env=env) as child:
        yield child


def _registration(plane: ControlPlane, port: int) -> list[dict[str, Any]]:
    service = {"name": NAME, "namespace": NAMESPACE}
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": spec},
        *(
            {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": f"v1beta1.{group}"},
                "spec": {
                    "group": group,
                    "version": "v1beta1",
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                    "service": {**service, "port": port},
                    "caBundle": base64.b64encode(plane.authority.certificate).decode(),
                },
            }
            for group in (EXTERNAL, CUSTOM)
        ),
    ]


def _rights() -> list[dict[str, Any]]:
    """Return the right of the backend to list what it measures, and of the first user to read metrics."""
    user = {"kind": "User", "apiGroup": RBAC, "name": "user-1"}
    account = {"kind": "ServiceAccount", "name": "backend", "namespace": NAMESPACE}
    may = {
        "bench-lists": (account, {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]}),
        "bench-reads": (user, {"apiGroups": [EXTERNAL, CUSTOM], "resources": ["*"], "verbs": ["get", "list"]}),
    }
    roles = [
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]}
        for name, (_, rule) in may.items()
    ]
    bindings = [
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        }
        for name, (subject, _) in may.items()
    ]
    return [*roles, *bindings]


def _objects(namespace: str) -> list[dict[str, Any]]:
    """Return a namespace with Deployments, whose pods nobody makes."""
    found: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}]
    for number in range(OBJECTS):
        labels = {"app": f"a{number}"}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "none"}]}}
        found.append(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": f"app-{number}", "namespace": namespace, "labels": labels},
                "spec": {"selector": {"matchLabels": labels}, "template": pod},
            }
        )
    return found
