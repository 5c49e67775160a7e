"""Debian's Prometheus behind the gateway, as a person uses it: with kubectl, and its page in a browser through `kubectl proxy`."""

import json

import pytest
import requests

from languages.browser import kubectl_proxy, seen
from languages.programs import Debian
from pytest_apiservice.base.wait import NotYet, wait_for

CONFIGURATION = """
global: {scrape_interval: 1s}
scrape_configs:
- job_name: itself
  static_configs: [{targets: ['127.0.0.1:PORT']}]
"""


@pytest.fixture(scope="module")
def service(behind, run_id):
    """Yield it. It is told where its pages are, as before any reverse proxy, and serves them at the root."""
    prometheus = Debian("prometheus", "prometheus")
    with prometheus.folder() as (folder, inside):

        def command(port):
            (folder / "prometheus.yml").write_text(CONFIGURATION.replace("PORT", str(port)))
            return prometheus.command(
                "usr/bin/prometheus",
                f"--config.file={inside}/prometheus.yml",
                f"--storage.tsdb.path={inside}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--web.external-url=http://localhost/apis/prometheus-{run_id}.example.com/v1/proxy",
                "--web.route-prefix=/",
            )

        with behind("prometheus", command, readinessPath="/-/ready") as service:
            yield service


@pytest.fixture(scope="module")
def up(service):
    """Have a first measurement made."""

    def measured():
        answer = json.loads(service.raw("/api/v1/query?query=up"))
        if not answer["data"]["result"]:
            raise NotYet(str(answer))
        return answer

    return wait_for("a first measurement", measured, timeout_seconds=60)


def test_kubectl_asks_it(up):
    (result,) = up["data"]["result"]
    assert (up["status"], result["metric"]["job"], result["value"][1]) == ("success", "itself", "1")


def test_a_query_by_post_is_answered(service, up):
    answer = service.call("/api/v1/query", "POST", data={"query": "count(up)"})
    assert answer.json()["data"]["result"][0]["value"][1] == "1"


def test_what_is_wrong_with_a_query_is_said_in_its_own_words(service):
    answer = service.call("/api/v1/query?query=up(")
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")


def test_its_metrics_pass(service):
    assert "prometheus_build_info{" in service.call("/metrics").text


def test_its_page_shows_itself_in_a_browser(cluster, service, up):
    front = requests.get(f"http://127.0.0.1:{service.port}/", allow_redirects=False, timeout=30)
    path = front.headers["Location"]  # Debian's differs from release to release
    assert path.startswith(f"{service.path}/proxy/")
    with kubectl_proxy(cluster) as url:
        page = seen(f"{url}{path}?g0.expr=up&g0.tab=1", "prometheus")
    assert "<title>Prometheus" in page
    assert 'job="itself"' in page, "the page asked for the query and shows its answer"
