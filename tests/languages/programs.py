"""Programs of other languages that know nothing of Kubernetes: built from the pins in ci/interop/languages, kept in the cache, started on loopback."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.process import die_with_parent, last_lines
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.images.offline import debian
from pytest_apiservice.programs import go
from pytest_apiservice.programs.cache import cache_dir, demand_free_disk, digest, locked, whole

PINS = Path(__file__).resolve().parents[2] / "ci" / "interop" / "languages"
BUILD_SECONDS = 1200
START_SECONDS = 60


def needs(command, remedy):
    """Return the path of ``command``; skip the tests if there is none."""
    found = shutil.which(command)
    if found is None:
        pytest.skip(f"there is no {command}: {remedy}")
    return found


def kept(name, build, *words):
    """Return the folder of the cache that ``build``, called with an empty folder, fills once for the pins of ``name``."""
    sources = [path for path in (PINS / name).rglob("*") if path.is_file()] if (PINS / name).exists() else []
    target = cache_dir() / "languages" / f"{name}-{digest(sources, go.platform(), *words)}"
    target.parent.mkdir(exist_ok=True)
    with locked(f"languages-{name}"):
        if not target.exists():
            demand_free_disk(target.parent, 1500, f"building {name}")
            with whole(target) as folder, step(f"building {name}, pinned in ci/interop/languages"):
                build(folder)
    return target


def go_httpbin():
    """Return the command of go-httpbin, for a port."""
    package = "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin"
    module = PINS / "go-httpbin"

    def build(folder):
        go.build(package, folder / "go-httpbin", directory=module, link_flags="", title="building go-httpbin")

    program = kept("go-httpbin", build) / "go-httpbin"
    return lambda port: [program, "-host=127.0.0.1", f"-port={port}", "-max-body-size=16777216"]


def fastapi():
    """Return the command of FastAPI's tutorials on uvicorn."""
    pins = PINS / "fastapi"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]

    def build(folder):
        run(
            [*pip, "install", "--target", folder, "--require-hashes", "-r", pins / "requirements.txt"],
            timeout_seconds=BUILD_SECONDS,
        )
        (line,) = re.findall(r"^fastapi==.*?(?=^\S)", (pins / "requirements.txt").read_text(), re.MULTILINE | re.DOTALL)
        (folder / "fastapi.txt").write_text(line)  # the wheel has no tutorials
        run(
            [*pip, "download", "--no-deps", "--no-binary=:all:", "--require-hashes", "-r", "fastapi.txt"],
            cwd=folder,
            timeout_seconds=BUILD_SECONDS,
        )
        (archive,) = folder.glob("fastapi-*.tar.gz")
        run(
            ["tar", "--extract", "--strip-components=1", "--wildcards", "--file", archive, "*/docs_src"],
            cwd=folder,
            timeout_seconds=60,
        )
        shutil.copy(pins / "main.py", folder)

    folder = kept("fastapi", build, sys.version)
    return lambda port: ["env", f"PYTHONPATH={folder}", sys.executable, "-m", "uvicorn", "main:app", f"--port={port}"]


def json_server(work):
    """Return the command of json-server, with its data in the folder ``work``."""
    node, npm = needs("node", "install Node.js 18 or newer"), needs("npm", "install Node.js' npm")
    pins = PINS / "json-server"

    def build(folder):
        for name in ("package.json", "package-lock.json", "identity.js"):
            shutil.copy(pins / name, folder)
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, timeout_seconds=BUILD_SECONDS)

    folder = kept("json-server", build)
    data = shutil.copy(pins / "db.json", work)
    program = folder / "node_modules" / "json-server" / "lib" / "cli" / "bin.js"
    return lambda port: [
        node,
        program,
        data,
        f"--port={port}",
        "--host=127.0.0.1",
        f"--middlewares={folder / 'identity.js'}",
    ]


def jars(name):
    """Return the folder with the jars that the pins of ``name`` ask for."""
    mvn = needs("mvn", "install Maven 3.8 or newer, and a JDK")
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies"

    def build(folder):
        run(
            [
                mvn,
                "--quiet",
                "--batch-mode",
                f"--file={PINS / name / 'pom.xml'}",
                plugin,
                f"-DoutputDirectory={folder}",
            ],
            timeout_seconds=BUILD_SECONDS,
        )

    return kept(name, build)


def javalin():
    """Return the command of a program on Javalin; Java compiles the one file itself."""
    java = needs("java", "install a JDK, 17 or newer")
    needs("javac", "install a JDK, 17 or newer: there is only a JRE")
    found = jars("javalin")
    return lambda port: [java, "-cp", f"{found}/*", PINS / "javalin" / "App.java", port]


def zipkin(base):
    """Return the command of Zipkin, a Spring Boot program, whose web page is served below the path ``base``."""
    java = needs("java", "install Java, 17 or newer")
    (jar,) = jars("zipkin").glob("zipkin-server-*.jar")
    return lambda port: [
        java,
        "-jar",
        jar,
        f"--server.port={port}",
        "--server.address=127.0.0.1",
        f"--zipkin.ui.basepath={base}",
    ]


def axum():
    """Return the command of a program on axum."""
    cargo = needs("cargo", "install Rust 1.85 or newer, by rustup")

    def build(folder):
        sources = folder / "sources"
        shutil.copytree(PINS / "axum", sources, ignore=shutil.ignore_patterns("target"))
        run([cargo, "build", "--release", "--locked", "--quiet"], cwd=sources, timeout_seconds=BUILD_SECONDS)
        (sources / "target" / "release" / "interop-axum").rename(folder / "interop-axum")
        shutil.rmtree(sources)

    program = kept("axum", build) / "interop-axum"
    return lambda port: [program, f"127.0.0.1:{port}"]


class Debian:
    """Packages of Debian or Ubuntu in a file system of their own: the machine's own stays as it is.

    Their versions are those of the machine's release, as a user of it has them; `version` says which.
    """

    def __init__(self, name, *packages):
        needs("apt-get", "it runs on Debian and Ubuntu")
        self._into = [needs("chroot", "add /usr/sbin to PATH")]
        if os.geteuid() != 0:
            own = [needs("unshare", "install util-linux"), "--user", "--map-root-user"]
            if run([*own, "true"], timeout_seconds=20, check=False).returncode != 0:
                pytest.skip("this machine gives users no namespaces of their own: run it as root")
            self._into = own + self._into
        self.version = self._candidate(packages[0])

        def build(folder):
            (folder / "root").mkdir()
            try:
                debian.unpack(folder / "root", packages)
            except HarnessError as error:
                pytest.skip(f"cannot unpack {', '.join(packages)}: {error}")
            (folder / "root" / "etc" / "passwd").write_text(
                "root:x:0:0::/:/bin/false\n"
            )  # what configuring them would make
            (folder / "root" / "etc" / "group").write_text("root:x:0:\n")

        self.root = kept(name, build, *packages, self.version) / "root"

    @staticmethod
    def _candidate(package):
        said = run(["apt-cache", "policy", package], timeout_seconds=60).stdout
        found = re.search(r"Candidate: (\S+)", said)
        if found is None or found[1] == "(none)":
            pytest.skip(f"apt does not know {package}: run 'apt-get update' as root")
        return found[1]

    @contextmanager
    def folder(self):
        """Yield a folder of this run's own in it, and the path that programs there have for it."""
        name = f"tmp/{secrets.token_hex(4)}"
        (self.root / name).mkdir(parents=True)
        try:
            yield self.root / name, f"/{name}"
        finally:
            shutil.rmtree(self.root / name)

    def command(self, program, *argv):
        """Return the command that runs ``program``, a pattern below the root, there."""
        (found,) = self.root.glob(program)
        return [*self._into, self.root, f"/{found.relative_to(self.root)}", *argv]


@contextmanager
def running(command, log):
    """Run ``command``, called with a free port, until the block ends; yield the port once it answers there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    argv = [str(word) for word in command(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - from the main thread
        )

    def answers():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError as error:
            raise NotYet(str(error)) from error

    def died():
        return None if process.poll() is None else f"it ended with {process.returncode}:\n{last_lines(log)}"

    try:
        wait_for(f"{argv[0]} to listen", answers, timeout_seconds=START_SECONDS, died=died)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
