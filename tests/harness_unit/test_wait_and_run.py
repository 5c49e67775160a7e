"""Waits end, commands end, and both say why."""

import sys
import time

import pytest

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for


def test_a_wait_returns_what_its_probe_returns():
    answers = iter([NotYet("cold"), NotYet("warm"), "hot"])

    def probe():
        answer = next(answers)
        if isinstance(answer, NotYet):
            raise answer
        return answer

    assert wait_for("heat", probe, timeout_seconds=10, interval_seconds=0.01) == "hot"


def never():
    raise NotYet("two of three pods ready")


def test_a_wait_that_misses_its_deadline_tells_what_it_last_saw():
    with pytest.raises(HarnessError, match=r"^the pods: not within 0.05 s; last seen: two of three pods ready$"):
        wait_for("the pods", never, timeout_seconds=0.05, interval_seconds=0.01)


def test_a_wait_ends_at_once_when_what_it_waits_for_died():
    with pytest.raises(HarnessError, match="will not come, etcd exited with 1; last seen: two of three pods ready"):
        wait_for("the pods", never, timeout_seconds=600, died=lambda: "etcd exited with 1")


def test_an_error_of_the_probe_is_not_taken_for_not_yet():
    def broken():
        raise ValueError("a fault of the test")

    with pytest.raises(ValueError, match="a fault of the test"):
        wait_for("anything", broken, timeout_seconds=10)


def test_a_failed_command_is_named_with_its_code_and_last_lines():
    with pytest.raises(HarnessError, match=r"failed with exit code 3:\n +disk on fire") as caught:
        run(
            [sys.executable, "-c", "import sys; sys.exit(print('disk on fire', file=sys.stderr) or 3)"],
            timeout_seconds=30,
        )
    assert sys.executable in str(caught.value)


def test_a_command_past_its_deadline_is_killed_with_its_children():
    sleeper = "import subprocess; subprocess.run(['sleep', '600'])"
    started = time.monotonic()
    with pytest.raises(HarnessError, match="did not end within 1 s"):
        run([sys.executable, "-c", sleeper], timeout_seconds=1)
    assert time.monotonic() - started < 60, "the child held the pipe open: it was not killed"


def test_a_missing_program_is_a_sentence():
    with pytest.raises(HarnessError, match="cannot run 'no-such-program': No such file or directory"):
        run(["no-such-program"], timeout_seconds=5)
