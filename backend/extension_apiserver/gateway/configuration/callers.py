"""How the upstream is told who calls, as the configuration file says it: header names, and the token."""

from __future__ import annotations

from extension_apiserver.gateway.config import IdentityConfig, TokenConfig
from extension_apiserver.gateway.header_names import begins, folded, is_taken

from . import values
from .section import Section

_LONGEST_TOKEN_SECONDS = 60


def read_identity(section: Section) -> IdentityConfig:
    """Return how the upstream is told who calls."""
    default = IdentityConfig()
    found = IdentityConfig(
        user_header=section.take("userHeader", values.header_name, default.user_header),
        group_header=section.take("groupHeader", values.header_name, default.group_header),
        group_separator=section.take("groupSeparator", values.separator, default.group_separator),
        uid_header=section.take("uidHeader", values.header_name, default.uid_header),
        extra_header_prefix=section.take("extraHeaderPrefix", values.header_prefix, default.extra_header_prefix),
    )
    section.end()
    return found


def read_token(section: Section) -> TokenConfig:
    """Return what the token says."""
    default = TokenConfig()
    found = TokenConfig(
        key_file=section.take("keyFile", values.file, default.key_file),
        audience=section.take("audience", values.claim, default.audience),
        issuer=section.take("issuer", values.claim, default.issuer),
        header=section.take("header", values.header_name, default.header),
        lifetime_seconds=section.take(
            "lifetimeSeconds", values.whole(1, _LONGEST_TOKEN_SECONDS), default.lifetime_seconds
        ),
    )
    if found.key_file:
        for key, value in (("audience", found.audience), ("issuer", found.issuer), ("header", found.header)):
            if not value:
                section.fault(key, "must be set, since there is `keyFile`")
    elif not section.is_empty:
        section.fault("keyFile", "must be set to the file of the private key; without it no token is sent")
    section.end()
    return found


def header_faults(identity: IdentityConfig, token: TokenConfig) -> list[str]:
    """Say which headers would be taken for others."""
    names = {
        "identity.userHeader": identity.user_header,
        "identity.groupHeader": identity.group_header,
        "identity.uidHeader": identity.uid_header,
        "token.header": token.header if token.key_file else "",
    }
    faults: list[str] = []
    first: dict[bytes, str] = {}
    for place, name in names.items():
        if not name:
            continue
        if is_taken(name.encode()) or (folded(name.encode()) == b"authorization" and place != "token.header"):
            faults.append(f"{place} must be a header without another meaning, not '{name}'")
        other = first.setdefault(folded(name.encode()), place)
        if other != place:
            faults.append(f"{place} must be another header than {other}, also without its dashes, not '{name}'")
    if identity.extra_header_prefix:
        begun = begins(
            identity.extra_header_prefix.encode(),
            [name.encode() for name in names.values() if name] + [b"authorization"],
        )
        if begun is not None:
            faults.append(
                f"identity.extraHeaderPrefix must begin no header but those of extras, and '{identity.extra_header_prefix}' begins "
                f"'{begun.decode()}', also without dashes"
            )
    return faults
