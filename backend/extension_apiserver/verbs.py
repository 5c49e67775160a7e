"""The verbs of the Kubernetes API: one table, which everything that knows verbs reads.

Authorization (`request_info`), metrics (`apiserver`), routes (`api.rest`), discovery and OpenAPI follow from it. It stands below `api`
because `request_info` does.
https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

#: What the path of a request ends in: the name of an object, or the resource.
Place = Literal["name", "collection"]


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter.

    Attributes:
        name: in the query.
        description: one sentence for OpenAPI.
        values: all it may be; () for anything of its type.
        type: in OpenAPI: string, boolean or integer.

    """

    name: str
    description: str
    values: tuple[str, ...] = ()
    type: str = "string"


DRY_RUN = Parameter("dryRun", "'All' stores nothing.", ("All",))
FIELD_VALIDATION = Parameter(
    "fieldValidation", "What to do about unknown and duplicate fields.", ("Ignore", "Warn", "Strict")
)
_MANAGER = Parameter(
    "fieldManager", "Who makes the change, for managedFields; by default the User-Agent up to its first slash."
)
_SELECT = (
    Parameter("fieldSelector", "Restricts the objects by fields, all by default."),
    Parameter("labelSelector", "Restricts the objects by labels, all by default."),
)
_PAGE = (
    Parameter("continue", "Where the last page ended, as its metadata says."),
    Parameter("limit", "How many objects an answer has at most.", type="integer"),
)
_VERSION = Parameter("resourceVersion", "How new what is answered must be.")
_SINCE = (
    _VERSION,
    Parameter("resourceVersionMatch", "What resourceVersion is to a list.", ("Exact", "NotOlderThan")),
    Parameter("sendInitialEvents", "The watch begins with the objects that there are.", type="boolean"),
    Parameter("timeoutSeconds", "How long the watch goes on.", type="integer"),
)
#: Verb → what it takes besides of a resource with a store.
STORED_PARAMETERS: Mapping[str, tuple[Parameter, ...]] = {
    "get": (_VERSION,),
    "list": (
        Parameter("allowWatchBookmarks", "The watch may say how far it is.", type="boolean"),
        *_SELECT,
        *_PAGE,
        *_SINCE,
        Parameter("watch", "Answer with what changes instead.", type="boolean"),
    ),
    "create": (_MANAGER,),
    "update": (_MANAGER,),
    "patch": (_MANAGER, Parameter("force", "An apply takes over what others own.", type="boolean")),
    "delete": (
        Parameter("gracePeriodSeconds", "Has no effect.", type="integer"),
        Parameter("propagationPolicy", "What becomes of dependents.", ("Orphan", "Background", "Foreground")),
    ),
    "deletecollection": (*_SELECT, *_PAGE, *_SINCE),
}
#: Media types of what a PATCH carries. There is no strategic merge, as for custom resources.
PATCHES = ("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml")


@dataclasses.dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        name: as RBAC and discovery have it.
        method: of HTTP.
        on: what the path ends in.
        answer: what success returns; None for events, which come on the path of `list`.
        description: for OpenAPI; the kind is appended.
        code: HTTP code of success.
        has_body: the request carries an object.
        across_namespaces: it is also for all namespaces at once.
        action: its name in OpenAPI, '' if that is `name`.
        by_functions: a resource can have it without a store.
        parameters: of the query.

    """

    name: str
    method: str
    on: Place
    answer: Literal["object", "list", "status"] | None = None
    description: str = ""
    code: int = 200
    has_body: bool = False
    across_namespaces: bool = False
    action: str = ""
    by_functions: bool = True
    parameters: tuple[Parameter, ...] = ()


#: By name. Of two with the same method on the same place the first is meant unless the request says otherwise.
VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("get", "GET", "name", "object", "read the object of kind"),
        Verb("list", "GET", "collection", "list", "list objects of kind", across_namespaces=True),
        Verb("watch", "GET", "collection", across_namespaces=True, by_functions=False),
        Verb(
            "create", "POST", "collection", "object", "create an object of kind", 201,
            has_body=True, action="post", parameters=(DRY_RUN, FIELD_VALIDATION),
        ),
        Verb(
            "update", "PUT", "name", "object", "replace the object of kind",
            has_body=True, action="put", parameters=(DRY_RUN, FIELD_VALIDATION),
        ),
        Verb(
            "patch", "PATCH", "name", "object", "partially update the object of kind",
            has_body=True, by_functions=False, parameters=(DRY_RUN, FIELD_VALIDATION),
        ),
        Verb("delete", "DELETE", "name", "status", "delete the object of kind", parameters=(DRY_RUN,)),
        Verb(
            "deletecollection", "DELETE", "collection", "status", "delete a collection of objects of kind",
            by_functions=False, parameters=(DRY_RUN,),
        ),
    )
}  # fmt: skip

#: Names of all, sorted: a resource with a store has them.
SERVED = tuple(sorted(VERBS))
#: Names of those that functions may answer, sorted. The others are left out whole: a promise that is half kept blocks namespace
#: deletion and garbage collection for the whole cluster.
FUNCTIONS = tuple(sorted(verb.name for verb in VERBS.values() if verb.by_functions))
