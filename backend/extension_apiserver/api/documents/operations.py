"""What the API can be asked to do, as OpenAPI says it: the verbs of each resource, and its subresources."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from extension_apiserver.api.call import Subresource
from extension_apiserver.api.resources import Resource
from extension_apiserver.request import JSON
from extension_apiserver.verbs import PATCHES, STORED_PARAMETERS, VERBS, Parameter, Place, Verb

from .definitions import GVK, Definitions, Json

#: Codes that any operation may answer.
_FAILURES = ("400", "401", "403", "404", "406", "413", "415", "422", "500", "503")


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation; `schema` is None if it has no body."""

    code: str
    description: str
    media_type: str = JSON
    schema: Json | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        path: template.
        method: in lower case.
        described: what both OpenAPI versions say of it.
        answers: success first.
        parameters: of the query.
        body: the schema of what is sent, None if nothing is.
        consumes: the media types in which that may be.

    """

    path: str
    method: str
    described: Json
    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    body: Json | None = None
    consumes: tuple[str, ...] = (JSON,)


def operations(definitions: Definitions) -> Iterator[Operation]:
    """Yield everything that is routed in one version."""
    api, version = definitions.api, definitions.version
    for resource in api.resources:
        for in_namespace in (False, True) if resource.namespaced else (False,):
            where = "namespaces/{namespace}/" if in_namespace else ""
            collection = f"/apis/{api.group}/{version}/{where}{resource.plural}"
            paths: dict[Place, str] = {"collection": collection, "name": f"{collection}/{{name}}"}
            for place, path in paths.items():
                for name in resource.verbs_on(place, in_namespace=in_namespace):
                    # What a watch is, list says.
                    if name != "watch":
                        yield _of_verb(path, VERBS[name], resource, definitions)
            if in_namespace == resource.namespaced:
                for name in resource.own_subresources:
                    for verb in ("get", "patch", "update"):
                        yield _of_verb(f"{collection}/{{name}}/{name}", VERBS[verb], resource, definitions, name)
                for name, subresource in sorted(resource.subresources.items()):
                    yield from _of_subresource(
                        f"{collection}/{{name}}/{name}", name, subresource, resource, definitions
                    )


def _of_verb(path: str, verb: Verb, resource: Resource, definitions: Definitions, below: str = "") -> Operation:
    """Return the operation of a verb; `below` is the subresource that the store answers, "" for the object."""
    every = "ForAllNamespaces" if resource.namespaced and "{namespace}" not in path else ""
    own = "Scale" if below == "scale" else resource.kind
    kind = {"list": f"{resource.kind}List", "status": "Status"}.get(verb.answer or "", own)
    what = f"{below} of the object of kind" if below else "object of kind"
    created = () if verb.name != "patch" or below else (Answer("201", "created", schema=definitions.ref(kind)),)
    return Operation(
        path,
        verb.method.lower(),
        _described(
            (verb.name, _namespaced(path) + resource.kind + below.capitalize() + every),
            f"{verb.description} {resource.kind}".replace("object of kind", what),
            verb.action or verb.name,
            resource,
            definitions,
        ),
        (
            Answer(str(verb.code), "success", schema=definitions.ref(kind)),
            *created,
            *_failures(definitions, *(("409",) if resource.stored else ())),
        ),
        (*verb.parameters, *(STORED_PARAMETERS.get(verb.name, ()) if resource.stored else ())),
        # What is patched with is no object: a list, or a part.
        definitions.ref("Patch" if verb.name == "patch" else own) if verb.has_body else None,
        PATCHES if verb.name == "patch" else (JSON,),
    )


def _of_subresource(
    path: str, name: str, subresource: Subresource, resource: Resource, definitions: Definitions
) -> Iterator[Operation]:
    """Yield the operations with the names that those of pods/log and pods/exec have upstream."""
    what = _namespaced(path) + resource.kind + "".join(word.capitalize() for word in name.split("-"))
    if subresource.connect is None:
        media_type = subresource.content_type.partition(";")[0].strip()
        success = Answer("200", "success", media_type, {"type": "string"})
        words = f"{subresource.description or f'read {name}'} of the {resource.kind}"
        described = _described(("read", what), words, "get", resource, definitions)
        yield Operation(path, "get", described, (success, *_failures(definitions)))
        return
    success = Answer("101", f"the connection speaks one of: {', '.join(subresource.protocols)}")
    words = f"{subresource.description or f'connect to {name}'} of the {resource.kind}"
    for method in sorted(VERBS[verb].method for verb in subresource.verbs):
        described = _described(("connect", method.capitalize() + what), words, "connect", resource, definitions)
        yield Operation(path, method.lower(), described, (success, *_failures(definitions, "426")))


def _described(
    operation_id: tuple[str, str], description: str, action: str, resource: Resource, definitions: Definitions
) -> Json:
    """Return what both OpenAPI versions say; group and version come between the two parts of the id."""
    words = "".join(part.capitalize() for part in definitions.api.group.replace("-", ".").split("."))
    beginning, end = operation_id
    return {
        "operationId": f"{beginning}{words}{definitions.version.capitalize()}{end}",
        "description": description,
        "tags": [f"{words[:1].lower()}{words[1:]}_{definitions.version}"],
        "x-kubernetes-action": action,
        GVK: definitions.gvk(resource.kind),
    }


def _namespaced(path: str) -> str:
    return "Namespaced" if "{namespace}" in path else ""


def _failures(definitions: Definitions, *more: str) -> Iterator[Answer]:
    for code in sorted((*_FAILURES, *more)):
        yield Answer(code, "failure", schema=definitions.ref("Status"))
