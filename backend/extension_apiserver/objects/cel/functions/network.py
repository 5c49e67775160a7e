"""IP addresses, networks and URLs; https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import re
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, unquote

from extension_apiserver.objects.cel.types import BOOL, CIDR, INT, IP, STRING, URL, list_of, map_of
from extension_apiserver.objects.cel.values import ListValue, MapValue
from extension_apiserver.objects.cel.words import CelError
from extension_apiserver.objects.go_words import quote as quoted
from extension_apiserver.objects.values import Value

from .overloads import Functions, Overload, Sizes, letters, register

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_LONGEST = 64
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_BAD = re.compile(r"[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})")
_BITS = re.compile(r"0|[1-9][0-9]{0,2}")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9%/:@!$&'()*+,;=._~-]*")
_PORT = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::(\d*))?")


@dataclasses.dataclass(frozen=True, slots=True)
class Url:
    """The parts of a URL that rules ask for."""

    scheme: str
    host: str
    path: str
    query: str


register(Url, URL.name)


def _address(text: str) -> Address:
    error = f"IP Address {quoted(text)} parse error during conversion from string: ParseAddr({quoted(text)}): unable to parse IP"
    if len(text) > _LONGEST:
        raise CelError(error)
    if "%" in text:
        raise CelError(f"IP address {quoted(text)} with zone value is not allowed")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise CelError(error) from None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        raise CelError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")
    return found


def _network(text: str) -> Interface:
    address, slash, bits = text.partition("/")
    error = (
        f"network address parse error during conversion from string: netip.ParsePrefix({quoted(text)}): no such network"
    )
    if not slash or not _BITS.fullmatch(bits) or len(text) > _LONGEST or "%" in text:
        raise CelError(error)
    try:
        found = ipaddress.ip_interface(f"{address}/{bits}")
    except ValueError:
        raise CelError(error) from None
    if isinstance(found, ipaddress.IPv6Interface) and found.ip.ipv4_mapped:
        raise CelError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")
    return found


def _url(text: str) -> Url:
    match = _URL.fullmatch(text)
    scheme, host, path, query = (match[n] or "" for n in range(1, 5)) if match else ("",) * 4
    # As Go's ParseRequestURI: absolute, or a path from the root.
    if match is None or _BAD.search(text) or not (scheme or text.startswith("/")):
        raise CelError(f"URL parse error during conversion from string: parse {quoted(text)}: invalid URI for request")
    place = host.rpartition("@")[2]
    if not _PORT.fullmatch(place):
        raise CelError(f"URL parse error during conversion from string: parse {quoted(text)}: invalid port after host")
    return Url(scheme.lower(), place, path, query)


def _whether(parse: Callable[[str], Value]) -> Callable[[str], bool]:
    def is_one(text: str) -> bool:
        try:
            parse(text)
        except CelError:
            return False
        return True

    return is_one


def _port(url: Url) -> str:
    match = _PORT.fullmatch(url.host)
    return match[1] or "" if match else ""


def _hostname(url: Url) -> str:
    port = _port(url)
    return url.host.removesuffix(f":{port}").removeprefix("[").removesuffix("]").removesuffix(":")


def _path(url: Url) -> str:
    return url.path if _PLAIN_PATH.fullmatch(url.path) else quote(unquote(url.path), safe="/:@!$&'()*+,;=-._~")


def _query(url: Url) -> MapValue:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return MapValue({name: ListValue(values) for name, values in found.items()})


def _contains_ip(network: Interface, address: Address | str) -> bool:
    found = _address(address) if isinstance(address, str) else address
    return found.version == network.version and found in network.network


def _contains_network(network: Interface, other: Interface | str) -> bool:
    found = _network(other) if isinstance(other, str) else other
    return (
        found.version == network.version
        and found.network.prefixlen >= network.network.prefixlen
        and found.ip in network.network
    )


def _is_global(address: Address) -> bool:
    broadcast = isinstance(address, ipaddress.IPv4Address) and int(address) == 2**32 - 1
    return not (
        broadcast or address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    )


def _is_local_multicast(address: Address) -> bool:
    networks = {4: "224.0.0.0/24", 6: "ff02::/16"}
    # Go looks at the first 16 bits without the flags.
    value = int(address)
    if address.version == 6:  # noqa: PLR2004 - IPv6
        return value >> 120 == 0xFF and (value >> 112) & 0x0F == 0x02  # noqa: PLR2004 - ff, and a scope of 2
    return address in ipaddress.ip_network(networks[4])


def functions() -> Functions:
    """Return them by name."""
    parsed = functools.partial(Overload, (STRING,), cost=letters(0), most=lambda sizes: sizes[0])

    def member(of: Value, result: Value, run: Callable[..., Value], **more: Value) -> Overload:
        return Overload(of, result, run, member=True, **more)

    def text_of(sizes: Sizes) -> int:
        return sizes[0]

    def part(run: Callable[[Url], str]) -> list[Overload]:
        return [member((URL,), STRING, run, most=text_of)]

    def asks(run: Callable[[Address], bool]) -> list[Overload]:
        return [member((IP,), BOOL, run)]

    return {
        "ip": [parsed(IP, _address), member((CIDR,), IP, lambda network: network.ip)],
        "isIP": [parsed(BOOL, _whether(_address))],
        "ip.isCanonical": [
            Overload((STRING,), BOOL, lambda text: str(_address(text)) == text, cost=letters(0, times=2))
        ],
        "family": [member((IP,), INT, lambda address: address.version)],
        "isUnspecified": asks(lambda address: address.is_unspecified),
        "isLoopback": asks(lambda address: address.is_loopback),
        "isLinkLocalUnicast": asks(lambda address: address.is_link_local),
        "isLinkLocalMulticast": asks(_is_local_multicast),
        "isGlobalUnicast": asks(_is_global),
        "cidr": [parsed(CIDR, _network)],
        "isCIDR": [parsed(BOOL, _whether(_network))],
        "containsIP": [
            member((CIDR, IP), BOOL, _contains_ip, cost=lambda _sizes: 4),
            member((CIDR, STRING), BOOL, _contains_ip, cost=lambda sizes: 4 + letters(1)(sizes)),
        ],
        "containsCIDR": [
            member((CIDR, CIDR), BOOL, _contains_network, cost=lambda _sizes: 7),
            member((CIDR, STRING), BOOL, _contains_network, cost=lambda sizes: 7 + letters(1)(sizes)),
        ],
        "prefixLength": [member((CIDR,), INT, lambda network: network.network.prefixlen)],
        "masked": [member((CIDR,), CIDR, lambda network: ipaddress.ip_interface(network.network.with_prefixlen))],
        "string": [Overload((kind,), STRING, str, most=lambda _sizes: _LONGEST) for kind in (IP, CIDR)],
        "url": [parsed(URL, _url)],
        "isURL": [parsed(BOOL, _whether(_url))],
        "getScheme": part(lambda url: url.scheme),
        "getHost": part(lambda url: url.host),
        "getHostname": part(_hostname),
        "getPort": part(_port),
        "getEscapedPath": part(_path),
        "getQuery": [member((URL,), map_of(STRING, list_of(STRING)), _query, most=text_of)],
    }
