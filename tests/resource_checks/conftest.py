"""A CustomResourceDefinition and a resource of the library with the same schema, in one embedded cluster."""

from pathlib import Path

import pytest

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.client.namespaces import fresh_namespace
from pytest_apiservice.embedded.node.images import of_this_python
from pytest_apiservice.programs import go
from pytest_apiservice.why.rules import explain_pods
from resource_checks import twins

PROGRAM = Path(__file__).with_name("program.py")


@pytest.fixture(scope="session")
def served(cluster, cert_manager, base_values):
    """Yield {name: Api} of both, as twins.GROUPS names them."""
    cluster.load_image("twins:1", of_this_python(str(PROGRAM)))
    values = {
        **base_values,
        "image.repository": "twins",
        "image.tag": "1",
        "apiService.group": twins.GROUPS["ours"],
        "store.mode": "memory",
        "store.resources": [twins.PLURAL],
        "replicas": 1,  # a store in memory is one pod's
    }
    apis = {name: Api(cluster, group, twins.VERSION) for name, group in twins.GROUPS.items()}
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    with fresh_namespace(cluster, "header-echo-twins") as namespace:
        apis["crd"].send("POST", definitions, twins.definition())
        helm = Helm(cluster, namespace, explain=explain_pods)
        helm.upgrade(values)
        apis["ours"].wait_for_available()
        for one in apis.values():
            wait_until_listed(one)
        yield apis
        apis["crd"].send("DELETE", f"{definitions}/{twins.definition()['metadata']['name']}")
        helm.uninstall()


def wait_until_listed(api):
    """Wait until its objects can be listed."""

    def listed():
        answer = api.get(f"{api.path}/{twins.PLURAL}")
        if not answer.ok:
            raise NotYet(f"{answer.status_code} {answer.text}")

    wait_for(f"{api.path}/{twins.PLURAL} to be listed", listed, timeout_seconds=60)


@pytest.fixture(scope="session")
def checks(tmp_path_factory):
    """Yield the program of ci/tools/interop/resources."""
    program = tmp_path_factory.mktemp("checks") / "resources"
    folder = FAMILIES / "interop" / "resources"
    go.build(".", program, directory=folder, link_flags="", title="building the checks of resources")
    return program
