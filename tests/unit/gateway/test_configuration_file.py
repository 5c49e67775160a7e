"""The configuration file: what it means, and a sentence with its place for everything that is wrong."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.gateway.config import (
    AccessRow,
    AuditBodies,
    GatewayConfig,
    IdentityConfig,
    Limits,
    TlsFiles,
    TokenConfig,
    UpstreamConfig,
)
from extension_apiserver.gateway.configuration_file import ConfigError, read_config

URL = "http://127.0.0.1:8000"
UPSTREAM = {"url": URL}
ALL = {
    "upstreams": [
        {
            "url": "https://pets.default.svc/v2",
            "version": "v1",
            "segment": "pets",
            "prefix": "keep",
            "readinessPath": "/ready?full=1",
            "openapiPath": "/openapi.json",
            "tls": {"caFile": "/ca.crt", "certificateFile": "/tls.crt", "keyFile": "/tls.key", "serverName": "pets"},
            "limits": {"connections": 7, "connectSeconds": 1.5, "answerSeconds": 30, "answerBytes": 1e6},
        },
        {"url": "unix:///run/pets.sock"},
    ],
    "identity": {
        "userHeader": "X-Forwarded-User",
        "groupHeader": "X-Forwarded-Groups",
        "groupSeparator": ", ",
        "uidHeader": "",
        "extraHeaderPrefix": "X-Forwarded-Extra-",
    },
    "token": {
        "keyFile": "/token/tls.key",
        "audience": "pets",
        "issuer": "https://gateway",
        "header": "X-Token",
        "lifetimeSeconds": 5,
    },
    "resources": [{"kind": "Pet"}],
    "access": [
        {"path": "/pets/{name}/feed", "methods": ["POST"], "resource": "pets/feed", "verb": "create"},
        {"path": "/*/{namespace}/**", "resource": "pets", "verb": "look-at"},
        {"path": "/**", "resource": "pets", "verb": "get"},
    ],
    "audit": {"bodies": [{"path": "/pets", "mostBytes": 65536}, {"path": "/pets/**"}]},
}


def read(tmp_path: Path, document: Any, *, upstream: str | None = None, name: str = "gateway.json") -> GatewayConfig:
    file = tmp_path / name
    text = document if isinstance(document, str) else json.dumps(document)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    return read_config(file, upstream)


def faults(tmp_path: Path, document: Any, *, upstream: str | None = None, name: str = "gateway.json") -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, document, upstream=upstream, name=name)
    return str(refused.value).splitlines()


def with_changed(path: str, value: Any) -> dict[str, Any]:
    """Return the whole file with one other value, at a path such as 'upstreams.0.url'."""
    document: dict[str, Any] = json.loads(json.dumps(ALL))
    *parents, last = path.split(".")
    place: Any = document
    for one in parents:
        place = place[int(one) if isinstance(place, list) else one]
    place[int(last) if isinstance(place, list) else last] = value
    return document


@pytest.mark.parametrize("name", ["gateway.json", "gateway.yaml"])
def test_every_key_is_read(tmp_path: Path, name: str) -> None:
    """JSON is YAML, too."""
    config = read(tmp_path, ALL, name=name)

    assert config == GatewayConfig(
        upstreams=(
            UpstreamConfig(
                origin=origin("https://pets.default.svc/v2"),
                version="v1",
                segment="pets",
                prefix="keep",
                readiness_path="/ready?full=1",
                openapi_path="/openapi.json",
                tls=TlsFiles(ca_file="/ca.crt", certificate_file="/tls.crt", key_file="/tls.key", server_name="pets"),
                limits=Limits(connections=7, connect_seconds=1.5, answer_seconds=30, answer_bytes=1_000_000),
            ),
            UpstreamConfig(origin=origin("unix:///run/pets.sock")),
        ),
        identity=IdentityConfig(
            user_header="X-Forwarded-User",
            group_header="X-Forwarded-Groups",
            group_separator=", ",
            uid_header="",
            extra_header_prefix="X-Forwarded-Extra-",
        ),
        token=TokenConfig(
            key_file="/token/tls.key", audience="pets", issuer="https://gateway", header="X-Token", lifetime_seconds=5
        ),
        resources=({"kind": "Pet"},),
        access=(
            AccessRow(path="/pets/{name}/feed", methods=("POST",), resource="pets/feed", verb="create"),
            AccessRow(path="/*/{namespace}/**", resource="pets", verb="look-at"),
            AccessRow(path="/**", resource="pets", verb="get"),
        ),
        audit_bodies=(AuditBodies(path="/pets", most_bytes=65536), AuditBodies(path="/pets/**")),
    )


def test_what_is_not_said_or_null_is_the_default(tmp_path: Path) -> None:
    expected = GatewayConfig(upstreams=(UpstreamConfig(origin=origin(URL)),))

    assert read_config(None, URL) == expected
    assert read(tmp_path, {}, upstream=URL) == expected
    assert read(tmp_path, "", upstream=URL, name="gateway.yaml") == expected
    assert read(tmp_path, {"upstreams": [UPSTREAM]}) == expected
    nothing: dict[str, Any] = {
        "identity": None,
        "token": {"keyFile": None},
        "access": None,
        "upstreams": [{**UPSTREAM, "tls": None, "limits": {}}],
    }
    assert read(tmp_path, nothing) == expected


def test_the_upstream_of_the_command_line_is_for_what_the_file_has_none_for(tmp_path: Path) -> None:
    config = read(tmp_path, {"upstreams": [{**UPSTREAM, "segment": "cats"}]}, upstream="http://pets")

    assert [one.segment for one in config.upstreams] == ["cats", ""]
    assert faults(tmp_path, {"upstreams": [UPSTREAM]}, upstream="http://pets") == [
        "--upstream is for all requests, and so is upstreams[0]; one request goes to one upstream"
    ]


def test_no_upstream_at_all_is_a_fault(tmp_path: Path) -> None:
    expected = ["there is no upstream: give --upstream URL, or a configuration file with `upstreams`"]

    assert faults(tmp_path, {}) == expected
    assert faults(tmp_path, {"upstreams": []}) == expected
    with pytest.raises(ConfigError, match="there is no upstream"):
        read_config(None, None)


def test_a_password_in_a_url_reaches_no_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(None, "http://tom:secret@pets")
    found = faults(tmp_path, {"upstreams": [{"url": "http://tom:sec@ret@pets"}]})

    assert str(refused.value).startswith("--upstream must be the URL of an upstream: the URL holds a user or password")
    assert "tom" not in f"{refused.value}{found}"
    assert found[0].endswith("not '***@pets'")
    assert "tom" not in str(faults(tmp_path, {"upstreams": [{"url": "tom:secret@pets:8000"}]}))


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("upstreams", {}, "upstreams must be a list, not an object"),
        ("upstreams.1", "http://pets", "upstreams[1] must be an object, not 'http://pets'"),
        ("upstreams.1", {}, "upstreams[1].url must be set"),
        ("upstreams.1.url", 8000, "upstreams[1].url must be the URL of an upstream: must be a string, not 8000"),
        ("upstreams.1.url", "pets", "upstreams[1].url must be the URL of an upstream: the URL begins with no scheme"),
        ("upstreams.0.version", "V1", "upstreams[0].version must be a version of the group, such as 'v1', not 'V1'"),
        ("upstreams.0.version", 1, "upstreams[0].version must be a string, not 1"),
        ("upstreams.0.segment", "a/b", "upstreams[0].segment must be one segment"),
        ("upstreams.0.segment", "..", "upstreams[0].segment must be one segment"),
        ("upstreams.0.segment", "a%20b", "upstreams[0].segment must be one segment"),
        ("upstreams.0.segment", "proxy", "upstreams[0].segment must be another segment than 'proxy'"),
        ("upstreams.0.prefix", "drop", "upstreams[0].prefix must be 'strip' or 'keep', not 'drop'"),
        ("upstreams.0.prefix", ["keep"], "upstreams[0].prefix must be 'strip' or 'keep', not a list"),
        ("upstreams.0.readinessPath", "ready", "upstreams[0].readinessPath must be a path"),
        ("upstreams.0.readinessPath", "/a b", "upstreams[0].readinessPath must be a path"),
        ("upstreams.0.readinessPath", "/a\r\nHost: b", "upstreams[0].readinessPath must be a path"),
        ("upstreams.0.readinessPath", "/a\n", "upstreams[0].readinessPath must be a path"),
        ("upstreams.0.openapiPath", "/a#b", "upstreams[0].openapiPath must be a path"),
        ("upstreams.0.openapiPath", True, "upstreams[0].openapiPath must be a string, not true"),
        ("upstreams.1.tls", {"caFile": "/ca.crt"}, "upstreams[1].tls is only for an upstream with https"),
        ("upstreams.0.tls.keyFile", "", "upstreams[0].tls.certificateFile needs `keyFile`"),
        ("upstreams.0.tls.certificateFile", "", "upstreams[0].tls.keyFile needs `certificateFile`"),
        ("upstreams.0.tls.caFile", "/\0", "upstreams[0].tls.caFile must be the path of a file"),
        ("upstreams.0.tls.serverName", "a b", "upstreams[0].tls.serverName must be the DNS name or address"),
        ("upstreams.0.tls.insecure", True, "upstreams[0].tls.insecure is no key of this configuration; known here are caFile"),
        ("upstreams.0.limits", [], "upstreams[0].limits must be an object, not a list"),
        ("upstreams.0.limits.connections", "x", "upstreams[0].limits.connections must be a whole number, 1 or more, not 'x'"),
        ("upstreams.0.limits.connections", "7", "upstreams[0].limits.connections must be a whole number, 1 or more, not '7'"),
        ("upstreams.0.limits.connections", True, "upstreams[0].limits.connections must be a whole number, 1 or more, not true"),
        ("upstreams.0.limits.connections", 1.5, "upstreams[0].limits.connections must be a whole number, 1 or more, not 1.5"),
        ("upstreams.0.limits.connections", 0, "upstreams[0].limits.connections must be a whole number, 1 or more, not 0"),
        ("upstreams.0.limits.connections", 10**300, "upstreams[0].limits.connections must be a whole number, 1 or more, not 1000"),
        ("upstreams.0.limits.connections", 70_000, "upstreams[0].limits.connections must be 65535 or less"),
        ("upstreams.0.limits.connectSeconds", 0, "upstreams[0].limits.connectSeconds must be a number of seconds"),
        ("upstreams.0.limits.answerSeconds", 86401, "upstreams[0].limits.answerSeconds must be a number of seconds"),
        ("upstreams.0.limits.answerSeconds", "5s", "upstreams[0].limits.answerSeconds must be a number of seconds"),
        ("upstreams.0.limits.answerBytes", -1, "upstreams[0].limits.answerBytes must be a whole number, 0 or more, not -1"),
        ("upstreams.0.limits.connection", 1, "upstreams[0].limits.connection is no key of this configuration; did you mean 'connections'?"),
        ("upstream", [], "upstream is no key of this configuration; did you mean 'upstreams'?"),
        ("identity.user_header", "X", "identity.user_header is no key of this configuration; did you mean 'userHeader'?"),
        ("identity.UserHeader", "X", "identity.UserHeader is no key of this configuration; did you mean 'userHeader'?"),
        ("identity", "X-User", "identity must be an object, not 'X-User'"),
        ("identity.userHeader", "X_User", "identity.userHeader must be a header name of letters, digits and dashes"),
        ("identity.userHeader", "X-User\n", "identity.userHeader must be a header name of letters, digits and dashes"),
        ("identity.userHeader", "X-Us\u00e9r", "identity.userHeader must be a header name of letters, digits and dashes"),
        ("identity.userHeader", "X-\u0661", "identity.userHeader must be a header name of letters, digits and dashes"),
        ("identity.userHeader", "x" * 65, "identity.userHeader must be a header name of letters, digits and dashes"),
        ("identity.userHeader", None, "identity.userHeader"),
        ("identity.userHeader", "HOST", "identity.userHeader must be a header without another meaning, not 'HOST'"),
        ("identity.userHeader", "Authorization", "identity.userHeader must be a header without another meaning"),
        ("identity.userHeader", "X-ForwardedFor", "identity.userHeader must be a header without another meaning"),
        ("identity.groupHeader", "Content-Type", "identity.groupHeader must be a header without another meaning"),
        ("identity.groupHeader", "Connection", "identity.groupHeader must be a header without another meaning"),
        ("identity.uidHeader", "Cookie", "identity.uidHeader must be a header without another meaning"),
        ("identity.groupHeader", "x-forwardeduser", "identity.groupHeader must be another header than identity.userHeader, also without"),
        ("identity.uidHeader", "X-Token", "token.header must be another header than identity.uidHeader, also without its dashes"),
        ("identity.groupSeparator", "abc", "identity.groupSeparator must be one or two printable characters"),
        ("identity.groupSeparator", ":", "identity.groupSeparator must be one or two printable characters"),
        ("identity.groupSeparator", "\n", "identity.groupSeparator must be one or two printable characters"),
        ("identity.groupSeparator", ",\n", "identity.groupSeparator must be one or two printable characters"),
        ("identity.extraHeaderPrefix", "X-Extra", "identity.extraHeaderPrefix must be letters, digits and dashes that end in '-'"),
        ("identity.extraHeaderPrefix", "-", "identity.extraHeaderPrefix must be letters, digits and dashes that end in '-'"),
        ("identity.extraHeaderPrefix", "X-", "identity.extraHeaderPrefix must begin no header but those of extras, and 'X-' begins"),
        ("identity.extraHeaderPrefix", "X-Forwarded-", "identity.extraHeaderPrefix must begin no header but those of extras"),
        ("identity.extraHeaderPrefix", "X-Forwarded-U-", "identity.extraHeaderPrefix must begin no header but those of extras"),
        ("identity.extraHeaderPrefix", "Auth-", "identity.extraHeaderPrefix must begin no header but those of extras"),
        ("identity.extraHeaderPrefix", "Content-Extra-", "identity.extraHeaderPrefix must begin no header but those of extras"),
        ("token.keyFile", "", "token.keyFile must be set to the file of the private key; without it no token is sent"),
        ("token.audience", "", "token.audience must be set, since there is `keyFile`"),
        ("token.issuer", None, "token.issuer must be set, since there is `keyFile`"),
        ("token.audience", "a b", "token.audience must be a name or URL without spaces"),
        ("token.audience", ["a"], "token.audience must be a string, not a list"),
        ("token.header", "Cookie", "token.header must be a header without another meaning"),
        ("token.lifetimeSeconds", 61, "token.lifetimeSeconds must be a whole number, 1 to 60, not 61"),
        ("token.lifetimeSeconds", 0, "token.lifetimeSeconds must be a whole number, 1 to 60, not 0"),
        ("resources.0", "pets", "resources[0] must be an object, not 'pets'"),
        ("access.0.path", "pets", "access[0].path must be a path below the version"),
        ("access.0.path", "", "access[0].path must be a path below the version"),
        ("access.0.path", "/pets/", "access[0].path must have words"),
        ("access.0.path", "/", "access[0].path must have words"),
        ("access.0.path", "/**/pets", "access[0].path must have words"),
        ("access.0.path", "/pets/{id}", "access[0].path must have words"),
        ("access.0.path", "/pets*", "access[0].path must have words"),
        ("access.0.path", "/a/../b", "access[0].path must have words"),
        ("access.0.path", "/a%20b", "access[0].path must have words"),
        ("access.0.path", "/{name}/{name}", "access[0].path must have '{name}' and '{namespace}' once each"),
        ("access.0.methods", ["post"], "access[0].methods must be a list of methods in upper case"),
        ("access.0.methods", "POST", "access[0].methods must be a list of methods in upper case"),
        ("access.0.resource", "Pets", "access[0].resource must be a resource of RBAC in lower case"),
        ("access.0.resource", "*", "access[0].resource must be a resource of RBAC in lower case"),
        ("access.0.resource", "a/b/c", "access[0].resource must be a resource of RBAC in lower case"),
        ("access.0.verb", "*", "access[0].verb must be a verb of RBAC"),
        ("access.0.verb", None, "access[0].verb must be set"),
        ("access.0.verb", "GET", "access[0].verb must be a verb of RBAC"),
        ("audit.bodies.0.mostBytes", 65537, "audit.bodies[0].mostBytes must be a whole number, 1 to 65536, not 65537"),
        ("audit.bodies.0.mostBytes", 0, "audit.bodies[0].mostBytes must be a whole number, 1 to 65536, not 0"),
        ("audit.bodies.0.path", "x", "audit.bodies[0].path must be a path below the version"),
        ("audit.bodies.1", None, "audit.bodies[1] must be an object, not null"),
        ("audit", [], "audit must be an object, not a list"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(tmp_path: Path, path: str, value: Any, sentence: str) -> None:
    if (path, value) == ("identity.userHeader", None):
        assert read(tmp_path, with_changed(path, value)).identity.user_header == "X-Remote-User"
        return
    found = faults(tmp_path, with_changed(path, value))

    assert found[0].startswith(sentence)
    assert all(len(one) < 300 and one.isprintable() for one in found), found


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    document = {
        "upstreams": [{"url": "x", "prefix": "x", "a": 1}, 3],
        "identity": {"userHeader": "Host"},
        "access": [{}],
        "b": {},
    }

    assert [one.partition(" ")[0] for one in faults(tmp_path, document)] == [
        "upstreams[0].url", "upstreams[0].prefix", "upstreams[0].a", "upstreams[1]", "upstreams[1].url", "upstreams[1]",
        "access[0].path", "access[0].resource", "access[0].verb", "b", "identity.userHeader",
    ]  # fmt: skip


def test_a_file_that_is_wrong_everywhere_fills_no_log(tmp_path: Path) -> None:
    found = faults(tmp_path, {"upstreams": [UPSTREAM], "access": [3] * 5000})

    assert len(found) == 101
    assert found[-1] == "and 19900 more"


def test_two_upstreams_for_the_same_requests_are_a_fault(tmp_path: Path) -> None:
    upstreams = [
        {**UPSTREAM, "version": "v1", "segment": "a"},
        {**UPSTREAM, "version": "v1"},
        {**UPSTREAM, "version": "v1", "segment": "a"},
    ]

    assert faults(tmp_path, {"upstreams": upstreams}) == [
        "upstreams[2] is for version 'v1' and segment 'a', and so is upstreams[0]; one request goes to one upstream"
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON: line 1, column 2"),
        ("", "is not JSON: line 1, column 1"),
        ("[" * 200_000, "is nested too deeply"),
        ('{"a": 1, "a": 2}', "has the key 'a' twice"),
        ('{"upstreams": [{"url": "http://a", "url": "http://b"}]}', "has the key 'url' twice"),
        ('{"a": NaN}', "is not JSON: NaN"),
        ('{"a": %s}' % ("1" * 5000), "is not JSON: "),
        (" " * (2**20 + 1), "has more than 1048576 bytes"),
        ("{'a': 1}", "is not JSON"),
    ],
)  # fmt: skip
def test_what_is_no_json_gets_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (found,) = faults(tmp_path, text)

    assert sentence in found
    assert found.startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "is not YAML that means the same as JSON: line 1"),
        ("a: &x 1\nb: *x", "line 2, column 4: the alias '*x' is refused"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        ("a: !!python/object:os.system 1", "the tag 'tag:yaml.org,2002:python/object:os.system' is refused"),
        ("a: !secret x", "the tag '!secret' is refused"),
        ("a: !!set {x}", "is refused"),
        ("1: a", "a key is no string"),
        ("? [a]\n: b", "a key is no string"),
        ("on: a", "a key is no string"),
        ("a: 1\n---\nb: 2", "is not YAML that means the same as JSON: line 2"),
        ("a:\tb: c", "is not YAML"),
        ("a: \x01", "is not YAML"),
        ("[" * 5000, "is nested too deeply"),
        (f"a: {'1' * 5000}", "is not YAML that means the same as JSON"),
        ("<<: {a: 1}", "is not YAML that means the same as JSON"),
    ],
)
def test_what_is_no_plain_yaml_gets_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (found,) = faults(tmp_path, text, name="gateway.yaml")

    assert sentence in found


def test_an_alias_bomb_costs_nothing(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{two}: &{two} [*{one}, *{one}]\n" for one, two in zip("abcdefgh", "bcdefghi", strict=True)
    )

    assert "the alias '*a' is refused" in faults(tmp_path, bomb, name="gateway.yaml")[0]


def test_a_date_of_yaml_stays_text(tmp_path: Path) -> None:
    text = f"upstreams: [{{url: '{URL}'}}]\nresources: [{{since: 2020-01-01}}]"

    assert read(tmp_path, text, name="gateway.yaml").resources == ({"since": "2020-01-01"},)


def test_a_file_that_cannot_be_read_gets_a_sentence(tmp_path: Path) -> None:
    for file, sentence in (
        (tmp_path / "none", "none cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (Path("a\0b"), "cannot be read: "),
    ):
        with pytest.raises(ConfigError, match=sentence):
            read_config(file, None)
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(ConfigError, match="is not UTF-8: byte 8"):
        read_config(tmp_path / "latin.json", None)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + json.dumps({"upstreams": [UPSTREAM]})).upstreams


def test_without_pyyaml_there_is_json_and_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name == "yaml" or name.startswith("yaml.") or name.endswith(".yaml_document")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "yaml", None)

    assert read(tmp_path, {"upstreams": [UPSTREAM]}, name="gateway.conf").upstreams
    (found,) = faults(tmp_path, "upstreams: []", name="gateway.yaml")
    assert found.endswith("if it is YAML: PyYAML is not installed, pip install 'extension-apiserver[gateway]'")
    assert importlib.util.find_spec("json")


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
_PATHS = st.sampled_from(
    [
        *ALL,
        *(f"upstreams.0.{key}" for key in ALL["upstreams"][0]),  # type: ignore[index]
        *(f"{key}.{inner}" for key in ("identity", "token", "audit") for inner in ALL[key]),
        *(f"access.0.{key}" for key in ("path", "methods", "resource", "verb")),
    ]
)  # fmt: skip


@given(_PATHS, _JSON)
def test_any_value_anywhere_is_read_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, path: str, value: Any
) -> None:
    """Never another exception, and never a line that is not printable."""
    directory = tmp_path_factory.mktemp("file")
    for name in ("gateway.json", "gateway.yaml"):
        try:
            read(directory, with_changed(path, value), name=name)
        except ConfigError as error:
            assert all(line.isprintable() for line in str(error).split("\n")), str(error)  # noqa: PT017 - both ways are good
