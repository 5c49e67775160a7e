"""The body of a write: which content types there are, and what is JSON once it is read.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/negotiation/errors.go
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from extension_apiserver.objects.patching import JSON_PATCH, MERGE_PATCH
from extension_apiserver.request import JSON, Request
from extension_apiserver.status import StatusError

from .yaml_text import json_of_yaml

YAML = "application/yaml"
APPLY = "application/apply-patch+yaml"
OBJECTS, PATCHES = (JSON, YAML), (JSON_PATCH, MERGE_PATCH, APPLY)
_SPACE = b" \t\r\n"


def object_type(request: Request) -> str:
    """Return the content type of a body that is an object; none is JSON.

    Raises:
        StatusError: 415, it is another than those of OBJECTS.

    """
    found = _media_type(request).lower() or JSON
    if found not in OBJECTS:
        raise _unsupported(OBJECTS)
    return found


def patch_type(request: Request) -> str:
    """Return the content type of a body that is a patch.

    Raises:
        StatusError: 415, it is another than those of PATCHES.

    """
    found = _media_type(request)
    if found not in PATCHES:
        # https://www.rfc-editor.org/rfc/rfc5789#section-3.1
        raise _unsupported(PATCHES, [("Accept-Patch", ", ".join(PATCHES))])
    return found


def as_json(text: bytes, content_type: str) -> bytes:
    """Return a body as JSON, where it is YAML: nearly all that claim to be are JSON already.

    Raises:
        StatusError: 400 or 413, it is no YAML that can be read here.

    """
    if content_type not in {YAML, APPLY}:
        return text
    if text.lstrip(_SPACE).startswith(b"{"):
        try:
            json.loads(text)
        except RecursionError:
            return text
        except ValueError:
            return json_of_yaml(text)  # a mapping within braces may have keys without quotes
        return text
    return json_of_yaml(text)


def _media_type(request: Request) -> str:
    return request.header(b"content-type").partition(";")[0].strip()


def _unsupported(accepted: Sequence[str], headers: Sequence[tuple[str, str]] = ()) -> StatusError:
    words = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return StatusError(415, words, headers=headers)
