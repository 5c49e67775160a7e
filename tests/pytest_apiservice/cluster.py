"""What every kind of cluster offers to the tests, and the choice between them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pytest_apiservice.base.errors import HarnessError

KINDS = ("kind", "embedded", "existing")
PORTS = range(1, 65536)


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

    def create(self) -> None:
        """Bring the cluster up, or find it, until its API answers."""

    def install_cert_manager(self) -> None:
        """Make cert-manager issue certificates; where the cluster is not ours, demand that it is there."""

    def delete(self) -> None:
        """Leave nothing behind; harmless when called twice."""

    def load_image(self, image: str) -> None:
        """Make the local image ``image`` usable by pods."""

    def pod_endpoint(self, namespace: str, pod: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """Yield a (host, port) at which this process reaches the pod's port, past the API server."""

    @property
    def logs_directory(self) -> Path | None:
        """Where the control plane's logs are as files, if anywhere."""


@dataclass(frozen=True)
class Choice:
    """What the user asked for, from pytest's options and the environment."""

    kind: str
    keep: bool = False
    context: str | None = None
    api_port: int | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @classmethod
    def read(cls, kind: str | None = None, environ: Mapping[str, str] = os.environ) -> Choice:
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


def cluster_for(choice: Choice) -> Cluster:
    """Return the (not yet created) cluster of the chosen kind."""
    if choice.kind == "kind":
        from pytest_apiservice.clusters.kind import Kind

        return Kind(keep=choice.keep, api_port=choice.api_port)
    if choice.kind == "embedded":
        from pytest_apiservice.embedded.cluster import EmbeddedCluster

        return EmbeddedCluster(keep=choice.keep, api_port=choice.api_port)
    from pytest_apiservice.clusters.existing import ExistingCluster

    return ExistingCluster(context=choice.context)
