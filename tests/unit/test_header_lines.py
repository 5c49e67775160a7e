"""The echo's text: exactly the seed's lines, and YAML whatever the headers are."""

from __future__ import annotations

import string

import yaml
from hypothesis import given
from hypothesis import strategies as st

from header_echo.header_lines import header_document, header_lines

#: RFC 9110 section 5.6.2: what a header name may consist of, in lower case.
_NAMES = st.text(string.ascii_lowercase + string.digits + "!#$%&'*+-.^_`|~", min_size=1)
_HEADERS = st.lists(
    st.tuples(_NAMES.map(str.encode), st.binary().filter(lambda value: not set(value) & set(b"\r\n\0"))), max_size=8
)


def test_lines_of_the_seed() -> None:
    """An anonymous `curl -k` gets exactly the lines of the seed; YAML would have `*/*` quoted, which text shows as it came."""
    headers = [
        (b"host", b"10.96.110.5:443"),
        (b"user-agent", b"curl/8.5.0"),
        (b"accept", b"*/*"),
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-host", b"10.96.110.5:443"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-uri", b"/apis/cats.example.com/v1/"),
        (b"x-remote-group", b"system:unauthenticated"),
        (b"x-remote-user", b"system:anonymous"),
        (b"accept-encoding", b"gzip"),
    ]

    assert header_lines(headers, bare=["*/*"]).splitlines() == [
        "host: 10.96.110.5:443",
        "user-agent: curl/8.5.0",
        "accept: */*",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: 10.96.110.5:443",
        "x-forwarded-proto: https",
        "x-forwarded-uri: /apis/cats.example.com/v1/",
        "x-remote-group: system:unauthenticated",
        "x-remote-user: system:anonymous",
        "accept-encoding: gzip",
    ]


def test_yaml_quotes_what_begins_like_an_alias() -> None:
    """Who asks for application/yaml gets YAML, also from curl."""
    assert header_lines([(b"accept", b"*/*")]) == "accept: '*/*'\n"


def test_a_repeated_header_is_a_list_where_it_first_came() -> None:
    """Groups are one YAML list, one line each, also a group with a comma."""
    headers = [(b"x-remote-group", b"a"), (b"x-remote-user", b"u"), (b"x-remote-group", b"CN=b,OU=c")]

    assert header_lines(headers) == "x-remote-group:\n- a\n- CN=b,OU=c\nx-remote-user: u\n"


def test_secrets_are_redacted() -> None:
    """Neither a token nor a cookie is ever echoed."""
    headers = [(b"authorization", b"Bearer s3cret"), (b"cookie", b"s3cret"), (b"proxy-authorization", b"s3cret")]

    assert "s3cret" not in header_lines(headers)


@given(_HEADERS)
def test_any_headers_are_yaml(headers: list[tuple[bytes, bytes]]) -> None:
    """A YAML parser reads back every name and value as the string it was."""
    assert yaml.safe_load(header_lines(headers)) == (header_document(headers) or None)


@given(_NAMES, st.text(string.printable.replace("\n", "").replace("\r", "")))
def test_any_printable_value_is_yaml(name: str, value: str) -> None:
    """As above for what is likely: text that looks like YAML."""
    headers = [(name.encode(), value.encode())]

    assert yaml.safe_load(header_lines(headers)) == header_document(headers)


@given(st.from_regex(r"[-+.0-9a-fA-FxobeET:_ ~=<]{1,12}", fullmatch=True))
def test_what_looks_like_a_number_stays_a_string(value: str) -> None:
    """Numbers, times and booleans are quoted."""
    assert yaml.safe_load(header_lines([(b"a", value.encode())])) == {"a": value}
