"""The answer with one object, in the form that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from extension_apiserver.objects.values import Object
from extension_apiserver.registry.kept import Kept
from extension_apiserver.request import JSON, Request, Response

from .forms.form import Forms, wanted
from .forms.warned import warning_headers

_HEADERS = (("Content-Type", JSON),)


class Answers:
    """Makes the answers of one resource.

    Attributes:
        forms: makes the JSON.

    """

    def __init__(self, kept: Kept) -> None:
        self.forms = Forms(kept)

    @staticmethod
    def check(request: Request) -> None:
        """Let nobody write something who asks for an answer that there is not.

        Raises:
            StatusError: 406, there is no such form; 400, `includeObject` is wrong.

        """
        wanted(request, request.query())

    def of_object(
        self, request: Request, version: str, item: Object, *, code: int = 200, warnings: Sequence[str] = ()
    ) -> Response:
        """Return the answer with one object, in the form asked for.

        Args:
            request: which says the form.
            version: of the request, and of `item`.
            item: with its resourceVersion.
            code: of the answer.
            warnings: for the client's `Warning` headers, unshortened.

        Raises:
            StatusError: as `check`.

        """
        body = self.forms.of_object(wanted(request, request.query()), version, item)
        return Response(code, [*_HEADERS, *warning_headers(warnings)], body + b"\n")

    def of_text(self, request: Request, version: str, value: bytes, revision: int) -> Response:
        """Return the answer with one object as the store has it; otherwise as `of_object`.

        Raises:
            StatusError: as `check`; 500, a conversion failed.

        """
        body = self.forms.whole(wanted(request, request.query()), version, value, revision)
        return Response(200, list(_HEADERS), body + b"\n")
