"""The text that leads a client from one page to the next. It is no secret and is not trusted: it says where to read on, and whose objects a query tells."""

from __future__ import annotations

import base64
import binascii
import json
from typing import NamedTuple

from .checks import checked
from .protocol import Key, Refused

#: Three parts of a key, each byte of which JSON writes in six and base64 in eight.
_MOST_CHARACTERS = 16 * 2**10


class BadToken(Exception):
    """A text that no page ended with."""

    def __init__(self) -> None:
        super().__init__("continue key is not valid: it must be the one that the last page ended with")


class Place(NamedTuple):
    """Where to read on.

    Attributes:
        revision: of the store; -1 is whichever is the newest then.
        after: namespace and name of the last object that was read.
        left: how many objects follow, 0 if that is not known; so that they are counted once, and not for each page.

    """

    revision: int
    after: tuple[str, str]
    left: int = 0


def token(place: Place) -> str:
    """Return the text for a place."""
    said: dict[str, object] = {"rv": place.revision, "after": place.after}
    if place.left:
        said["left"] = place.left
    document = json.dumps(said, separators=(",", ":"))
    return base64.urlsafe_b64encode(document.encode()).rstrip(b"=").decode()


def parsed(text: str) -> Place:
    """Return what `token` was given.

    Raises:
        BadToken: it made no such text.

    """
    if len(text) > _MOST_CHARACTERS:
        raise BadToken
    try:
        document = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        revision, (namespace, name), left = document["rv"], document["after"], document.get("left", 0)
        if not isinstance(namespace, str) or not isinstance(name, str):
            raise BadToken
        checked(Key("", namespace, name or "-"))
    except (AttributeError, binascii.Error, ValueError, KeyError, TypeError, RecursionError, Refused):
        raise BadToken from None
    for number, least in ((revision, -1), (left, 0)):
        if type(number) is not int or not least <= number < 2**63:
            raise BadToken
    return Place(revision, (namespace, name), left)
