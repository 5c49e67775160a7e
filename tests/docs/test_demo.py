"""What `make demo` makes of GATEWAY, the URL of a service that runs already; that it then does: test_walk.py."""

from types import SimpleNamespace

import pytest

from demo import gateway_values, main
from docs.own_service import own_service
from pytest_apiservice.base.errors import HarnessError

EMBEDDED, KIND = SimpleNamespace(shares_loopback=True), SimpleNamespace(shares_loopback=False)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:8000", "the URL begins with no scheme"),
        ("ftp://127.0.0.1", "the scheme is 'ftp'"),
        ("http://", "names no host"),
        ("http://[::1", "no IPv6 address"),
        ("http://127.0.0.1:99999", "no number from 1 to 65535"),
        ("http://127.0.0.1:80/a?b=c", "a query or a fragment"),
        ("http://me:secret@127.0.0.1", "holds a user or password"),
        ("unix:///run/pets.sock", "http or https"),
        ("http://127.0.0.1:1", "nothing answers at http://127.0.0.1:1: start your service first"),
    ],
)
def test_a_wrong_url_is_one_sentence(url, words):
    with pytest.raises(HarnessError) as refused:
        gateway_values(EMBEDDED, url)
    sentence = str(refused.value)
    assert (words in sentence, "\n" in sentence, "secret" in sentence) == (True, False, False), sentence


def test_a_service_of_this_machine_is_out_of_reach_of_a_node_with_a_loopback_of_its_own():
    with own_service() as url, pytest.raises(HarnessError, match=f"use CLUSTER=embedded for {url}"):
        gateway_values(KIND, url)


def test_a_wrong_url_ends_the_demo_before_it_starts_anything(monkeypatch):
    monkeypatch.setattr("sys.argv", ["demo.py"])
    monkeypatch.setenv("CLUSTER", "embedded")
    monkeypatch.setenv("GATEWAY", "pets")
    monkeypatch.setattr(
        "pytest_apiservice.embedded.cluster.EmbeddedCluster.create", lambda _: pytest.fail("it started")
    )
    with pytest.raises(HarnessError, match="GATEWAY is the URL of your running service"):
        main()
