"""The README's first commands, typed in an empty directory that holds a clone of this tree: what it promises comes out.

Programs that are built and environments that are made already are used; demo and cluster are this test's own.
"""

import os
import re
import shlex
import shutil
import socket
from pathlib import Path

import pytest
import yaml
from readme import blocks

from demo_picture import PICTURE, lines_of
from docs.clone import copy_tree, with_environment
from docs.own_service import own_service
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.cache import cache_dir
from workflow_steps import outside

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = blocks((ROOT / "README.md").read_text())
DEMO_SECONDS = 1800  # with no program built; usually 20
MAKE_CLEAN_SECONDS = 180

pytestmark = pytest.mark.timeout(2 * DEMO_SECONDS)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Yield what the README's `git clone` makes; its address stands for this tree, changes not yet committed included."""
    source = copy_tree(tmp_path_factory.mktemp("source"))
    me = ["-c", "user.name=walk", "-c", "user.email=walk@example.com"]
    for arguments in (["init", "--quiet"], ["add", "--all"], [*me, "commit", "--quiet", "--message=this tree"]):
        run(["git", *arguments], cwd=source, timeout_seconds=60)
    clone, enter = [line for block in BLOCKS if block.kind == "commands" for line in block.text.splitlines()][:2]
    address, empty = clone.split()[-1], tmp_path_factory.mktemp("walk")
    run(["git", "-c", f"url.{source}.insteadOf={address}", *shlex.split(clone)[1:]], cwd=empty, timeout_seconds=60)
    return with_environment(empty / shlex.split(enter)[1])


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Yield an environment with a cache of its own, in which only the built programs are those of the machine."""
    cache = tmp_path_factory.mktemp("cache")
    for built in ("tools", *(path.name for path in cache_dir().glob("go-*"))):
        (cache_dir() / built).mkdir(exist_ok=True)
        (cache / built).symlink_to(cache_dir() / built)
    return {**outside(), "APISERVICE_CACHE": str(cache), "TOX_WORK_DIR": str(ROOT / ".tox")}


@pytest.fixture(scope="module")
def demo(clone, environment):
    """Yield what `make demo` prints; `make clean` at the end."""
    try:
        yield run(["make", "demo"], cwd=clone, env=environment, timeout_seconds=DEMO_SECONDS).stdout
    finally:
        run(["make", "clean"], cwd=clone, env=environment, timeout_seconds=MAKE_CLEAN_SECONDS)


@pytest.fixture(scope="module")
def kubectl(demo, environment):
    """Yield a function that runs a kubectl command line as the demo says to: its KUBECONFIG, its programs on PATH."""
    (exports,) = re.findall(r"^ *export (KUBECONFIG=.*)$", demo, re.MULTILINE)
    given = dict(word.split("=", 1) for word in shlex.split(exports))
    variables = {**environment, **given, "PATH": given["PATH"].replace("$PATH", os.environ["PATH"])}
    program = shutil.which("kubectl", path=variables["PATH"])
    return lambda command: run([program, *shlex.split(command)[1:]], env=variables, timeout_seconds=60).stdout


def shape(text):
    """Return the headers' names in order, each with whether it has several values."""
    return [(name, isinstance(value, list)) for name, value in yaml.safe_load(text).items()]


def names(text):
    """Return the headers' names in order, and the values of those that have several: as text the echo's lines are not all YAML."""
    return [line.partition(": ")[0].strip() for line in text.splitlines() if line.strip()]


def test_make_demo_ends_with_an_available_api(demo):
    assert "APIService v1.cats.example.com: Available=True (Passed)" in demo


def test_kubectl_shows_the_headers_that_the_readme_shows(kubectl):
    (command,) = {line for block in BLOCKS for line in block.text.splitlines() if line.startswith("kubectl get --raw")}
    (shown,) = [block.text for block in BLOCKS if block.kind == "headers"]
    printed = kubectl(command)
    assert shape(printed) == shape(shown), f"the README shows other headers than\n{printed}"


def test_the_picture_of_the_demo_shows_what_is_typed_and_what_comes_out(demo, kubectl):
    screen = lines_of(PICTURE.read_text())
    first, second = [position for position, line in enumerate(screen) if line.startswith("$ ")]
    condition, _, headers, *_ = "\n".join(screen[first + 1 : second]).split("\n\n")
    printed = demo.strip().split("\n\n")
    assert (screen[first], condition) == ("$ make demo", printed[0])
    assert names(headers) == names(printed[2]), "draw it anew: ci/docs/demo_picture.py"
    command = screen[second].removeprefix("$ ")
    assert command in demo, f"the demo does not suggest '{command}'"
    assert screen[second + 1].split() == kubectl(command).splitlines()[0].split()


def test_make_demo_again_finds_the_cluster(demo, clone, environment):
    again = run(["make", "demo"], cwd=clone, env=environment, timeout_seconds=DEMO_SECONDS)
    assert "using the embedded cluster in" in again.stderr
    assert re.search("export KUBECONFIG=.*", again.stdout)[0] == re.search("export KUBECONFIG=.*", demo)[0]


def test_what_the_demo_says_to_try_next_works(demo, kubectl):
    commands = re.findall(r"^ *(kubectl [^#\n]*)", demo, re.MULTILINE)
    assert commands, demo
    for command in commands:
        assert kubectl(command.strip()), f"'{command}' prints nothing"


def test_a_foreign_backend_joins_the_demo(demo, clone, environment):
    """As examples/README.md says, in a shell that has what the demo exports; its last command shows the object."""
    (block,) = [block for block in blocks((ROOT / "examples/README.md").read_text()) if "make load" in block.text]
    (exports,) = re.findall(r"^ *(export KUBECONFIG=.*)$", demo, re.MULTILINE)
    script = f"set -e\n{exports}\n{block.text}"
    printed = run(["sh", "-c", script], cwd=clone, env=environment, timeout_seconds=DEMO_SECONDS).stdout
    assert re.search(r"^NAME +CREATED AT\nfirst +20", printed, re.MULTILINE), printed


def test_a_function_of_python_scales_workers_of_the_demo(demo, clone, environment):
    """As examples/README.md says: six jobs take three workers, none takes one."""
    (block,) = [block for block in blocks((ROOT / "examples/README.md").read_text()) if "jobs-hpa.yaml" in block.text]
    (exports,) = re.findall(r"^ *(export KUBECONFIG=.*)$", demo, re.MULTILINE)
    script = f"set -e\n{exports}\n{block.text}"
    printed = run(["sh", "-c", script], cwd=clone, env=environment, timeout_seconds=DEMO_SECONDS).stdout
    assert re.search(r'"jobs_waiting" \(target average value\): +2 / 2$', printed, re.MULTILINE), printed
    assert printed.count("horizontalpodautoscaler.autoscaling/workers condition met") == 2, printed


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def test_a_service_of_this_machine_joins_the_demo_and_what_it_says_to_try_works(demo, clone, environment):
    """The commands as they are printed, in one shell, but for a port that may be taken here; then the page that it names for a browser."""
    with own_service() as url:
        command = ["make", "demo", f"GATEWAY={url}"]
        printed = run(command, cwd=clone, env=environment, timeout_seconds=DEMO_SECONDS).stdout
        commands = printed.partition("Try next:")[2].partition("chart/README.md")[0].replace("8001", str(free_port()))
        (page,) = re.findall(r"in a browser: (http://\S+)", commands)
        lines = [line.strip() for line in commands.splitlines() if line.startswith("  ")]
        look = f"curl --silent --fail --noproxy '*' --retry 60 --retry-delay 1 --retry-connrefused -H 'Accept: text/html' {page}"
        script = "\n".join(["trap 'kill $!' EXIT", "set -e", *lines, look])
        said = run(["bash", "-c", script], cwd=clone, env=environment, timeout_seconds=120).stdout
    assert "Available=True (Passed)" in printed
    assert said.count("/ for kubernetes-admin") == 2, said
    assert "/ for jane" in said
    assert url in said, "the values that helm has"


def test_make_clean_leaves_no_cluster(demo, clone, environment):
    run(["make", "clean"], cwd=clone, env=environment, timeout_seconds=MAKE_CLEAN_SECONDS)
    assert [path.name for path in Path(environment["APISERVICE_CACHE"]).glob("clusters/*")] == []
