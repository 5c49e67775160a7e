"""What ruff and mypy do not check of our own sources. Docstrings outside tests are ruff's (D1): it cannot tell fixtures from tests."""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
# Functions that may sleep: not to wait for something, but because the passing of time is their work.
SLEEPERS = {
    "application": "is slow",
    "check": "keeps the event loop, or gives it to others",
    "fickle": "is a slow upstream",
    "lived": "asks for an event a second, for minutes",
    "paced": "is a slow client",
    "talked": "says a word a second, for minutes",
    "test_a_steady_upload_has_its_time": "is a slow client",
    "test_dripping_does_not_extend_the_time": "is a slow client",
    "test_the_last_answer_has_its_time": "is a slow client",
    "wait_for": "polls, with a deadline",
}


@cache
def functions(path):
    """Return the functions of the Python file ``path``, nested ones too."""
    tree = ast.walk(ast.parse(path.read_text()))
    return [node for node in tree if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def is_fixture(function):
    return any("pytest.fixture" in ast.unparse(decorator) for decorator in function.decorator_list)


def own_nodes(function):
    """Yield the nodes of ``function`` without those of functions within it."""
    todo = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo.extend(ast.iter_child_nodes(node))


def sleeps(function):
    called = (node.func for node in own_nodes(function) if isinstance(node, ast.Call))
    return any(isinstance(name, ast.Attribute) and ast.unparse(name) == "time.sleep" for name in called)


def test_every_fixture_says_what_it_yields():
    fixtures = [(path, one) for path in TESTS.rglob("*.py") for one in functions(path) if is_fixture(one)]
    silent = [f"{path.relative_to(TESTS)}: {one.name}" for path, one in fixtures if not ast.get_docstring(one)]
    assert fixtures
    assert silent == [], "fixtures without a docstring"


def test_nothing_sleeps_in_order_to_wait():
    sleeping = {one.name for path in TESTS.rglob("*.py") for one in functions(path) if sleeps(one)}
    assert sleeping == set(SLEEPERS), "wait with pytest_apiservice.base.wait.wait_for"
