"""A registry of the tests' own listens on loopback alone, keeps what it is given in one folder, and ends with who started it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from install import local_registry
from install.local_registry import loopback_registry
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.wait import NotYet, wait_for

TESTS = Path(__file__).resolve().parents[1]
OWNER = """
import sys
from pathlib import Path
from install.local_registry import loopback_registry
with loopback_registry(Path(sys.argv[1])) as address:
    print(address, flush=True)
    sys.stdin.readline()
"""
CONTENT = b"{}"
DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of it


def put(address, repository="cats"):
    """Upload a blob as the distribution specification says, https://github.com/opencontainers/distribution-spec."""
    place = requests.post(f"http://{address}/v2/{repository}/blobs/uploads/", timeout=10).headers["Location"]
    return requests.put(place, params={"digest": DIGEST}, data=CONTENT, timeout=10)


def test_what_is_pushed_is_served_and_kept_in_its_folder(tmp_path):
    with loopback_registry(tmp_path) as address:
        assert re.fullmatch(r"localhost:\d+", address)
        assert put(address).status_code == 201
        assert requests.get(f"http://{address}/v2/cats/blobs/{DIGEST}", timeout=10).content == CONTENT
    assert [path for path in (tmp_path / "storage").rglob("data") if path.read_bytes() == CONTENT]


def test_it_is_gone_at_the_end(tmp_path):
    with loopback_registry(tmp_path) as address:
        pass
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{address}/v2/", timeout=10)


def test_it_ends_when_its_owner_is_killed(tmp_path):
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TESTS) as owner:
        address = owner.stdout.readline().strip()
        owner.kill()

    def gone():
        try:
            raise NotYet(f"{address} answers {requests.get(f'http://{address}/v2/', timeout=10)}")
        except requests.ConnectionError:
            pass

    wait_for("the registry to end", gone, timeout_seconds=30)


def test_with_accounts_a_stranger_is_refused(tmp_path):
    accounts = tmp_path / "htpasswd"
    accounts.write_text("jane:$2y$05$926C3y10Quzn/LnqQH86VOEVh/18T6RnLaS.khre96jLNL/7e.K5W\n")
    with loopback_registry(tmp_path, htpasswd=accounts) as address:
        assert requests.get(f"http://{address}/v2/", timeout=10).status_code == 401


def test_one_that_ends_at_once_says_why(tmp_path, monkeypatch):
    program = tmp_path / "registry"
    program.write_text("#!/bin/sh\necho no space left on device; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(local_registry, "tool", lambda _name: program)
    with (
        pytest.raises(HarnessError, match=r"it ended with exit code 3(?s:.*)no space left on device"),
        loopback_registry(tmp_path),
    ):
        pass
