"""Keeps what an application answers within what the aggregator relays, whatever the application is written in."""

from __future__ import annotations

from extension_apiserver.request import Request, Response
from extension_apiserver.status import StatusError
from extension_apiserver.wire.http_answer import NO_BODY

#: Headers that belong to the connection or that the server writes itself.
SERVER_HEADERS = frozenset(
    {"content-length", "connection", "transfer-encoding", "date", "server", "audit-id", "keep-alive", "upgrade"}
)


def guarded(request: Request, answer: Response) -> Response:
    """Return an answer as `_checked` makes it; where that is another one, its stream is let go."""
    try:
        return _checked(request, answer)
    except StatusError:
        if answer.stream is not None:
            answer.stream.abandon()
        raise


def _checked(request: Request, answer: Response) -> Response:
    """Return the answer without what a client or the aggregator would misunderstand.

    HTML becomes plain text; headers of the connection go.

    Raises:
        StatusError: with the application's code for a failure that is no JSON; 404 for a redirect; 500 for a status that is not
            200 to 599.

    """
    if not 200 <= answer.status <= 599:  # noqa: PLR2004
        # A client waits for another answer after 1xx, and would take that of the next request for it.
        raise StatusError(
            500, f"Internal error occurred: the application answers {answer.status}, which is no final status"
        )
    headers = [(name, value) for name, value in answer.headers if name.lower() not in SERVER_HEADERS]
    if request.method == "HEAD" and answer.status not in NO_BODY and not answer.body:
        # Most frameworks leave the body away and say how long it is for GET.
        lengths = [value for name, value in answer.headers if name.lower() == "content-length"]
        headers += [("Content-Length", length) for length in lengths[:1] if length.isascii() and length.isdigit()]
    lower = {name.lower(): value for name, value in headers}
    content_type = lower.get("content-type", "").lower()
    if answer.status // 100 == 3 and "location" in lower:  # noqa: PLR2004
        # The aggregator turns redirects into 502: CVE-2022-3172.
        raise StatusError(
            404,
            f"{request.path} is not served; the application would redirect, which the aggregation layer does not permit",
        )
    if answer.status >= 400 and not content_type.startswith("application/json"):  # noqa: PLR2004
        allow = [("Allow", lower["allow"])] if "allow" in lower else []
        raise StatusError(answer.status, _sentence(answer), headers=allow)
    if content_type.startswith("text/html"):
        # The aggregator rewrites URLs in HTML, and browsers would run what is in it.
        headers = [(name, value) for name, value in headers if name.lower() != "content-type"]
        headers.append(("Content-Type", "text/plain; charset=utf-8"))
    headers.append(("X-Content-Type-Options", "nosniff"))
    return Response(answer.status, headers, answer.body, answer.stream)


_SENTENCES: dict[int, str] = {
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
}


def _sentence(answer: Response) -> str:
    return _SENTENCES.get(answer.status, f"the application answers {answer.status}")
