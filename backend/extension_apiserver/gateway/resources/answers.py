"""Reads what an upstream answered: its JSON, or its refusal as a Status."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from extension_apiserver.status import StatusError

from .fetch import Fetched
from .words import plain, words_of

#: Deeper, some client's parser gives up; and Python's, at a thousand, cannot write what it could just read.
_DEEPEST = 100
#: Objects and lists. Whatever else runs, the event loop too, waits for the parser, a tenth of a second for so many; of 8 MiB of `[]`,
#: two seconds.
_MOST_NODES = 400_000
#: Digits of a number that a client's float still holds.
_MOST_DIGITS = 308
#: Refusals that are between the gateway and the upstream, and nothing that the client did. 401 is among them: it would make a client
#: throw away the credentials that kube-apiserver has just accepted.
_BETWEEN_US = frozenset({401, 405, 406, 407, 408, 411, 414, 415, 417, 421, 426, 431})
#: What is to Kubernetes another code: gone is not there (its 410 makes a client list anew), a failed precondition is a conflict.
_NOT_FOUND, _CONFLICT = 404, 409
_OTHERWISE = {410: _NOT_FOUND, 412: _CONFLICT}
_PASSED_ON = frozenset({503, 504})
_RETRY_AFTER = re.compile(r"\d{1,5}")


def document_of(fetched: Fetched, what: str) -> Any:  # noqa: ANN401 - what JSON can say
    """Return the document in an answer.

    Args:
        fetched: the answer; a key that comes twice in one object counts once, its last.
        what: was asked, for messages, such as 'GET /pets of the upstream'.

    Raises:
        StatusError: 502 if it is no JSON, or none that every client can read: NaN, a number of 400 digits, 101 levels.

    """
    try:
        return parsed(fetched.body)
    except ValueError as error:
        kind = plain(fetched.header("content-type") or "no Content-Type", 100)
        reason = plain(str(error), 100) if fetched.body else "is no JSON: it is empty"
        raise StatusError(502, f"{what}: the answer ({fetched.status}, {kind}) {reason}") from None


def parsed(body: bytes) -> Any:  # noqa: ANN401 - what JSON can say
    """Return a document that every client can read.

    Raises:
        ValueError: if it is none; the message goes on from its name.

    """
    if body.count(b"[") + body.count(b"{") > _MOST_NODES:
        raise ValueError(f"has more than {_MOST_NODES} objects and lists")
    try:
        document = json.loads(body, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        flat = False
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from None
    else:
        flat = _is_flat(document)
    if not flat:
        raise ValueError(f"has more than {_DEEPEST} levels")
    return document


def require_success(fetched: Fetched, what: str, verb: str, missing: StatusError | None) -> None:
    """Check that the upstream did what it was asked.

    Args:
        fetched: the answer.
        what: was asked, in words.
        verb: what for.
        missing: what 404 means, if it was asked for an object.

    Raises:
        StatusError: its refusal with its words, at most 512 characters: a code that speaks to the client stays; what is between the
            upstream and us becomes 502.

    """
    code = _OTHERWISE.get(fetched.status, fetched.status)
    if 200 <= code <= 299:  # noqa: PLR2004 - https://www.rfc-editor.org/rfc/rfc9110#name-successful-2xx
        return
    if code == _NOT_FOUND and missing is not None:
        raise missing
    words = words_of(fetched.body, fetched.header("content-type"))
    passes = code in _PASSED_ON or (400 <= code <= 499 and code not in _BETWEEN_US)  # noqa: PLR2004 - a client's faults
    wait = fetched.header("retry-after")
    raise StatusError(
        code if passes else 502,
        f"{what} answered {fetched.status}{': ' if words else ''}{words}",
        reason="AlreadyExists" if code == _CONFLICT and verb == "create" else None,
        headers=[("Retry-After", wait)] if passes and _RETRY_AFTER.fullmatch(wait) else [],
    )


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"it has {name}")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {plain(text, 20)} is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"the number {plain(text, 20)} is too large")
    return int(text)


def _is_flat(document: object) -> bool:
    """Return whether objects and lists are not nested too deeply; level by level, because a function that calls itself breaks, too."""
    level = [document]
    for _ in range(_DEEPEST + 1):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return True
    return False
