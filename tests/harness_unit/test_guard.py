"""What a run made is removed even if the run is killed."""

import subprocess
import sys
from pathlib import Path

from pytest_apiservice.base.wait import NotYet, wait_for

TESTS = Path(__file__).resolve().parents[1]
OWNER = """
import sys
from pathlib import Path
from pytest_apiservice.base.guard import Guard
guard = Guard([["touch", sys.argv[1]]], [Path(sys.argv[2])])
print("armed", flush=True)
sys.stdin.readline()
guard.disarm()
"""


def owner(marker, directory):
    command = [sys.executable, "-c", OWNER, str(marker), str(directory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TESTS)
    assert process.stdout.readline() == b"armed\n"
    return process


def test_a_killed_owner_is_cleaned_up_after(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    process = owner(tmp_path / "marker", made)
    process.kill()
    process.communicate(timeout=30)

    def cleaned():
        if made.exists() or not (tmp_path / "marker").exists():
            raise NotYet(str(list(tmp_path.iterdir())))

    wait_for("the guard to clean up", cleaned, timeout_seconds=30)


def test_a_disarmed_guard_touches_nothing(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    process = owner(tmp_path / "marker", made)
    process.communicate(b"\n", timeout=300)
    assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
