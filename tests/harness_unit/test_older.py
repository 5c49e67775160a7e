"""What an older version left is refused in one sentence with the remedy, and the remedy is one."""

import configparser
import fnmatch
import os
import subprocess
import sys

import pytest

from harness_unit.nested import TESTS, run_pytest
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.clusters import kind
from pytest_apiservice.embedded import folder
from pytest_apiservice.embedded.cluster import EmbeddedCluster
from pytest_apiservice.programs import older, tools
from pytest_apiservice.programs.cache import cache_dir

SETTINGS = [*older.SETTINGS, *map(tools.variable, tools.PROGRAMS)]
SUPERVISOR = """
import json, os, shutil, socket, subprocess, sys
from pathlib import Path

directory = Path(sys.argv[1].partition("=")[2])
os.chdir(directory)
component = subprocess.Popen(["sleep", "1000"])
with socket.socket(socket.AF_UNIX) as control:
    control.bind("control.sock")
    control.listen()
    Path("state.json").write_text(json.dumps({"phase": "ready", "message": ""}))
    while True:
        connection, _ = control.accept()
        with connection, connection.makefile("rw") as lines:
            if json.loads(lines.readline()) == {"do": "stop"}:
                lines.write('{"result": null}')
                break
component.kill()
component.wait()
shutil.rmtree(directory, ignore_errors=True)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Yield the user's cache folder, with nothing in it."""
    for name in list(os.environ):
        if name.startswith(("APISERVICE_", older.OLDER_SETTINGS)):
            monkeypatch.delenv(name)
    caches = tmp_path / "the caches"
    caches.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    tools._found.cache_clear()
    yield caches
    tools._found.cache_clear()


@pytest.fixture
def kept(home, tmp_path):
    """Yield the folder of a kept embedded cluster whose supervisor is an older version's; that is dead at the end."""
    directory = home / "pytest-apiservice" / "clusters" / "embedded-kept"
    directory.mkdir(parents=True)
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "supervisor.py").write_text(SUPERVISOR)
    with folder.Lock(directory) as lock:
        command = [sys.executable, "-m", "harness.supervisor", f"--directory={directory}"]
        supervisor = subprocess.Popen(command, cwd=tmp_path, pass_fds=[lock.fileno()])
        lock.name_holder(supervisor.pid)
    folder.wait_for("the older supervisor", lambda: ready(directory), timeout_seconds=120)
    yield directory
    supervisor.kill()
    supervisor.wait()
    for pid in folder.inhabitants(directory):
        os.kill(pid, 9)


def ready(directory):
    if folder.state(directory)[0] != "ready":
        raise folder.NotYet("it starts")


def renamed(name):
    return name.replace("APISERVICE_", older.OLDER_SETTINGS)


def filled(directory, *, running=None):
    """Make ``directory`` the cache of an older version, with one program and whatever may be ``running``."""
    program = directory / "tools" / "kind-v0.33.0-d507745a4d6a" / "kind"
    program.parent.mkdir(parents=True)
    program.touch()
    if running is not None:
        (directory / running).mkdir(parents=True)
    return program


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_an_older_version_is_refused_when_a_program_is_looked_up(home, monkeypatch, name):
    monkeypatch.setenv(renamed(name), "/x")
    with pytest.raises(HarnessError) as raised:
        tools.tool("kubectl")
    assert str(raised.value) == f"{renamed(name)} is of an older version: set {name}"
    assert list(home.iterdir()) == []


def test_all_settings_of_an_older_version_are_told_at_once(home, monkeypatch):
    for name in older.SETTINGS:
        monkeypatch.setenv(renamed(name), "/x")
    with pytest.raises(HarnessError) as raised:
        cache_dir()
    assert len(str(raised.value).splitlines()) == len(older.SETTINGS)


def test_a_setting_with_its_new_name_beside_it_is_no_fault(home, monkeypatch):
    monkeypatch.setenv("HEADER_ECHO_CACHE", str(home / "older"))
    monkeypatch.setenv("APISERVICE_CACHE", str(home / "newer"))
    assert cache_dir() == home / "newer"


def test_what_was_no_setting_of_the_harness_is_no_fault(home, monkeypatch):
    """Kubernetes sets such variables for a Service header-echo, and an older backend's user such as the last."""
    links = {"SERVICE_HOST": "10.96.3.4", "SERVICE_PORT": "443", "PORT": "tcp://10.96.3.4:443", "PORT_443_TCP": "x"}
    for name, value in {**links, "GROUP": "cats.example.com"}.items():
        monkeypatch.setenv(f"HEADER_ECHO_{name}", value)
    assert cache_dir() == home / "pytest-apiservice"


@pytest.mark.parametrize("name", [*SETTINGS, *map(renamed, SETTINGS)])
def test_make_lets_every_setting_through_even_by_its_older_name(name):
    """What tox kept to itself could be neither used nor refused."""
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(TESTS.parent / "tox.ini")
    assert any(fnmatch.fnmatchcase(name, pattern) for pattern in ini["testenv"]["pass_env"].split())


def test_only_tests_that_use_a_cluster_are_refused(home, tmp_path):
    """For the others the environment is nobody's business."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pytest_apiservice.plugin"]\n')
    (tmp_path / "test_it.py").write_text("def test_with(cluster): pass\ndef test_without(tmp_path): pass\n")
    done = run_pytest(tmp_path, "-q", "--apiservice-cluster=embedded", HEADER_ECHO_IMAGE="x:1")
    assert "HarnessError: HEADER_ECHO_IMAGE is of an older version: set APISERVICE_IMAGE\n" in done.stdout, done.stderr
    assert "1 passed, 1 error in" in done.stdout
    assert "INTERNALERROR" not in done.stdout


@pytest.mark.parametrize("command", ["clean.py", "demo.py", "tool.py"])
def test_commands_are_refused_in_one_sentence(home, command):
    (script,) = (TESTS.parent / "ci").rglob(command)
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "backend")])
    environment = {**os.environ, "PYTHONPATH": path, "HEADER_ECHO_CACHE": "/x"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: HEADER_ECHO_CACHE is of an older version: set APISERVICE_CACHE\n"


@pytest.mark.parametrize(("typed", "kept"), [("mv", True), ("rm", False)])
def test_the_cache_of_an_older_version_is_kept_or_removed_as_the_user_chooses(home, typed, kept):
    """Both commands can be typed as they are told."""
    program = filled(home / "header-echo")
    with pytest.raises(HarnessError) as raised:
        cache_dir()
    source, target = f"'{home}/header-echo'", f"'{home}/pytest-apiservice'"
    told = {"mv": f"mv {source} {target}", "rm": f"rm -r {source}"}
    assert str(raised.value) == (
        f"{home}/header-echo is the cache of an older version:"
        f" '{told['mv']}' keeps what was built, or '{told['rm']}' has it built anew"
    )
    assert [path.name for path in home.iterdir()] == ["header-echo"]
    subprocess.run(["sh", "-c", told[typed]], timeout=20, check=True)
    assert (cache_dir() / program.relative_to(home / "header-echo")).exists() == kept


@pytest.mark.parametrize("running", ["clusters/embedded-demo", "clusters/kind-header-echo", "engine/dockerd.json"])
def test_nobody_is_told_to_remove_the_folder_of_what_runs(home, running):
    """Its processes would stay, and nothing would know of them."""
    filled(home / "header-echo", running=running)
    with pytest.raises(HarnessError, match="keeps what was built, then 'make clean' ends what that version left") as it:
        cache_dir()
    assert "rm -r" not in str(it.value)


def test_a_folder_header_echo_of_somebody_else_stops_nobody(home):
    foreign = home / "header-echo"
    foreign.mkdir()
    assert cache_dir() == home / "pytest-apiservice"
    cache_dir().rmdir()
    for name in ("tools/helper/main.py", "clusters/mine", "engine/log", "locks/one"):
        (foreign / name).parent.mkdir(parents=True)
        (foreign / name).touch()
    assert cache_dir() == home / "pytest-apiservice"


def test_a_cache_beside_that_of_an_older_version_is_used(home):
    filled(home / "header-echo")
    (home / "pytest-apiservice").mkdir()
    assert cache_dir() == home / "pytest-apiservice"


def test_a_cache_that_is_named_is_used_whatever_an_older_version_left(home, monkeypatch):
    filled(home / "header-echo")
    monkeypatch.setenv("APISERVICE_CACHE", str(home / "header-echo"))
    assert cache_dir() == home / "header-echo"


def test_an_embedded_cluster_kept_by_an_older_version_is_refused(kept):
    cluster = EmbeddedCluster(keep=True)
    refusal = f"the cluster in {kept} was kept by an older version: 'make clean' removes it"
    with pytest.raises(HarnessError) as created:
        cluster.create()
    with pytest.raises(HarnessError) as loaded:
        cluster.load_image("header-echo:local")
    assert (str(created.value), str(loaded.value)) == (refusal, refusal)
    assert folder.is_running(kept), "it is its user's until he types make clean"


@pytest.mark.parametrize("moved", [False, True])
def test_make_clean_removes_an_embedded_cluster_of_an_older_version(kept, home, monkeypatch, moved):
    """Even if its folder was moved, with the rest of the cache, while it ran."""
    place = kept
    if moved:
        cache_dir().rename(home / "moved")
        monkeypatch.setenv("APISERVICE_CACHE", str(home / "moved"))
        place = home / "moved" / "clusters" / kept.name
    folder.delete_kept()
    assert not place.exists()

    def nobody():
        if left := folder.inhabitants(place):
            raise folder.NotYet(f"processes {left}")

    folder.wait_for("its supervisor, which removes the folder before it ends, to end", nobody, timeout_seconds=120)


@pytest.mark.parametrize("layout", ["", "x", "1", "99"])
def test_a_cluster_of_any_other_layout_is_refused(tmp_path, layout):
    (tmp_path / "layout").write_text(layout)
    with pytest.raises(HarnessError, match="a newer version" if layout == "99" else "an older version"):
        older.refuse_cluster(tmp_path)
    older.mark(tmp_path)
    older.refuse_cluster(tmp_path)


@pytest.fixture
def kept_kind(home, monkeypatch):
    """Yield the kept kind cluster, which runs as far as our programs can tell, and its folder."""
    monkeypatch.setattr(kind, "ensure_engine", lambda: None)
    monkeypatch.setattr(kind, "prepare", lambda _: None)
    monkeypatch.setattr(kind, "_clusters", lambda: ["header-echo"])
    monkeypatch.setattr(kind, "wait_for_node", lambda *_: None)
    cluster = kind.Kind(keep=True)
    cluster.directory.mkdir(parents=True)
    cluster.kubeconfig.touch()
    return cluster


def test_a_kind_cluster_kept_by_an_older_version_is_refused(kept_kind):
    with pytest.raises(HarnessError) as raised:
        kept_kind.create()
    assert str(raised.value) == (
        f"the cluster in {kept_kind.directory} was kept by an older version: 'make clean' removes it"
    )


def test_a_kind_cluster_that_this_version_kept_is_used_again(kept_kind):
    kept_kind._config("node:1")
    kept_kind.create()


def test_make_clean_removes_a_kind_cluster_of_an_older_version(kept_kind, monkeypatch, tmp_path):
    noted = tmp_path / "noted"
    program = tmp_path / "kind"
    program.write_text(f'#!/bin/sh\necho "$@" >>{noted}\n')
    program.chmod(0o755)
    monkeypatch.setenv("APISERVICE_KIND", str(program))
    kind.delete_kept()
    assert noted.read_text() == "delete cluster --name header-echo\n"
    assert not kept_kind.directory.exists()
