"""Content negotiation: which of the forms we have does the client want?"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence

from extension_apiserver.request import JSON
from extension_apiserver.status import StatusError

_MAX_CLAUSES = 64
#: Browsers and kubectl send less than a tenth of it.
_LONGEST_ACCEPT = 4096
#: A longer one is parsed each time: a stranger's headers must not stay in memory. kubectl's has 107 bytes, a controller's 170.
_LONGEST_CACHED = 256
_CACHED = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Clause:
    """One clause of an Accept header: `application/json;as=Table;v=v1;g=meta.k8s.io`."""

    media_type: str
    parameters: Mapping[str, str]
    quality: float

    def matches(self, media_type: str) -> bool:
        """Return whether the clause accepts a media type, parameters aside."""
        kind = media_type.partition("/")[0]
        return self.media_type in {media_type, "*/*", f"{kind}/*"}

    @property
    def kind(self) -> tuple[str, str, str]:
        """The Kubernetes type the client wants: (as, group, version); three empty strings for the plain object."""
        return self.parameters.get("as", ""), self.parameters.get("g", ""), self.parameters.get("v", "")


def clauses(accept: str) -> tuple[Clause, ...]:
    """Parse an Accept header, best quality first, otherwise in the client's order.

    An empty header accepts everything, one of more than 4 KiB nothing.
    """
    if len(accept) > _LONGEST_ACCEPT:
        return ()
    return (_known_clauses if len(accept) <= _LONGEST_CACHED else _clauses)(accept)


def _clauses(accept: str) -> tuple[Clause, ...]:
    found: list[Clause] = []
    for text in (accept.strip() or "*/*").split(",")[:_MAX_CLAUSES]:
        media_type, *rest = [part.strip() for part in text.split(";")]
        parameters = {
            name.strip().lower(): value.strip().strip('"') for name, _, value in (part.partition("=") for part in rest)
        }
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            continue
        # What has a quality of 0 stays, since it takes a form out of what `*/*` accepts.
        if quality >= 0 and "/" in media_type:
            found.append(Clause(media_type.lower(), parameters, quality))
    return tuple(sorted(found, key=lambda clause: -clause.quality))


def preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    """Return the offer of the best quality; among equals the server's order decides. None if nothing fits."""
    return (_known_preferred if len(accept) <= _LONGEST_CACHED else _preferred)(accept, offers)


def _preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    def quality(offer: str) -> float:
        # The most specific clause tells the quality of an offer: RFC 9110 section 12.5.1.
        fitting = [clause for clause in clauses(accept) if clause.matches(offer)]
        return min(fitting, key=lambda clause: clause.media_type.count("*")).quality if fitting else 0.0

    best = max(offers, key=quality)
    return best if quality(best) > 0 else None


# Most clients send the same in every request.
_known_clauses = functools.lru_cache(maxsize=_CACHED)(_clauses)
_known_preferred = functools.lru_cache(maxsize=_CACHED)(_preferred)


def as_kind(accept: str, kinds: Sequence[tuple[str, str, str]]) -> tuple[str, str, str]:
    """Return the first (as, group, version) that the client lists and that is among `kinds`.

    The plain object is ("", "", ""). Clauses for anything but JSON are passed over.

    Raises:
        StatusError: 406 if no clause fits or there are more than 4 KiB of them.

    """
    if len(accept) > _LONGEST_ACCEPT:
        raise StatusError(406, f"the Accept header must be at most {_LONGEST_ACCEPT} bytes")
    for clause in clauses(accept):
        if clause.quality > 0 and clause.matches(JSON) and clause.kind in kinds:
            return clause.kind
    raise not_acceptable([JSON])


def not_acceptable(offers: Sequence[str]) -> StatusError:
    """Return the 406, which names the media types that there are."""
    return StatusError(406, f"only the following media types are accepted: {', '.join(offers)}")


def require_json_body(content_type: str) -> None:
    """Check the type of a request body; a missing one counts as JSON.

    Raises:
        StatusError: 415 for anything else.

    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in {"", JSON}:
        raise StatusError(
            415, f"the body of the request was in an unknown format - accepted media types include: {JSON}"
        )
