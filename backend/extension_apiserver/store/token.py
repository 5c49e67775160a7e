"""The text that leads a client from one page to the next. It is no secret and is not trusted: it says where to read on, and whose objects a query tells."""

from __future__ import annotations

import base64
import binascii
import json

from .checks import checked
from .protocol import Key, Refused

#: Three parts of a key, each byte of which JSON writes in six and base64 in eight.
_MOST_CHARACTERS = 16 * 2**10


class BadToken(Exception):
    """A text that no page ended with."""

    def __init__(self) -> None:
        super().__init__("continue key is not valid: it must be the one that the last page ended with")


def token(revision: int, after: tuple[str, str]) -> str:
    """Return the text for what follows a namespace and name, at a revision; -1 is whichever is the newest then."""
    document = json.dumps({"rv": revision, "after": after}, separators=(",", ":"))
    return base64.urlsafe_b64encode(document.encode()).rstrip(b"=").decode()


def parsed(text: str) -> tuple[int, tuple[str, str]]:
    """Return what `token` was given.

    Raises:
        BadToken: it made no such text.

    """
    if len(text) > _MOST_CHARACTERS:
        raise BadToken
    try:
        document = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        revision, (namespace, name) = document["rv"], document["after"]
        if not isinstance(namespace, str) or not isinstance(name, str):
            raise BadToken
        checked(Key("", namespace, name or "-"))
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError, Refused):
        raise BadToken from None
    if type(revision) is not int or not -1 <= revision < 2**63:
        raise BadToken
    return revision, (namespace, name)
