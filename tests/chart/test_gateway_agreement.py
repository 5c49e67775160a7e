"""The chart and the gateway know the same keys, the same defaults and the same URLs."""

import dataclasses
import json
import re

import pytest
import yaml

from chart.rendered import of_kind, render
from chart.test_refusals import refusal
from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.gateway import config, header_names
from extension_apiserver.gateway.configuration_file import ConfigError, read_config
from extension_apiserver.gateway.resources.entries.entry import read_entry
from pytest_apiservice.client.helm import CHART

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())["gateway"]
SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]["gateway"]
UPSTREAM = {
    "trustNetwork": True,
    "prefix": "keep",
    "readinessPath": "/healthz",
    "openapiPath": "/openapi.json",
    "tls": {"caSecretName": "ca", "clientSecretName": "pair", "serverName": "pets"},
    "limits": {"connections": 1, "connectSeconds": 1.5, "answerSeconds": 2.5, "answerBytes": 3},
}
# Every key that there is.
WHOLE = {
    "enabled": True,
    "upstream": "https://pets",
    "sidecar": False,
    **UPSTREAM,
    "upstreams": [{"url": "https://orders", "version": "v1", "segment": "orders", **UPSTREAM}],
    "identity": {
        "userHeader": "My-User",
        "groupHeader": "My-Groups",
        "groupSeparator": ",",
        "uidHeader": "My-Uid",
        "extraHeaderPrefix": "My-Extra-",
    },
    "token": {"enabled": True, "audience": "pets", "issuer": "us", "header": "X-Token", "lifetimeSeconds": 9}
    | {"secretName": "key"},
    "resources": [{"kind": "Pet", "list": {"path": "/pets"}, "fields": {"name": "id"}}],
    "access": [{"path": "/pets/**", "methods": ["GET"], "resource": "pets", "verb": "use"}],
    "audit": {"bodies": [{"path": "/pets", "mostBytes": 9}]},
}


def camel(name):
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def keys(of):
    return {camel(each.name) for each in dataclasses.fields(of)}


def told(gateway):
    objects = render({"gateway": gateway, "delegation": {"authorization": True}})
    return json.loads(of_kind(objects, "ConfigMap")[0]["data"]["gateway.json"])


@pytest.fixture(scope="module")
def everything():
    """What gateway.json says if every value is given."""
    return told(WHOLE)


def test_every_value_is_in_the_test_of_the_keys():
    """Else a new one would go unseen."""

    def missing(schema, values, path):
        for key, inner in schema["properties"].items():
            if key not in values:
                yield f"{path}.{key}"
            elif "properties" in inner:
                yield from missing(inner, values[key], f"{path}.{key}")
            elif "properties" in inner.get("items", {}) and key != "resources":
                yield from missing(inner["items"], values[key][0], f"{path}.{key}[0]")

    found = set(missing(SCHEMA, WHOLE, "gateway"))

    assert found == {"gateway.tls.ca", "gateway.upstreams[0].tls.ca"}, "which caSecretName excludes"


def test_file_has_the_parts_that_the_gateway_knows(everything):
    expected = keys(config.GatewayConfig) - {"auditBodies"} | {"audit"}

    assert set(everything) == expected
    assert set(everything["audit"]) == {"bodies"}


@pytest.mark.parametrize(
    ("part", "of"),
    [
        (lambda told: told["upstreams"][0]["tls"], config.TlsFiles),
        (lambda told: told["upstreams"][0]["limits"], config.Limits),
        (lambda told: told["identity"], config.IdentityConfig),
        (lambda told: told["token"], config.TokenConfig),
        (lambda told: told["access"][0], config.AccessRow),
        (lambda told: told["audit"]["bodies"][0], config.AuditBodies),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_each_part_has_the_keys_that_the_gateway_knows(everything, part, of):
    assert set(part(everything)) == keys(of)


def test_an_upstream_has_the_keys_that_the_gateway_knows(everything):
    first, second = everything["upstreams"]
    expected = keys(config.UpstreamConfig) - {"origin"} | {"url"}

    assert set(second) == expected
    assert set(first) == expected - {"version", "segment"}, "it is for all"


MAPPING = SCHEMA["properties"]["resources"]["items"]["properties"]


@pytest.mark.parametrize("part", ["", "list", "get", "create", "update", "delete", "fields", "columns[0]"])
def test_a_mapping_has_the_keys_that_the_gateway_knows(part):
    """The gateway names them where it meets one that it doesn't know."""
    faults = []
    wrong = {"?": 1}
    entry = wrong if not part else {"columns": [wrong]} if part == "columns[0]" else {part: wrong}
    read_entry(entry, "resource", faults)
    place = f"resource.{part}".removesuffix(".")
    [known] = [
        found[1] for fault in faults if (found := re.match(rf"{re.escape(place)} has .*; known are (.*)", fault))
    ]
    schema = (
        MAPPING["columns"]["items"]["properties"]
        if part == "columns[0]"
        else MAPPING.get(part, {}).get("properties", MAPPING)
    )

    assert set(known.split(", ")) == set(schema)


ITEM = {"kind": "Pet", "list": {"path": "/pets"}, "fields": {"name": "id"}}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"kind": kind} for kind in ("pet", "Status", "P" * 64)),
        *({"plural": plural} for plural in ("Pets", "proxy", "p/q")),
        *({"shortNames": names} for names in ("p", ["P"])),
        *({"list": {"path": path}} for path in ("pets", "/pets/{name}", "/{namespace}", "/{id}", "/a b", "/a?b")),
        *({"get": {"path": path}} for path in ("/pets", "/%zz/{name}")),
        *({"create": {"path": "/pets", "method": method}} for method in ("GET", "post")),
        *(
            {"columns": [{"name": "A", "value": "a"} | one]}
            for one in ({"type": "text"}, {"priority": -1}, {"name": ""})
        ),
        *({"fields": fields} for fields in ({}, {"name": ""}, {"name": "id", "namespace": "zoo"})),
        {"namespaced": True},
        {"list": None},
    ],
    ids=json.dumps,
)
def test_a_mapping_that_the_gateway_refuses_is_refused_by_the_chart(wrong):
    """All but what needs JMESPath's own parser."""
    entry = {key: value for key, value in (ITEM | wrong).items() if value is not None}
    faults = []
    read_entry(entry, "resource", faults)

    assert faults
    assert refusal({"gateway": {"enabled": True, "upstream": "http://pets", "resources": [entry]}})


def test_defaults_of_the_values_are_the_gateways():
    """So that a further upstream, which is told what its entry says and no more, has them too."""

    def defaults(of):
        return {camel(field.name): field.default for field in dataclasses.fields(of)}

    upstream = defaults(config.UpstreamConfig)

    assert VALUES["identity"] == defaults(config.IdentityConfig)
    assert VALUES["limits"] == defaults(config.Limits)
    assert {key: VALUES[key] for key in VALUES if key in upstream and key not in {"tls", "limits"}} == {
        key: upstream[key] for key in ("prefix", "readinessPath", "openapiPath")
    }
    assert {key: VALUES["token"][key] for key in keys(config.TokenConfig) - {"keyFile"}} == {
        key: default for key, default in defaults(config.TokenConfig).items() if key != "keyFile"
    }


def read(document, folder):
    """Return what the gateway makes of the file that the chart makes."""
    path = folder / "gateway.json"
    path.write_text(json.dumps(document))
    return read_config(path, None)


def test_gateway_reads_what_the_chart_writes(everything, tmp_path):
    found = read(everything, tmp_path)

    assert [one.origin.url for one in found.upstreams] == ["https://pets", "https://orders"]
    assert found.upstreams[1].limits == config.Limits(
        connections=1, connect_seconds=1.5, answer_seconds=2.5, answer_bytes=3
    )
    assert found.token.audience == "pets"


def assert_read(document, folder):
    """Assert that nothing of it is wrong in the gateway's eyes, the mapping included."""
    faults = []
    for entry in read(document, folder).resources:
        read_entry(entry, "resource", faults)

    assert faults == []


@pytest.mark.parametrize("configuration", ["gateway", "gateway-sidecar"])
def test_gateway_reads_the_file_of_each_configuration(configuration, tmp_path):
    [config_map] = of_kind(render(configuration=configuration), "ConfigMap")
    assert_read(json.loads(config_map["data"]["gateway.json"]), tmp_path)


README = (CHART / "README.md").read_text()
SHOWN = [
    block for block in re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL) if "gateway:" in block
]


@pytest.mark.parametrize("values", SHOWN, ids=lambda block: block.splitlines()[-1].strip())
def test_gateway_reads_what_comes_of_the_readmes_values(values, tmp_path):
    [config_map] = of_kind(render(yaml.safe_load(values)), "ConfigMap")
    assert_read(json.loads(config_map["data"]["gateway.json"]), tmp_path)


def test_chart_knows_the_headers_that_mean_something_already():
    """As the gateway does."""
    template = (CHART / "templates" / "_validate_gateway.tpl").read_text()
    names, families = (
        re.search(rf'\${name} := splitList " " "([^"]*)"', template)[1].split() for name in ("taken", "families")
    )

    assert names == sorted(name.decode() for name in header_names._TAKEN)
    assert families == [name.decode() for name in header_names._TAKEN_PREFIXES]


def each(key, *values, **beside):
    """Return the gateway's values with one key in turn: `a.b` is below a, `a[].b` in the one entry of a list."""
    part, _, name = key.partition(".")
    for value in values:
        inner = beside | {name: value}
        yield {part.removesuffix("[]"): [inner] if part.endswith("[]") else inner}


ACCESS = {"path": "/pets", "resource": "pets", "verb": "get"}


@pytest.mark.parametrize(
    "gateway",
    [
        *each("identity.userHeader", "Host", "X-Remote-Group", "XRemoteUid", "Authorization", "Sec-A", "A_B", "A" * 65),
        *each("identity.extraHeaderPrefix", "X-", "X-Remote-", "Sec-A-", "Content-", "Autho-", "X"),
        *each("identity.groupSeparator", "a", ":", "   "),
        *each("token.audience", "", "a b", "a" * 256),
        *each("token.header", "Cookie", "X-Remote-User", "a b", ""),
        *each("token.lifetimeSeconds", 0, 61),
        *each(
            "access[].path",
            "/",
            "pets",
            "/a//b",
            "/{id}",
            "/**/a",
            "/a%20b",
            "/a?b",
            "/../a",
            "/{name}/{name}",
            **ACCESS,
        ),
        *each("access[].resource", "Pets", "*", "a/b/c", "", **ACCESS),
        *each("access[].verb", "*", "Get", "", **ACCESS),
        *each("access[].methods", ["get"], [""], **ACCESS),
        *each("upstreams[].segment", "proxy", "a/b", "", "*", "..", url="http://a"),
        *each("upstreams[].readinessPath", "a", "/a b", "/a#b", url="http://a", segment="a"),
        *each("upstreams[].prefix", "cut", url="http://a", segment="a"),
        *each("limits.connections", 0, 65536),
        *each("limits.answerSeconds", 0, 86401),
        *each("limits.answerBytes", -1),
        *each("tls.serverName", "a b", "-a"),
        {"audit": {"bodies": [{"path": "/a", "mostBytes": 65537}]}},
    ],
    ids=json.dumps,
)
def test_what_the_gateway_refuses_is_refused_by_the_chart(gateway, tmp_path):
    """Else pods that don't start would be the first to say it."""
    token = {"audience": "pets"} | gateway.get("token", {})
    first = {"url": "https://pets"} | {key: gateway[key] for key in ("tls", "limits") if key in gateway}
    document = {
        **{key: gateway[key] for key in ("identity", "access", "audit") if key in gateway},
        "upstreams": [first, *gateway.get("upstreams", [])],
        "token": {"keyFile": "key", "issuer": "us"} | token,
    }
    values = {"enabled": True, "upstream": "https://pets", **gateway, "token": {"enabled": True} | token}

    with pytest.raises(ConfigError):
        read(document, tmp_path)
    assert refusal({"gateway": values, "delegation": {"authorization": True}})


TAKEN = [
    *(
        "http://pets",
        "https://pets:8443/v2/",
        "http://my_pets.:65535",
        "http://10.0.0.1:80",
        "https://[fd00::1]:1/a%20b",
    ),
    "http://127.0.0.1:1",
]


@pytest.mark.parametrize("url", TAKEN)
def test_a_url_that_the_chart_takes_is_one_that_the_gateway_takes(url):
    guarded = {"trustNetwork": True, "sidecar": "127.0.0.1" in url}
    values = {"gateway": {"enabled": True, "upstream": url} | guarded, "extraContainers": [{"name": "pets"}]}

    assert of_kind(render(values), "ConfigMap")
    assert origin(url).url == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "pets:8000",
            "must begin with http://, https:// or unix://, in lower case: write for example http://cats:8080",
        ),
        ("ftp://pets", "must begin with http://"),
        ("http:///v1", "names no host: write a Service's name or an address after '://'"),
        ("http://:8000", "names no host"),
        ("http://::1", "an IPv6 address in brackets"),
        ("http://[::1", "an IPv6 address in brackets"),
        ("http://[1.2.3.4]", "an IPv6 address in brackets"),
        ("http://-pets", "names no host"),
        ("http://a..b", "names no host"),
        ("http://pets\\evil", "names no host"),
        ("http://1.2.3.256", "no IPv4 address, which has four numbers from 0 to 255"),
        ("http://0x7f000001", "no IPv4 address"),
        ("http://2130706433", "no IPv4 address"),
        ("http://1.2.3.4.", "no IPv4 address"),
        (
            "http://tom:secret@pets",
            "holds a user or a password, and anybody who may read ConfigMaps would see it: remove it",
        ),
        ("http://pets/?a=1", "holds a query or a fragment, and what stands before every path can't: end it before '?'"),
        ("http://pets#a", "end it before '#'"),
        ("http://pets:", "port must be 1 to 65535"),
        ("http://pets:0", "port must be 1 to 65535"),
        ("http://pets:65536", "port must be 1 to 65535"),
        ("http://pets:+80", "port must be 1 to 65535"),
        ("http://[::1]:x", "port must be 1 to 65535"),
        ("http://pets/%zz", "a '%' without two hexadecimal digits: write it as %20"),
        ("http://pets/a/../b", "path holds '..': write the path that is meant"),
        ("http://pets/a/%2e%2E", "path holds '..'"),
        ("http://pets/a b", "holds a space or another letter that no URL has"),
        ("http://pöts", "holds a space or another letter that no URL has"),
        ("unix://run/pets.sock", "names no file: write unix:// and the socket's path from / on"),
        ("unix:///", "names no file"),
        ("unix:///run/../a", "path holds '..'"),
        (
            "unix:///" + "a" * 107,
            "path has 108 letters, and Linux takes at most 107 for a socket: choose a shorter one",
        ),
    ],
)
def test_a_url_that_the_gateway_refuses_is_refused_by_the_chart(url, sentence):
    """Before it is in the cluster, and for the main upstream as for others."""
    with pytest.raises(ValueError, match=" "):
        origin(url)
    shown = url.replace("tom:secret", "***")

    others = [{"url": url, "segment": "a"}]
    words = refusal({"gateway": {"enabled": True, "upstream": url, "upstreams": others}})

    assert f"gateway.upstream is '{shown}', wh" in words
    assert f"gateway.upstreams[0].url is '{shown}', wh" in words
    assert sentence in words
    assert "secret" not in words
