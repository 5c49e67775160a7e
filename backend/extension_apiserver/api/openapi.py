"""OpenAPI v2 and v3 documents, generated from the table of resources.

kube-apiserver merges both into the cluster's own and kubectl reads them for `explain` and for validation, so the extensions that
kubectl looks for are written as it wants them: an object on operations, a list on schemas.
https://github.com/kubernetes/kube-openapi
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from extension_apiserver.request import JSON, Request, Response

from .documents import Document
from .resources import Api, Resource
from .schema import METADATA

Json = dict[str, Any]

_GVK = "x-kubernetes-group-version-kind"
_NAME = {"name": "name", "in": "path", "required": True, "description": "Name of the object."}
_NAMESPACE = {"name": "namespace", "in": "path", "required": True, "description": "Namespace of the object."}
_DRY_RUN = {"name": "dryRun", "in": "query", "description": "'All' stores nothing.", "enum": ["All"]}
_FIELD_VALIDATION = {
    "name": "fieldValidation",
    "in": "query",
    "description": "What to do about unknown and duplicate fields.",
    "enum": ["Ignore", "Warn", "Strict"],
}
#: verb → (HTTP method, code of success, what it does, query parameters).
_OPERATIONS: Mapping[str, tuple[str, str, str, tuple[Json, ...]]] = {
    "list": ("get", "200", "list objects of kind", ()),
    "create": ("post", "201", "create an object of kind", (_DRY_RUN, _FIELD_VALIDATION)),
    "get": ("get", "200", "read the object of kind", ()),
    "update": ("put", "200", "replace the object of kind", (_DRY_RUN, _FIELD_VALIDATION)),
    "delete": ("delete", "200", "delete the object of kind", (_DRY_RUN,)),
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
        """Build them."""
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
    definitions: Json = {}
    for version in api.versions:
        dialect = _Dialect(api, version, "#/definitions/")
        definitions |= dialect.schemas()
        for path, verb, resource in _rows(api, version):
            paths.setdefault(path, {})[_OPERATIONS[verb][0]] = dialect.v2_operation(path, verb, resource)
    return {"swagger": "2.0", "info": _info(api), "paths": paths, "definitions": definitions}


def _v3(api: Api, version: str) -> Json:
    dialect = _Dialect(api, version, "#/components/schemas/")
    paths: Json = {}
    for path, verb, resource in _rows(api, version):
        paths.setdefault(path, {})[_OPERATIONS[verb][0]] = dialect.v3_operation(path, verb, resource)
    return {"openapi": "3.0.0", "info": _info(api), "paths": paths, "components": {"schemas": dialect.schemas()}}


def _info(api: Api) -> Json:
    return {"title": api.group, "version": api.versions[0]}


def _rows(api: Api, version: str) -> Iterator[tuple[str, str, Resource]]:
    """Yield (path template, verb, resource) for everything that is routed."""
    for resource in api.resources:
        everywhere = f"/apis/{api.group}/{version}/{resource.plural}"
        collection = everywhere
        if resource.namespaced:
            collection = f"/apis/{api.group}/{version}/namespaces/{{namespace}}/{resource.plural}"
            if "list" in resource.verbs:
                yield everywhere, "list", resource
        for verb in sorted(resource.verbs):
            yield collection if verb in {"list", "create"} else f"{collection}/{{name}}", verb, resource


class _Dialect:
    """Writes operations and schemas of one version; the two OpenAPI versions differ in where schemas are and how bodies look."""

    def __init__(self, api: Api, version: str, ref: str) -> None:
        self._group = api.group
        self._version = version
        self._resources = api.resources
        self._ref = ref
        #: Names must not meet those of other groups: com.example.cats.v1.Echo.
        self._prefix = ".".join([*reversed(api.group.split(".")), version])

    def schemas(self) -> Json:
        schemas: Json = {
            self._name("ObjectMeta"): METADATA,
            self._name("Status"): _STATUS,
            self._name("ListMeta"): _LIST_META,
        }
        for resource in self._resources:
            schemas[self._name(resource.kind)] = self._object(resource)
            schemas[self._name(f"{resource.kind}List")] = self._list(resource)
        return schemas

    def v2_operation(self, path: str, verb: str, resource: Resource) -> Json:
        operation = self._operation(path, verb, resource)
        parameters = [{**parameter, "type": "string"} for parameter in self._parameters(path, verb)]
        if verb in {"create", "update"}:
            parameters.append({"name": "body", "in": "body", "required": True, "schema": self._to(resource.kind)})
        responses = {
            code: {"description": text, "schema": self._to(kind)} for code, text, kind in _responses(verb, resource)
        }
        return {**operation, "consumes": [JSON], "produces": [JSON], "parameters": parameters, "responses": responses}

    def v3_operation(self, path: str, verb: str, resource: Resource) -> Json:
        operation = self._operation(path, verb, resource)
        operation["parameters"] = [
            {
                **{key: value for key, value in parameter.items() if key != "enum"},
                "schema": {"type": "string", **({"enum": parameter["enum"]} if "enum" in parameter else {})},
            }
            for parameter in self._parameters(path, verb)
        ]
        if verb in {"create", "update"}:
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": self._to(resource.kind)}}}
        operation["responses"] = {
            code: {"description": text, "content": {JSON: {"schema": self._to(kind)}}}
            for code, text, kind in _responses(verb, resource)
        }
        return operation

    def _operation(self, path: str, verb: str, resource: Resource) -> Json:
        method, _, text, _ = _OPERATIONS[verb]
        where = "Namespaced" if "{namespace}" in path else ""
        every = "ForAllNamespaces" if resource.namespaced and not where else ""
        words = "".join(part.capitalize() for part in self._group.replace("-", ".").split("."))
        return {
            "operationId": f"{verb}{words}{self._version.capitalize()}{where}{resource.kind}{every}",
            "description": f"{text} {resource.kind}",
            "tags": [f"{words[:1].lower()}{words[1:]}_{self._version}"],
            "x-kubernetes-action": method if verb == "get" else {"create": "post", "update": "put"}.get(verb, verb),
            _GVK: self._gvk(resource.kind),
        }

    def _parameters(self, path: str, verb: str) -> list[Json]:
        in_path = [parameter for parameter in (_NAMESPACE, _NAME) if f"{{{parameter['name']}}}" in path]
        return [*in_path, *_OPERATIONS[verb][3]]

    def _object(self, resource: Resource) -> Json:
        return {
            "type": "object",
            "description": resource.description,
            "properties": {**_TYPE_META, "metadata": self._to("ObjectMeta"), **resource.schema},
            _GVK: [self._gvk(resource.kind)],
        }

    def _list(self, resource: Resource) -> Json:
        return {
            "type": "object",
            "description": f"A list of {resource.kind}.",
            "required": ["items"],
            "properties": {
                **_TYPE_META,
                "metadata": self._to("ListMeta"),
                "items": {"type": "array", "items": self._to(resource.kind)},
            },
            _GVK: [self._gvk(f"{resource.kind}List")],
        }

    def _gvk(self, kind: str) -> Json:
        return {"group": self._group, "version": self._version, "kind": kind}

    def _name(self, kind: str) -> str:
        return f"{self._prefix}.{kind}"

    def _to(self, kind: str) -> Json:
        return {"$ref": self._ref + self._name(kind)}


def _responses(verb: str, resource: Resource) -> Iterator[tuple[str, str, str]]:
    """Yield (code, description, kind of the body)."""
    kind = {"list": f"{resource.kind}List", "delete": "Status"}.get(verb, resource.kind)
    yield _OPERATIONS[verb][1], "success", kind
    for code in _FAILURES:
        yield code, "failure", "Status"


_TYPE_META: Json = {
    "apiVersion": {"type": "string", "description": "Group and version of this object."},
    "kind": {"type": "string", "description": "Kind of this object."},
}
_LIST_META: Json = {
    "type": "object",
    "description": "Metadata of a list.",
    "properties": {"resourceVersion": {"type": "string"}, "continue": {"type": "string"}},
}
_STATUS: Json = {
    "type": "object",
    "description": "The outcome of a request that returns no object.",
    "properties": {
        **_TYPE_META,
        "metadata": {"type": "object"},
        "status": {"type": "string", "description": "Success or Failure."},
        "message": {"type": "string", "description": "For people."},
        "reason": {"type": "string", "description": "For programs, in one word."},
        "details": {"type": "object", "description": "What it is about."},
        "code": {"type": "integer", "description": "The HTTP code."},
    },
}
