"""The multiplexer's configuration file: what it means, and a sentence with its place for everything that is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.metrics_mux.config import MuxConfig, ProviderConfig, RouteConfig
from extension_apiserver.metrics_mux.configuration_file import ConfigError, is_mux, read_config

KEDA = {"name": "keda", "url": "https://keda-metrics.keda.svc"}
ALL: dict[str, Any] = {
    "apis": ["external", "custom"],
    "providers": [
        {
            **KEDA,
            "tls": {"caFile": "/keda/ca.crt", "serverName": "keda"},
            "tokenFile": "/keda/token",
            "timeoutSeconds": 2.5,
            "apis": ["external"],
            "breaker": {"failures": 3, "openSeconds": 7},
        },
        {"name": "own", "url": "https://own.default.svc:8443/behind"},
    ],
    "routes": [
        {"metric": "s0-*", "provider": "keda"},
        {"namespace": "prod-*", "labels": "queue in (a,b)", "provider": "own"},
    ],
}


def written(folder: Path, document: object) -> Path:
    """Return a file with a document as JSON."""
    file = folder / "mux.json"
    file.write_text(json.dumps(document))
    return file


def faults(folder: Path, document: object) -> list[str]:
    """Return what is wrong with a document, line by line."""
    with pytest.raises(ConfigError) as raised:
        read_config(written(folder, document))
    return str(raised.value).splitlines()


def test_every_key_is_read(tmp_path: Path) -> None:
    """And a provider serves what the multiplexer does unless it says less."""
    assert read_config(written(tmp_path, ALL)) == MuxConfig(
        apis=("external", "custom"),
        providers=(
            ProviderConfig(
                name="keda",
                origin=origin("https://keda-metrics.keda.svc"),
                apis=("external",),
                ca_file="/keda/ca.crt",
                server_name="keda",
                token_file="/keda/token",
                timeout_seconds=2.5,
                failures=3,
                open_seconds=7,
            ),
            ProviderConfig(
                name="own", origin=origin("https://own.default.svc:8443/behind"), apis=("external", "custom")
            ),
        ),
        routes=(
            RouteConfig(metric="s0-*", provider="keda"),
            RouteConfig(namespace="prod-*", labels="queue in (a,b)", provider="own"),
        ),
    )


def test_external_metrics_alone_are_served_unless_it_says_more(tmp_path: Path) -> None:
    """The slot for which there are most providers."""
    found = read_config(written(tmp_path, {"providers": [KEDA]}))
    assert (found.apis, found.providers[0].apis, found.providers[0].timeout_seconds) == (
        ("external",),
        ("external",),
        5,
    )


def test_yaml_is_read_too(tmp_path: Path) -> None:
    """As the chart writes it."""
    file = tmp_path / "mux.yaml"
    file.write_text("providers:\n- name: keda\n  url: https://keda-metrics.keda.svc\n")
    assert read_config(file).providers[0].name == "keda"


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    """So that a person corrects the file once."""
    assert faults(tmp_path, {"apis": ["metrics"], "providers": [{"url": "http://keda"}], "routes": [{}], "x": 1}) == [
        "apis must be a list of 'external' and 'custom', of those that are served, not a list",
        "providers[0].name must be set",
        "providers[0].url must begin with 'https://', since a token is sent there, not 'http://keda'",
        "routes[0] must say `metric`, `namespace` or `labels`; for all metrics write metric: '*'",
        "routes[0].provider must be set",
        "x is no key of this configuration; known here are apis, providers, routes",
    ]


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("apis", [], "apis must be a list of 'external' and 'custom', of those that are served, not a list"),
        ("apis", ["custom", "custom"], "apis must say each API once, not a list"),
        ("providers", [], "providers must name at least one provider, such as {name: keda, url: https://keda.keda.svc}"),
        ("providers.0.name", "Keda", "providers[0].name must be a name of lower-case letters, digits and dashes, such as 'keda', not 'Keda'"),
        ("providers.1.name", "keda", "providers[1].name must be another than that of providers[0]"),
        ("providers.0.url", "unix:///run/keda.sock", "providers[0].url must begin with 'https://', since a token is sent there, not 'unix:///run/keda.sock'"),
        ("providers.0.url", "https://u:p@keda", "providers[0].url must be the URL of an upstream: "),
        ("providers.0.apis", ["resource"], "providers[0].apis must be a list of 'external' and 'custom', of those that are served, not a list"),
        ("providers.0.timeoutSeconds", 31, "providers[0].timeoutSeconds must be 30 seconds at most, not 31"),
        ("providers.0.timeoutSeconds", 0, "providers[0].timeoutSeconds must be a number of seconds, more than 0 and at most 86400, not 0"),
        ("providers.0.breaker.failures", 0, "providers[0].breaker.failures must be a whole number, 1 to 1000, not 0"),
        ("providers.0.tls.insecureSkipVerify", True, "providers[0].tls.insecureSkipVerify is no key of this configuration; known here are caFile, serverName"),
        ("routes.0.provider", "kedda", "routes[0].provider must be the name of a provider (keda, own), not 'kedda'"),
        ("routes.0.metric", "a b", "routes[0].metric must be a name in which '*' stands for any text, such as 's0-*', not 'a b'"),
        ("routes.1.labels", "a=b=c", "routes[1].labels must be a label selector, such as 'queue in (a,b)': found '=', expected: ',' or 'end of string'"),
        ("routes.1.labels", ["a"], "routes[1].labels must be a label selector, such as 'queue in (a,b)', not a list"),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_with_its_place(tmp_path: Path, place: str, value: object, sentence: str) -> None:
    """And no other fault is made up for it."""
    document = copy.deepcopy(ALL)
    if place == "providers" or place.endswith("name"):
        document["routes"] = []
    *way, last = [int(one) if one.isdigit() else one for one in place.split(".")]
    at: Any = document
    for step in way:
        at = at[step]
    at[last] = value
    if place == "apis":
        document["providers"] = [KEDA, {**KEDA, "name": "own"}]
    (found,) = faults(tmp_path, document)
    assert found.startswith(sentence), found


def test_no_password_of_a_url_is_in_a_sentence(tmp_path: Path) -> None:
    """The sentence is in the log."""
    (found,) = faults(tmp_path, {"providers": [{**KEDA, "url": "https://user:hunter2@keda"}]})
    assert "hunter2" not in found


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what the system says of it."""
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read: No such file or directory"):
        read_config(tmp_path / "none.yaml")


def test_its_file_is_told_from_a_gateways(tmp_path: Path) -> None:
    """By which doctor knows whom to ask."""
    assert is_mux(written(tmp_path, ALL))
    assert not is_mux(written(tmp_path, {"upstreams": [{"url": "http://127.0.0.1:8000"}]}))
    assert not is_mux(tmp_path / "none.yaml")


def test_there_is_a_bound_for_providers_and_routes(tmp_path: Path) -> None:
    """Each provider is a row in metrics, each route is tried for each request."""
    providers = [{**KEDA, "name": f"p{number}"} for number in range(33)]
    routes = [{"metric": "*", "provider": "p1"}] * 1001
    assert faults(tmp_path, {"providers": providers, "routes": routes}) == [
        "providers must be 32 at most, not 33",
        "routes must be 1000 at most, not 1001",
    ]
