"""The fixture chain cluster → cert_manager → image → release → api; tests/README.md is its table for users.

Those of a session are made once in it; what pytest-xdist makes of that: pytest_apiservice.parallel. Every pytest that has this package
installed imports this module, so all that only its users need is imported when they ask for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from pytest_apiservice import session

if TYPE_CHECKING:
    from pytest_apiservice.client.api import Api
    from pytest_apiservice.client.helm import Helm
    from pytest_apiservice.client.kubectl import Kubectl
    from pytest_apiservice.cluster import Choice, Cluster


@pytest.fixture(scope="session")
def choice(pytestconfig: pytest.Config) -> Choice:
    """Yield what the user chose: kind of cluster, keep, context."""
    session.begin(pytestconfig)  # where nothing at collection said that this run has a cluster
    return session.choice(pytestconfig)


@pytest.fixture(scope="session")
def cluster(choice: Choice, pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """Yield a cluster whose API answers; deleted at the end unless KEEP=1."""
    from pytest_apiservice.base.data import in_checkout
    from pytest_apiservice.base.progress import say
    from pytest_apiservice.clusters.choose import cluster_for
    from pytest_apiservice.why import hooks as diagnostics

    cluster = pytestconfig.stash[diagnostics.CLUSTER] = cluster_for(choice)
    cluster.create()
    yield cluster
    if choice.keep:
        say(f"kept: export KUBECONFIG={cluster.kubeconfig}; kubectl --context {cluster.context} get apiservices")
        say(f"      {'make clean' if in_checkout() else 'python -m pytest_apiservice.clean'} removes it")
    else:
        cluster.delete()


@pytest.fixture(scope="session")
def cert_manager(cluster: Cluster) -> None:
    """Have cert-manager issue certificates in the cluster."""
    cluster.install_cert_manager()


@pytest.fixture(scope="session")
def image(cluster: Cluster) -> str:
    """Yield the backend image's name, usable by the cluster's pods."""
    name = cluster.backend_image()
    cluster.load_image(name)
    return name


def image_values(image: str) -> dict[str, object]:
    """Return the chart values that name ``image`` and never pull it when it was loaded."""
    repository, _, tag = image.rpartition(":")
    pulled = "/" in repository
    return {"image.repository": repository, "image.tag": tag, "image.pullPolicy": "IfNotPresent" if pulled else "Never"}


@pytest.fixture(scope="session")
def run_id() -> str:
    """Yield a word that no other run has."""
    return secrets.token_hex(3)


@pytest.fixture(scope="session")
def namespace(choice: Choice, cluster: Cluster, run_id: str) -> Iterator[str]:
    """Yield the release's namespace, under Pod Security "restricted"; of one name when kept, so that it is found again."""
    from pytest_apiservice.client.namespaces import fresh_namespace

    name = "header-echo" if choice.keep else f"header-echo-{run_id}"
    with fresh_namespace(cluster, name, keep=choice.keep, emptied=True):
        yield name


@pytest.fixture(scope="session")
def base_values(cluster: Cluster, image: str) -> dict[str, object]:
    """Yield the values every release of this run has: the image, and what the cluster calls for."""
    return {**image_values(image), **cluster.values}


@pytest.fixture(scope="session")
def release(
    choice: Choice, cluster: Cluster, cert_manager: None, namespace: str, base_values: dict[str, object]
) -> Iterator[Helm]:
    """Yield the installed release of the chart, its APIService Available; uninstalled at the end where the cluster stays, unless KEEP=1."""
    from pytest_apiservice.base.progress import step
    from pytest_apiservice.client.helm import Helm
    from pytest_apiservice.why.rules import explain_pods

    helm = Helm(cluster, namespace, explain=explain_pods)
    with step("helm install"):
        helm.upgrade(base_values)
    yield helm
    if cluster.keep and not choice.keep:
        helm.uninstall()


@pytest.fixture(scope="session")
def api(cluster: Cluster, release: Helm) -> Api:
    """Yield the API server, once it serves the release's group: Available, discovered and really called."""
    from pytest_apiservice.base.progress import step
    from pytest_apiservice.client.api import Api

    api = Api(cluster)
    with step(f"waiting for {api.group}/{api.version} to be served"):
        api.wait_for_available()
        api.wait_until_served()
    return api


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Kubectl:
    """Yield kubectl in the release's namespace."""
    from pytest_apiservice.client.kubectl import Kubectl

    return Kubectl(cluster, namespace)


@pytest.fixture
def other_namespace(cluster: Cluster, run_id: str) -> Iterator[str]:
    """Yield a namespace of the test's own."""
    from pytest_apiservice.client.namespaces import fresh_namespace

    with fresh_namespace(cluster, f"header-echo-{run_id}-{secrets.token_hex(4)}") as name:
        yield name


@pytest.fixture
def another(cluster: Cluster, cert_manager: None, run_id: str) -> Iterator[Callable[..., Helm]]:
    """Yield a function (word, program="helm") → helm for a further release, in a namespace of its own; all are gone at the end."""
    from pytest_apiservice.client.helm import Helm
    from pytest_apiservice.client.namespaces import fresh_namespace
    from pytest_apiservice.why.rules import explain_pods

    with ExitStack() as stack:

        def make(word: str, program: str = "helm") -> Helm:
            namespace = stack.enter_context(fresh_namespace(cluster, f"header-echo-{run_id}-{word}", emptied=True))
            helm = Helm(cluster, namespace, program=program, validate=False, explain=explain_pods)
            stack.callback(helm.uninstall)
            return helm

        yield make
