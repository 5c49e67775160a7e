"""Each supported configuration of the chart from install to uninstall, but those that tests/e2e has on every cluster."""

import pytest

from chart.configurations import CONFIGURATIONS, EVERYWHERE, NEEDS, installed_again_and_gone

pytestmark = pytest.mark.only_on("embedded", reason="elsewhere three configurations stand for all: tests/e2e")


# Each is little more than one value over those of another, and tests/chart and tests/e2e see what it changes.
SMALL = ("anonymous", "long-names", "metrics", "single-replica")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.interop] * (name in SMALL))
        for name in CONFIGURATIONS
        if name not in EVERYWHERE
    ],
)
def test_a_supported_configuration_installs_passes_its_own_tests_and_goes(name, another, base_values):
    if name in NEEDS:
        pytest.skip(f"needs {NEEDS[name]}")
    # Nobody asks while it goes; tests/e2e has the delay, and what it is for.
    installed_again_and_gone(another(name), CONFIGURATIONS[name], {**base_values, "shutdown.delaySeconds": 0})
