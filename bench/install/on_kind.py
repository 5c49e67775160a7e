"""What only kind shows: kubelet's and cert-manager's share of an installation, and several replicas behind one Service."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.commands import go_program
from bench.install.bringup import install, loaded_image
from bench.load import Answer, Load
from pytest_apiservice.base.progress import step
from pytest_apiservice.client.api import Api
from pytest_apiservice.cluster import Choice
from pytest_apiservice.clusters.choose import cluster_for

REPLICAS = (1, 2, 3)
CONNECTIONS = 32


@dataclass(frozen=True)
class OnKind:
    """What was measured on one kind cluster.

    Attributes:
        installs: seconds from `helm install` to each moment, of one installation each, the image being loaded.
        replicas: number of replicas → what the load through the API server saw, one for each round.
    """

    installs: list[dict[str, float]] = field(default_factory=list)
    replicas: dict[int, list[Answer]] = field(default_factory=dict)


def on_kind(installs: int, rounds: int, seconds: float) -> OnKind:
    """Create a kind cluster, measure, delete it.

    Every number of replicas gets an installation of its own: the API server keeps its connections, and never moves any to a new pod.

    Raises:
        HarnessError: anything of it failed.
    """
    cluster = cluster_for(Choice.read("kind", {}))
    measured = OnKind()
    try:
        cluster.create()
        cluster.install_cert_manager()
        image = loaded_image(cluster)
        for turn in range(installs):
            with step(f"helm install on kind, {turn + 1} of {installs}"):
                moments = install(cluster, image)
                measured.installs.append({name: at for name, at in moments.items() if name != "began"})
        for turn, count in itertools.product(range(rounds), REPLICAS):

            def load(api: Api, number: int = count) -> None:
                measured.replicas.setdefault(number, []).append(_load(api, seconds))

            with step(f"replicas on kind, round {turn + 1} of {rounds}, {count}"):
                install(cluster, image, {"replicas": count}, load)
    finally:
        cluster.delete()
    return measured


def _load(api: Api, seconds: float) -> Answer:
    with api.session() as session:
        pair = session.cert
    if not isinstance(pair, tuple):
        raise TypeError(f"kind's administrator has a certificate and a key, not {pair!r}")
    load = Load(go_program("load"), Path(api.ca_file))
    client = Path(pair[0]), Path(pair[1])
    return load.demand(f"{api.server}{api.path}/", seconds=seconds, connections=CONNECTIONS, client=client)


def replicas_per_second(measured: Mapping[int, list[Answer]]) -> dict[int, list[float]]:
    """Return number of replicas → requests per second of each round."""
    return {count: [answer.per_second for answer in answers] for count, answers in measured.items()}
