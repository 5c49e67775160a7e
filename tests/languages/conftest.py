"""Fixtures: a program that knows nothing of Kubernetes, behind the gateway, behind the API server of the embedded cluster."""

from contextlib import contextmanager

import pytest

from languages.behind import Service
from languages.programs import running
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.why.rules import explain_pods


def pytest_collection_modifyitems(items):
    """Run them on the embedded cluster alone: its pods share the loopback of this machine, where the programs are."""
    reason = "its pods share this machine's loopback, where the programs run"
    for item in items:
        if "languages" in item.path.parts:
            item.add_marker(pytest.mark.only_on("embedded", reason=reason))


@pytest.fixture(scope="session")
def behind(cluster, cert_manager, base_values, run_id, tmp_path_factory):
    """Yield (name, command, values of the gateway) → a context with the program's Service, once it is served."""

    @contextmanager
    def behind(name, command, **gateway):
        service = Service(cluster, f"{name}-{run_id}.example.com")
        # The chart's way for an upstream on loopback; the container stands for the program, which the test starts beside the pod.
        sidecar = {
            "name": "elsewhere",
            "image": "{image.repository}:{image.tag}".format_map(Dotted(base_values)),
            "imagePullPolicy": base_values["image.pullPolicy"],
            "command": ["sleep", "infinity"],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        with (
            running(command, tmp_path_factory.mktemp(name) / "program.log") as port,
            fresh_namespace(cluster, f"header-echo-{run_id}-{name}", emptied=True) as namespace,
        ):
            helm = Helm(cluster, namespace, validate=False, explain=explain_pods)
            values = {
                **base_values,
                "apiService.group": service.group,
                "replicas": 1,
                "extraContainers": [sidecar],
                "gateway": {"enabled": True, "sidecar": True, "upstream": f"http://127.0.0.1:{port}", **gateway},
            }
            try:
                helm.upgrade(values)
                service.wait_for_available()
                service.port = port
                yield service
            finally:
                helm.uninstall()

    return behind


class Dotted(dict):
    """Keys with dots, for str.format_map."""

    def __missing__(self, key):
        """Return what stands for an object whose attributes are the rest of the key."""
        return type(
            "Part", (), {name.partition(".")[2]: value for name, value in self.items() if name.startswith(f"{key}.")}
        )
