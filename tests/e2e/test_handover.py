"""A group that is in use is handed over from one release to another, the way chart/README.md says."""

import secrets

import pytest

from e2e.steady_requests import SteadyRequests
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.client.api import Api

pytestmark = pytest.mark.same_on_processes

KEEP = {"helm.sh/resource-policy": "keep"}


@pytest.fixture
def releases(another, cluster, base_values):
    """Yield a function: program → (old release, new release, values, API); the old one has registered the group, the new one only runs."""

    def make(program="helm"):
        word = f"handover-{secrets.token_hex(3)}"
        old, new = another(f"{word}-old", program), another(f"{word}-new", program)
        api = Api(cluster, f"{word}.example.com")
        values = {**base_values, "replicas": 1, "apiService.group": api.group}
        for helm, create in ((old, True), (new, False)):
            helm.upgrade({**values, "apiService.create": create})
        api.wait_for_available()
        api.wait_until_served()
        return old, new, values, api

    return make


def served_by(api):
    """Return the namespace of the Service to which the API server sends requests."""
    api.wait_for_available(timeout_seconds=30)
    assert api.get(f"{api.path}/echoes").status_code == 200
    return api.kubectl.get("apiservice", f"v1.{api.group}")["spec"]["service"]["namespace"]


def test_a_second_release_cannot_take_a_group_by_accident(releases):
    _, new, values, _ = releases()

    with pytest.raises(HarnessError, match="invalid ownership metadata"):
        new.upgrade(values)


def test_two_upgrades_hand_it_over(releases, noted):
    """The API is away between them."""
    old, new, values, api = releases()
    with SteadyRequests(api) as running:
        old.upgrade({**values, "apiService.create": False})
        new.upgrade(values)
        api.wait_for_available(timeout_seconds=30)
        api.wait_until_served()
    noted(running.outcome)

    assert served_by(api) == new.namespace


def test_helm_4_hands_it_over_while_it_is_used(releases, noted):
    """Helm 3 adopts an APIService and leaves its content as it was."""
    old, new, values, api = releases("helm4")
    with SteadyRequests(api) as running:
        old.upgrade({**values, "apiService.annotations": KEEP})
        new.upgrade(values, arguments=["--take-ownership"])
        old.uninstall()
    noted(running.outcome)

    assert served_by(api) == new.namespace
