"""What runs as cert-manager beside a control plane: its project's own programs where their images can be had, else ours, which is built."""

from collections.abc import Mapping

from pytest_apiservice.base.data import FAMILIES
from pytest_apiservice.programs.pinned import IMAGE_ONLY
from pytest_apiservice.programs.tools import downloaded, present, tool

KUBECONFIG = "--kubeconfig=kubeconfig"


def commands() -> Mapping[str, list[str]]:
    """Return the commands that are cert-manager, by name; downloaded or built if need be.

    Each runs until it is told to end, in a folder with the administrator's "kubeconfig", against an API server that has the CRDs.
    """
    official = {} if present("cert-manager") else _official()
    return official or {"cert-manager": [str(tool("cert-manager")), KUBECONFIG]}


def _official() -> dict[str, list[str]]:
    """Return the commands of the project's own programs, none unless all are there."""
    found = {}
    for name in IMAGE_ONLY:
        path = downloaded(name)
        if path is None:
            return {}
        found[name] = [str(path), KUBECONFIG, f"--config={_configuration(name)}"]
    return found


def _configuration(name: str) -> str:
    """Return the file that has the program do what ours does, and no more: no leader to elect, no fixed port, none of ACME's controllers."""
    return str(FAMILIES / "cert-manager" / f"{name.removeprefix('cert-manager-')}.yaml")
