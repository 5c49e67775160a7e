"""`extension-apiserver init` makes what examples/hello shows, an app that serves, and one sentence out of bad input."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from extension_apiserver.command.program import main
from unit.running import Backend, start

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hello"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has an empty folder to work in."""
    monkeypatch.chdir(tmp_path)


def contents(folder: Path) -> dict[str, str]:
    """Return {path: text} of all files that are no cache."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and "cache" not in str(path.relative_to(folder))
    }


def module(path: Path) -> ModuleType:
    """Import the file as a module of its own."""
    spec = importlib.util.spec_from_file_location("made", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_example_is_what_it_makes() -> None:
    """Run `extension-apiserver init hello` in examples, emptied before, where this fails."""
    assert main(["init", "hello"]) == 0
    assert contents(Path("hello")) == contents(EXAMPLE)


@pytest.mark.parametrize("framework", [[], ["--asgi"]], ids=["flask", "fastapi"])
def test_what_it_makes_is_served(own: Backend, framework: list[str]) -> None:
    """Its resource is discovered and listed, and its own path knows the caller."""
    main(["init", "zoo", "--kind", "Animal", *framework])
    made = module(Path("zoo/app.py"))
    start(own, app=made.app, resources=[made.animals], blocking=True, GROUP="zoo.example.com")
    client, base = own.aggregator(), "/apis/zoo.example.com/v1"

    assert [one["name"] for one in client.request("GET", base).json()["resources"]] == ["animals"]
    assert client.request("GET", f"{base}/animals/first").json()["spec"] == {"size": 1}
    assert client.request("GET", f"{base}/animals/second").status == 404
    assert client.request("GET", f"{base}/hello").body.startswith(b"hello ")


@pytest.mark.parametrize("options", [[], ["--asgi"], ["--kind", "Animal"], ["--gateway", "http://127.0.0.1:8000"]])
def test_nothing_is_left_to_fill_in(options: list[str]) -> None:
    """No placeholder is left, YAML and Python are such."""
    main(["init", "zoo", *options])
    made = contents(Path("zoo"))
    for path, text in made.items():
        assert "$" not in text.replace("$REGISTRY", "").replace("$CHART", "").replace("$(", ""), path
        if path.endswith(".yaml"):
            assert isinstance(yaml.safe_load(text), dict), path
        if path.endswith(".py"):
            ast.parse(text)


def test_its_workflow_pins_the_actions_that_ours_do() -> None:
    """Dependabot moves ours alone."""

    def pins(*paths: Path) -> set[str]:
        uses = re.findall(r"uses: (\w\S+@.*)$", "\n".join(path.read_text() for path in paths), re.MULTILINE)
        return {re.sub(r"^([\w-]+/[\w-]+)[^@]*", r"\1", one) for one in uses}  # actions/cache/save is of actions/cache

    theirs = pins(EXAMPLE / ".github/workflows/test.yaml")
    assert len(theirs) == 3
    assert theirs <= pins(*(ROOT / ".github").rglob("*.yaml"))


def test_a_gateway_has_values_and_no_app() -> None:
    """They name the service, which a stand-in plays in the tests."""
    main(["init", "pets", "--gateway", "http://pets.default.svc:8000"])
    made = {"README.md", "values.yaml", "conftest.py", "stand_in.py", "test_gateway.py", ".github/workflows/test.yaml"}
    assert set(contents(Path("pets"))) == made | {"Dockerfile", "requirements.txt"}
    values = yaml.safe_load(Path("pets/values.yaml").read_text())
    assert values["gateway"]["upstream"] == "http://pets.default.svc:8000"
    assert values["apiService"]["group"] == "pets.example.com"


@pytest.mark.parametrize(("name", "lines"), [("zoo", ["  cd zoo"]), (".", [])])
def test_what_to_type_next_is_printed(
    name: str, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an empty folder `init .` takes its name."""
    (tmp_path / "zoo").mkdir()
    monkeypatch.chdir(tmp_path / "zoo" if name == "." else tmp_path)
    url = "http://127.0.0.1:8000/a;b"
    assert main(["init", name, "--gateway", url]) == 0
    printed = capsys.readouterr().out.partition("says more:\n\n")[2]
    pip = "  pip install -r requirements.txt pytest-apiservice"
    assert printed.splitlines() == [*lines, pip, f"  extension-apiserver dev --upstream '{url}'"]
    assert yaml.safe_load((tmp_path / "zoo" / "values.yaml").read_text())["apiService"]["group"] == "zoo.example.com"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["My-API"], "NAME cannot be 'My-API'"),
        (["class"], "NAME cannot be 'class'"),
        (["a" * 41], "at most 40"),
        (["zoo", "--kind", "animal"], "--kind must be"),
        (["zoo", "--kind", "Clas"], "choose another"),
        (["zoo", "--kind", "App"], "choose another"),
        (["zoo", "--asgi", "--gateway", "http://pets"], "leave out --asgi"),
        (["zoo", "--kind", "Animal", "--gateway", "http://pets"], "leave out --asgi and --kind"),
        (["zoo", "--gateway", "pets"], "--gateway: the URL begins with no scheme"),
        (["full"], "full is not empty"),
        (["file"], "file cannot be made"),
        (["file/zoo"], "cannot be made"),
    ],
)
def test_bad_input_is_one_sentence_and_makes_nothing(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is that of a wrong call."""
    Path("full").mkdir()
    Path("full/mine").write_text("mine")
    Path("file").touch()
    before = contents(Path())

    assert main(["init", *arguments]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert contents(Path()) == before
