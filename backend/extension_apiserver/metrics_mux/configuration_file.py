"""Reads the multiplexer's configuration file, and says everything that is wrong with it at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from extension_apiserver.apps.upstream.origin import Origin
from extension_apiserver.gateway.configuration import values
from extension_apiserver.gateway.configuration.document import DocumentError, read_document
from extension_apiserver.gateway.configuration.section import Section
from extension_apiserver.gateway.configuration.upstreams import NOWHERE
from extension_apiserver.gateway.configuration_file import ConfigError
from extension_apiserver.selectors.asked import selectors
from extension_apiserver.status import StatusError

from .config import GROUPS, MuxConfig, ProviderConfig, RouteConfig

_MOST_FAULTS = 100
#: A name stands in metrics and log lines for each provider; an order of more has lost its meaning.
_MOST_PROVIDERS, _MOST_ROUTES = 32, 1000
#: kube-apiserver ends a request after 60 seconds, and the next provider is to be asked before.
_LONGEST_TIMEOUT_SECONDS = 30
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_GLOB = re.compile(r"[!-~]{1,253}")
_FIRST_KEY = "providers"


def is_mux(path: Path) -> bool:
    """Tell whether a configuration file is a multiplexer's; one that cannot be read is somebody else's to complain of."""
    try:
        document = read_document(path)
    except DocumentError:
        return False
    return isinstance(document, dict) and _FIRST_KEY in document


def read_config(path: Path) -> MuxConfig:
    """Read the file.

    Raises:
        ConfigError: with every fault on a line of its own.

    """
    try:
        document = read_document(path)
    except DocumentError as error:
        raise ConfigError(f"{path} {error}") from None
    faults: list[str] = []
    top = Section(document, "", faults)
    default: tuple[str, ...] = ("external",)
    apis = top.take("apis", _apis(tuple(GROUPS)), default)
    providers = [_provider(section, apis) for section in top.sections(_FIRST_KEY)]
    routes = [_route(section) for section in top.sections("routes")]
    if not providers and not faults:
        faults.append("providers must name at least one provider, such as {name: keda, url: https://keda.keda.svc}")
    top.end()
    faults += _together(providers, routes)
    if faults:
        more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
        raise ConfigError("\n".join([*faults[:_MOST_FAULTS], *more]))
    return MuxConfig(apis=apis, providers=tuple(providers), routes=tuple(routes))


def _provider(section: Section, apis: tuple[str, ...]) -> ProviderConfig:
    default = ProviderConfig(name="", origin=NOWHERE, apis=apis)
    tls, breaker = section.section("tls"), section.section("breaker")
    found = ProviderConfig(
        name=section.need("name", _name, ""),
        origin=section.need("url", _url, NOWHERE),
        apis=section.take("apis", _apis(apis), apis),
        ca_file=tls.take("caFile", values.file, ""),
        server_name=tls.take("serverName", values.server_name, ""),
        token_file=section.take("tokenFile", values.file, ""),
        timeout_seconds=section.take("timeoutSeconds", _timeout, default.timeout_seconds),
        failures=breaker.take("failures", values.whole(1, 1000), default.failures),
        open_seconds=breaker.take("openSeconds", values.seconds, default.open_seconds),
    )
    for one in (tls, breaker, section):
        one.end()
    return found


def _route(section: Section) -> RouteConfig:
    if not {"metric", "namespace", "labels"} & section.keys:
        section.fault("", "must say `metric`, `namespace` or `labels`; for all metrics write metric: '*'")
    found = RouteConfig(
        metric=section.take("metric", _glob, "*"),
        namespace=section.take("namespace", _glob, "*"),
        labels=section.take("labels", _selector, ""),
        provider=section.need("provider", _name, ""),
    )
    section.end()
    return found


def _together(providers: list[ProviderConfig], routes: list[RouteConfig]) -> list[str]:
    """Say what is wrong between the parts."""
    faults: list[str] = []
    first: dict[str, int] = {}
    for number, one in enumerate(providers):
        if one.name and first.setdefault(one.name, number) != number:
            faults.append(f"providers[{number}].name must be another than that of providers[{first[one.name]}]")
    for number, route in enumerate(routes):
        if route.provider and first and route.provider not in first:
            known = ", ".join(first)
            faults.append(f"routes[{number}].provider must be the name of a provider ({known}), not '{route.provider}'")
    if len(providers) > _MOST_PROVIDERS:
        faults.append(f"providers must be {_MOST_PROVIDERS} at most, not {len(providers)}")
    if len(routes) > _MOST_ROUTES:
        faults.append(f"routes must be {_MOST_ROUTES} at most, not {len(routes)}")
    return faults


def _apis(known: tuple[str, ...]) -> Callable[[Any], tuple[str, ...]]:
    def parse(value: Any) -> tuple[str, ...]:  # noqa: ANN401
        if not isinstance(value, list) or not value or any(one not in known for one in value):
            raise ValueError(f"must be a list of {' and '.join(repr(one) for one in known)}, of those that are served")
        if len(set(value)) != len(value):
            raise ValueError("must say each API once")
        return tuple(value)

    return parse


def _name(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("must be a name of lower-case letters, digits and dashes, such as 'keda'")
    return value


def _url(value: Any) -> Origin:  # noqa: ANN401
    found = values.url(value)
    if not found.secure:
        raise ValueError("must begin with 'https://', since a token is sent there")
    return found


def _timeout(value: Any) -> float:  # noqa: ANN401
    found = values.seconds(value)
    if found > _LONGEST_TIMEOUT_SECONDS:
        raise ValueError(f"must be {_LONGEST_TIMEOUT_SECONDS} seconds at most")
    return found


def _glob(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str) or not _GLOB.fullmatch(value):
        raise ValueError("must be a name in which '*' stands for any text, such as 's0-*'")
    return value


def _selector(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str):
        raise ValueError("must be a label selector, such as 'queue in (a,b)'")  # noqa: TRY004 - a value of a file
    try:
        selectors({"labelSelector": [value]})
    except StatusError as error:
        raise ValueError(f"must be a label selector, such as 'queue in (a,b)': {error}") from None
    return value
