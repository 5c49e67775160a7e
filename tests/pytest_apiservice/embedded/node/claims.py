"""Volumes that outlive pods: what a PersistentVolumeClaim of the cluster's one class asks for is a folder of this machine.

There is no PersistentVolume: who made the claim looks at its phase, and nobody looks behind it.
"""

import asyncio
import shutil
from pathlib import Path

import aiohttp

from pytest_apiservice.embedded.node.client import (
    MERGE_PATCH,
    RETRY_SECONDS,
    ApiClient,
    ApiError,
    Object,
    Store,
)

#: The cluster's default, called as kind calls its own: https://kind.sigs.k8s.io
CLASS = "standard"
CONFLICT = 409


class Claims:
    """Binds claims, and knows their folders.

    Attributes:
        store: all claims; somebody has to run it.
    """

    def __init__(self, client: ApiClient, directory: Path) -> None:
        """Keep the folders in ``directory``, each as long as its claim; it need not be there."""
        self.store = Store(client, "/api/v1/persistentvolumeclaims")
        self.store.subscribe(self._on_claim)
        self._client = client
        self._directory = directory
        self._binding: set[asyncio.Task[None]] = set()

    async def offer(self) -> None:
        """Make the class that claims name, unless it is there."""
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
        body: Object = {"metadata": {"name": CLASS, "annotations": annotations}, "provisioner": "embedded"}
        try:
            await self._client.request("POST", "/apis/storage.k8s.io/v1/storageclasses", body)
        except ApiError as error:
            if error.code != CONFLICT:
                raise

    def folder(self, namespace: str, name: str) -> Path | None:
        """Return the folder of a claim; None while there is no such claim, or it is not bound."""
        claim = self.store.objects.get((namespace, name))
        if claim is None or claim.get("status", {}).get("phase") != "Bound":
            return None
        folder = self._directory / str(claim["metadata"]["uid"])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _on_claim(self, kind: str, claim: Object) -> None:
        if kind == "DELETED":  # no pod uses it: kube-controller-manager takes care of that
            shutil.rmtree(self._directory / claim["metadata"]["uid"], ignore_errors=True)
        elif _is_ours(claim) and claim.get("status", {}).get("phase") == "Pending":
            task = asyncio.create_task(self._bind(claim))
            self._binding.add(task)
            task.add_done_callback(self._binding.discard)

    async def _bind(self, claim: Object) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}/status"
        status = {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": spec["resources"]["requests"]}
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        while True:
            try:
                await self._client.request("PATCH", path, body, MERGE_PATCH)
            except ApiError:  # it is gone
                return
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return


def _is_ours(claim: Object) -> bool:
    spec = claim["spec"]
    return (spec.get("storageClassName"), spec.get("volumeMode", "Filesystem")) == (CLASS, "Filesystem")
