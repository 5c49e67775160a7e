"""`extension-apiserver dev` without a cluster: when it starts anew, what it shows of a log, and what it says of bad input."""

from __future__ import annotations

import json
import os
import signal
import ssl
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from extension_apiserver.command import dev
from extension_apiserver.command.child import Child, readable, say
from extension_apiserver.command.program import main

ROOT = Path(__file__).parents[2]
REQUEST = {
    "time": "2026-01-02T03:04:05.678Z",
    "level": "info",
    "logger": "extension_apiserver.requests",
    "user": "jane",
    "method": "GET",
    "path": "/apis/a.b/v1/x",
    "code": 200,
    "seconds": 0.0012,
}


@pytest.fixture(autouse=True)
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where an app.py is."""
    monkeypatch.chdir(tmp_path)
    Path("app.py").write_text("")
    return tmp_path / "app.py"


class Script:
    """A child and a cluster that note what happens to them; at each sleep, the next step is done."""

    def __init__(self, *steps: object) -> None:
        self.events: list[str] = []
        self.ended: int | None = None
        self.address, self.trust = ("127.0.0.1", 1), None
        self._steps = iter(steps)

    def start(self) -> None:
        """Begin."""
        self.ended = None
        self.events.append("start")

    def stop(self) -> None:
        """End."""
        self.events.append("stop")

    def prepare_next(self) -> None:
        """Have the next one wait, which is not noted."""

    def close(self) -> None:
        """End all."""
        self.events.append("close")

    def is_ready(self, *_arguments: object) -> bool:
        """Say so at once."""
        return True

    def demand_control_plane(self) -> None:
        """Let it live."""

    def discover(self) -> None:
        """Note it."""
        self.events.append("discover")

    def sleep(self, _seconds: float) -> None:
        """Do the next step; at the end, Ctrl-C."""
        step = next(self._steps, None)
        if step is None:
            raise KeyboardInterrupt
        step(self)


def played(monkeypatch, app, *steps):
    script = Script(*steps)
    monkeypatch.setattr(dev, "time", SimpleNamespace(sleep=script.sleep))
    with pytest.raises(KeyboardInterrupt):
        dev._develop(script, app, script)
    return script.events


def nothing(_script):
    pass


def test_it_starts_once_and_is_discovered_when_it_is_ready(monkeypatch, app):
    assert played(monkeypatch, app, nothing, nothing) == ["stop", "start", "discover", "close"]


def test_it_starts_anew_when_a_python_file_of_the_folder_changes(monkeypatch, app):
    def edit(_script):
        Path("other.py").write_text("")

    assert played(monkeypatch, app, edit, nothing, nothing).count("start") == 2


def test_it_does_not_start_anew_for_what_others_write(monkeypatch, app):
    def edit(_script):
        Path(".venv").mkdir()
        Path(".venv/other.py").write_text("")
        Path("notes.txt").write_text("")

    assert played(monkeypatch, app, edit, nothing, nothing).count("start") == 1


def test_what_has_ended_waits_for_an_edit_and_starts_anew(monkeypatch, app, capsys):
    def fail(script):
        script.ended = 1

    def edit(_script):
        os.utime(app, ns=(1, 1))

    assert played(monkeypatch, app, fail, nothing, nothing, edit, nothing).count("start") == 2
    assert capsys.readouterr().err.count("ended with exit code 1: save app.py") == 1


def test_what_is_not_there_any_more_waits_until_it_is_there_again(monkeypatch, app, capsys):
    def vanish(_script):
        app.unlink()

    def come(_script):
        app.write_text("")

    assert played(monkeypatch, app, vanish, nothing, nothing, come, nothing).count("start") == 2
    assert capsys.readouterr().err.count("app.py is not there: it starts when it is there again") == 1


@pytest.fixture
def child(app):
    """Yield one of app.py, as `dev` has it, that sees our code and is gone at the end."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}
    child = Child(
        [sys.executable, "-P", "-m", "extension_apiserver.command.warm", str(app)], environ, app.parent, waits=True
    )
    yield child
    child.close()


def shown(child, capfd, code):
    """Have it begin, wait for its end, and return what it has shown."""
    child.start()
    assert child._process.wait(60) == code
    child.stop()
    return capfd.readouterr().err


def test_the_next_one_runs_what_the_file_has_become(child, app, capfd):
    app.write_text("print('old')")
    child.prepare_next()
    app.write_text("import sys; print(sys.argv, sys.path[0], __name__, sys.stdin.read() == '')")
    waiting = child._next
    assert shown(child, capfd, 0) == f"['{app}'] {app.parent} __main__ True\n"
    assert waiting.returncode == 0


def test_one_that_waits_is_ended_without_having_begun(child, app, capfd):
    app.write_text("print('begun')")
    child.prepare_next()
    waiting = child._next
    child.close()
    assert waiting.returncode is not None
    assert capfd.readouterr().err == ""


def test_one_that_was_killed_while_it_waited_is_not_missed(child, app, capfd):
    app.write_text("print('begun')")
    child.prepare_next()
    child._next.kill()
    child._next.wait()
    assert shown(child, capfd, 0) == "begun\n"


def test_without_us_one_that_waits_ends(child, app, capfd):
    app.write_text("print('begun')")
    child.prepare_next()
    child._next.stdin.close()
    assert child._next.wait(60) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "frames", "error"),
    [
        ("import nonesuch", 1, "ModuleNotFoundError: No module named 'nonesuch'"),
        ("def f():\n    raise KeyError(1)\nf()", 2, "KeyError: 1"),
        ("def f(:", 1, "SyntaxError: invalid syntax"),
    ],
)
def test_an_error_is_shown_with_its_own_frames_alone(child, app, capfd, text, frames, error):
    app.write_text(text)
    said = shown(child, capfd, 1)
    assert said.count(f'File "{app}"') == said.count("  File ") == frames
    assert said.splitlines()[-1] == error


def test_a_terminal_that_is_gone_is_no_error(monkeypatch):
    def write(_text):
        raise OSError

    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=write))
    say("ended")


def test_a_child_is_ended_with_what_it_started(tmp_path, capfd):
    """Its output ends, which everybody who has it would keep open; what it has written is shown."""
    os.mkfifo(tmp_path / "ready")
    code = "import signal, subprocess; subprocess.Popen(['sleep', '1000']); print('here'); open('ready', 'w').close(); signal.pause()"
    child = Child([sys.executable, "-uc", code], os.environ, tmp_path)
    child.start()
    process, reader = child._process, child._reader
    assert process is not None
    assert reader is not None
    (tmp_path / "ready").read_text()
    child.stop()
    assert process.returncode == -signal.SIGTERM
    assert not reader.is_alive()
    assert capfd.readouterr().err == "here\n"


def test_ctrl_c_at_its_very_beginning_ends_it_without_a_word(tmp_path, capfd):
    """Where Python's own handler would raise KeyboardInterrupt in the new process, and print a traceback."""
    before = signal.signal(signal.SIGINT, lambda *_: sys.exit("heard"))
    try:
        child = Child(["true"], os.environ, tmp_path, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert shown(child, capfd, -signal.SIGINT) == ""
    finally:
        signal.signal(signal.SIGINT, before)


def test_nobody_is_not_ready(tmp_path):
    assert not Child(["true"], {}, tmp_path).is_ready(("127.0.0.1", 1), ssl.create_default_context())


def test_a_request_is_one_short_line():
    assert list(readable([json.dumps(REQUEST)])) == ["03:04:05 GET /apis/a.b/v1/x 200 1.2 ms jane"]


def test_a_path_cannot_move_the_cursor():
    assert list(readable([json.dumps({**REQUEST, "path": "/\x1b[2J\n"})])) == [
        r"03:04:05 GET /\x1b[2J\n 200 1.2 ms jane"
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"path": "/readyz", "code": 503},
        {"logger": "x", "level": "warning", "message": "ConfigMap a/b was not read yet"},
        {"user": "system:aggregator"},
        {"logger": "other", "message": "serving"},
    ],
)
def test_probes_and_what_goes_well_are_left_out(changed):
    assert list(readable([json.dumps({**REQUEST, **changed})])) == []


def test_a_request_of_the_api_server_itself_that_fails_is_shown():
    shown = list(readable([json.dumps({**REQUEST, "user": "system:kube-aggregator", "code": 500})]))
    assert shown == ["03:04:05 GET /apis/a.b/v1/x 500 1.2 ms system:kube-aggregator"]


def test_a_warning_is_shown():
    assert list(readable([json.dumps({**REQUEST, "logger": "x", "level": "warning", "message": "oh"})])) == [
        "03:04:05 warning: oh"
    ]


@pytest.mark.parametrize("line", ["printed", "{}", "[1]", "3", '{"time": 3}', "[" * 100_000])
def test_what_is_no_log_of_ours_is_shown_as_it_is(line):
    assert list(readable([line])) == [line]


def test_of_a_traceback_the_end_is_shown():
    lines = [
        "Traceback (most recent call last):",
        *(f'  File "x.py", line {n}' for n in range(1000)),
        "KeyError: 1",
        "more",
    ]
    shown = list(readable(lines))
    assert shown[-3:] == ['  File "x.py", line 999', "KeyError: 1", "more"]
    assert len(shown) == 10


def test_a_traceback_without_its_end_is_shown():
    assert list(readable(["Traceback (most recent call last):", "  File"])) == [
        "Traceback (most recent call last):",
        "  File",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nosuch.py"], "is no file"),
        (["app.py", "--upstream", "http://a"], "choose between app.py and --upstream"),
        (["--upstream", "a"], "--upstream: the URL begins with no scheme"),
        (["--config", "nosuch.json"], "nosuch.json"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence, capsys):
    assert main(["dev", *arguments]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1


class Harness:
    """Stands for the harness's module, and for its error."""

    def __init__(self, ends: BaseException) -> None:
        self._ends = ends

    HarnessError = RuntimeError

    def registration(self, values: Path) -> tuple[str, list[str]]:
        """Return what stands in no file."""
        assert values.name == "values.yaml"
        return "9.Kubernetes.example.com", ["v1"]

    def outside(self, name: str, *_arguments: object) -> object:
        """Come up in no case."""
        assert name == "dev-9"
        raise self._ends


@pytest.mark.parametrize(
    ("ends", "code", "words"),
    [(RuntimeError("API_PORT 1 cannot be had"), 2, "API_PORT 1 cannot be had\n"), (KeyboardInterrupt(), 0, "ended\n")],
)
def test_what_keeps_a_cluster_from_coming_up_is_one_line(monkeypatch, capsys, ends, code, words):
    handled = []
    monkeypatch.setattr(
        dev,
        "signal",
        SimpleNamespace(
            signal=lambda *one: handled.append(one), getsignal=lambda _number: None, SIG_IGN=signal.SIG_IGN
        ),
    )
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setattr(dev.importlib, "import_module", lambda _name: Harness(ends))
    assert main(["dev"]) == code
    assert capsys.readouterr().err == words
    assert {number for number, _ in handled} == {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def test_a_store_that_is_named_already_is_kept():
    """All else is as the control plane needs it."""
    place = {"EXTENSION_APISERVER_STORE_URL": "sqlite:////here", "EXTENSION_APISERVER_PORT": "10443"}
    named = {"EXTENSION_APISERVER_STORE_URL": "memory:", "EXTENSION_APISERVER_PORT": "1"}
    assert dev._environment({"HOME": "/"}, place).items() >= place.items()
    assert dev._environment(named, place).items() >= {**place, "EXTENSION_APISERVER_STORE_URL": "memory:"}.items()


def test_without_the_harness_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda _name: None)
    assert main(["dev"]) == 2
    assert capsys.readouterr().err.endswith("-m pip install pytest-apiservice\n")
