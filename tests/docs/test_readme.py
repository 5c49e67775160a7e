"""The README walked from its top: what it says to type exists, what it shows is what comes out, where it points is something."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
import yaml
from readme import blocks, files, install_block

from header_echo.header_lines import header_lines
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.go import go
from pytest_apiservice.programs.tools import kubernetes_version, tool

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = blocks(README)
COMMANDS = [
    line.partition(" #")[0].strip() for block in BLOCKS if block.kind == "commands" for line in block.text.splitlines()
]
PAGES = [
    *ROOT.glob("*.md"),
    *(
        path
        for folder in ("backend", "chart", "docs", "examples", "tests", ".github")
        for path in ROOT.glob(f"{folder}/**/*.md")
    ),
]
DEFAULTS = yaml.safe_load((ROOT / "chart" / "values.yaml").read_text())


def starting(program):
    return [command for command in dict.fromkeys(COMMANDS) if command.split()[0] == program]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Yield the objects that README's `helm install` creates, run from an empty directory with the chart in it."""
    (command,) = starting("helm")
    empty = tmp_path_factory.mktemp("empty")
    (empty / "chart").symlink_to(ROOT / "chart")
    words = shlex.split(command.replace("$REGISTRY", "registry.example"))
    assert words[1] == "install", command
    cluster = ["--kube-version", kubernetes_version(), "--api-versions", "cert-manager.io/v1"]
    words[:2] = [str(tool("helm")), "template", *cluster]
    done = run(words, cwd=empty, timeout_seconds=60, check=False)
    assert done.returncode == 0, f"'{command}' does not work:\n{done.stderr}"
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_of_a_kind_that_is_checked(block):
    assert block.kind != "unknown", f"README line {block.line}: extend readme.KINDS and the tests for\n{block.text}"


def test_the_readme_says_what_to_type_first():
    clone = "git clone https://github.com/header-echo/header-echo"
    assert COMMANDS[:4] == [clone, "cd header-echo", "make demo", "make clean"]


@pytest.mark.parametrize("command", starting("make"))
def test_make_knows_the_target(command):
    plan = run(["make", "--dry-run", *shlex.split(command)[1:]], cwd=ROOT, timeout_seconds=30, check=False)
    assert plan.returncode == 0, f"'{command}' does not work: {plan.stderr}"


def test_every_variable_given_to_make_reaches_the_tests():
    given = {name for command in starting("make") for name in re.findall(r"\b([A-Z_]+)=", command)} | {"KEEP"}
    passed = " ".join(re.findall(r"pass_env =((?:\n    .+)+)", (ROOT / "tox.ini").read_text())).split()
    unknown = {name for name in given if not any(re.fullmatch(pattern.replace("*", ".*"), name) for pattern in passed)}
    assert unknown == set(), f"tox.ini does not pass {unknown}"


def test_helm_install_registers_the_group_that_the_first_sentence_names(rendered):
    apiservices = [manifest["metadata"]["name"] for manifest in rendered if manifest["kind"] == "APIService"]
    assert [f"APIService {name}" for name in apiservices] == re.findall(r"APIService v1\S+", README)[:1]


def test_helm_install_uses_the_image_that_was_pushed(rendered):
    (deployment,) = [manifest for manifest in rendered if manifest["kind"] == "Deployment"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("registry.example/header-echo:")


def test_kubectl_asks_where_the_chart_registers(rendered):
    specs = [manifest["spec"] for manifest in rendered if manifest["kind"] == "APIService"]
    served = {f"/apis/{spec['group']}/{spec['version']}/" for spec in specs}
    asked = {command.split()[-1] for command in starting("kubectl") if "--raw" in command}
    assert asked == served


def test_the_chart_is_installed_alike_on_both_pages():
    """But for comments and how the folder is written; so the walk of one of them (tests/install) tries both."""
    pages = [(ROOT / page).read_text() for page in ("README.md", "chart/README.md")]
    of_root, of_chart = (re.sub(r" +#.*", "", install_block(page)).replace(" ./chart ", " chart ") for page in pages)
    assert of_root == of_chart


def test_the_shown_headers_are_what_the_echo_prints_for_them():
    (shown,) = [block.text for block in BLOCKS if block.kind == "headers"]
    document = yaml.safe_load(shown)
    headers = [
        (name, value)
        for name, values in document.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    assert header_lines([(name.encode(), str(value).encode()) for name, value in headers]) == shown


def test_the_shown_headers_include_those_that_carry_the_caller():
    (shown,) = [yaml.safe_load(block.text) for block in BLOCKS if block.kind == "headers"]
    assert {"x-remote-user", "x-remote-group", "x-forwarded-for", "x-forwarded-uri"} <= set(shown)


def test_the_shown_values_have_the_shown_defaults():
    rows = re.findall(r"^\| `([^|]+)` \| `([^|]+)` \|", README, re.MULTILINE)
    assert rows, "README shows no table of values"
    for names, default in rows:
        name = names.split("`")[0]
        value = DEFAULTS
        for key in name.split("."):
            assert key in value, f"README names the value {name}, which chart/values.yaml lacks"
            value = value[key]
        assert value == yaml.safe_load(default), f"README says {name} is {default}"


def test_the_tls_modes_are_those_of_the_chart():
    mode = json.loads((ROOT / "chart" / "values.schema.json").read_text())["properties"]["tls"]["properties"]["mode"]
    table = README.partition("## TLS\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == mode["enum"]


def test_what_the_first_run_left_is_removed_as_the_readme_says(tmp_path):
    """Typed by a user whose home holds nothing else; what was fetched is read-only, as Go leaves it."""
    left = [
        tmp_path / name
        for name in (".cache/pytest-apiservice/tools/helm", ".cache/go-build/00/a-d", "go/pkg/mod/a@v1/b.go")
    ]
    for path in left:
        path.parent.mkdir(parents=True)
        path.touch()
    left[-1].parent.chmod(0o555)
    environment = {"HOME": str(tmp_path), "PATH": f"{go().parent}:{os.environ['PATH']}"}
    for command in (*starting("go"), *starting("rm")):
        run(["sh", "-c", command], cwd=tmp_path, env=environment, timeout_seconds=60)
    assert [path for path in left if path.exists()] == []


def test_a_backend_of_ones_own_takes_twelve_lines():
    assert len(list(filter(None, files(BLOCKS)["cats.py"].splitlines()))) <= 12


@pytest.mark.parametrize("page", sorted(str(path.relative_to(ROOT)) for path in PAGES))
def test_links_lead_somewhere(page):
    path = ROOT / page
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", path.read_text())
    for link, heading in links:
        target = path.parent / link if link else path
        assert target.exists(), f"{page} points to {link}, which is not there"
        assert not heading or heading in headings(target.read_text()), f"{page} points to {link}#{heading}"


def headings(markdown):
    """Return the anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
