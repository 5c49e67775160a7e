"""Build the backend image, push it if REGISTRY says where, and print what to type next (make image).

REGISTRY=ghcr.io/you names the place; without it the image stays in Docker. PLATFORMS=linux/amd64,linux/arm64 builds for both.
"""

import os
import sys
from pathlib import Path

import yaml

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from pytest_apiservice.base.script import run_script
from pytest_apiservice.images.offline.engine import ensure_engine

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "ci"))

from backend_image import NAME, build_image  # noqa: E402 - found by the line above
from image_push import (  # noqa: E402 - found by the line above
    demand_buildx,
    demand_registry,
    image_name,
    own_platform,
    platforms,
    push,
    push_for,
    retag,
)

MORE = "PLATFORMS=linux/amd64,linux/arm64 builds for both"
LOCAL = """
Either push it to a registry that your cluster pulls from: make image REGISTRY=ghcr.io/you
or give it to a cluster on this machine, by the line that fits:

  kind load docker-image {image}
  minikube image load {image}
  k3d image import {image}

and install it:
"""
PUSHED = """
Pushed: {digest}

Install it:
"""


def install_lines(registry: str) -> list[str]:
    """Return the commands that install the chart with the image of ``registry`` ("" for that in the nodes) and show the API."""
    api = yaml.safe_load((ROOT / "chart" / "values.yaml").read_text())["apiService"]
    group, version = api["group"], api["versions"][0]["name"]
    chosen = f" --set image.repository={registry}/{NAME}" if registry else ""
    return [
        f"helm install {NAME} chart --namespace {NAME} --create-namespace{chosen}",
        f"kubectl wait --for=condition=Available --timeout=2m apiservice/{version}.{group}",
        f"kubectl get --raw /apis/{group}/{version}/",
    ]


def pushed(image: str) -> str:
    """Push ``image`` and return its digest; one that the registry does not take loses that name again."""
    try:
        return push(image, "REGISTRY")
    except HarnessError:
        run(["docker", "image", "rm", image], timeout_seconds=60, check=False)
        raise


def main() -> None:
    """Build, tag as the chart asks, push, say what to type."""
    registry, chosen = os.environ.get("REGISTRY", ""), platforms(os.environ.get("PLATFORMS", ""))
    only_here = chosen == [own_platform()]
    if registry:
        demand_registry(registry, "REGISTRY")
    elif not only_here:
        raise HarnessError(
            f"PLATFORMS={','.join(chosen)} needs a registry, as Docker holds images of {own_platform()} alone: set REGISTRY too"
        )
    if not only_here:
        demand_buildx(f"PLATFORMS={','.join(chosen)}", f"leave PLATFORMS out for {own_platform()} alone")
    ensure_engine()
    image, digest = image_name(registry), ""
    if only_here:
        retag(build_image(), image)
        if registry:
            digest = pushed(image)
    else:
        digest = push_for(image, chosen)
    why = ", this machine's architecture" if only_here else ""
    more = f"; {MORE}" if only_here and registry else ""
    print(f"{image} ({', '.join(chosen)}{why}{more})")
    print((PUSHED if registry else LOCAL).format(image=image, digest=digest))
    print("\n".join(f"  {line}" for line in install_lines(registry)))


if __name__ == "__main__":
    run_script(main)
