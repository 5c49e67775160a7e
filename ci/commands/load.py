"""Let pods of the demo's cluster run an image: make load IMAGE=my-backend:1 COMMAND="python3 my_backend.py".

On the embedded cluster COMMAND stands for the image's ENTRYPOINT, run on this machine. Without it, the image's name has to be that of a
program that this project builds: etcd:v3.7.3 is etcd. On kind the image itself is loaded; one of such a name is made if Docker has none.
"""

import os
import shlex
import shutil
from pathlib import Path

from demo import demo_cluster
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.script import run_script
from pytest_apiservice.cluster import Choice
from pytest_apiservice.embedded.cluster import EmbeddedCluster
from pytest_apiservice.embedded.folder import is_running
from pytest_apiservice.embedded.node.images import LocalImage


def command_of(text: str) -> LocalImage:
    """Return what the command line ``text`` runs: the program as PATH finds it, files by their whole path, as pods start in /.

    Raises:
        HarnessError: there is no such program, or a quote is open.
    """
    try:
        program, *arguments = shlex.split(text) or [""]
    except ValueError as error:
        raise HarnessError(f"COMMAND is not quoted as a shell wants it: {error}") from error
    found = shutil.which(program)
    if found is None:
        raise HarnessError(f"COMMAND begins with '{program}', which is no program here: give its path")
    files = [str(Path(word).resolve()) if Path(word).exists() else word for word in arguments]
    return LocalImage((str(Path(found).absolute()), *files))


def load(image: str, command: str) -> None:
    """Load ``image`` into the demo's cluster."""
    cluster = demo_cluster(Choice.read(os.environ.get("CLUSTER") or "embedded"))
    if isinstance(cluster, EmbeddedCluster):
        if not is_running(cluster.directory):
            raise HarnessError("the demo does not run: make demo starts it")
        cluster.load_image(image, command_of(command) if command else None)
        return
    if command:
        raise HarnessError("COMMAND is for the embedded cluster: on kind the image itself is loaded, unset it")
    cluster.load_image(image)


def main() -> None:
    """Load IMAGE."""
    image = os.environ.get("IMAGE")
    if not image:
        raise HarnessError("IMAGE is not set: make load IMAGE=my-backend:1 COMMAND='python3 my_backend.py'")
    load(image, os.environ.get("COMMAND", ""))
    print(f"pods can run {image}")


if __name__ == "__main__":
    run_script(main)
