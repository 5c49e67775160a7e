"""What the Docker engine has, and what a registry would give it; bounded, and asked once a run."""

import os
import re
from functools import cache

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run

ANSWER_SECONDS = 15
PULL_SECONDS = 900


def has_image(name: str) -> bool:
    """Tell whether the engine has the image ``name``."""
    return run(["docker", "image", "inspect", name], timeout_seconds=30, check=False).returncode == 0


@cache
def served(name: str) -> bool:
    """Tell, within seconds, whether a registry that this machine reaches has ``name``."""
    with step(f"looking for {name} in its registry") as detail:
        try:
            answer = run(["docker", "manifest", "inspect", name], timeout_seconds=ANSWER_SECONDS, check=False)
        except HarnessError:
            detail("no answer")
            return False
        return answer.returncode == 0


def pull(name: str) -> bool:
    """Pull ``name``; False if that fails or takes more than a quarter of an hour."""
    with step(f"pulling {name}"):
        try:
            return run(["docker", "pull", "--quiet", name], timeout_seconds=PULL_SECONDS, check=False).returncode == 0
        except HarnessError:
            return False


def named_by(variable: str) -> str | None:
    """Return the image that the environment variable names, pulled unless the engine has it; None where it names none.

    Raises:
        HarnessError: it cannot be had.
    """
    named = os.environ.get(variable)
    if named and not has_image(named) and not pull(named):
        raise HarnessError(f"{variable} is '{named}', which Docker neither has nor can pull: correct or unset it")
    return named or None


def forget_others(name: str) -> None:
    """Remove the images that ``name`` replaces: same repository, another content hash as tag, used by no container."""
    repository = name.partition(":")[0]
    listed = run(["docker", "image", "ls", "--format", "{{.Tag}}", repository], timeout_seconds=30).stdout
    for tag in listed.split():
        if re.search(r"(^|-)[0-9a-f]{12}$", tag) and f"{repository}:{tag}" != name:
            run(["docker", "image", "rm", f"{repository}:{tag}"], timeout_seconds=60, check=False)
