"""OpenAPI v2 and v3 documents, generated from the table of resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .documents import Document
from .messages import JSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from .messages import Request, Response
    from .resources import Api


class OpenApi:
    """The documents below `/openapi`."""

    def __init__(self, api: Api) -> None:
        """Build them."""
        info = {"title": api.group, "version": api.versions[0]}
        self.v2 = Document(JSON, {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}})
        documents = {
            version: Document(JSON, {"openapi": "3.0.0", "info": info, "paths": {}, "components": {"schemas": {}}})
            for version in api.versions
        }
        self.v3_versions: dict[str, Callable[[Request], Response]] = {
            version: document.response for version, document in documents.items()
        }
        self.v3 = Document(
            JSON,
            {
                "paths": {
                    f"apis/{api.group}/{version}": {
                        "serverRelativeURL": f"/openapi/v3/apis/{api.group}/{version}?hash={document.etag}"
                    }
                    for version, document in documents.items()
                }
            },
        )
