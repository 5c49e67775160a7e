"""A cluster with the chart installed, to look at and play with; it runs until `make clean` (make demo)."""

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import requests

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.script import run_script
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.helm import Helm
from pytest_apiservice.cluster import Choice, Cluster
from pytest_apiservice.clusters.choose import cluster_for
from pytest_apiservice.fixtures import image_values
from pytest_apiservice.programs.tools import tool
from pytest_apiservice.why.rules import explain_pods

sys.path.append(str(Path(__file__).resolve().parents[1]))

from backend_image import build_image

NAMESPACE = "header-echo"
NEXT = """
Try next:

  export KUBECONFIG={kubeconfig} PATH={programs}:$PATH
  kubectl get --raw {path}/
  kubectl get --raw {path}/ --as=jane --as-group=cat-lovers    # the same call as another user
  kubectl get echoes                                           # the API as kubectl's table
  kubectl get apiservice {version}.{group} -o yaml
  kubectl -n {namespace} logs deploy/header-echo --tail=5
  kubectl -n {namespace} scale deploy/header-echo --replicas=0    # and look at the APIService again

It runs until: make clean
"""


def demo_cluster(choice: Choice) -> Cluster:
    """Return the demo's cluster: embedded unless CLUSTER says kind.

    Raises:
        HarnessError: CLUSTER is existing, which is nobody's to play with.
    """
    if not choice.is_ours:
        raise HarnessError("the demo makes a cluster of its own: use CLUSTER=embedded or CLUSTER=kind")
    return cluster_for(replace(choice, keep=True), name="demo")


def demo(cluster: Cluster) -> None:
    """Bring the cluster up, or find it, install the chart, show what it does."""
    cluster.create()
    cluster.install_cert_manager()
    image = cluster.backend_image(build_image)
    cluster.load_image(image)
    with step("installing the chart with helm"):
        helm = Helm(cluster, NAMESPACE, explain=explain_pods)
        helm.upgrade({**image_values(image), **cluster.values}, arguments=["--create-namespace"])
    api = Api(cluster)
    with step(f"waiting for {api.group}/{api.version} to be served"):
        api.wait_for_available()
        api.wait_until_served()
    show(api)


def show(api: Api) -> None:
    """Print the APIService's condition, the echoed headers and what to type next."""
    condition = api.available()
    print(f"\nAPIService {api.version}.{api.group}: Available={condition['status']} ({condition['reason']})")
    print(f"\nGET {api.path}/ as {api.cluster.context}'s administrator; kube-apiserver added what begins with x-:\n")
    answer = api.get(f"{api.path}/")
    if answer.status_code != requests.codes.ok:
        raise HarnessError(
            f"GET {api.path}/ answered {answer.status_code}: {answer.text.strip()}; try 'make clean' first"
        )
    print("\n".join(f"  {line}" for line in answer.text.splitlines()))
    print(
        NEXT.format(
            programs=":".join(shlex.quote(str(tool(name).parent)) for name in ("kubectl", "helm")),
            kubeconfig=shlex.quote(str(api.cluster.kubeconfig)),
            path=api.path,
            group=api.group,
            version=api.version,
            namespace=NAMESPACE,
        )
    )


def main() -> None:
    """Make the demo that CLUSTER asks for."""
    if sys.argv[1:]:
        raise HarnessError("the demo takes no arguments: CLUSTER=embedded or CLUSTER=kind chooses the cluster")
    try:
        demo(demo_cluster(Choice.read(os.environ.get("CLUSTER") or "embedded")))
    except KeyboardInterrupt:
        sys.exit("interrupted; 'make clean' removes what was started")


if __name__ == "__main__":
    run_script(main)
