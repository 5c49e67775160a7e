"""How an upstream is told who calls, so that nobody else can tell it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence

from extension_apiserver.status import StatusError
from extension_apiserver.trust.identity import Identity

from .config import IdentityConfig
from .header_names import folded, may_pass

#: Of a client's header name; no program has one of so many bytes, and it must cost little to look at, and to remember.
_LONGEST_NAME = 128
_MOST_NAMES = 512
_NAME = re.compile(rb"[a-z0-9-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# client-go's headerKeyEscape, and what servers fold or drop on their way: upper case, and '_'. Whoever unescapes reads the same key.
# https://github.com/kubernetes/client-go/blob/v0.34.0/transport/round_trippers.go
_ESCAPED = re.compile(rb"[^a-z0-9!#$&'*+.^`|~-]")
_LONGEST_SHOWN = 64


def sendable(what: str, text: str) -> bytes:
    """Return a value of an identity in UTF-8.

    Raises:
        StatusError: 403 if no header line can hold it.

    """
    try:
        # A space at an end vanishes where it is read, and two values become one.
        if _CONTROL.search(text) is None and text[:1] != " " and text[-1:] != " ":
            return text.encode()
    except UnicodeEncodeError:
        pass
    shown = ascii(text[:_LONGEST_SHOWN])
    raise StatusError(
        403, f"the {what} {shown} has characters that no header can hold, so the upstream can't be told who calls"
    )


class IdentityHeaders:
    """The header lines that say who calls."""

    def __init__(self, config: IdentityConfig, also: Sequence[str] = ()) -> None:
        """Take the names.

        Args:
            config: as `read_config` checked it.
            also: names of further headers that only the gateway may set, such as the token's.

        """
        self._user, self._group, self._uid = (
            name.encode() for name in (config.user_header, config.group_header, config.uid_header)
        )
        self._extra = config.extra_header_prefix.encode()
        self._separator = config.group_separator
        self._separating = set(config.group_separator.replace(" ", "") or config.group_separator or ",")
        ours = (self._user, self._group, self._uid, *(name.encode() for name in also))
        self._ours = frozenset(folded(name) for name in ours if name)
        # Of '' everything would begin with it.
        self._prefixes = (folded(self._extra),) if self._extra else ()
        self._known: Callable[[bytes], bool] = functools.lru_cache(maxsize=_MOST_NAMES)(self._decide)

    def lines(self, identity: Identity) -> list[tuple[bytes, bytes]]:
        """Return what the upstream is told; no two identities give the same lines. Empty groups are none.

        Raises:
            StatusError: 403 if the configured headers can't tell it so that it is understood.

        """
        found = []
        if not identity.user:
            raise StatusError(403, "the caller has no user name, so the upstream can't be told who calls")
        if self._user:
            found.append((self._user, sendable("user name", identity.user)))
        if self._group:
            groups = self._groups(identity)
            together = [self._separator.encode().join(groups)] if groups and self._separator else groups
            found += [(self._group, group) for group in together]
        if self._uid and identity.uid:
            found.append((self._uid, sendable("uid", identity.uid)))
        if self._extra:
            for key, values in identity.extra.items():
                name = self._extra + _escaped(key)
                found += [(name, sendable(f"value of {key[:_LONGEST_SHOWN]!a}", value)) for value in values]
        return found

    def _groups(self, identity: Identity) -> list[bytes]:
        """Return the groups, none of which an upstream would take for two.

        Not with a comma either where each has a line of its own: WSGI, CGI and Node.js show the lines of one name as one, joined by commas
        (https://www.rfc-editor.org/rfc/rfc9110#section-5.3). And with none of a separator's characters, since an upstream may take the
        line apart at ',' when it is ', '.
        """
        for group in identity.groups:
            if not self._separating.isdisjoint(group):
                raise StatusError(
                    403,
                    f"the group {group[:_LONGEST_SHOWN]!a} holds {self._separator or ','!a}, at which the upstream may take it apart; the "
                    "owner of the gateway has to set groupSeparator to what no group holds, such as '|'",
                )
        return [sendable("group", group) for group in identity.groups if group]

    def passes(self, name: bytes) -> bool:
        """Return whether a client's header line of this name, in lower case, may reach the upstream."""
        return len(name) <= _LONGEST_NAME and self._known(name)

    def _decide(self, name: bytes) -> bool:
        if not _NAME.fullmatch(name):
            return False
        plain = folded(name)
        return plain not in self._ours and not plain.startswith(self._prefixes) and may_pass(name)


def _escaped(key: str) -> bytes:
    try:
        if key:
            return _ESCAPED.sub(lambda match: b"%%%02X" % match.group()[0], key.encode())
    except UnicodeEncodeError:
        pass
    raise StatusError(
        403, f"the caller's extra key {key[:_LONGEST_SHOWN]!a} is no text, so the upstream can't be told who calls"
    )
