"""cert-manager beside the embedded control plane, as processes."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
import yaml

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.embedded.control_plane import ControlPlane
from pytest_apiservice.embedded.node.client import ApiClient, ApiError, Object

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CONFLICT = 409
SERVER_ERROR = 500
POLL_SECONDS = 0.02
STOP_SECONDS = 5.0
HELD_BACK_SECONDS = 2
HEAD_START_SECONDS = 0.2
SERVED_TIMEOUT_SECONDS = 150.0  # of which most is the API server's own start, on busy machines


async def create_crds(client: ApiClient, folder: Path | None) -> float:
    """Create the CRDs in ``folder``, if there is one, as soon as the API server takes them; when it serves them, return until when it holds back objects.

    That moment is in seconds since the epoch. What is created within two seconds after its CRD was Established, it holds back for two
    seconds (https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/customresource_handler.go). So it is best
    called while the API server still gets ready.

    Raises:
        HarnessError: the API server did not serve them in time.
    """
    manifests = _read(folder) if folder else []
    try:
        async with asyncio.timeout(SERVED_TIMEOUT_SECONDS):
            await asyncio.gather(*(_create(client, manifest) for manifest in manifests))
            established = await asyncio.gather(*(_served(client, manifest) for manifest in manifests))
    except TimeoutError:
        raise HarnessError(
            f"kube-apiserver did not serve cert-manager's CRDs within {SERVED_TIMEOUT_SECONDS:g} s"
        ) from None
    return max(established, default=0) + HELD_BACK_SECONDS


async def start_cert_manager(
    control_plane: ControlPlane, commands: Mapping[str, list[str]], held_back_until: float
) -> None:
    """Start ``commands``, which are cert-manager, by name; nothing happens with those that run already.

    Args:
        held_back_until: what `create_crds` returned. A little before it this returns: who then makes a namespace and runs
            helm is not held back.

    Raises:
        HarnessError: it cannot be started.
    """
    running = {component.name for component in control_plane.components}
    for name, (program, *arguments) in commands.items():
        if name not in running:
            await control_plane.launch(name, *arguments, program=Path(program))
    await asyncio.sleep(max(0, held_back_until - HEAD_START_SECONDS - time.time()))


async def stop_cert_manager(control_plane: ControlPlane) -> None:
    """Stop it as if it were down; `start_cert_manager` brings it back. Nothing happens when it does not run."""
    for component in [c for c in control_plane.components if c.name.startswith("cert-manager")]:
        control_plane.components.remove(component)  # first, so that its end is not taken for a failure of the cluster
        await component.stop(STOP_SECONDS)


def _read(folder: Path) -> list[Object]:
    """Return the manifests in ``folder``: as JSON, which is read fifty times faster, or as YAML where a user named the folder."""
    manifests: list[Object] = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    manifests += [yaml.load(path.read_text(), loader) for path in sorted(folder.glob("*.yaml"))]  # noqa: S506 - it is a safe one
    return manifests


async def _create(client: ApiClient, manifest: Object) -> None:
    while True:
        try:
            await client.request("POST", CRDS, manifest)
        except (aiohttp.ClientError, TimeoutError):  # it does not listen yet
            await asyncio.sleep(POLL_SECONDS)
        except ApiError as error:
            if error.code == CONFLICT:
                return
            if error.code < SERVER_ERROR:
                raise
            await asyncio.sleep(POLL_SECONDS)
        else:
            return


async def _served(client: ApiClient, manifest: Object) -> int:
    """Wait until the resource is in discovery, and then until it can be listed from the API server's cache; return when the first was.

    That is the second, since the epoch, in which the CRD was Established: its condition has whole seconds too.

    Discovery has it once the CRD is Established (the CRD itself would be a large object to ask for). Who lists or watches earlier is cut
    off when that comes; who comes first after it is told to come back in a second (429, "storage is (re)initializing"). Both would
    cost cert-manager a second.
    """
    spec = manifest["spec"]
    plural = spec["names"]["plural"]
    version = next(version["name"] for version in spec["versions"] if version["served"])
    path = f"/apis/{spec['group']}/{version}"
    await _answer(client, path, lambda found: any(resource["name"] == plural for resource in found["resources"]))
    established = int(time.time())
    await _answer(client, f"{path}/{plural}?resourceVersion=0", lambda _: True)
    return established


async def _answer(client: ApiClient, path: str, fits: Callable[[Object], bool]) -> None:
    while True:
        try:
            if fits(await client.request("GET", path)):
                return
        except ApiError:
            pass  # not served yet
        await asyncio.sleep(POLL_SECONDS)
