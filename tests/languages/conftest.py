"""Fixtures: a program that knows nothing of Kubernetes, behind the gateway, behind the API server of the embedded cluster."""

from functools import partial

import pytest

from languages.behind import installed


def pytest_collection_modifyitems(items):
    """Run them on the embedded cluster alone: its pods share the loopback of this machine, where the programs are."""
    reason = "its pods share this machine's loopback, where the programs run"
    for item in items:
        if "languages" in item.path.parts:
            item.add_marker(pytest.mark.only_on("embedded", reason=reason))


@pytest.fixture(scope="session")
def behind(cluster, cert_manager, base_values, run_id, tmp_path_factory):
    """Yield (name, command, values of the gateway) → a context with the program's Service, once it is served."""
    return partial(installed, cluster, base_values, run_id, tmp_path_factory.mktemp("programs"))
