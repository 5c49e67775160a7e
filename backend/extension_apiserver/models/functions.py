"""Functions that get and return models, as functions of a resource."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypedDict

from pydantic import BaseModel

from extension_apiserver.api.call import Call, Object
from extension_apiserver.objects.schema.pruning import prune
from extension_apiserver.objects.schema.structural import Structural
from extension_apiserver.objects.values import MOST_LEVELS, copied, too_deep
from extension_apiserver.status import StatusError, invalid

from .validation import Invalid, Model, Reader

Function = Callable[[Call], Any]


class Verbs(TypedDict, Generic[Model], total=False):
    """Verb → function, as Resource.verbs; what a client sent comes as a model, after the call."""

    get: Callable[[Call], Model]
    list: Callable[[Call], Iterable[Model]]
    create: Callable[[Call, Model], Model]
    update: Callable[[Call, Model], Model]
    delete: Callable[[Call], object]


def functions(verbs: Mapping[str, Any], kind: str, reader: Reader[Model], schema: Structural) -> dict[str, Function]:
    """Return the functions of a resource.

    Args:
        verbs: as Verbs.
        kind: of the resource.
        reader: of its model.
        schema: of its objects; what it does not know is warned about, and the model does not see it.

    """

    def read(call: Call) -> Model:
        if too_deep(call.body):
            raise StatusError(400, f"the object is nested deeper than {MOST_LEVELS} levels")
        body = copied({"apiVersion": call.api_version, "kind": kind, **call.body})
        prune(body, schema)
        try:
            return reader.read(body)
        except Invalid as error:
            group = call.api_version.partition("/")[0]
            raise invalid(group, kind, str(body["metadata"].get("name", "")), error.faults) from None

    wrap: Mapping[str, Callable[[Callable[..., Any]], Function]] = {
        "list": lambda function: lambda call: [_dumped(one) for one in function(call)],
        "create": lambda function: lambda call: _dumped(function(call, read(call))),
        "update": lambda function: lambda call: _dumped(function(call, read(call))),
        "get": lambda function: lambda call: _dumped(function(call)),
    }
    return {verb: wrap[verb](function) if verb in wrap else function for verb, function in verbs.items()}


def _dumped(item: BaseModel) -> Object:
    """Return an object as JSON has it, without what is None and what is computed, which no client may write back."""
    made: Object = item.model_dump(mode="json", by_alias=True, exclude_none=True, round_trip=True)
    return made
