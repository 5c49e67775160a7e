"""Volumes of a pod as private folders, kept current with the API the way kubelet does it: each update appears at once, whole."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from pytest_apiservice.embedded.node.client import ApiError, Object, first_of
from pytest_apiservice.embedded.pod.references import Missing, Node, container_resource, pod_field

DATA = "..data"
RENEW_AT = 0.8  # of a token's lifetime, as kubelet does
Files = dict[str, tuple[bytes, int]]  # content and mode by path below the mount


@dataclass
class _Token:
    value: bytes
    renew_at: float  # time.monotonic()


class PodVolumes:
    """The volumes of one pod.

    Attributes:
        folders: local folder by volume name; that of a claim is another pod's, too, and stays.
    """

    def __init__(self, node: Node, pod: Object, directory: Path) -> None:
        """Make ``directory`` (private) with a folder for each volume."""
        self._node, self._pod = node, pod
        self._tokens: dict[tuple[str, str], _Token] = {}
        self.folders: dict[str, Path] = {}
        directory.mkdir(mode=0o700, parents=True)
        for volume in pod["spec"].get("volumes") or []:
            self.folders[volume["name"]] = directory / volume["name"]
            self.folders[volume["name"]].mkdir()

    async def write(self) -> None:
        """Bring every folder up to date.

        Raises:
            Missing: something that a volume needs is absent; folders written before stay.
        """
        for volume in self._pod["spec"].get("volumes") or []:
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                self.folders[volume["name"]] = self._node.claimed(self._pod["metadata"]["namespace"], claim)
            elif "emptyDir" not in volume:
                publish(self.folders[volume["name"]], await self._files(volume))

    async def keep_current(self) -> None:
        """Rewrite folders for ever, as objects change and tokens age; what vanished stays as it was last."""
        while True:
            changes = self._node.object_changes()
            try:
                await self.write()
            except Missing:
                pass
            await first_of(*changes, at_most_seconds=self._seconds_to_renewal())

    async def first_write(self) -> None:
        """Wait until all folders could be written; see `write` for what is raised after a second without."""
        deadline = time.monotonic() + 1
        while True:
            changes = self._node.object_changes()
            try:
                return await self.write()
            except Missing:
                if time.monotonic() > deadline:
                    raise
            await first_of(*changes, at_most_seconds=0.2)

    def _seconds_to_renewal(self) -> float | None:
        return min((max(0.1, token.renew_at - time.monotonic()) for token in self._tokens.values()), default=None)

    async def _files(self, volume: Object) -> Files:
        if "projected" in volume:
            files: Files = {}
            for source in volume["projected"].get("sources") or []:
                files |= await self._source(source, volume["projected"].get("defaultMode", 0o644))
            return files
        source = next(key for key in volume if key != "name")
        entry = volume[source]
        if source == "secret":  # as a volume it is called secretName, in a projection name
            entry = entry | {"name": entry["secretName"]}
        return await self._source({source: entry}, entry.get("defaultMode", 0o644))

    async def _source(self, source: Object, mode: int) -> Files:
        namespace = self._pod["metadata"]["namespace"]
        for name, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
            if name in source:
                entry = source[name]
                contents = self._node.contents(kind, namespace, entry["name"], optional=bool(entry.get("optional")))
                return _items(contents, entry, mode, f'{kind} "{namespace}/{entry["name"]}"')
        if "downwardAPI" in source:
            return {
                item["path"]: (self._downward(item), item.get("mode", mode))
                for item in source["downwardAPI"].get("items") or []
            }
        if "serviceAccountToken" in source:
            entry = source["serviceAccountToken"]
            return {entry["path"]: (await self._token(entry), 0o600)}
        raise Missing(f"the embedded cluster does not know the volume source {next(iter(source))}")

    def _downward(self, item: Object) -> bytes:
        if "fieldRef" in item:
            return pod_field(self._pod, item["fieldRef"]["fieldPath"], addresses={}).encode()
        reference = item["resourceFieldRef"]
        container = next(c for c in self._pod["spec"]["containers"] if c["name"] == reference["containerName"])
        return container_resource(container, reference).encode()

    async def _token(self, entry: Object) -> bytes:
        metadata = self._pod["metadata"]
        audience, seconds = entry.get("audience", ""), entry.get("expirationSeconds", 3600)
        known = self._tokens.get((audience, entry["path"]))
        if known is not None and time.monotonic() < known.renew_at:
            return known.value
        account = self._pod["spec"].get("serviceAccountName", "default")
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: dict[str, Any] = {
            "expirationSeconds": seconds,
            "boundObjectRef": bound,
            "audiences": [audience] if audience else None,
        }
        try:
            path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
            answer = await self._node.client.request("POST", path, {"spec": spec})
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            raise Missing(f'no token for ServiceAccount "{metadata["namespace"]}/{account}": {error}') from error
        token = _Token(answer["status"]["token"].encode(), time.monotonic() + RENEW_AT * seconds)
        self._tokens[audience, entry["path"]] = token
        return token.value


def _items(contents: dict[str, bytes], entry: Object, mode: int, what: str) -> Files:
    if not entry.get("items"):
        return {key: (value, mode) for key, value in contents.items()}
    files: Files = {}
    for item in entry["items"]:
        if item["key"] in contents:
            files[item["path"]] = (contents[item["key"]], item.get("mode", mode))
        elif not entry.get("optional"):
            raise Missing(f'{what} has no key "{item["key"]}"')
    return files


def publish(folder: Path, files: Files) -> None:
    """Make ``folder`` show exactly ``files``, by one switch of the link ``..data``, as kubelet does; nothing happens if it does already.

    Programs that watch for that switch (https://pkg.go.dev/k8s.io/kubernetes/pkg/volume/util#AtomicWriter) work unchanged.
    """
    link = folder / DATA
    current = link.resolve() if link.is_symlink() else None
    if current is not None and files == _files_in(current):
        return
    fresh = folder / f"..{time.time_ns()}"
    for path, (content, mode) in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode & 0o777)
    fresh.mkdir(exist_ok=True)
    switch = folder / "..data_tmp"
    switch.symlink_to(fresh.name)
    switch.replace(link)
    shown = {Path(path).parts[0] for path in files}
    for name in shown:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{DATA}/{name}")
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in shown:
            entry.unlink()
    if current is not None:
        shutil.rmtree(current)


def _files_in(folder: Path) -> Files:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in files}
