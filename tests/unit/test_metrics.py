"""What a Prometheus scrapes."""

from __future__ import annotations

import re

from unit.fake_aggregator import Aggregator
from unit.running import BASE, Backend, start

LINE = re.compile(r'[a-z_]+(\{([a-z_]+="[^"\n]*",?)+\})? -?[0-9.e+]+')


def scrape(client: Aggregator) -> dict[str, float]:
    """Return name with labels → value, after checking each line."""
    answer = client.request("GET", "/metrics")
    assert (answer.status, answer.header("Content-Type")) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_requests_by_verb_code_and_duration(own: Backend) -> None:
    """A histogram whose buckets grow to the count."""
    start(own)
    client = own.aggregator()
    for path in (f"{BASE}/echoes", f"{BASE}/echoes", f"{BASE}/echoes/nobody"):
        client.request("GET", path)
    values = scrape(client)
    name = "extension_apiserver_request_duration_seconds"

    assert values[f'{name}_count{{verb="list",code="200"}}'] == 2
    assert values[f'{name}_bucket{{verb="list",code="200",le="+Inf"}}'] == 2
    assert values[f'{name}_count{{verb="get",code="404"}}'] == 1
    assert 0 < values[f'{name}_sum{{verb="list",code="200"}}'] < 5


def test_a_caller_cannot_make_metrics_without_end(own: Backend) -> None:
    """Uncommon methods and unknown paths add no rows of their own."""
    start(own)
    client = own.aggregator()
    for number, method in enumerate(["PROPFIND", "LOCK", "MKCOL", "SEARCH", "PURGE", "TRACE"]):
        client.request(method, f"{BASE}/x{number}")
    verbs = {match[1] for name in scrape(client) if (match := re.search(r'verb="(\w+)"', name))}

    assert verbs == {"get", "other"}


def test_certificate_reloads_and_refusals(own: Backend) -> None:
    """When the certificate expires, how often it and the front proxy were reloaded, and why identities were refused."""
    start(own)
    own.client(None).request("GET", BASE)
    own.client(own.pki.front_proxy.client("somebody")).request("GET", BASE)
    values = scrape(own.aggregator())

    assert values["extension_apiserver_certificate_not_after_seconds"] > 1.7e9
    assert values['extension_apiserver_requestheader_reloads_total{result="success"}'] == 1
    assert values['extension_apiserver_refused_identities_total{reason="forged_headers"}'] == 1
    assert values['extension_apiserver_refused_identities_total{reason="name_not_allowed"}'] == 1


def test_metrics_are_not_for_everybody(shared: Backend) -> None:
    """They need the same identity and permission as anything else."""
    assert shared.client(None).request("GET", "/metrics", user=None).status == 403
