"""Informers of other people's client libraries see a resource as they see one of a CustomResourceDefinition, also while its pods end."""

import pytest

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.namespaces import fresh_namespace
from resource_checks import informers, twins

LIBRARIES = {
    "client-go": lambda programs: [programs, "client-go"],
    "controller-runtime": lambda programs: [programs, "controller-runtime"],
    "kubernetes": lambda _: informers.python(),
    "client-node": lambda _: informers.client_node(),
    "kube-rs": lambda _: informers.kube_rs(),
    "fabric8": lambda _: informers.fabric8(),
}
#: Of those that say whether they asked for a list as a stream.
STREAMED = ("client-go", "controller-runtime")
WRITE_SECONDS = 60

pytestmark = pytest.mark.timeout(3600)


class Objects:
    """Those of one namespace."""

    def __init__(self, api, namespace):
        self._api = api
        self._path = f"{api.path}/namespaces/{namespace}/{twins.PLURAL}"

    def create(self, name, size):
        """Make one."""
        metadata = {"name": name}
        item = {"apiVersion": f"{self._api.group}/{self._api.version}", "kind": twins.KIND, "metadata": metadata}
        return self._api.send("POST", self._path, {**item, "spec": {"size": size}})

    def resize(self, name, size):
        """Change one, however often that takes: a pod that ends may answer no more."""
        with self._api.session() as session:
            url, headers = f"{self._api.server}{self._path}/{name}", {"Content-Type": "application/merge-patch+json"}

            def changed():
                answer = session.patch(url, json={"spec": {"size": size}}, headers=headers, timeout=30)
                if not answer.ok:
                    raise NotYet(f"{answer.status_code} {answer.text}")

            wait_for(f"{url} to be changed", changed, timeout_seconds=WRITE_SECONDS)

    def replicas(self, name):
        """Return what a controller has written into its status."""
        return self._api.send("GET", f"{self._path}/{name}")["status"]["replicas"]

    def delete(self, name):
        """Delete one."""
        self._api.send("DELETE", f"{self._path}/{name}")


def end_each_pod(api, namespace):
    """Delete the pods one after the other, so that each watch has lost its server."""
    pods = api.kubectl("get", "pods", "-n", namespace, "-o", "name").stdout.split()
    assert len(pods) == 2
    for pod in pods:
        api.kubectl("delete", "-n", namespace, pod, "--timeout=120s")
        api.kubectl("rollout", "status", "-n", namespace, "deployment", "--timeout=180s")


@pytest.mark.parametrize("subject", ["crd", "in_postgresql"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_informer_sees_all_changes(request, cluster, install, informer_programs, tmp_path, library, subject):
    api = request.getfixturevalue(subject)
    command = LIBRARIES[library](informer_programs)
    with fresh_namespace(cluster, f"header-echo-{library}-{subject.replace('_', '-')}") as namespace:
        objects = Objects(api, namespace)
        objects.create("first", 1)
        arguments = [api.group, api.version, twins.PLURAL, twins.KIND, namespace]
        with informers.running([*command, *arguments], cluster, tmp_path / "log") as informer:
            informer.says("synced")
            informer.says("seen first 1")
            objects.create("second", 2)
            informer.says("seen second 2")
            objects.resize("first", 3)
            informer.says("seen first 3")
            if subject == "in_postgresql":
                end_each_pod(api, install.namespace)
            objects.resize("second", 4)
            informer.says("seen second 4")
            if library == "controller-runtime":
                assert objects.replicas("second") == 4
            objects.delete("first")
            informer.says("deleted first")
            if library in STREAMED:
                assert "streamed 200" in informer.lines()
