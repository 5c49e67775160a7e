"""OpenAPI v2 and v3 documents, generated from the table of resources and that of verbs.

kube-apiserver merges both into the cluster's own and kubectl reads them for `explain` and for validation, so the extensions that
kubectl looks for are written as it wants them.
https://github.com/kubernetes/kube-openapi
"""

from __future__ import annotations

import dataclasses
import functools
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


#: Returns what is to be served instead of the OpenAPI 3 document of a version: (version, document) → document.
Extend = Callable[[str, Json], Json]


@dataclasses.dataclass(frozen=True, slots=True)
class _Documents:
    """All documents of one moment.

    Attributes:
        v2: of all versions.
        v3: the list of `versions`; it names only our own, because kube-apiserver merges it unfiltered.
        versions: version → its document.

    """

    v2: Document
    v3: Document
    versions: dict[str, Document]


class OpenApi:
    """The documents below `/openapi`.

    Attributes:
        v3_versions: version → function that answers its document. The hash in the query is only there to defeat caches; an old
            one gets the document of now, never a redirect, which the aggregator would refuse.

    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._documents = _documents(api, lambda _, document: document)
        self.v3_versions: dict[str, Callable[[Request], Response]] = {
            version: functools.partial(self._v3_version, version) for version in api.versions
        }

    def renew(self, extend: Extend) -> None:
        """Make the documents anew, from what the schemas of the resources are now; it may take seconds, and may be called in a thread."""
        self._documents = _documents(self._api, extend)

    def v2(self, request: Request) -> Response:
        """Answer the document of OpenAPI 2."""
        return self._documents.v2.response(request)

    def v3(self, request: Request) -> Response:
        """Answer the list of documents of OpenAPI 3."""
        return self._documents.v3.response(request)

    def _v3_version(self, version: str, request: Request) -> Response:
        document = self._documents.versions[version]
        current = request.query().get("hash") == [document.etag]
        return document.response(request, [("Cache-Control", "public, immutable")] if current else ())


def _documents(api: Api, extend: Extend) -> _Documents:
    versions = {version: Document(JSON, extend(version, _v3(api, version))) for version in api.versions}
    relative_urls = {
        f"apis/{api.group}/{version}": {
            "serverRelativeURL": f"/openapi/v3/apis/{api.group}/{version}?hash={document.etag}"
        }
        for version, document in versions.items()
    }
    return _Documents(Document(JSON, _v2(api)), Document(JSON, {"paths": relative_urls}), versions)


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
