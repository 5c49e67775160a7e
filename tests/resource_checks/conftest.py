"""A CustomResourceDefinition and resources of the library with the same schema, in one embedded cluster."""

import base64
from contextlib import ExitStack
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
def crd(cluster):
    """Yield the API of the CustomResourceDefinition, served."""
    api = Api(cluster, twins.GROUPS["crd"], twins.VERSION)
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    api.send("POST", definitions, twins.definition())
    wait_until_listed(api)
    yield api
    api.send("DELETE", f"{definitions}/{twins.definition()['metadata']['name']}")


@pytest.fixture(scope="session")
def install(cluster, cert_manager, base_values):
    """Yield a function (values) → Api of the library's resource, served; there is one at a time."""
    cluster.load_image("twins:1", of_this_python(str(PROGRAM)))
    with ExitStack() as stack:
        namespace = stack.enter_context(fresh_namespace(cluster, "header-echo-twins"))
        helm = Helm(cluster, namespace, explain=explain_pods)
        stack.callback(helm.uninstall)

        def make(values):
            common = {
                **base_values,
                "image.repository": "twins",
                "image.tag": "1",
                "apiService.group": twins.GROUPS["ours"],
                "store.resources": [twins.PLURAL],
            }
            helm.upgrade({**common, **values})
            api = Api(cluster, twins.GROUPS["ours"], twins.VERSION)
            api.wait_for_available()
            wait_until_listed(api)
            return api

        make.namespace = namespace
        yield make


@pytest.fixture(scope="session")
def in_memory(install):
    """Yield the API of the library's resource, kept in memory."""
    return install({"store.mode": "memory", "replicas": 1})


@pytest.fixture(scope="session")
def in_postgresql(install, crd, postgresql):
    """Yield the API of the library's resource, kept in PostgreSQL and served by two pods."""
    url = base64.b64encode(postgresql.url.encode()).decode()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database"}, "data": {"url": url}}
    crd.send("POST", f"/api/v1/namespaces/{install.namespace}/secrets", secret)
    return install({"store.mode": "postgresql", "store.urlSecret.name": "database", "replicas": 2})


@pytest.fixture(scope="session")
def postgresql():
    """Yield a server of our own."""
    psycopg = pytest.importorskip("psycopg", reason="it lacks psycopg: pip install 'extension-apiserver[postgresql]'")
    assert psycopg
    from unit.store.server import Server, programs

    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = Server(folder)
    yield server
    server.kill()


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
    return _built("resources", tmp_path_factory)


@pytest.fixture(scope="session")
def storage_suite(tmp_path_factory):
    """Yield the program of ci/tools/interop/storage-suite."""
    return _built("storage-suite", tmp_path_factory)


@pytest.fixture(scope="session")
def informer_programs(tmp_path_factory):
    """Yield the program of ci/tools/interop/informers."""
    return _built("informers", tmp_path_factory)


def _built(name, tmp_path_factory):
    program = tmp_path_factory.mktemp("programs") / name
    go.build(".", program, directory=FAMILIES / "interop" / name, link_flags="", title=f"building {name}")
    return program
