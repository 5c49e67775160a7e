"""What a request for a list asks for."""

from __future__ import annotations

import dataclasses

from extension_apiserver.registry.kept import Kept
from extension_apiserver.request import Request
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError
from extension_apiserver.store.token import BadToken, parsed

from .forms.form import LIST, Form, Forms, wanted
from .options import options_of
from .pages import Start, start_of
from .selection import Selection, selection_of


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        version: of the request.
        limit: of objects, 0 for none.
        continues: a page that was read before.
        not_older: the revision that the store must have reached, None for any.
        start: where the list begins.
        left: how many objects there were at `start`, as a page before has counted; 0 if none did.

    """

    version: str
    form: Form
    selection: Selection
    limit: int
    continues: bool
    not_older: int | None
    start: Start
    left: int

    def beginning(self, kept: Kept, forms: Forms) -> bytes:
        """Return the document up to its first item."""
        if self.form.is_table:
            return b'{"kind":"Table","apiVersion":"meta.k8s.io/%b","columnDefinitions":%b,"rows":[' % (
                self.form.meta_version.encode(),
                forms.definitions(self.version),
            )
        kind, group_version = kept.resource.kind, f"{kept.group}/{self.version}"
        if self.form.kind:
            kind, group_version = self.form.kind, f"meta.k8s.io/{self.form.meta_version}"
        return f'{{"kind":"{kind}List","apiVersion":"{group_version}","items":['.encode()


def asked_of(request: Request, info: RequestInfo, kept: Kept) -> Asked:
    """Return what a request asks for.

    Raises:
        StatusError: 400, 406 and 422 for what is asked wrongly.

    """
    query = request.query()
    form = wanted(request, query, LIST)
    options = options_of(query, watch=False)
    selection = selection_of(query, kept, info.version, info.namespace)
    start = start_of(selection, options.revision if options.exact else None)
    left = 0
    if options.token:
        try:
            revision, after, left = parsed(options.token)
        except BadToken as error:
            raise StatusError(400, f"invalid continue token: {error}") from None
        if options.revision:
            raise StatusError(400, "specifying resource version is not allowed when using continue")
        start = dataclasses.replace(start, revision=revision if revision >= 0 else None, name=None, after=after)
    # As from upstream's watch cache, which has all of them at hand and makes no pages.
    limit = 0 if options.revision == 0 and not options.token else options.limit
    return Asked(info.version, form, selection, limit, bool(options.token), options.revision, start, left)
