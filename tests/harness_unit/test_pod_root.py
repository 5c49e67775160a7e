"""A container's own root: this machine's files, the pod's volumes at their paths, and nothing left on this machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_apiservice.embedded.pod import root as pod_root

TESTS = Path(__file__).resolve().parents[1]
# In a process of its own, as a process that gained the right keeps it. Standard input: what enter() gets, and a shell script.
RUN = """
import json, pathlib, subprocess, sys
from pytest_apiservice.embedded.pod import root as pod_root
given = json.load(sys.stdin)
if why := pod_root.gain():
    sys.exit(f"no root: {why}")
volumes = [pod_root.Volume(pathlib.Path(source), *rest) for source, *rest in given["volumes"]]
def enter():
    pod_root.enter(pathlib.Path(given["root"]), volumes, read_only=given["read_only"], working_directory="/")
sys.exit(subprocess.run(["/bin/sh", "-c", given["script"]], preexec_fn=lambda: pod_root.or_exit(enter)).returncode)
"""


@pytest.fixture
def inside(tmp_path):
    """Yield a function that runs a shell script in a root with ``volumes`` and returns (exit code, output)."""
    root = tmp_path / "root"
    root.mkdir()

    def run(script, *volumes, read_only=False):
        given = {"root": str(root), "volumes": volumes, "read_only": read_only, "script": script}
        ended = subprocess.run(
            [sys.executable, "-c", RUN],
            check=False,
            input=json.dumps(given),
            cwd=TESTS,
            capture_output=True,
            text=True,
            timeout=30,
        )
        if "no root: " in ended.stderr:
            pytest.skip(ended.stderr.strip())
        return ended.returncode, ended.stdout + ended.stderr

    return run


@pytest.fixture
def folder(tmp_path):
    """Yield a volume's folder, with one file."""
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "word").write_text("hello\n")
    return tmp_path / "volume"


@pytest.mark.parametrize(
    "path", ["/header-echo-absent/deep/er", "/var/run/secrets/kubernetes.io/serviceaccount", "/etc/word", "/srv"]
)
def test_a_volume_is_at_its_path_and_leaves_no_folder_behind(inside, folder, path):
    existed = Path(path).exists()
    assert inside(f"cat {path}/word; ls {path}", (str(folder), path, False)) == (0, "hello\nword\n")
    assert Path(path).exists() == existed


def test_what_lies_beside_a_volume_is_seen(inside, folder):
    beside = sorted(path.name for path in Path("/etc").iterdir())
    code, output = inside("ls -A /etc", (str(folder), "/etc/header-echo-absent", False))
    assert (code, sorted(output.split())) == (0, sorted([*beside, "header-echo-absent"]))


def test_a_single_file_can_be_a_volume(inside, folder):
    assert inside("cat /header-echo-absent/it", (str(folder / "word"), "/header-echo-absent/it", True)) == (
        0,
        "hello\n",
    )


def test_a_volume_can_lie_in_another(inside, folder, tmp_path):
    (tmp_path / "outer").mkdir()
    script = "cat /header-echo-absent/inner/word; echo more > /header-echo-absent/own"
    volumes = [
        (str(folder), "/header-echo-absent/inner", True),
        (str(tmp_path / "outer"), "/header-echo-absent", False),
    ]
    assert inside(script, *volumes) == (0, "hello\n")
    assert (tmp_path / "outer" / "own").read_text() == "more\n"


def test_a_read_only_root_leaves_volumes_and_devices_writable(inside, folder, tmp_path):
    script = f"""
        echo x > /tmp/header-echo-absent; echo x > {tmp_path}/it; echo x > /secret/it
        echo x > /data/it && echo x > /dev/null && echo x > /dev/shm/header-echo-test && rm /dev/shm/header-echo-test && echo written
    """
    (tmp_path / "secret").mkdir()
    volumes = [(str(folder), "/data", False), (str(tmp_path / "secret"), "/secret", True)]
    code, output = inside(script, *volumes, read_only=True)
    assert (code, output.lower().count("read-only file system"), output.startswith("written\n")) == (0, 3, True), output
    assert not (tmp_path / "it").exists()


def test_what_the_kernel_refuses_is_said_and_ends_the_process(inside):
    code, output = inside("echo never", ("/header-echo-absent", "/volume", False))
    assert code == pod_root.CANNOT_EXECUTE
    assert "cannot give the container its file system: [Errno 2] mount: No such file" in output


def test_a_process_that_may_not_mount_says_why(monkeypatch):
    monkeypatch.setattr(pod_root, "_trial", lambda *, own_user: f"unshare: {'user' if own_user else 'mount'} refused")
    monkeypatch.setattr(pod_root.sys, "platform", "linux")
    assert pod_root.gain() == "this user may not mount, nor make a user namespace to mount in: unshare: user refused"


def test_a_system_without_mount_namespaces_says_so(monkeypatch):
    monkeypatch.setattr(pod_root.sys, "platform", "darwin")
    assert pod_root.gain() == "darwin has no mount namespaces"
