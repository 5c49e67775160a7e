"""What every kind of cluster offers to the tests, and the choice between them."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from pytest_apiservice.base.errors import HarnessError

KINDS = ("kind", "embedded", "existing")
PORTS = range(1, 65536)


@dataclass(frozen=True)
class Collector:
    """One part of what is kept about a failure.

    Attributes:
        name: the file or folder that it writes, relative to the failure's folder.
        holds: what that is, in a few words, for the index.
        collect: returns the text of the file, or writes files into the folder it is given and returns None.
        deadline_seconds: counted from its start.
    """

    name: str
    holds: str
    collect: Callable[[Path], str | None]
    deadline_seconds: float = 20.0


class Cluster(Protocol):
    """A Kubernetes API to test against: created or found, then left as it was found."""

    @property
    def kind(self) -> str:
        """One of KINDS."""

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file of an administrator."""

    @property
    def context(self) -> str:
        """The context in that file."""

    @property
    def keep(self) -> bool:
        """Whether it is there after the run; if not, what does nothing may be left in it."""

    @property
    def values(self) -> Mapping[str, str]:
        """Chart values that this cluster calls for, as for `helm --set`; usually none."""

    @property
    def shares_loopback(self) -> bool:
        """Whether pods reach what listens on this machine's loopback: they are processes of it."""

    @property
    def own_per_worker(self) -> bool:
        """Whether it costs so little that each worker of pytest-xdist has one of its own."""

    def prepare(self) -> None:
        """Build the programs it needs that are missing: minutes of which a worker of pytest-xdist could show nothing."""

    def create(self) -> None:
        """Bring the cluster up, or find it, until its API answers."""

    def install_cert_manager(self) -> None:
        """Make cert-manager issue certificates; where the cluster is not ours, demand that it is there."""

    def cert_manager_down(self) -> AbstractContextManager[None]:
        """Have cert-manager be down within the block, and work again after it; skips the test where it is not ours to stop."""

    def delete(self) -> None:
        """Leave nothing behind; harmless when called twice."""

    def backend_image(self, build: Callable[[], str] | None = None, /) -> str:
        """Return the name of the backend image for its pods: what APISERVICE_IMAGE names, else what ``build`` makes if they need one."""

    def load_image(self, image: str) -> None:
        """Make the local image ``image`` usable by pods; where there is none, the program of that name that ci/tools pins is its content."""

    def pod_endpoint(self, namespace: str, pod: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """Yield a (host, port) at which this process reaches the pod's port, past the API server."""

    def collectors(self, namespaces: Sequence[str], /) -> Iterable[Collector]:
        """Return what only this kind of cluster can tell about a failure in ``namespaces``: logs of the control plane, say."""


@dataclass(frozen=True)
class Choice:
    """What the user asked for, from pytest's options and the environment."""

    kind: str
    keep: bool = False
    context: str | None = None
    api_port: int | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def is_ours(self) -> bool:
        """Whether we make it, and do not find it."""
        return self.kind != "existing"

    @classmethod
    def read(cls, kind: str | None = None, environ: Mapping[str, str] = os.environ) -> Self:
        """Take ``kind`` or CLUSTER, with KEEP, KUBECONTEXT and API_PORT.

        Raises:
            HarnessError: CLUSTER or API_PORT is not something we know.
        """
        chosen = kind or environ.get("CLUSTER") or "kind"
        if chosen not in KINDS:
            raise HarnessError(f"CLUSTER is '{chosen}' and must be one of {', '.join(KINDS)}: try CLUSTER=embedded")
        port = environ.get("API_PORT") or None
        if port is not None and not (port.isdecimal() and int(port) in PORTS):
            raise HarnessError(
                f"API_PORT is '{port}' and must be a port number from 1 to 65535, or unset for a free one"
            )
        return cls(
            kind=chosen,
            keep=environ.get("KEEP", "") not in ("", "0"),
            context=environ.get("KUBECONTEXT") or None,
            api_port=int(port) if port else None,
            environ=environ,
        )
