"""The functions of a mapped resource: what each verb asks the upstream, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from extension_apiserver.api.call import Call, Object
from extension_apiserver.status import StatusError

from .answers import document_of
from .asking import Upstream
from .entries.actions import Action
from .entries.entry import Entry
from .entries.expressions import ExpressionError
from .entries.paths import is_name
from .fetch import Fetch, Run
from .listing import Listing, is_of, result_of
from .metadata import Objects
from .submitted import body_of


class Verbs:
    """One mapped resource.

    Args:
        entry: its mapping.
        fetch: asks the upstream.
        run: waits for that.
        schema: returns that of a spec, as it is known by then.

    """

    def __init__(self, entry: Entry, fetch: Fetch, run: Run, schema: Callable[[], Mapping[str, Any]]) -> None:
        self._entry = entry
        self._upstream = Upstream(entry, fetch, run)
        self._schema = schema
        self._objects = Objects(entry)
        self._listing = Listing(self._upstream, self._objects)

    def functions(self) -> dict[str, Callable[[Call], Any]]:
        """Return verb → function, for `api.resources.Resource`."""
        functions: dict[str, Callable[[Call], Any]] = {
            "list": self.list,
            "get": self.get,
            "create": self.create,
            "update": self.update,
            "delete": self.delete,
        }
        actions = self._entry.actions
        return {
            verb: function
            for verb, function in functions.items()
            if verb in actions or (verb == "get" and "list" in actions)
        }

    def list(self, call: Call) -> list[Object]:
        """Return the objects of a namespace, or all."""
        return list(self._listing.objects(call))

    def get(self, call: Call) -> Object:
        """Return one object, by asking for it or else by searching the list."""
        self._require_name(call)
        action = self._entry.actions.get("get")
        if action is None:
            for found in self._listing.objects(call):
                if found["metadata"]["name"] == call.name:
                    return found
            raise self._upstream.not_found(call)
        fetched, what = self._upstream.ask(call, action)
        item = result_of(action, document_of(fetched, what), what, "get.object")
        found = self._objects.of(item, call, what, scoped="namespace" in action.path.names)
        # What else the upstream finds by that path has another name, or is of another namespace: not what RBAC was asked about.
        if found["metadata"]["name"] != call.name or not is_of(found, call):
            raise self._upstream.not_found(call)
        return found

    def create(self, call: Call) -> Object:
        """Create an object; return it as the upstream has it, if it says so, else as it was sent."""
        body = body_of(call, self._entry, self._schema())
        return self._written(call, self._entry.actions["create"], body)

    def update(self, call: Call) -> Object:
        """Replace an object; return it as `create` does."""
        self._require_name(call)
        body = body_of(call, self._entry, self._schema())
        action = self._entry.actions["update"]
        self._require_own(call, action)
        return self._written(call, action, body)

    def delete(self, call: Call) -> None:
        """Delete an object."""
        self._require_name(call)
        action = self._entry.actions["delete"]
        self._require_own(call, action)
        if not call.dry_run:
            self._upstream.ask(call, action)

    def _written(self, call: Call, action: Action, body: bytes) -> Object:
        scoped = "namespace" in action.path.names
        if call.dry_run:
            return self._as_sent(call, scoped=scoped)
        fetched, what = self._upstream.ask(call, action, body)
        try:
            item = action.result.of_value(document_of(fetched, what))
            found = self._objects.of(item, call, what, scoped=scoped)
        except (StatusError, ExpressionError):
            # It is done; many answer with nothing, or with some words about it.
            return self._as_sent(call, scoped=scoped)
        return found if is_of(found, call) else self._as_sent(call, scoped=scoped)

    def _as_sent(self, call: Call, *, scoped: bool) -> Object:
        try:
            return self._objects.of(call.body["spec"], call, "the object", scoped=scoped)
        except StatusError:
            # Its name is the upstream's to give.
            metadata = {"name": call.body["metadata"]["name"], "creationTimestamp": None}
            return {"metadata": metadata, "spec": call.body["spec"]}

    def _require_own(self, call: Call, action: Action) -> None:
        """Check that there is such an object in the namespace, if the path that changes it does not say so."""
        readable = "get" in self._entry.actions or "list" in self._entry.actions
        if readable and (call.dry_run or (self._entry.namespaced and "namespace" not in action.path.names)):
            self.get(call)

    def _require_name(self, call: Call) -> None:
        if not is_name(call.name):
            raise self._upstream.not_found(call)
