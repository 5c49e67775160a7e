"""OpenAPI v2 and v3 documents, generated from the table of resources and that of verbs.

kube-apiserver merges both into the cluster's own and kubectl reads them for `explain` and for validation, so the extensions that
kubectl looks for are written as it wants them.
https://github.com/kubernetes/kube-openapi
"""

from __future__ import annotations

from collections.abc import Callable

from extension_apiserver.request import JSON, Request, Response
from extension_apiserver.verbs import Parameter

from .definitions import Definitions, Json
from .documents import Document
from .operations import operations
from .resources import Api

_IN_PATH = {
    "{namespace}": {"name": "namespace", "in": "path", "required": True, "description": "Namespace of the object."},
    "{name}": {"name": "name", "in": "path", "required": True, "description": "Name of the object."},
}


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
        for one in operations(definitions):
            parameters = [*_in_path(one.path), *({**_in_query(p), "enum": list(p.values)} for p in one.parameters)]
            parameters = [{**parameter, "type": "string"} for parameter in parameters]
            if one.body is not None:
                parameters.append({"name": "body", "in": "body", "required": True, "schema": one.body})
            paths.setdefault(one.path, {})[one.method] = {
                **one.described,
                "parameters": parameters,
                "responses": {
                    answer.code: {
                        "description": answer.description,
                        **({"schema": answer.schema} if answer.schema else {}),
                    }
                    for answer in one.answers
                },
                "consumes": [JSON],
                "produces": sorted({answer.media_type for answer in one.answers if answer.schema}),
            }
    return {"swagger": "2.0", "info": _info(api), "paths": paths, "definitions": schemas}


def _v3(api: Api, version: str) -> Json:
    definitions = Definitions(api, version, "#/components/schemas/")
    paths: Json = {}
    for one in operations(definitions):
        operation: Json = {
            **one.described,
            "parameters": [
                *({**parameter, "schema": {"type": "string"}} for parameter in _in_path(one.path)),
                *({**_in_query(p), "schema": {"type": "string", "enum": list(p.values)}} for p in one.parameters),
            ],
            "responses": {
                answer.code: {
                    "description": answer.description,
                    **({"content": {answer.media_type: {"schema": answer.schema}}} if answer.schema else {}),
                }
                for answer in one.answers
            },
        }
        if one.body is not None:
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": one.body}}}
        paths.setdefault(one.path, {})[one.method] = operation
    return {
        "openapi": "3.0.0",
        "info": _info(api),
        "paths": paths,
        "components": {"schemas": definitions.schemas()},
    }


def _info(api: Api) -> Json:
    return {"title": api.group, "version": api.versions[0]}


def _in_path(path: str) -> list[Json]:
    return [parameter for template, parameter in _IN_PATH.items() if template in path]


def _in_query(parameter: Parameter) -> Json:
    return {"name": parameter.name, "in": "query", "description": parameter.description}
