"""What `tox -e mutation` makes of mutmut's words."""

import re
import tomllib

import mutation

RESULTS = """\
    extension_apiserver.trust.budget.x_one__mutmut_1: survived
    extension_apiserver.trust.budget.x_one__mutmut_2: timeout
    extension_apiserver.trust.budget.x_two__mutmut_1: no tests
    extension_apiserver.trust.budget.x_two__mutmut_2: caught by type check
    extension_apiserver.trust.budget.x_two__mutmut_3: not checked
"""


def numbers(names):
    return [re.sub(r".*x_", "", name) for name in names]


def test_a_change_that_tests_do_not_end_with_is_told_from_those_that_survive():
    assert numbers(mutation.having(RESULTS, mutation.TIMED_OUT)) == ["one__mutmut_2"]
    unnoticed = numbers(mutation.having(RESULTS, mutation.UNNOTICED))
    assert unnoticed == ["one__mutmut_1", "two__mutmut_1", "two__mutmut_3"]


def test_mutmut_ends_tests_that_do_not_end_before_pytest_does():
    """Of a pytest that its plugin ended, mutmut sees exit code 1: a failed test."""
    project = tomllib.loads(mutation.PROJECT.format(modules="[]", tests="[]", words="[]"))
    ours = project["tool"]["mutmut"]
    longest_suite_seconds = 60
    limit = (longest_suite_seconds + ours["timeout_constant"]) * ours["timeout_multiplier"]
    assert float(project["tool"]["pytest"]["timeout"]) > limit


def test_a_change_that_times_out_is_reported_and_counted(monkeypatch, capsys, tmp_path):
    shown = "--- a.py\n+++ a.py\n-    return 1\n+    return 2\n"
    monkeypatch.setattr(mutation, "_lay_out", lambda _: None)
    monkeypatch.setattr(mutation, "_run", lambda _: 0)
    only = RESULTS.splitlines()[1]
    monkeypatch.setattr(mutation, "_say", lambda _, *words: only if words == ("results",) else shown)
    (tmp_path / "reviewed.yaml").write_text("[]")
    monkeypatch.setattr(mutation, "REVIEWED", tmp_path / "reviewed.yaml")
    assert mutation.main() == 0
    said = capsys.readouterr().out
    assert "trust.budget.x_one: no test fails, but they do not end, when\n- return 1\nbecomes\n+ return 2" in said
    assert "0 changes went unnoticed, 0 of them reviewed; 1 were noticed only by a time-out;" in said
