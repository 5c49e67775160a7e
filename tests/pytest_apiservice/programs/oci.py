"""Fetch a program out of its official image: of its layers the one that has it, each found and verified by digest.

As registries have images: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md. Nobody signs in: the image is public.
"""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_apiservice.base.progress import step
from pytest_apiservice.programs import go
from pytest_apiservice.programs.download import DownloadError, opened, save, text, unpack
from pytest_apiservice.programs.releases import Release

MOST_LAYERS = 5  # from the end: two with licenses come after the program's


def fetch(release: Release, target: Path, title: str) -> None:
    """Write the program of ``release`` to ``target``, verified and executable, with visible progress under ``title``.

    Raises:
        DownloadError: the registry is silent, slow or has no such image, or what it has is not whole or not the right one.
    """
    digests = [_sha256(layer, release.url) for layer in _items(_image(release), "layers", release.url)]
    file = target.with_name(f"{target.name}.download")
    with step(title) as detail:
        for digest in digests[: -MOST_LAYERS - 1 : -1]:  # the last one that has it counts
            layer = replace(release, url=_sibling(release, f"blobs/sha256:{digest}"))
            save(opened(layer.url, layer), file, layer, detail, digest, f"{release.url} says")
            there = unpack(file, layer, target)
            file.unlink()
            if there:
                target.chmod(0o755)
                return
        raise DownloadError(f"{release.url} has no {release.member}")


def published(release: Release) -> str:
    """Return the SHA-256 of what the registry has under the image's tag: that names all the rest."""
    return hashlib.sha256(text(release.url, release)).hexdigest()


def _image(release: Release) -> dict[str, Any]:
    """Return the manifest of the image for this machine."""
    system, _, architecture = go.platform().partition("-")
    index = _manifest(release.url, release, release.sha256)
    if "layers" in index:
        raise DownloadError(f"{release.url} does not say which machines its image is for")
    for item in _items(index, "manifests", release.url):
        platform = item.get("platform")
        if isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) == (system, architecture):
            digest = _sha256(item, release.url)
            return _manifest(_sibling(release, f"manifests/sha256:{digest}"), release, digest)
    raise DownloadError(f"{release.url} has no image for {system}/{architecture}")


def _manifest(url: str, release: Release, expected: str) -> dict[str, Any]:
    """Return the object at ``url``, whose SHA-256 must be ``expected`` unless that is empty."""
    content = text(url, release)
    found = hashlib.sha256(content).hexdigest()
    if expected not in ("", found):
        raise DownloadError(f"{url} has the SHA-256 {found}, not {expected}")
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict):
        raise DownloadError(f"{url} is no manifest of an image")
    return manifest


def _items(manifest: dict[str, Any], key: str, url: str) -> list[dict[str, Any]]:
    items = manifest.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DownloadError(f"{url} is no manifest of an image: it has no list of {key}")
    return items


def _sha256(item: dict[str, Any], url: str) -> str:
    found = re.fullmatch(r"sha256:([0-9a-f]{64})", str(item.get("digest")))
    if not found:
        raise DownloadError(f"{url} names something without its SHA-256")
    return found[1]


def _sibling(release: Release, path: str) -> str:
    """Return the URL of another thing in the image's repository."""
    return f"{release.url.rpartition('/manifests/')[0]}/{path}"
