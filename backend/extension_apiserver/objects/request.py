"""How a request comes to an object, and what it says about where the object is."""

from __future__ import annotations

import dataclasses
import datetime as dt

from extension_apiserver.status import StatusError

from .apply.versions import Versions
from .apply.writer import Writer
from .go_words import shortened
from .kind import Kind
from .values import Object


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """How a request comes to an object.

    Attributes:
        kind: the version of its path.
        versions: all of the kind.
        namespace: of its path, "" where there is none.
        name: of its path, "" of a creation.
        subresource: "status" or "".
        manager: who writes; see apply.managers.manager_name.
        now: its time.
        directive: fieldValidation.

    """

    kind: Kind
    versions: Versions
    namespace: str
    name: str
    manager: str
    now: dt.datetime
    subresource: str = ""
    directive: str = ""

    @property
    def writer(self) -> Writer:
        """Who writes, for managedFields."""
        return Writer(self.manager, self.kind.api_version, self.now, self.subresource, self.kind.has_status)


def place(sent: Object, request: Request) -> None:
    """Put an object where its path says, in place.

    Raises:
        StatusError: 400, it says that it is elsewhere, or not where.

    """
    metadata = sent["metadata"]
    name = metadata.get("name", "")
    if request.name and name and name != request.name:
        raise StatusError(
            400, f"the name of the object ({shortened(name)}) does not match the name on the URL ({request.name})"
        )
    if request.name and not name:
        words = f"the name of the object ({request.name} based on URL) was undeterminable: name must be provided"
        raise StatusError(400, words)
    namespace = metadata.get("namespace", "")
    if namespace not in {"", request.namespace}:
        raise StatusError(400, "the namespace of the provided object does not match the namespace sent on the request")
    if request.namespace:
        metadata["namespace"] = request.namespace
