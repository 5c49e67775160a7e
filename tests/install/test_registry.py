"""The registry beside the cluster goes with the run that started it, however that ends."""

import subprocess
import sys
from pathlib import Path

from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.images.archive import Image, load, write_archive

TESTS = Path(__file__).resolve().parents[1]
OWNER = """
import sys
from install.local_registry import kind_registry
with kind_registry(sys.argv[1]) as address:
    print(address, flush=True)
    sys.stdin.readline()
"""


def left(address):
    """Return what Docker still has of a registry: containers that publish its port, images named after it."""
    port = address.partition(":")[2]
    containers = run(["docker", "ps", "--all", "--quiet", f"--filter=publish={port}"], timeout_seconds=30).stdout
    images = run(["docker", "image", "ls", "--format={{.Repository}}"], timeout_seconds=30).stdout.split()
    return containers.split() + [name for name in images if name.startswith(f"{address}/")]


def test_nothing_is_left_of_it_when_its_owner_is_killed(cluster, tmp_path):
    command = [sys.executable, "-c", OWNER, cluster.node]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TESTS) as owner:
        address = owner.stdout.readline().strip()
        write_archive(tmp_path / "image.tar", [Image(f"{address}/deep/cats:1", {"tests": TESTS}, ["tests"])])
        load(tmp_path / "image.tar")
        assert len(left(address)) == 2
        owner.kill()

    def gone():
        if found := left(address):
            raise NotYet(str(found))

    wait_for("Docker to be as before", gone, timeout_seconds=60)
