"""OpenAPI v2 and v3 documents, generated from the table of resources and that of verbs.

kube-apiserver merges both into the cluster's own and kubectl reads them for `explain` and for validation, so the extensions that
kubectl looks for are written as it wants them.
https://github.com/kubernetes/kube-openapi
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from extension_apiserver.api.resources import Api
from extension_apiserver.request import JSON
from extension_apiserver.verbs import Parameter

from .definitions import Definitions, Json
from .document import Document, compact
from .older import older
from .operations import operations

_IN_PATH = {
    "{namespace}": {"name": "namespace", "in": "path", "required": True, "description": "Namespace of the object."},
    "{name}": {"name": "name", "in": "path", "required": True, "description": "Name of the object."},
}


#: Returns what is to be served instead of the OpenAPI 3 document of a version: (version, document) → document.
Extend = Callable[[str, Json], Json]


@dataclasses.dataclass(frozen=True, slots=True)
class OpenApiDocuments:
    """What OpenAPI says of one group at one moment.

    Attributes:
        v2_paths: the `paths` of OpenAPI 2 of all versions, JSON; bytes, since those of a large upstream's may be megabytes.
        v2_definitions: likewise its `definitions`.
        v3: version → its whole document.

    """

    v2_paths: bytes
    v2_definitions: bytes
    v3: Mapping[str, Document]


class OpenApi:
    """The documents of a table of resources."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.documents = _documents(api, lambda _, document: document)

    def renew(self, extend: Extend) -> None:
        """Make the documents anew, from what the schemas of the resources are now; it may take seconds, and may be called in a thread."""
        self.documents = _documents(self._api, extend)


def _documents(api: Api, extend: Extend) -> OpenApiDocuments:
    paths, definitions = _v2(api)
    versions = {version: Document(JSON, extend(version, _v3(api, version))) for version in api.versions}
    return OpenApiDocuments(compact(paths), compact(definitions), versions)


def _v2(api: Api) -> tuple[Json, Json]:
    """Return paths and definitions."""
    paths: Json = {}
    schemas: Json = {}
    for version in api.versions:
        definitions = Definitions(api, version, "#/definitions/")
        schemas |= {name: older(schema) for name, schema in definitions.schemas().items()}
        for one in operations(definitions):
            parameters = [
                *({**parameter, "type": "string"} for parameter in _in_path(one.path)),
                *({**_in_query(p), **_type(p)} for p in one.parameters),
            ]
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
                "consumes": list(one.consumes),
                "produces": sorted({answer.media_type for answer in one.answers if answer.schema}),
            }
    return paths, schemas


def _v3(api: Api, version: str) -> Json:
    definitions = Definitions(api, version, "#/components/schemas/")
    paths: Json = {}
    for one in operations(definitions):
        operation: Json = {
            **one.described,
            "parameters": [
                *({**parameter, "schema": {"type": "string"}} for parameter in _in_path(one.path)),
                *({**_in_query(p), "schema": _type(p)} for p in one.parameters),
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
            operation["requestBody"] = {
                "required": True,
                "content": {type_: {"schema": one.body} for type_ in one.consumes},
            }
        paths.setdefault(one.path, {})[one.method] = operation
    return {
        "openapi": "3.0.0",
        "info": {"title": api.group, "version": api.versions[0]},
        "paths": paths,
        "components": {"schemas": definitions.schemas()},
    }


def _in_path(path: str) -> list[Json]:
    return [parameter for template, parameter in _IN_PATH.items() if template in path]


def _in_query(parameter: Parameter) -> Json:
    return {"name": parameter.name, "in": "query", "description": parameter.description}


def _type(parameter: Parameter) -> Json:
    return {"type": parameter.type, **({"enum": list(parameter.values)} if parameter.values else {})}
