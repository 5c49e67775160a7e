"""Reads the gateway's configuration file, and says everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extension_apiserver.apps.upstream.origin import Origin

from .config import (
    AccessRow,
    AuditBodies,
    GatewayConfig,
    UpstreamConfig,
)
from .configuration import values
from .configuration.callers import header_faults, read_identity, read_token
from .configuration.document import DocumentError, read_document
from .configuration.section import Section, shown
from .configuration.upstreams import NOWHERE, alike, read_upstream

#: Of what is wrong everywhere, the log needs no megabytes.
_MOST_FAULTS = 100
_AUDITED_BYTES = AuditBodies(path="").most_bytes
_MOST_AUDITED_BYTES = 65536


class ConfigError(Exception):
    """There is no configuration; the message has one line per fault, with its place in the file."""


def read_config(path: Path | None, upstream: str | None) -> GatewayConfig:
    """Read the file, if there is one, and add the upstream of the command line, if there is one.

    Raises:
        ConfigError: with every fault on a line of its own.

    """
    faults: list[str] = []
    document: Any = None
    if path is not None:
        try:
            document = read_document(path)
        except DocumentError as error:
            raise ConfigError(f"{path} {error}") from None
    top = Section(document, "", faults)
    upstreams = [read_upstream(one) for one in top.sections("upstreams")]
    if upstream is not None:
        upstreams.append(("--upstream", UpstreamConfig(origin=_given(upstream, faults))))
    faults += alike(upstreams)
    if not upstreams and not faults:
        faults.append("there is no upstream: give --upstream URL, or a configuration file with `upstreams`")
    config = GatewayConfig(
        upstreams=tuple(one for _, one in upstreams),
        identity=read_identity(top.section("identity")),
        token=read_token(top.section("token")),
        resources=_resources(top, faults),
        access=tuple(_access(one) for one in top.sections("access")),
        audit_bodies=_audit(top.section("audit")),
    )
    top.end()
    faults += header_faults(config.identity, config.token)
    if faults:
        more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
        raise ConfigError("\n".join([*faults[:_MOST_FAULTS], *more]))
    return config


def _given(upstream: str, faults: list[str]) -> Origin:
    try:
        return values.url(upstream)
    except ValueError as error:
        # Without what was given, which may hold a password.
        faults.append(f"--upstream {error}")
        return NOWHERE


def _resources(top: Section, faults: list[str]) -> tuple[Mapping[str, Any], ...]:
    found = []
    for place, value in top.items("resources"):
        if isinstance(value, Mapping):
            found.append(value)
        else:
            faults.append(f"{place} must be an object, not {shown(value)}")
    return tuple(found)


def _access(section: Section) -> AccessRow:
    found = AccessRow(
        path=section.need("path", values.pattern, ""),
        methods=section.take("methods", values.methods, ()),
        resource=section.need("resource", values.resource, ""),
        verb=section.need("verb", values.verb, ""),
    )
    section.end()
    return found


def _audit(section: Section) -> tuple[AuditBodies, ...]:
    found = []
    for one in section.sections("bodies"):
        path = one.need("path", values.pattern, "")
        most_bytes = one.take("mostBytes", values.whole(1, _MOST_AUDITED_BYTES), _AUDITED_BYTES)
        one.end()
        found.append(AuditBodies(path=path, most_bytes=most_bytes))
    section.end()
    return tuple(found)
