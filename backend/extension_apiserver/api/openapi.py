"""OpenAPI v2 and v3 documents, generated from the table of resources and that of verbs.

kube-apiserver merges both into the cluster's own and kubectl reads them for `explain` and for validation, so the extensions that
kubectl looks for are written as it wants them.
https://github.com/kubernetes/kube-openapi
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from extension_apiserver.request import JSON, Request, Response
from extension_apiserver.verbs import VERBS, Parameter, Place, Verb

from .definitions import GVK, Definitions, Json
from .documents import Document
from .resources import Api, Resource

_IN_PATH = {
    "{namespace}": {"name": "namespace", "in": "path", "required": True, "description": "Namespace of the object."},
    "{name}": {"name": "name", "in": "path", "required": True, "description": "Name of the object."},
}
#: Codes that any operation may answer.
_FAILURES = ("400", "401", "403", "404", "406", "413", "415", "422", "500", "503")


class OpenApi:
    """The documents below `/openapi`.

    Attributes:
        v2: one document for all versions.
        v3: the list of documents; it names only our own, because kube-apiserver merges it unfiltered.
        v3_versions: version → function that answers its document. The hash in the query is only there to defeat caches; an old
            one gets the document of now, never a redirect, which the aggregator would refuse.

    """

    def __init__(self, api: Api) -> None:
        self.v2 = Document(JSON, _v2(api))
        documents = {version: Document(JSON, _v3(api, version)) for version in api.versions}
        self.v3_versions: dict[str, Callable[[Request], Response]] = {
            version: _cacheable(document) for version, document in documents.items()
        }
        relative_urls = {
            f"apis/{api.group}/{version}": {
                "serverRelativeURL": f"/openapi/v3/apis/{api.group}/{version}?hash={document.etag}"
            }
            for version, document in documents.items()
        }
        self.v3 = Document(JSON, {"paths": relative_urls})


def _cacheable(document: Document) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        current = request.query().get("hash") == [document.etag]
        return document.response(request, [("Cache-Control", "public, immutable")] if current else ())

    return answer


def _v2(api: Api) -> Json:
    paths: Json = {}
    schemas: Json = {}
    for version in api.versions:
        definitions = Definitions(api, version, "#/definitions/")
        schemas |= definitions.schemas()
        for path, verb, resource in _operations(api, version):
            operation = _described(path, verb, resource, definitions)
            parameters = [*_in_path(path), *({**_in_query(p), "enum": list(p.values)} for p in verb.parameters)]
            operation["parameters"] = [{**parameter, "type": "string"} for parameter in parameters]
            if verb.has_body:
                body = {"name": "body", "in": "body", "required": True, "schema": definitions.ref(resource.kind)}
                operation["parameters"].append(body)
            operation["responses"] = {
                code: {"description": text, "schema": definitions.ref(kind)}
                for code, text, kind in _responses(verb, resource)
            }
            paths.setdefault(path, {})[verb.method.lower()] = {**operation, "consumes": [JSON], "produces": [JSON]}
    return {"swagger": "2.0", "info": _info(api), "paths": paths, "definitions": schemas}


def _v3(api: Api, version: str) -> Json:
    definitions = Definitions(api, version, "#/components/schemas/")
    paths: Json = {}
    for path, verb, resource in _operations(api, version):
        operation = _described(path, verb, resource, definitions)
        operation["parameters"] = [
            *({**parameter, "schema": {"type": "string"}} for parameter in _in_path(path)),
            *({**_in_query(p), "schema": {"type": "string", "enum": list(p.values)}} for p in verb.parameters),
        ]
        if verb.has_body:
            content = {JSON: {"schema": definitions.ref(resource.kind)}}
            operation["requestBody"] = {"required": True, "content": content}
        operation["responses"] = {
            code: {"description": text, "content": {JSON: {"schema": definitions.ref(kind)}}}
            for code, text, kind in _responses(verb, resource)
        }
        paths.setdefault(path, {})[verb.method.lower()] = operation
    return {
        "openapi": "3.0.0",
        "info": _info(api),
        "paths": paths,
        "components": {"schemas": definitions.schemas()},
    }


def _info(api: Api) -> Json:
    return {"title": api.group, "version": api.versions[0]}


def _operations(api: Api, version: str) -> Iterator[tuple[str, Verb, Resource]]:
    """Yield (path template, verb, resource) for everything that is routed."""
    for resource in api.resources:
        for in_namespace in (False, True) if resource.namespaced else (False,):
            where = "namespaces/{namespace}/" if in_namespace else ""
            collection = f"/apis/{api.group}/{version}/{where}{resource.plural}"
            paths: dict[Place, str] = {"collection": collection, "name": f"{collection}/{{name}}"}
            for place, path in paths.items():
                for name in resource.verbs_on(place, in_namespace=in_namespace):
                    yield path, VERBS[name], resource


def _described(path: str, verb: Verb, resource: Resource, definitions: Definitions) -> Json:
    """Return what both OpenAPI versions say of an operation."""
    where = "Namespaced" if "{namespace}" in path else ""
    every = "ForAllNamespaces" if resource.namespaced and not where else ""
    words = "".join(part.capitalize() for part in definitions.api.group.replace("-", ".").split("."))
    return {
        "operationId": f"{verb.name}{words}{definitions.version.capitalize()}{where}{resource.kind}{every}",
        "description": f"{verb.description} {resource.kind}",
        "tags": [f"{words[:1].lower()}{words[1:]}_{definitions.version}"],
        "x-kubernetes-action": verb.action or verb.name,
        GVK: definitions.gvk(resource.kind),
    }


def _in_path(path: str) -> list[Json]:
    return [parameter for template, parameter in _IN_PATH.items() if template in path]


def _in_query(parameter: Parameter) -> Json:
    return {"name": parameter.name, "in": "query", "description": parameter.description}


def _responses(verb: Verb, resource: Resource) -> Iterator[tuple[str, str, str]]:
    """Yield (code, description, kind of the body)."""
    kind = {"list": f"{resource.kind}List", "status": "Status"}.get(verb.answer or "", resource.kind)
    yield str(verb.code), "success", kind
    for code in _FAILURES:
        yield code, "failure", "Status"
