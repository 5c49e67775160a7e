"""Asks an upstream for what a verb needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from extension_apiserver.api.call import Call
from extension_apiserver.status import StatusError, not_found

from .answers import require_success
from .entries.actions import Action
from .entries.entry import Entry
from .entries.paths import is_name
from .fetch import Fetch, FetchCall, Fetched, Run
from .words import plain


@dataclasses.dataclass(frozen=True, slots=True)
class Upstream:
    """The upstream of one resource, as the functions of verbs ask it: from a thread."""

    entry: Entry
    fetch: Fetch
    run: Run

    def ask(
        self, call: Call, action: Action, body: bytes | None = None, query: Sequence[tuple[str, str]] | None = None
    ) -> tuple[Fetched, str]:
        """Return a successful answer, and what was asked, in words.

        Args:
            call: what for; name and namespace are put into the path.
            action: what to ask.
            body: JSON.
            query: by default the action's.

        Raises:
            StatusError: see `require_success` and `Fetch`; 404 if the path names what no object can be named.

        """
        needed = action.path.names
        if not all(is_name({"name": call.name, "namespace": call.namespace}[key]) for key in needed):
            raise self.not_found(call)
        path = action.path.filled(name=call.name, namespace=call.namespace)
        fetch_call = FetchCall(
            segment=self.entry.upstream,
            version=call.api_version.partition("/")[2],
            method=action.method,
            path=path,
            query=query_of(action, call) if query is None else query,
            body=body,
            identity=call.identity,
            request=call.request,
        )
        fetched = self.run(self.fetch(fetch_call))
        what = f"{action.method} {plain(path, 200)} of the upstream"
        require_success(fetched, what, call.verb, self.not_found(call) if "name" in needed else None)
        return fetched, what

    def not_found(self, call: Call) -> StatusError:
        """Return the 404 for the object of a call."""
        return not_found(call.api_version.partition("/")[0], self.entry.plural, call.name)


def query_of(action: Action, call: Call) -> list[tuple[str, str]]:
    """Return the fixed parameters; those about a namespace only if there is one."""
    return [
        (name, value.replace("{namespace}", call.namespace))
        for name, value in action.query
        if call.namespace or "{namespace}" not in value
    ]
