"""Where an upstream is: what a URL may be, and a sentence for each way to be wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension_apiserver.apps.upstream.origin import Origin, origin


@pytest.mark.parametrize(
    ("url", "expected", "authority"),
    [
        ("http://127.0.0.1:8000", (False, "127.0.0.1", 8000, "", ""), "127.0.0.1:8000"),
        ("http://pets", (False, "pets", 80, "", ""), "pets"),
        ("HTTPS://Pets.default.SVC/v2/", (True, "pets.default.svc", 443, "", "/v2"), "pets.default.svc"),
        ("https://pets:80/a%20b/c", (True, "pets", 80, "", "/a%20b/c"), "pets:80"),
        ("http://[::1]:8080/", (False, "::1", 8080, "", ""), "[::1]:8080"),
        ("http://my_pets_1:5000", (False, "my_pets_1", 5000, "", ""), "my_pets_1:5000"),
        ("unix:///run/pets.sock", (False, "", 0, "/run/pets.sock", ""), "localhost"),
    ],
)
def test_an_origin_is_read_from_its_url(url: str, expected: tuple[bool, str, int, str, str], authority: str) -> None:
    found = origin(url)

    assert found == Origin(url, *expected)
    assert found.authority == authority


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "the URL is empty"),
        ("pets:8000", "begins with no scheme"),
        ("127.0.0.1:8000", "begins with no scheme"),
        ("//pets", "begins with no scheme"),
        ("ftp://pets", "the scheme is 'ftp', and can be"),
        ("file:///etc/passwd", "the scheme is 'file'"),
        ("http://", "names no host"),
        ("http:///v1", "names no host"),
        ("http://:8000", "names no host"),
        ("http://tom:secret@pets", "a user or password"),
        ("http://@pets", "a user or password"),
        ("http://pets/?a=1", "a query or a fragment"),
        ("http://pets#a", "a query or a fragment"),
        ("unix:///run/a.sock?x", "a query or a fragment"),
        ("http://pets:", "the port '' is no number"),
        ("http://pets:http", "the port 'http' is no number"),
        ("http://pets:0", "the port '0' is no number"),
        ("http://pets:65536", "the port '65536' is no number"),
        ("http://pets:+80", r"the port '\+80' is no number"),
        ("http://pets:8_0", "the port '8_0' is no number"),
        ("http://a::1", "the port ':1' is no number"),
        ("http://pets:80:80", "the port '80:80' is no number"),
        ("http://[::1]:x", "the port 'x' is no number"),
        ("http://::1", "names no host"),
        ("http://[::1", "no IPv6 address in brackets"),
        ("http://[1.2.3.4]", "no IPv6 address in brackets"),
        ("http://[::1]x", "no IPv6 address in brackets"),
        ("http://[fe80::1%25eth0]", "has a zone"),
        ("http://1.2.3", "no IPv4 address"),
        ("http://1.2.3.256", "no IPv4 address"),
        ("http://0x7f000001", "no IPv4 address"),
        ("http://017700000001", "no IPv4 address"),
        ("http://-pets", "no DNS name or address"),
        ("http://a..b", "no DNS name or address"),
        (f"http://{'a' * 64}", "no DNS name or address"),
        ("http://pe%74s", "no DNS name or address"),
        ("http://pets\\evil", "no DNS name or address"),
        ("http://pets/a\\b", "a character that a URL cannot have"),
        ("http://pets/%zz", "a '%' without two"),
        ("http://pets/<a>", "a character that a URL cannot have"),
        ("http://pets/a/../b", r"the path holds '\.\.'"),
        ("http://pets/a/%2e%2E/b", r"the path holds '\.\.'"),
        ("http://pets/a/..", r"the path holds '\.\.'"),
        ("unix:///run/../a", r"the path holds '\.\.'"),
        ("unix://run/pets.sock", "has the host 'run'; write three slashes"),
        ("unix://", "must end in its absolute path"),
        ("unix:///", "must end in its absolute path"),
        ("unix:///run/", "must end in its absolute path"),
        ("unix:run/pets.sock", "begins with no scheme"),
        ("unix:///" + "a" * 107, "has 108 bytes"),
        ("http://pets/a b", "the URL holds ' '"),
        (" http://pets", "the URL holds ' '"),
        ("http://pets\r\nX: y", r"the URL holds '\\r'"),
        ("ht\ntp://pets", r"the URL holds '\\n'"),
        ("http://pets\0", r"the URL holds '\\x00'"),
        ("http://pöts", r"the URL holds '\\xf6'.*xn--"),
        ("http://pets:\uff18\uff10", r"the URL holds '\\uff18'"),
    ],
)
def test_a_url_that_is_wrong_gets_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        origin(url)

    assert str(refused.value).isascii()
    assert "secret" not in str(refused.value), "no password in a message"


@given(
    st.one_of(st.text(), st.text("/:@[].%ahu0x1\\").map("http://{}".format), st.text("/.%a").map("unix://{}".format))
)
def test_any_text_is_an_origin_or_a_sentence(text: str) -> None:
    """Never another exception; and what is accepted holds nothing that could break out of a request line or Host."""
    try:
        found = origin(text)
    except ValueError:
        return
    sent = found.authority + found.path + found.socket

    assert sent.isascii()
    assert not set(sent) & set(" \r\n\t\\?#@\0") - ({"@"} if "@" in found.path + found.socket else set())
    assert bool(found.host) != bool(found.socket)
