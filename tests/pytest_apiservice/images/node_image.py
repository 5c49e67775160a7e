"""The image of kind's node: the user's, the published one, or our own from Debian's packages and our binaries."""

import shutil
from functools import cache
from pathlib import Path

import yaml

from pytest_apiservice.base.data import KIND_CONFIG, NODE_IMAGE
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import say
from pytest_apiservice.base.run import run
from pytest_apiservice.images.offline import node_image_build
from pytest_apiservice.images.registry import has_image, named_by, pull, served
from pytest_apiservice.programs.tools import kubernetes_version

NODE_MIB = 3000


@cache
def node_image() -> str:
    """Return a node image that the engine has: NODE_IMAGE, else kindest/node of our version, else our own.

    Raises:
        HarnessError: the engine has no room, NODE_IMAGE cannot be had, or our own cannot be built here.
    """
    _demand_room()
    if named := named_by("NODE_IMAGE"):
        return named
    published = f"kindest/node:{kubernetes_version()}"
    own = node_image_build.reference()
    if has_image(published):
        return published
    if has_image(own):
        return own
    if served(published) and pull(published):
        return published
    say(f"no registry serves {published}: making a node image from Debian's packages")
    return node_image_build.build()


def kind_config(image: str) -> str:
    """Return the kind configuration (YAML) for a cluster whose node is ``image``."""
    config = yaml.safe_load(KIND_CONFIG.read_text())
    if image.startswith(f"{node_image_build.NAME}:"):
        ours = yaml.safe_load((NODE_IMAGE / "kind.yaml").read_text())
        config["kubeadmConfigPatches"] += ours.pop("kubeadmConfigPatches")
        config |= ours
    return yaml.safe_dump(config, sort_keys=False)


def _demand_room() -> None:
    """Raise HarnessError where the engine's disk, if it is this machine's, cannot hold a node."""
    root = Path(run(["docker", "info", "--format", "{{.DockerRootDir}}"], timeout_seconds=30).stdout.strip())
    if root.is_dir() and shutil.disk_usage(root).free < NODE_MIB * 2**20:
        raise HarnessError(
            f"a kind node needs {NODE_MIB} MiB of free disk in {root}: free some ('docker system prune')"
        )
