"""What becomes of a test's namespace at its end."""

from pytest_apiservice.client.api import Api
from pytest_apiservice.client.namespaces import OURS, PART_OF, fresh_namespace


def after(cluster, name, **how):
    """Use a namespace; return its phase and whose it was, before and at the end."""
    seen = []
    api = Api(cluster)

    def look():
        found = api.send("GET", f"/api/v1/namespaces/{name}", missing_ok=True)
        seen.append((found["status"]["phase"], found["metadata"]["labels"].get(PART_OF)) if found else ("gone", None))

    with fresh_namespace(cluster, name, **how):
        look()
    look()
    return seen


def test_it_is_deleted(cluster, run_id):
    before, (phase, _) = after(cluster, f"header-echo-{run_id}-deleted")
    assert before == ("Active", OURS)
    assert phase in {"Terminating", "gone"}


def test_it_is_left_without_its_label_where_the_cluster_goes_with_it(cluster, run_id):
    assert not cluster.keep, "unset KEEP"
    assert after(cluster, f"header-echo-{run_id}-left", emptied=True)[1] == ("Active", None)


def test_it_is_kept_for_who_wants_to_look_at_it(cluster, run_id):
    assert after(cluster, f"header-echo-{run_id}-kept", keep=True)[1] == ("Active", OURS)
