"""cert-manager beside the embedded control plane: the same program as on kind, as a process."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import yaml

from harness.certificates import write_private
from harness.control_plane import ControlPlane
from harness.node_agent_client import ApiClient, ApiError, Object

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CONFLICT = 409
POLL_SECONDS = 0.02
STOP_SECONDS = 5.0
SERVED_TIMEOUT_SECONDS = 60.0


async def start_cert_manager(control_plane: ControlPlane, client: ApiClient, program: Path, crds: Path) -> None:
    """Create the CRDs in the folder ``crds`` and start cert-manager's ``program``; nothing happens when it runs already.

    Raises:
        HarnessError: the program cannot be started.
        TimeoutError: the API server did not serve the CRDs in time.
    """
    if any(component.name == "cert-manager" for component in control_plane.components):
        return
    manifests = _read(crds)
    async with asyncio.timeout(SERVED_TIMEOUT_SECONDS):
        await asyncio.gather(*(_create(client, manifest) for manifest in manifests))
        await asyncio.gather(*(_served(client, manifest) for manifest in manifests))
    await control_plane.launch("cert-manager", "--kubeconfig=kubeconfig", program=program)


async def stop_cert_manager(control_plane: ControlPlane) -> None:
    """Stop it as if it were down; `start_cert_manager` brings it back. Nothing happens when it does not run."""
    for component in [c for c in control_plane.components if c.name == "cert-manager"]:
        control_plane.components.remove(component)  # first, so that its end is not taken for a failure of the cluster
        await component.stop(STOP_SECONDS)


def _read(folder: Path) -> list[Object]:
    """Return the manifests in ``folder``; as JSON beside it they are read fifty times faster the next time."""
    cached = folder.with_name(f"{folder.name}.json")
    if cached.exists():
        known: list[Object] = json.loads(cached.read_text())
        return known
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    manifests = [yaml.load(path.read_text(), loader) for path in sorted(folder.glob("*.yaml"))]  # noqa: S506 - it is a safe one
    write_private(cached, json.dumps(manifests).encode())
    return manifests


async def _create(client: ApiClient, manifest: Object) -> None:
    try:
        await client.request("POST", CRDS, manifest)
    except ApiError as error:
        if error.code != CONFLICT:
            raise


async def _served(client: ApiClient, manifest: Object) -> None:
    """Wait until discovery lists the resource: a CRD's own condition comes earlier, and is a large object to ask for."""
    spec = manifest["spec"]
    version = next(version["name"] for version in spec["versions"] if version["served"])
    while True:
        try:
            discovered = await client.request("GET", f"/apis/{spec['group']}/{version}")
        except ApiError:
            discovered = {"resources": []}
        if any(resource["name"] == spec["names"]["plural"] for resource in discovered["resources"]):
            return
        await asyncio.sleep(POLL_SECONDS)
