"""The first `make demo` of a machine without Go, where releases can be had: from hosts on loopback that have their paths and files.

What is in cert-manager's images is ours there, in a wrapper: it says that the two are started as their project's would be, not that those work.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness_unit.release_hosts import served, tar
from pytest_apiservice.programs import go, tools
from pytest_apiservice.programs.cert_manager import KUBECONFIG
from pytest_apiservice.programs.pinned import IMAGE_ONLY

pytestmark = pytest.mark.only_on("embedded", reason="it brings its own cluster, of processes")

COMMANDS = Path(__file__).resolve().parents[2] / "ci" / "commands"
NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm")
LIMIT_SECONDS = 300
WRAPPER = """#!/bin/sh
[ "$*" = --help ] && exit 0
[ "$1" = {kubeconfig} ] && [ -s "${{2#--config=}}" ] || exit 2
exec {command}
"""


@pytest.fixture
def releases(monkeypatch):
    """Yield the hosts that have the release of all that the demo needs."""
    monkeypatch.delenv("APISERVICE_MIRROR", raising=False)  # the official URLs are asked for below
    ours = {"cert-manager-controller": f"{tools.tool('cert-manager')} {KUBECONFIG}"}
    with served() as hosts:
        for name in NEEDED:
            release, program = tools._release(name), tools.tool(name).read_bytes()
            hosts.add(release.url, tar((release.member, program)) if release.member else program)
        for name in IMAGE_ONLY:
            release = tools._release(name)
            wrapper = WRAPPER.format(kubeconfig=KUBECONFIG, command=ours.get(name, "sleep infinity"))
            layer = tar((release.member, wrapper.encode()))
            hosts.add_image(release.url, layer, platform=go.platform().replace("-", "/"))
        yield hosts


def test_a_first_demo_with_releases_needs_no_compiler(releases, tmp_path):
    unwanted = ("GATEWAY", "KEEP", "APISERVICE_OFFLINE", *map(tools.variable, tools.PROGRAMS))
    environment = {name: value for name, value in os.environ.items() if name not in unwanted} | {
        "CLUSTER": "embedded",
        "APISERVICE_CACHE": str(tmp_path / "cache"),
        "APISERVICE_MIRROR": releases.url,
        "PATH": "/usr/bin:/bin",
        "NO_COLOR": "1",
    }

    def run(name):
        command = [sys.executable, COMMANDS / name]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )

    try:
        demo = run("demo.py")
        said = demo.stdout + demo.stderr
        assert (demo.returncode, "x-remote-user: kubernetes-admin" in said) == (0, True), said
        assert [line for line in said.splitlines() if "building" in line or "installing Go" in line] == []
        folders = sorted(path.name.rpartition("-release-")[0] for path in (tmp_path / "cache" / "tools").iterdir())
        names = (*NEEDED, *IMAGE_ONLY)
        assert folders == sorted(f"{name}-{tools.pinned_version(name)}" for name in names)
    finally:
        assert run("clean.py").returncode == 0
