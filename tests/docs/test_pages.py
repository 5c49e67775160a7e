"""The pages below docs/: what they show can be read by what reads it, and the reader that walks the tutorial notices what is not as shown."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from walk import Walk, steps

import extension_apiserver

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))
SHELL = {"PATH": "/usr/bin:/bin"}


def console(text, shown="", before="\n"):
    return f"{before}```console\n{text}\n```\n\n" + (f"```text\n{shown}\n```\n" if shown else "")


@pytest.mark.parametrize("page", PAGES)
def test_each_block_of_yaml_is_yaml(page):
    for text in re.findall(r"^```yaml\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL):
        assert yaml.safe_load(text), f"{page} shows\n{text}"


def test_the_reference_has_all_that_the_library_exports():
    shown = set(
        re.findall(
            r"^\.\. auto\w+:: extension_apiserver\.(\w+)", (ROOT / "docs/reference.md").read_text(), re.MULTILINE
        )
    )
    assert set(extension_apiserver.__all__) - shown == {"Object"}, "a name for a type: it is in a sentence"
    assert shown <= set(extension_apiserver.__all__)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (console("echo one", "two"), "printed, with exit code 0,\none"),
        (console("echo one; echo two", "one"), "printed, with exit code 0,\none\ntwo"),
        (console("echo one; false"), "printed, with exit code 1,\none"),
        ("\n```ruby\nputs 1\n```\n", "line 2: a ruby block, and nobody knows what to do with it"),
        ("\n```text\none\n```\n", "a text block, and nobody knows what to do with it"),
        ("In `a.txt`\n```diff\n-two\n+three\n```\n", "a.txt has not once\ntwo"),
        ("There\n```diff\n-one\n+three\n```\n", "which file is to be changed?"),
    ],
)
def test_what_is_not_as_a_page_shows_it_stops_the_walk(page, words, tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    with Walk(tmp_path, SHELL) as walk, pytest.raises(Exception, match=re.escape(words)):
        walk.take(steps(page))


def test_a_walk_goes_on_where_it_was_with_what_was_set_and_changed(tmp_path):
    page = console("mkdir a\ncd a\nexport NAME=tom\necho one >b.txt") + "In `b.txt`:\n\n```diff\n-one\n+two\n```\n"
    page += console("echo $NAME\ncat b.txt\nprintf three", "tom\nt…\n…\nthree") + "```python\n# c.py\nprint(1)\n```\n"
    with Walk(tmp_path, SHELL, {"tom": "leo"}) as walk:
        walk.take(steps(page))
    assert (tmp_path / "a" / "c.py").read_text() == "# c.py\nprint(1)\n"


DEV = """#!/bin/sh
trap 'echo ended; exit 0' INT
echo "serving $2; in another terminal:

  export KUBECONFIG=/nowhere
"
echo ready
while :; do sleep 0.1; done
"""


def test_what_goes_on_running_is_ended_where_the_page_says_so(tmp_path):
    program = tmp_path / "extension-apiserver"
    program.write_text(DEV)
    program.chmod(0o755)
    page = console("extension-apiserver dev app.py", "serving app.py; in another terminal:\n\n  export KUBECONFIG=…")
    page += console("echo $KUBECONFIG", "/nowhere") + console(
        "echo ${KUBECONFIG:-none}", "none", before="Press Ctrl-C:\n\n"
    )
    with Walk(tmp_path, {"PATH": f"{tmp_path}:/usr/bin:/bin"}) as walk:
        walk.take(steps(page))
        assert walk.folder == tmp_path


def test_the_tutorial_shows_what_init_makes_and_changes_what_is_in_it(tmp_path):
    """Its other blocks need a cluster, and are walked by tests/embedded."""
    program = tmp_path / "extension-apiserver"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m extension_apiserver "$@"\n')
    program.chmod(0o755)
    told = steps((ROOT / "docs/tutorial.md").read_text())
    (first,) = [position for position, block in enumerate(told) if "extension-apiserver init " in block.text]
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(ROOT / "backend")}
    with Walk(tmp_path, variables) as walk:
        walk.take([*told[first : first + 2], *(block for block in told if block.kind == "diff")])
    assert '"leo"' in (tmp_path / "zoo" / "test_app.py").read_text()
