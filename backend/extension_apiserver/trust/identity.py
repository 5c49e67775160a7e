"""Who calls, as the front proxy says it in request headers.

The front proxy (kube-apiserver) sends the user in headers whose names the ConfigMap `extension-apiserver-authentication` gives.
Only a proven front proxy may say so: see `authentication`.

https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/authentication/request/headerrequest/requestheader.go
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from .requestheader import RequestHeaderConfig

ANONYMOUS_USER = "system:anonymous"
AUTHENTICATED_GROUP = "system:authenticated"
UNAUTHENTICATED_GROUP = "system:unauthenticated"
PRIVILEGED_GROUP = "system:masters"
#: Claims of identity even before the ConfigMap says which headers count.
IDENTITY_PREFIX = b"x-remote-"

#: (name in lower case, value) in arrival order.
HeaderLines = tuple[tuple[bytes, bytes], ...]

_BAD_ESCAPE = re.compile(r"%(?![0-9a-f]{2})")


class IdentityError(Exception):
    """The identity headers cannot be read; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """A user as Kubernetes knows it: `authentication.k8s.io/v1 UserInfo`.

    Attributes:
        user: user name, such as 'system:serviceaccount:default:cat'.
        groups: group names in arrival order, never split at commas.
        uid: empty if unknown.
        extra: key → values, keys in lower case and decoded.

    """

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def user_info(self) -> dict[str, Any]:
        """Return the JSON form used by SubjectAccessReview; empty fields are left out."""
        info: dict[str, Any] = {"user": self.user}
        if self.groups:
            info["groups"] = list(self.groups)
        if self.uid:
            info["uid"] = self.uid
        if self.extra:
            info["extra"] = {key: list(values) for key, values in self.extra.items()}
        return info


ANONYMOUS = Identity(ANONYMOUS_USER, (UNAUTHENTICATED_GROUP,))


def with_authenticated_group(identity: Identity) -> Identity:
    """Add system:authenticated unless a system group is there already or the user is anonymous.

    https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/authentication/group/authenticated_group_adder.go
    """
    if identity.user == ANONYMOUS_USER or {AUTHENTICATED_GROUP, UNAUTHENTICATED_GROUP}.intersection(identity.groups):
        return identity
    return dataclasses.replace(identity, groups=(*identity.groups, AUTHENTICATED_GROUP))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        # Two different byte strings must never become the same user.
        raise IdentityError("an identity header is not UTF-8") from None


def _extra_key(name: bytes) -> str:
    """Decode the part of a header name after the prefix; a key with a bad escape is kept as it is."""
    key = _text(name)
    if "%" not in key or _BAD_ESCAPE.search(key):
        return key
    return _text(unquote_to_bytes(key))


def identity_from_headers(headers: Sequence[tuple[bytes, bytes]], config: RequestHeaderConfig) -> Identity | None:
    """Read the identity out of raw header lines.

    Args:
        headers: (name in lower case, value) in arrival order.
        config: which header means what.

    Returns:
        The identity with system:authenticated added where it belongs, or None if no header names a user.

    Raises:
        IdentityError: if a value is not UTF-8.

    """
    user = next(
        (value for wanted in config.username_headers for name, value in headers if name == wanted and value),
        None,
    )
    if user is None:
        return None
    uid = next((value for wanted in config.uid_headers for name, value in headers if name == wanted and value), b"")
    groups = [_text(value) for wanted in config.group_headers for name, value in headers if name == wanted and value]
    extra: dict[str, tuple[str, ...]] = {}
    for prefix in config.extra_prefixes:
        for name, value in headers:
            if name.startswith(prefix) and len(name) > len(prefix):
                key = _extra_key(name[len(prefix) :])
                extra[key] = (*extra.get(key, ()), _text(value))
    return with_authenticated_group(Identity(_text(user), tuple(groups), _text(uid), extra))


class IdentityHeaders:
    """The header names that say who calls: those of the ConfigMap, and X-Remote-* in any case."""

    def __init__(self, config: RequestHeaderConfig) -> None:
        self._prefixes = (IDENTITY_PREFIX, *config.extra_prefixes)
        self._exact = frozenset(config.username_headers + config.group_headers + config.uid_headers)

    def claims(self, headers: Sequence[tuple[bytes, bytes]]) -> HeaderLines:
        """Return the lines that say who calls; also the cache key of the identity."""
        return tuple(line for line in headers if line[0].startswith(self._prefixes) or line[0] in self._exact)

    def without_pretence(self, headers: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[bytes, bytes]]:
        """Return the lines without credentials and without look-alikes of those names, such as X_Remote_User."""
        return [line for line in headers if not (line[0] == b"authorization" or self._looks_alike(line[0]))]

    def _looks_alike(self, name: bytes) -> bool:
        if b"_" not in name:
            return False
        folded = name.replace(b"_", b"-")
        # A key of extras may have an underscore; its prefix may not, unless the ConfigMap says so.
        return not name.startswith(self._prefixes) and name not in self._exact and bool(self.claims([(folded, b"")]))
