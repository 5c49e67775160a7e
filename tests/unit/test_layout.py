"""Where modules live: folders and modules stay small, imports look down, and nobody but its own file asks for a kind of cluster."""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from pytest_apiservice.cluster import KINDS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tests/pytest_apiservice", "backend", "ci", "bench")
MOST_MODULES, MOST_LINES = 12, 200
# From top to bottom: a module may import those of its own floor and of floors below. The longest name that fits is its floor's.
FLOORS = {
    "tests/pytest_apiservice": "entry_point > plugin > fixtures clean > session > parallel > why.report > why > clusters > embedded > embedded.pod > embedded.node > "
    "images > client > programs > cluster > base",  # images.offline makes some of images from others of it
    "backend/extension_apiserver": "__main__ > command > cli > serve > host > gateway metrics_mux > diagnose > apiserver > metrics_api models > apps > registry > api > objects > store > wire > trust > cluster > observe > "
    "request_info > selectors > request > status settings",
}
KNOW_KINDS = ("cluster", "clusters/choose", "clusters/kind", "clusters/existing", "embedded/cluster")
EXEMPT = {*(f"tests/pytest_apiservice/{name}.py" for name in KNOW_KINDS), "tests/harness_unit/test_choice.py"}


def sources(*folders):
    """Return the modules below ``folders``, and where each is told from."""
    return {path: str(path.relative_to(ROOT)) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))}


def imports(package):
    """Return {module: {imported module: line}} within the package in the folder ``package``; "" is the package itself."""
    top = ROOT / package
    names = {
        path: ".".join(path.relative_to(top).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        for path in top.rglob("*.py")
    }
    found = {name: {} for name in names.values()}
    for path, name in names.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                folder = [top.name, *path.relative_to(top).parts][: -node.level] if node.level else []
                module = ".".join([*folder, *filter(None, [node.module])])
                wanted = [f"{module}.{alias.name}" for alias in node.names]
            else:
                continue
            for word in (word for word in wanted if f"{word}.".startswith(f"{top.name}.")):
                inner = word.removeprefix(top.name).lstrip(".")
                target = inner if inner in found else inner.rpartition(".")[0]
                if target != name:
                    found[name][target] = node.lineno
    return found


def floor(module, floors):
    """Return the number of the module's floor; the package itself is above all, and what has no floor below all."""
    rooms = [
        (len(room), n)
        for n, names in enumerate(floors.split(" > "))
        for room in names.split()
        if f"{module}.".startswith(f"{room}.")
    ]
    return max(rooms, default=(0, len(floors)))[1] if module else -1


@pytest.mark.parametrize("package", FLOORS)
def test_imports_look_down(package):
    wrong = [
        f"{package}: {module}, line {line}, imports {target}, which is above it: move what it needs down, or take a callable"
        for module, targets in imports(package).items()
        for target, line in targets.items()
        if floor(target, FLOORS[package]) < floor(module, FLOORS[package])
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", FLOORS)
def test_no_modules_import_each_other_in_a_circle(package):
    found = imports(package)
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        steps = [f"{module}, line {found[module][target]}" for target, module in pairwise(error.args[1])]
        pytest.fail(f"{package}: a circle of imports, {' <- '.join(steps)}: cut it at one of them")


def test_a_folder_holds_at_most_12_modules():
    held = Counter(path.parent for path in sources(*FOLDERS) if path.stem not in ("__init__", "__main__"))
    full = [
        f"{folder.relative_to(ROOT)} holds {count} modules, and a folder holds at most {MOST_MODULES}: make folders in it"
        for folder, count in held.items()
        if count > MOST_MODULES
    ]
    assert not full, "\n".join(full)


def test_a_module_has_at_most_200_lines():
    lines = {name: len(path.read_text().splitlines()) for path, name in sources(*FOLDERS).items()}
    long = [
        f"{name}, line {n}, is over {MOST_LINES}: make two modules of it" for name, n in lines.items() if n > MOST_LINES
    ]
    assert not long, "\n".join(long)


def test_only_its_own_file_asks_for_a_kind_of_cluster():
    asking = [
        f"{name}, line {node.lineno}, asks for a kind of cluster: make what differs a method of pytest_apiservice.cluster.Cluster"
        for path, name in sources("tests", "ci", "bench").items()
        if name not in EXEMPT
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare | ast.Match) and _is_about_a_kind(node)
    ]
    assert not asking, "\n".join(asking)


def _is_about_a_kind(node):
    parts = (
        [node.subject, *(case.pattern for case in node.cases)]
        if isinstance(node, ast.Match)
        else [node.left, *node.comparators]
    )
    literal = [part for part in parts if isinstance(part, ast.Constant | ast.Tuple | ast.List | ast.Set | ast.pattern)]
    words = {str(one.value) for part in literal for one in ast.walk(part) if isinstance(one, ast.Constant)}
    return bool(words & set(KINDS)) and any(ast.unparse(part).rpartition(".")[2] == "kind" for part in parts)
