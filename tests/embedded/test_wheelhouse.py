"""The distributions, as somebody installs them who has no checkout: from a wheelhouse, into an empty environment, used in an empty folder."""

import json
import os
import re
import shlex
import sys
import time
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from readme import blocks, files

import distributions
from pytest_apiservice.base.data import package_folder
from pytest_apiservice.base.run import run
from pytest_apiservice.programs.cache import cache_dir, digest, locked

ROOT = Path(__file__).resolve().parents[2]
EXTRA = "pytest-apiservice[kind]"
NAMES = ("extension-apiserver", "header-echo", "pytest-apiservice")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
README = (ROOT / "README.md").read_text()
GATEWAY_PAGE = (ROOT / "docs" / "gateway.md").read_text()
# What says where our code is: not for a user's shell, whose variables it else has.
OURS = ("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_TESTRUNUID", "KEEP")
CLASHING = """
def pytest_addoption(parser):
    for option in ("--cluster", "--kubeconfig", "--diagnostics"):
        parser.addoption(option, default="theirs")
"""
THEIRS = """
def test_the_other_plugins_options(pytestconfig):
    assert [pytestconfig.getoption(name) for name in ("cluster", "kubeconfig", "diagnostics")] == ["mine", "theirs", "theirs"]
"""

pytestmark = pytest.mark.only_on("embedded", reason="it brings its own cluster, of processes")


@pytest.fixture(scope="module")
def python(built, once):
    """Yield the Python of an environment that was empty before, with what the README says to install; from files, without an index."""
    (line,) = re.findall(r"^    pip install (.+)$", README, re.MULTILINE)

    def install(environment):
        run([sys.executable, "-m", "venv", "--without-pip", environment], timeout_seconds=60)
        house = ["--no-index", f"--find-links={built}", f"--find-links={wheels_of_others(*line.split())}"]
        command = [*PIP, "--python", environment / "bin" / "python", "install", "--quiet", *house, *line.split()]
        run(command, cwd=environment, env=outside(PIP_FIND_LINKS=""), timeout_seconds=300)

    return once("environment", install) / "bin" / "python"


@pytest.fixture(scope="module")
def gateway(built, once):
    """Yield the folder of programs of an environment with what docs/gateway.md says to install, and the line that it shows next."""
    install, serve = re.findall(r"^    (pip install .+)\n    (extension-apiserver .+)$", GATEWAY_PAGE, re.MULTILINE)[0]
    wanted = shlex.split(install)[2:]

    def make(environment):
        run([sys.executable, "-m", "venv", "--without-pip", environment], timeout_seconds=60)
        house = ["--no-index", f"--find-links={built}", f"--find-links={wheels_of_others(*wanted)}"]
        command = [*PIP, "--python", environment / "bin" / "python", "install", "--quiet", *house, *wanted]
        run(command, cwd=environment, env=outside(PIP_FIND_LINKS=""), timeout_seconds=300)

    return once("gateway", make) / "bin", shlex.split(serve)


def outside(**variables):
    """Return the environment of a user's shell; no color, as output is read."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", **variables}


def wheels_of_others(*wanted):
    """Return the cache's folder with the pinned wheels that ``wanted`` distributions of ours need; fetched with their hashes if it is not there."""
    pins = "\n".join(pinned(name) for name in sorted(needed(wanted)))
    folder = cache_dir() / f"wheelhouse-{digest([], pins, sys.version)}"
    with locked("wheelhouse"):
        if not folder.exists():
            fetched = folder.with_suffix(".new")
            requirements = folder.with_suffix(".txt")
            requirements.write_text(pins)
            only = ["--no-deps", "--require-hashes", "--only-binary=:all:"]
            run([*PIP, "download", "--quiet", *only, f"--dest={fetched}", "-r", requirements], timeout_seconds=600)
            requirements.unlink()
            fetched.rename(folder)
    return folder


def needed(wanted):
    """Return the names of all that ``wanted`` require; ours are read from the tree, others as they are installed here."""
    found, todo = set(), [Requirement(one) for one in wanted]
    while todo:
        one = todo.pop()
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        if (name, *one.extras) in found:
            continue
        found.add((name, *one.extras))
        texts = dependencies(name, one.extras) if name in NAMES else requires(name) or []
        todo += [other for other in map(Requirement, texts) if wanted_here(other, one.extras)]
    return {name for name, *_ in found} - set(NAMES)


def wanted_here(requirement, extras):
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": one}) for one in (*extras, ""))


def dependencies(name, extras):
    project = next(project for _, project in distributions.projects() if project["name"] == name)
    return [
        *project["dependencies"],
        *(text for extra in extras for text in project["optional-dependencies"][extra]),
    ]


def pinned(name):
    """Return requirements/dev.txt's lines about ``name``: version and hashes."""
    pins = (ROOT / "requirements" / "dev.txt").read_text()
    (lines,) = re.findall(rf"^{re.escape(name)}==.*(?:\n    .*)*", pins, re.MULTILINE)
    return lines


def ran(python, folder, *arguments, **variables):
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return run(command, cwd=folder, env=outside(**variables), timeout_seconds=600, check=False)


def test_the_tests_that_the_readme_shows_pass_without_a_checkout(python, tmp_path, record_property):
    (tmp_path / "test_cats.py").write_text(files(blocks(README))["test_cats.py"])
    began = time.monotonic()
    done = ran(python, tmp_path, CLUSTER="embedded")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert str(ROOT) not in done.stdout + done.stderr
    record_property("README's tests", f"{time.monotonic() - began:.0f} s")


def test_the_gateway_is_a_command_that_says_what_it_lacks(gateway, tmp_path):
    programs, (name, *arguments) = gateway
    done = run([programs / name, *arguments], cwd=tmp_path, env=outside(), timeout_seconds=60, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr == (
        "KUBERNETES_SERVICE_HOST must be set to the address of kube-apiserver; inside a pod the kubelet sets it, not ''\n"
    )


def test_nothing_of_the_checkout_is_used(python, tmp_path):
    """Neither the packages nor what pods run in place of the image, nor the chart and the pins."""
    script = """
import json, sys
import extension_apiserver, header_echo, pytest_apiservice
from pytest_apiservice.base import data
from pytest_apiservice.embedded.node.images import local_image

packages = [package.__file__ for package in (extension_apiserver, header_echo, pytest_apiservice)]
files = [str(path) for path in (data.CHART / "Chart.yaml", data.FAMILIES / "etcd" / "go.sum", data.KIND_CONFIG, data.GO_REQUIREMENTS)]
print(json.dumps([packages, files, local_image("header-echo").to_json(), sys.path]))
"""
    answer = run([python, "-c", script], cwd=tmp_path, env=outside(), timeout_seconds=60).stdout
    packages, data, image, path = json.loads(answer)
    environment = str(python.parents[1])
    assert [one for one in packages if not one.startswith(environment)] == []
    assert [one for one in data if not one.startswith(environment) or not Path(one).is_file()] == []
    assert image["environment"].pop("PATH").split(os.pathsep)[0] == str(python.parent)
    assert image == {"entrypoint": [str(python), "-m", "header_echo"], "environment": {"PYTHONUNBUFFERED": "1"}}
    assert [one for one in path if one.startswith(str(ROOT))] == []


def test_all_that_the_harness_needs_of_the_checkout_is_in_its_wheel(built):
    listed = run(
        ["git", "ls-files", "chart", "ci/tools", "ci/node-image", "ci/kind.yaml", "requirements/go.txt"],
        cwd=ROOT,
        timeout_seconds=30,
    )
    wanted = {name for name in listed.stdout.split() if not name.startswith("ci/tools/interop/")}
    (wheel,) = built.glob("pytest_apiservice-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name.removeprefix("pytest_apiservice/data/"): archive.getinfo(name) for name in archive.namelist()}
    found = {name for name in held if name.startswith(("chart/", "ci/", "requirements/"))}
    assert found == wanted
    entrypoint = held["ci/node-image/rootfs/usr/local/bin/entrypoint"]
    assert entrypoint.external_attr >> 16 & 0o111, "the node's entrypoint cannot be executed"


@pytest.mark.parametrize("name", NAMES)
def test_an_older_python_is_refused_by_pip(built, tmp_path, name):
    (wheel,) = built.glob(f"{name.replace('-', '_')}-*.whl")
    old = [
        "--python-version=3.10",
        "--only-binary=:all:",
        "--no-deps",
        f"--dest={tmp_path}",
    ]  # install asks only its own Python
    done = run([*PIP, "download", "--no-index", *old, wheel], timeout_seconds=60, check=False)
    assert done.returncode == 1
    assert f"Package '{name}' requires a different Python: 3.10.0 not in '>=3.11'" in done.stderr


def test_another_plugin_may_have_options_of_the_same_names(python, tmp_path):
    (tmp_path / "theirs.py").write_text(CLASHING)
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    done = ran(python, tmp_path, "-p", "theirs", "--cluster=mine", PYTHONPATH=str(tmp_path))
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_beside_another_plugin_the_one_of_pytest_kind_can_be_kept_out(python, built, tmp_path):
    """Both as tests/README.md says; what the extra brings is laid over the environment."""
    overlay = tmp_path / "overlay"
    house = ["--no-index", f"--find-links={built}", f"--find-links={wheels_of_others(EXTRA)}"]
    install = [*PIP, "--python", python, "install", "--quiet"]
    run([*install, "--dry-run", *house, EXTRA], cwd=tmp_path, env=outside(PIP_FIND_LINKS=""), timeout_seconds=120)
    brought = ["pytest-kind", "pykube-ng"]
    run([*install, *house, "--no-deps", f"--target={overlay}", *brought], cwd=tmp_path, timeout_seconds=120)
    (tmp_path / "theirs.py").write_text(CLASHING)
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    (tmp_path / "test_kind.py").write_text(
        "def test_our_kind():\n    from pytest_apiservice.clusters import kind_node\n    kind_node.demand_pytest_kind()\n"
    )
    theirs, path = ["-p", "theirs", "--cluster=mine"], f"{tmp_path}{os.pathsep}{overlay}"
    clash = ran(python, tmp_path, *theirs, PYTHONPATH=path)
    assert clash.stderr.startswith("Error while loading plugin"), clash.stderr
    assert "pytest_kind/plugin.py" in clash.stderr
    assert "--kubeconfig" in clash.stderr
    done = ran(python, tmp_path, "-p", "no:pytest-kind", *theirs, "test_theirs.py", "test_kind.py", PYTHONPATH=path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("words", [[], ["-p", "pytest_apiservice.plugin"]])
def test_the_plugin_may_be_named_as_well(python, tmp_path, words):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pytest_apiservice.plugin"]\n')
    (tmp_path / "test_it.py").write_text("def test_it(run_id):\n    assert run_id\n")
    done = ran(python, tmp_path, *words)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("cluster", "line"),
    [
        ("minikube", "ERROR: CLUSTER is 'minikube' and must be one of kind, embedded, existing: try CLUSTER=embedded"),
        (
            "kind",
            "E   pytest_apiservice.base.errors.HarnessError: CLUSTER=kind needs pytest-kind: pip install 'pytest-apiservice[kind]', or use CLUSTER=embedded",
        ),
    ],
    ids=["minikube", "kind"],
)
def test_a_cluster_that_is_not_to_be_had_is_one_sentence(python, tmp_path, cluster, line):
    (tmp_path / "test_it.py").write_text("def test_it(cluster):\n    pass\n")
    done = ran(python, tmp_path, CLUSTER=cluster)
    assert done.returncode != 0
    said = [re.sub("^E +", "E   ", one) for one in (done.stdout + done.stderr).splitlines()]
    assert [one for one in said if one.startswith(("E  ", "ERROR: "))] == [line]


def test_a_kind_cluster_without_a_backend_image_says_how_to_name_one(python, tmp_path):
    script = "from pytest_apiservice.clusters.kind import Kind; Kind().backend_image()"
    env = outside(APISERVICE_CACHE=str(tmp_path / "cache"))
    done = run([python, "-c", script], cwd=tmp_path, env=env, timeout_seconds=60, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        "CLUSTER=kind needs an image of a backend: set APISERVICE_IMAGE to your backend's image"
    )


def test_what_was_kept_is_removed_without_a_checkout_and_without_the_extra_kind(python, tmp_path):
    command = [python, "-m", "pytest_apiservice.clean"]
    done = run(command, cwd=tmp_path, env=outside(APISERVICE_CACHE=str(tmp_path / "cache")), timeout_seconds=60)
    assert f"what was built stays in {tmp_path / 'cache'}" in done.stderr


def test_a_run_that_uses_no_fixture_of_ours_is_left_alone(python, tmp_path):
    """With settings that ours would refuse, and imports, files and plugins as without the plugin."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef choice():\n    return 1\n@pytest.fixture\ndef api():\n    return 2\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import sys\nimport pytest\n\n"
        "@pytest.mark.only_on('linux')\n"
        "def test_it(choice, api, pytestconfig):\n"
        "    assert (choice, api) == (1, 2)\n"
        "    loaded = {name.partition('.')[0] for name in sys.modules} & {'requests', 'kubernetes', 'cryptography', 'rich'}\n"
        "    assert loaded == set()\n"
        "    names = {name for name, _ in pytestconfig.pluginmanager.list_name_plugin()}\n"
        "    assert [name for name in names if name.startswith('header-echo')] == []\n"
    )
    done = ran(python, tmp_path, CLUSTER="minikube", API_PORT="no port")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"conftest.py", "test_it.py"}


def test_an_sdist_has_readme_and_license(built):
    for path in built.glob("*.tar.gz"):
        names = run(["tar", "--list", "--file", path], timeout_seconds=30).stdout.split()
        assert {"LICENSE", "README.md", "pyproject.toml"} <= {name.partition("/")[2] for name in names}, path.name


def test_no_folder_of_a_build_is_in_the_tree(built):
    left = [path for path in ROOT.glob("**/*.egg-info") if ".venv" not in path.parts and ".tox" not in path.parts]
    assert left == []
    assert [str(folder) for folder in distributions.FOLDERS if (ROOT / folder / "build").exists()] == []
    assert package_folder("header_echo").parent == ROOT / "backend", "these tests run from the checkout"
