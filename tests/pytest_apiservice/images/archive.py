"""Container images without a container: archives as `docker save` makes them, written from files of this machine.

Format: https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format
The same files give the same image id: times and owners are fixed.
"""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.go import architecture


@dataclass(frozen=True)
class Image:
    """An image of one layer: ``files`` maps a path in the image ("usr/bin/x") to the file, folder or link to copy."""

    name: str
    files: Mapping[str, Path]
    entrypoint: Sequence[str]
    user: str = ""
    path: str = field(default="/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin")


def short_name(image: str) -> str:
    """Return the last part of the image's repository, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def write_archive(target: Path, images: Sequence[Image]) -> None:
    """Write ``images`` into the one archive ``target``, for `docker load` and `ctr images import`."""
    manifest = []
    with tarfile.open(target, "w") as archive:
        for number, image in enumerate(images):
            layer = target.with_suffix(f".layer-{number}")
            try:
                _write_layer(layer, image.files)
                with layer.open("rb") as content:
                    digest = hashlib.file_digest(content, "sha256").hexdigest()
                configuration = json.dumps(_configuration(image, digest)).encode()
                name = hashlib.sha256(configuration).hexdigest()
                archive.add(layer, f"{digest}/layer.tar", filter=_plain)
            finally:
                layer.unlink(missing_ok=True)
            _add_bytes(archive, f"{name}.json", configuration)
            manifest.append({"Config": f"{name}.json", "RepoTags": [image.name], "Layers": [f"{digest}/layer.tar"]})
        _add_bytes(archive, "manifest.json", json.dumps(manifest).encode())


def files_below(root: Path) -> dict[str, Path]:
    """Return every folder, file and link below ``root`` by its path in an image."""
    return {str(path.relative_to(root)): path for path in root.rglob("*")}


def load(archive: Path) -> None:
    """Give the archive's images to the Docker engine."""
    with step(f"loading {archive.stem} into Docker"):
        run(["docker", "load", "--quiet", "--input", archive], timeout_seconds=300)


def load_program(name: str, program: Path, user: str = "") -> None:
    """Give the Docker engine the image ``name`` of one static program, which is its entrypoint and on its PATH."""
    with tempfile.TemporaryDirectory(prefix="header-echo-image-") as folder:
        archive = Path(folder, f"{program.name}.tar")
        write_archive(archive, [Image(name, {f"usr/local/bin/{program.name}": program}, [program.name], user=user)])
        load(archive)


def _configuration(image: Image, layer_digest: str) -> dict[str, object]:
    return {
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": list(image.entrypoint), "Env": [f"PATH={image.path}"], "User": image.user},
        "history": [{"created_by": "header-echo"}],  # one entry a layer, or tools attribute sizes to the wrong ones
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }


def _write_layer(target: Path, files: Mapping[str, Path]) -> None:
    with tarfile.open(target, "w") as layer:
        for name, source in sorted(files.items()):
            layer.add(source, name, recursive=False, filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
