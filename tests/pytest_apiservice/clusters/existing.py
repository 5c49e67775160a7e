"""A cluster that is there already: used through a named context, and left as it was found.

Nothing is created but labelled namespaces and the chart's own objects; `delete` compares. What cannot be done without reaching into
the cluster's nodes is not done, and said: images are pulled by the cluster, pods are reached from inside by `kubectl exec`.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.cluster import Collector
from pytest_apiservice.clusters import existing_checks as checks
from pytest_apiservice.clusters.relay import relayed
from pytest_apiservice.programs.tools import prepare, tool

GONE_TIMEOUT_SECONDS = 120
INSPECT_SECONDS = 90.0
# stdin to the address, the address to stdout; the backend's image has Python and no other program.
RELAY = """
import os, shutil, socket, sys, threading
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as peer, peer.makefile("rb", 0) as answers:
    def ask():
        while part := os.read(0, 65536):
            peer.sendall(part)
        peer.shutdown(socket.SHUT_WR)
    threading.Thread(target=ask, daemon=True).start()
    shutil.copyfileobj(answers, open(1, "wb", 0))
"""


class ExistingCluster:
    """The cluster behind one context of the user's kubeconfig."""

    kind = "existing"
    keep = True
    own_per_worker = False
    shares_loopback = False

    def __init__(self, *, context: str | None) -> None:
        """Take the context's name; KUBECONFIG, or ~/.kube/config, is read at `create`."""
        self._named = context
        self._directory: Path | None = None
        self._values: dict[str, str] = {}
        self._before: set[str] = set()

    @property
    def context(self) -> str:
        """The context that the user named.

        Raises:
            HarnessError: none was named.
        """
        if not self._named:
            raise HarnessError(
                f"CLUSTER=existing needs the name of a context: set KUBECONTEXT to one of {checks.known_contexts()}"
            )
        return self._named

    @property
    def kubeconfig(self) -> Path:
        """A private copy of that context alone, so that nothing of ours can touch another cluster."""
        if self._directory is None:
            raise HarnessError("this cluster is not open: call create() first")
        return self._directory / "kubeconfig"

    @property
    def values(self) -> Mapping[str, str]:
        """tls.mode=openshift where OpenShift's service-ca makes certificates; else nothing."""
        return self._values

    def prepare(self) -> None:
        """Build kubectl and helm unless they are there."""
        prepare(("kubectl", "helm"))

    def create(self) -> None:
        """Open the context, ask whether we may do what the tests do, and note what is there.

        Raises:
            HarnessError: no such context, no answer, too few rights, or a release of the chart is installed already.
        """
        context = self.context
        if context not in checks.contexts():
            raise HarnessError(
                f"the kubeconfig has no context '{context}': set KUBECONTEXT to one of {checks.known_contexts()}"
            )
        self._directory = Path(tempfile.mkdtemp(prefix="header-echo-existing-"))
        view = ["config", "view", "--raw", "--flatten", "--minify", f"--context={context}"]
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(run([tool("kubectl"), *view], timeout_seconds=30).stdout)
        try:
            self._open(Kubectl(self))
        except BaseException:
            self._close()
            raise

    def _open(self, kubectl: Kubectl) -> None:
        answer = kubectl("get", "--raw", "/version", check=False, timeout_seconds=30)
        if answer.returncode != 0:
            raise HarnessError(
                f"the cluster of context '{self.context}' does not answer ({answer.stderr.strip().splitlines()[-1]}):"
                f" check the network, and your login to it"
            )
        checks.demand_rights(kubectl, self.context)
        self._before = checks.ours(kubectl)
        if self._before:
            raise HarnessError(
                f"the cluster of context '{self.context}' has objects of an earlier run or release ({', '.join(sorted(self._before))}):"
                f" uninstall them first"
            )
        if checks.is_openshift(kubectl):
            self._values = {"tls.mode": "openshift"}
            say(
                "OpenShift: certificates by its service-ca operator; not checked: tls.mode certManager, a fixed user id"
            )
        say(
            f"not checked in the existing cluster '{self.context}': its control plane's logs and flags; it pulls the image itself"
        )

    def install_cert_manager(self) -> None:
        """Demand that cert-manager is there; it is the cluster's, so it is not ours to install."""
        if not self._values:
            checks.demand_cert_manager(Kubectl(self), self.context)

    def cert_manager_down(self) -> AbstractContextManager[None]:
        """Skip the test: it is the cluster's, so it is not ours to stop."""
        pytest.skip("only on kind or embedded: the cert-manager of an existing cluster is not ours to stop")

    def backend_image(self, _build: Callable[[], str] | None = None) -> str:
        """Return the image that APISERVICE_IMAGE names, which the cluster can pull; HarnessError if it names none."""
        named = os.environ.get("APISERVICE_IMAGE")
        if not named:
            raise HarnessError(
                "set APISERVICE_IMAGE to a backend image that the existing cluster can pull ('make image REGISTRY=…' pushes one)"
            )
        return named

    def delete(self) -> None:
        """Wait until everything of ours is gone, and forget the credentials.

        Raises:
            HarnessError: something of ours is left; with its names.
        """
        if self._directory is None:
            return
        kubectl = Kubectl(self)

        def as_before() -> None:
            left = sorted(checks.ours(kubectl) - self._before)
            if left:
                raise NotYet(f"{', '.join(left)} (remove with kubectl delete)")

        try:
            wait_for("everything of ours to be gone from the cluster", as_before, timeout_seconds=GONE_TIMEOUT_SECONDS)
        finally:
            self._close()

    def load_image(self, image: str) -> None:
        """Do nothing: the cluster pulls it."""
        say(f"the cluster pulls {image} itself: if it cannot, its pods will say ErrImagePull")

    def collectors(self, namespaces: Sequence[str]) -> Iterator[Collector]:
        """Yield what `oc adm inspect` collects, where there is an oc."""
        oc = shutil.which("oc")
        if oc is None:
            return

        def inspect(folder: Path) -> None:
            where = [f"--kubeconfig={self.kubeconfig}", f"--context={self.context}", f"--dest-dir={folder}"]
            run([oc, "adm", "inspect", *where, *(f"ns/{name}" for name in namespaces)], timeout_seconds=INSPECT_SECONDS)

        yield Collector("oc-adm-inspect", "oc adm inspect", inspect, INSPECT_SECONDS)

    @contextmanager
    def pod_endpoint(self, namespace: str, pod: str, port: int) -> Iterator[tuple[str, int]]:
        """Relay a loopback port to the pod's through Python in the pod: kubectl port-forward reaches its loopback alone."""
        address = Kubectl(self, namespace).get("pod", pod)["status"]["podIP"]
        where = [f"--kubeconfig={self.kubeconfig}", f"--context={self.context}", f"--namespace={namespace}"]
        inside = ["python3", "-c", RELAY, address, str(port)]
        with relayed([str(tool("kubectl")), *where, "exec", "--stdin", pod, "--", *inside]) as endpoint:
            yield endpoint

    def _close(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        self._directory = None
