"""Each upstream of the configuration file, and whether two would get the same requests."""

from __future__ import annotations

from extension_apiserver.apps.upstream.origin import Origin
from extension_apiserver.gateway.config import Limits, TlsFiles, UpstreamConfig

from . import values
from .section import Section

#: Stands where there is a fault.
NOWHERE = Origin("", secure=False, host="", port=0, socket="", path="")
_MOST_CONNECTIONS = 65535


def read_upstream(section: Section) -> tuple[str, UpstreamConfig]:
    """Return the place and the upstream."""
    default = UpstreamConfig(origin=NOWHERE)
    tls, limits = section.section("tls"), section.section("limits")
    found = UpstreamConfig(
        origin=section.need("url", values.url, NOWHERE),
        version=section.take("version", values.version, default.version),
        segment=section.take("segment", values.segment, default.segment),
        prefix=section.take("prefix", values.one_of("strip", "keep"), default.prefix),
        readiness_path=section.take("readinessPath", values.sent_path, default.readiness_path),
        openapi_path=section.take("openapiPath", values.sent_path, default.openapi_path),
        tls=_tls(tls),
        limits=_limits(limits),
    )
    if found.tls != TlsFiles() and found.origin.url and not found.origin.secure:
        tls.fault("", "is only for an upstream with https; correct `url` or remove it")
    section.end()
    return section.place, found


def _tls(section: Section) -> TlsFiles:
    found = TlsFiles(
        ca_file=section.take("caFile", values.file, ""),
        certificate_file=section.take("certificateFile", values.file, ""),
        key_file=section.take("keyFile", values.file, ""),
        server_name=section.take("serverName", values.server_name, ""),
    )
    if found.certificate_file and not found.key_file:
        section.fault("certificateFile", "needs `keyFile`, the key of the certificate")
    if found.key_file and not found.certificate_file:
        section.fault("keyFile", "needs `certificateFile`, the certificate of the key")
    section.end()
    return found


def _limits(section: Section) -> Limits:
    default = Limits()
    found = Limits(
        connections=section.take("connections", values.positive, default.connections),
        connect_seconds=section.take("connectSeconds", values.seconds, default.connect_seconds),
        answer_seconds=section.take("answerSeconds", values.seconds, default.answer_seconds),
        answer_bytes=section.take("answerBytes", values.non_negative, default.answer_bytes),
    )
    if found.connections > _MOST_CONNECTIONS:
        section.fault("connections", f"must be {_MOST_CONNECTIONS} or less, which is what one address has ports for")
    section.end()
    return found


def alike(upstreams: list[tuple[str, UpstreamConfig]]) -> list[str]:
    """Name upstreams that would get the same requests."""
    first: dict[tuple[str, str], str] = {}
    faults = []
    for place, one in upstreams:
        other = first.setdefault((one.version, one.segment), place)
        if other != place:
            whose = " and ".join(
                f"{what} '{word}'" for what, word in (("version", one.version), ("segment", one.segment)) if word
            )
            faults.append(
                f"{place} is for {whose or 'all requests'}, and so is {other}; one request goes to one upstream"
            )
    return faults
