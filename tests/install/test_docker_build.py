"""`docker build backend`, as the documents have it, makes the image by itself; what lies in wheels/ it takes without a network."""

import contextlib
import importlib.resources
import json
import re
import secrets
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backend_image import REQUIREMENTS, make_context
from base_image import base_image, python_of
from image_push import image_name, own_platform
from pytest_apiservice.base.guard import Guard
from pytest_apiservice.base.run import run
from pytest_apiservice.images.offline.engine import ensure_engine

pytestmark = pytest.mark.interop

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["docs/supply-chain.md", "examples/Dockerfile"]
WORDS = r"docker build --tag \S+ backend"
BUILD_SECONDS = 600
PINNED = dict(re.findall(r"^([\w.-]+)==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE))
SEEN = """
import importlib.util, json, os, sys, sysconfig
place = "/usr/local/lib/header-echo"
compiled = importlib.util.cache_from_source(place + "/packages/header_echo/app.py")
writable = [path for path in (place, "/usr/local/bin/header-echo", "/etc") if os.access(path, os.W_OK)]
print(json.dumps({"user": os.getuid(), "writable": writable, "compiled": os.path.exists(compiled)}))
"""
# As root, whose home others cannot look into.
LEFT = """
import json, os
beside = ("/build", os.path.expanduser("~/.cache"), "/usr/local/lib/header-echo/wheels/bin")
print(json.dumps([path for path in beside if os.path.exists(path)]))
"""


def normal(name):
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def stages():
    """Return the ids of what builders without BuildKit have left of the build's earlier stages."""
    chosen = ["--filter=dangling=true", "--filter=label=header-echo.stage"]
    return set(run(["docker", "image", "ls", "--quiet", "--no-trunc", *chosen], timeout_seconds=30).stdout.split())


@contextlib.contextmanager
def named(word):
    """Yield a name for an image, which the engine has no more at the end."""
    name = f"header-echo-{word}:{secrets.token_hex(3)}"
    forget = ["docker", "image", "rm", "--force", name]
    guard = Guard([forget])
    try:
        yield name
    finally:
        run(forget, timeout_seconds=60, check=False)
        guard.disarm()


@pytest.fixture(scope="module")
def base():
    """Yield the base that `make image` takes here; the stages without a name that these builds leave go at the end."""
    ensure_engine()
    before = stages()
    yield base_image()
    for left in stages() - before:
        run(["docker", "image", "rm", left], timeout_seconds=60, check=False)


@pytest.fixture(scope="module")
def base_with_pip(base, tmp_path_factory):
    """Yield that base with pip, which a published one has by itself."""
    ask = ["docker", "run", "--rm", "--network=none", "--entrypoint=python3", base, "-c"]
    found = "import importlib.util, sysconfig; print(importlib.util.find_spec('pip') is not None, sysconfig.get_path('purelib'))"
    has, place = run([*ask, found], timeout_seconds=60).stdout.split()
    if has == "True":
        yield base
        return
    folder = tmp_path_factory.mktemp("base")
    shutil.copytree(str(importlib.resources.files("pip")), folder / "pip")
    (folder / "Dockerfile").write_text(f"FROM {base}\nCOPY pip {place}/pip\n")
    with named("base-with-pip") as name:
        run(["docker", "build", "--tag", name, folder], timeout_seconds=BUILD_SECONDS)
        yield name


@pytest.fixture(scope="module")
def prepared(base, tmp_path_factory):
    """Yield the build's context with wheels/, as `make image` makes it for this machine."""
    folder = tmp_path_factory.mktemp("prepared") / "backend"
    make_context(folder, python_of(base), [own_platform().partition("/")[2]])
    return folder


@pytest.fixture(scope="module")
def index(prepared, tmp_path_factory):
    """Yield the address of a package index on this machine, which has those wheels, and the list of what it was asked for.

    Format: https://packaging.python.org/en/latest/specifications/simple-repository-api/
    """
    folder = tmp_path_factory.mktemp("simple")
    for wheel in (prepared / "wheels").glob("*.whl"):
        place = folder / normal(wheel.name.partition("-")[0])
        place.mkdir()
        shutil.copy(wheel, place)
    asked = []

    class Index(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Index, directory=folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/", asked
        server.shutdown()


@pytest.fixture(scope="module")
def image(base_with_pip, index, typed_here):
    """Yield the image that the documented line makes, typed but for its name, the base, and where the index is."""
    (line,) = {found for page in PAGES for found in re.findall(WORDS, (ROOT / page).read_text())}
    assert line == f"docker build --tag {image_name('')} backend"
    with named("by-itself") as name:
        chosen = f"--network host --build-arg BASE={base_with_pip} --build-arg PIP_INDEX_URL={index[0]}"
        typed_here(line.replace(image_name(""), name).replace("docker build", f"docker build {chosen}"))
        yield name


@pytest.fixture(scope="module")
def typed_here():
    """Yield a function that types a line in this tree as it stands: the context is what Docker is given of it."""
    return lambda line: run(["sh", "-c", line], cwd=ROOT, timeout_seconds=BUILD_SECONDS)


def bill_of(image):
    """Return the components of the bill of materials in an image: name → (version, SHA-256)."""
    read = "print(open('/usr/local/lib/header-echo/sbom.cdx.json').read())"
    bill = json.loads(inside(image, read))
    return {normal(one["name"]): (one["version"], one["hashes"][0]["content"]) for one in bill["components"]}


def inside(image, program, *options):
    """Return what a Python program prints in a container of ``image``, whose root is read-only as on a cluster."""
    hardened = ["docker", "run", "--rm", "--network=none", "--read-only", "--entrypoint=python3"]
    return run([*hardened, *options, image, "-c", program], timeout_seconds=60).stdout


def test_every_page_says_the_same_line():
    assert all(re.findall(WORDS, (ROOT / page).read_text()) for page in PAGES)


def test_its_wheels_are_those_that_are_pinned_and_come_from_the_index(image, index):
    bill, (_, asked) = bill_of(image), index
    assert bill.keys() >= {"flask", "cryptography", "httptools"}
    assert {name: version for name, (version, _) in bill.items()}.items() <= PINNED.items()
    assert all(digest in REQUIREMENTS.read_text() for _, digest in bill.values())
    assert {path.split("/")[1] for path in asked if path.endswith(".whl")} == bill.keys()


def test_without_settings_the_program_says_what_it_lacks_and_exits_with_2(image):
    done = run(["docker", "run", "--rm", "--network=none", image], timeout_seconds=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("KUBERNETES_SERVICE_HOST must be set ")
    assert done.stderr.count("\n") == 1


def test_it_is_compiled_its_user_may_change_nothing_and_nothing_of_the_build_is_left(image):
    assert json.loads(inside(image, SEEN)) == {"user": 65532, "writable": [], "compiled": True}
    assert json.loads(inside(image, LEFT, "--user=0", "--env=HOME=/root")) == []


def test_what_lies_in_wheels_is_taken_without_a_network_on_a_base_without_pip_too(base, prepared, image):
    arguments = ["--network=none", "--no-cache", "--build-arg", f"BASE={base}"]
    with named("prepared") as name:
        run(["docker", "build", *arguments, "--tag", name, prepared], timeout_seconds=BUILD_SECONDS)
        assert bill_of(name) == bill_of(image)
