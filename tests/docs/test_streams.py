"""What docs/streams.md says of settings and metrics is what the library has; its programs and commands are tried by tests/embedded."""

import re
from pathlib import Path

import pytest

from extension_apiserver import Settings
from extension_apiserver.observe.metrics import Metrics

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "streams.md").read_text()
BOUNDS = re.findall(r"^- `([A-Z_]+)`, ([^:]+):", PAGE, re.MULTILINE)
DEFAULTS = Settings.from_environ({"KUBERNETES_SERVICE_HOST": "127.0.0.1"})
UNITS = {"none": 0, "32 MiB": 32 * 2**20}


@pytest.mark.parametrize(("name", "default"), BOUNDS)
def test_a_bound_has_the_default_that_the_page_says(name, default):
    wanted = UNITS[default] if default in UNITS else float(default)
    assert getattr(DEFAULTS, name.lower()) == wanted


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:MAX|BODY|SHUTDOWN)_[A-Z_]+)`", PAGE))))
def test_a_setting_that_the_page_names_is_one(name):
    assert hasattr(DEFAULTS, name.lower())


def test_the_metrics_that_the_page_names_are_there():
    metrics = Metrics()
    for gauge in (metrics.streams, metrics.bytes_in_flight):
        gauge.read = lambda: 0.0
    named = set(re.findall(r"`(extension_apiserver_[^`]+)`", PAGE))
    assert len(named) == 3
    assert named <= set(re.findall(r"^([^# ]\S+) ", metrics.expose().decode(), re.MULTILINE))
