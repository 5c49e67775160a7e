"""A cluster with the chart installed, to look at and play with; it runs until `make clean` (make demo)."""

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import requests
import urllib3

from extension_apiserver.apps.upstream.origin import origin
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
MOST_LINES = 40
#: In a cluster of your own this is your container, beside the gateway in one pod; here your service runs already.
STAND_IN = {
    "name": "your-service",
    "image": '{{ include "header-echo.image" . }}',
    "command": ["python3", "-c", "import signal; signal.pause()"],
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
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
GATEWAY_NEXT = """
Try next:

  export KUBECONFIG={kubeconfig} PATH={programs}:$PATH
  kubectl get --raw {path}/                                    # your service's own paths, below this one
  kubectl get --raw {path}/ --as=jane --as-group=cat-lovers    # the same call as another user
  kubectl proxy --port=8001 &                                  # and in a browser: http://127.0.0.1:8001{path}/proxy/_/
  kubectl -n {namespace} logs deploy/header-echo --tail=5      # who called what, with an audit id
  helm -n {namespace} get values header-echo                   # what you would write for a cluster of your own

chart/README.md, "Gateway", makes its collections resources that kubectl lists. It runs until: make clean
"""


def demo_cluster(choice: Choice) -> Cluster:
    """Return the demo's cluster: embedded unless CLUSTER says kind.

    Raises:
        HarnessError: CLUSTER is existing, which is nobody's to play with.
    """
    if not choice.is_ours:
        raise HarnessError("the demo makes a cluster of its own: use CLUSTER=embedded or CLUSTER=kind")
    return cluster_for(replace(choice, keep=True), name="demo")


def gateway_values(cluster: Cluster, url: str) -> dict[str, object]:
    """Return the chart's values for a gateway in front of a service that runs on this machine or elsewhere.

    Raises:
        HarnessError: that is no URL of one, nothing answers there, or the cluster cannot reach it.
    """
    try:
        host = origin(url).host
    except ValueError as error:
        raise HarnessError(f"GATEWAY is the URL of your running service: {error}") from None
    if not host:
        raise HarnessError("GATEWAY is the URL of a service with http or https: the demo's pods don't have your socket")
    try:
        # Whether somebody is there; the gateway is who verifies.
        urllib3.PoolManager(cert_reqs="CERT_NONE").request("GET", url, timeout=5, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise HarnessError(f"nothing answers at {url}: start your service first ({error})") from None
    values = {"gateway.enabled": True, "gateway.upstream": url, "gateway.trustNetwork": True, "replicas": 1}
    if host != "localhost" and not host.startswith("127.") and host != "::1":
        return values
    if not cluster.shares_loopback:
        raise HarnessError(f"the cluster's nodes have loopbacks of their own: use CLUSTER=embedded for {url}")
    return {**values, "gateway.trustNetwork": False, "gateway.sidecar": True, "extraContainers": [STAND_IN]}


def demo(cluster: Cluster, upstream: str) -> None:
    """Bring the cluster up, or find it, install the chart, show what it does: the echo, or the service at ``upstream``."""
    gateway = gateway_values(cluster, upstream) if upstream else {}
    cluster.create()
    cluster.install_cert_manager()
    image = cluster.backend_image(build_image)
    cluster.load_image(image)
    with step("installing the chart with helm"):
        helm = Helm(cluster, NAMESPACE, explain=explain_pods)
        helm.upgrade({**image_values(image), **cluster.values, **gateway}, arguments=["--create-namespace"])
    api = Api(cluster)
    with step(f"waiting for {api.group}/{api.version} to be served"):
        api.wait_for_available()
        if not gateway:
            api.wait_until_served()
    show(api, upstream)


def show(api: Api, upstream: str) -> None:
    """Print the APIService's condition, what it answers, and what to type next."""
    condition = api.available()
    print(f"\nAPIService {api.version}.{api.group}: Available={condition['status']} ({condition['reason']})")
    answer = api.get(f"{api.path}/")
    if upstream:
        print(
            f"\nGET {api.path}/ is GET / of {upstream}, as {api.cluster.context}'s administrator: {answer.status_code}\n"
        )
    else:
        print(
            f"\nGET {api.path}/ as {api.cluster.context}'s administrator; kube-apiserver added what begins with x-:\n"
        )
        if answer.status_code != requests.codes.ok:
            sentence = f"GET {api.path}/ answered {answer.status_code}: {answer.text.strip()}; try 'make clean' first"
            raise HarnessError(sentence)
    print("\n".join(f"  {line:.160}" for line in answer.text.splitlines()[:MOST_LINES]))
    print(
        (GATEWAY_NEXT if upstream else NEXT).format(
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
        demo(demo_cluster(Choice.read(os.environ.get("CLUSTER") or "embedded")), os.environ.get("GATEWAY", ""))
    except KeyboardInterrupt:
        sys.exit("interrupted; 'make clean' removes what was started")


if __name__ == "__main__":
    run_script(main)
