"""Informers of other people's client libraries, each a program that watches one namespace and says on its standard output.

    synced            it knows all there is
    seen NAME SIZE    an object is there, or has changed, and its spec.size
    deleted NAME

It is called with GROUP VERSION PLURAL KIND NAMESPACE, finds the cluster by KUBECONFIG, and runs until it is ended.
"""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from languages.programs import BUILD_SECONDS, PINS, jars, kept, needs
from pytest_apiservice.base.process import die_with_parent, last_lines
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for

SEEN_SECONDS = 120


def python():
    """Return the command of one by kubernetes."""
    return [sys.executable, Path(__file__).with_name("informer_kubernetes.py")]


def client_node():
    """Return the command of one by @kubernetes/client-node."""
    node, npm = needs("node", "install Node.js 20 or newer"), needs("npm", "install Node.js' npm")

    def build(folder):
        for name in ("package.json", "package-lock.json", "informer.js"):
            shutil.copy(PINS / "client-node" / name, folder)
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, timeout_seconds=BUILD_SECONDS)

    return [node, kept("client-node", build) / "informer.js"]


def kube_rs():
    """Return the command of one by kube-rs."""
    cargo = needs("cargo", "install Rust 1.88 or newer, by rustup")

    def build(folder):
        sources = folder / "sources"
        shutil.copytree(PINS / "kube-rs", sources, ignore=shutil.ignore_patterns("target"))
        run([cargo, "build", "--release", "--locked", "--quiet"], cwd=sources, timeout_seconds=BUILD_SECONDS)
        (sources / "target" / "release" / "interop-kube-rs").rename(folder / "interop-kube-rs")
        shutil.rmtree(sources)

    return [kept("kube-rs", build) / "interop-kube-rs"]


def fabric8():
    """Return the command of one by fabric8; Java compiles the one file itself."""
    java = needs("java", "install a JDK, 17 or newer")
    needs("javac", "install a JDK, 17 or newer: there is only a JRE")
    # Of a key in PKCS #8 it takes for granted that it is RSA's.
    return [
        java,
        "-Dkubernetes.certs.client.key.algo=EC",
        "-cp",
        f"{jars('fabric8')}/*",
        PINS / "fabric8" / "Informer.java",
    ]


class Informer:
    """One that runs.

    Attributes:
        log: a file with what it says.

    """

    def __init__(self, process, log):
        self._process = process
        self.log = log

    def lines(self):
        """Return what it has said."""
        return self.log.read_text().splitlines()

    def says(self, line):
        """Wait until it has said a line."""

        def said():
            if line not in self.lines():
                raise NotYet(f"it said last {last_lines(self.log)}")

        def died():
            code = self._process.poll()
            return None if code is None else f"it ended with {code}:\n{last_lines(self.log)}"

        wait_for(f"the informer to say '{line}'", said, timeout_seconds=SEEN_SECONDS, died=died)


@contextmanager
def running(command, cluster, log):
    """Run one and yield it."""
    proxies = {"http_proxy", "https_proxy", "all_proxy"}  # not every library knows NO_PROXY
    environ = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    environ |= {"KUBECONFIG": str(cluster.kubeconfig), "KUBE_WATCHLIST_INCONSISTENCY_DETECTOR": "true"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - from the main thread
        )
    try:
        yield Informer(process, log)
    finally:
        process.kill()
        process.wait()
