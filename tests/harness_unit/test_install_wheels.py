"""What the Dockerfile runs takes pinned wheels alone, those beside it before an index, and tells them in the bill of materials."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

import install_wheels
from backend_image import BACKEND, REQUIREMENTS

SCRIPT = BACKEND / "install_wheels.py"
WHEEL = "cat_food-1.0-py3-none-any.whl"
NOWHERE = "http://127.0.0.1:1/simple/"


def write_wheel(path):
    """Write a wheel of one module and one command, https://packaging.python.org/en/latest/specifications/binary-distribution-format/."""
    files = {
        "cat_food.py": "",
        "cat_food-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: cat-food\nVersion: 1.0\n",
        "cat_food-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "cat_food-1.0.dist-info/entry_points.txt": "[console_scripts]\neat = cat_food:eat\n",
        "cat_food-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)


def prepare(folder):
    """Make ``folder`` what the script runs in, with one wheel pinned and lying beside it; return it."""
    folder.mkdir()
    for path in (SCRIPT, BACKEND / "header_echo" / "pyproject.toml"):
        shutil.copy(path, folder)
    write_wheel(folder / WHEEL)
    digest = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()
    (folder / "requirements.txt").write_text(f"cat-food==1.0 \\\n    --hash=sha256:{digest}\n")
    return folder


@pytest.fixture
def build(tmp_path):
    """Have a folder to run the script in."""
    return prepare(tmp_path / "build")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Have the image's folder that the script has filled from the wheel beside it, without an index."""
    folder = tmp_path_factory.mktemp("filled")
    done = install(prepare(folder / "build"))
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "image"


def install(build, *flags, index=NOWHERE):
    """Run the script with an index that nobody serves, unless told another; no setting of pip's of this machine has a say."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment |= {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    argv = [sys.executable, *flags, build / SCRIPT.name, build.parent / "image"]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)


def last_line(done):
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_a_wheel_beside_it_is_installed_without_asking_an_index(filled):
    assert {path.name for path in (filled / "wheels").iterdir()} == {"cat_food.py", "cat_food-1.0.dist-info"}


def test_without_wheels_the_index_is_asked_and_its_wheel_taken(build):
    served = build.parent / "simple" / "cat-food"
    served.mkdir(parents=True)
    (build / WHEEL).rename(served / WHEEL)
    (served / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>')
    done = install(build, index=served.parent.as_uri())
    assert (done.returncode, done.stderr) == (0, "")
    assert (build.parent / "image" / "wheels" / "cat_food.py").is_file()


def test_an_index_that_does_not_answer_is_told_with_what_to_do(build):
    (build / WHEEL).unlink()
    told = last_line(install(build))
    assert told.startswith(
        "error: pip could not install what requirements.txt pins (its words are above): is the index"
    )
    assert "--build-arg PIP_INDEX_URL=" in told


def test_a_wheel_of_another_content_is_refused(build):
    (build / "requirements.txt").write_text(f"cat-food==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    done = install(build)
    assert "complete it, or remove it to ask an index" in last_line(done)
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_a_base_without_pip_is_told_with_what_to_do(build):
    assert last_line(install(build, "-S")) == (
        "error: this base has no pip: build on one that has, as python:3.13-slim, or let 'make image' bring it"
    )


def test_pip_that_lies_beside_it_is_taken(build):
    (build / "pip").mkdir()
    (build / "pip" / "__main__.py").write_text("raise SystemExit('the pip beside it')")
    (build / "pip" / "__init__.py").touch()
    assert install(build).stderr.splitlines()[0] == "the pip beside it"


def test_the_start_script_is_that_of_the_project_under_the_python_that_installs(filled):
    script = filled / "bin" / "header-echo"
    assert script.read_text().splitlines() == [
        f"#!{sys.executable}", "import sys", "from header_echo.__main__ import main", "sys.exit(main())",
    ]  # fmt: skip
    assert os.access(script, os.X_OK)


def test_the_bill_of_materials_has_what_was_installed_with_its_version_and_hash_and_names_no_index(filled):
    text = (filled / "sbom.cdx.json").read_text()
    (component,) = json.loads(text)["components"]
    digest = hashlib.sha256((filled.parent / "build" / WHEEL).read_bytes()).hexdigest()
    assert (component["name"], component["version"], component["purl"]) == ("cat-food", "1.0", "pkg:pypi/cat-food@1.0")
    assert component["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert component["properties"] == [{"name": "header-echo:wheel", "value": WHEEL}]
    assert "://" not in text
    assert str(filled.parent) not in text


def test_the_bill_of_materials_is_of_our_version(filled):
    project = tomllib.loads((BACKEND / "header_echo" / "pyproject.toml").read_text())["project"]
    own = json.loads((filled / "sbom.cdx.json").read_text())["metadata"]["component"]
    assert (own["name"], own["version"]) == ("header-echo", project["version"])


def test_the_same_wheels_give_the_same_bill_whatever_order_pip_tells_them_in():
    def told(name):
        download = {
            "url": f"https://index.invalid/{name}-1-py3-none-any.whl",
            "archive_info": {"hashes": {"sha256": "0"}},
        }
        return {"metadata": {"name": name, "version": "1"}, "download_info": download}

    project = {"name": "header-echo", "version": "1", "license": "Apache-2.0"}
    both = [install_wheels.components([told(one) for one in order]) for order in ("ab", "ba")]
    first, second = (install_wheels.bill_of_materials(project, held) for held in both)
    assert first == second
    assert first["dependencies"] == [{"ref": "header-echo", "dependsOn": ["pkg:pypi/a@1", "pkg:pypi/b@1"]}]


def test_what_is_pinned_has_its_hashes():
    pins = re.findall(r"^\S+==\S+.*\n((?:    --hash=sha256:\w{64}.*\n)*)", REQUIREMENTS.read_text(), re.MULTILINE)
    assert pins
    assert all(pins)
