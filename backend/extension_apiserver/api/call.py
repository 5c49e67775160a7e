"""What functions of a resource are called with, and those that stand for no verb: the subresources."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from extension_apiserver.request import Request
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.streams import Peer
from extension_apiserver.trust.identity import Identity

#: A Kubernetes object as JSON has it.
Object = dict[str, Any]

# https://www.rfc-editor.org/rfc/rfc9110#section-7.8
_PROTOCOL = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?")


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One call of a verb.

    Attributes:
        request: the raw request.
        identity: who calls.
        verb: its name, one of `verbs.FUNCTIONS`.
        api_version: '<group>/<version>' of the path.
        namespace: '' for cluster scope or all namespaces.
        name: '' for `list` and `create`.
        body: the submitted object of `create` and `update`, validated against the schema; {} otherwise.
        dry_run: nothing may be stored.

    """

    request: Request
    identity: Identity
    verb: str
    api_version: str
    namespace: str
    name: str
    body: Object
    dry_run: bool


def call_of(
    request: Request, identity: Identity, info: RequestInfo, body: Object | None = None, *, dry_run: bool = False
) -> Call:
    """Return the call for a request; without a `body` nothing was submitted."""
    return Call(
        request=request,
        identity=identity,
        verb=info.verb,
        api_version=f"{info.group}/{info.version}",
        namespace=info.namespace,
        name=info.name,
        body=body or {},
        dry_run=dry_run,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """What each object of a resource has below it, such as the `log` in `…/cats/tom/log`: a text, or a connection of its own.

    kube-apiserver ends every request after 60 seconds, except upgraded connections and those for a subresource named attach, exec, log,
    portforward or proxy: https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controlplane/apiserver/config.go (LongRunningFunc).
    So what is read for longer needs one of these names.

    RBAC knows it as '<plural>/<name>'; a rule for the plural does not cover it. A GET needs the verb `get`, also one that opens a
    connection; a POST needs `create`.

    Attributes:
        read: answers GET. It returns all of the answer, or an iterable of its parts, such as a generator: then each part is sent before
            the next is asked for, and `close()` is called at the end, also if the client leaves before. It runs where verbs run. What it
            raises before the first part is a Status; later it cuts the answer off. Text is sent as UTF-8. A generator that has nothing
            to send should yield b'' now and then: the first one sends the header, and any ends it if the client has left.
        content_type: of what `read` answers. HTML becomes plain text, which the aggregation layer leaves as it is.
        connect: takes over the connection of a GET or POST with `Connection: Upgrade`, once that is allowed and answered with 101:
            what the peer receives and sends are bytes as they are. It runs in the event loop and must never wait but with `await`. It
            has some seconds to return once `peer.ending` is set.
        protocols: names for the header `Upgrade`, at least one with `connect`. The first of the client's that is among them is spoken.
        check: called before a connection is taken over, where verbs run; raises StatusError if there is nothing to connect to.
        description: the words of OpenAPI before 'of the <kind>', by default 'read <name>' or 'connect to <name>'.

    Raises:
        ValueError: if there is not one of `read` and `connect`, or what belongs to the other one.

    """

    read: Callable[[Call], bytes | str | Iterable[bytes | str]] | None = None
    content_type: str = "text/plain; charset=utf-8"
    connect: Callable[[Call, Peer], Awaitable[None]] | None = None
    protocols: Sequence[str] = ()
    check: Callable[[Call], object] | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if (self.read is None) == (self.connect is None):
            raise ValueError("a subresource has either `read` or `connect`")
        if self.connect is None:
            if self.protocols or self.check is not None:
                raise ValueError("`protocols` and `check` belong to a subresource with `connect`")
            if _is_async(self.read) or inspect.isasyncgenfunction(self.read):
                raise ValueError("`read` of a subresource must not be an async function")
            return
        if not _is_async(self.connect):
            raise ValueError("`connect` of a subresource must be an async function")
        if isinstance(self.protocols, str) or not self.protocols:
            raise ValueError("`protocols` of a subresource must be a sequence of at least one name")
        for protocol in self.protocols:
            if not _PROTOCOL.fullmatch(protocol):
                raise ValueError(f"a protocol of a subresource must be a name, or name/version, not '{protocol}'")
            if protocol.lower() == "websocket":
                raise ValueError("a subresource cannot speak 'websocket', whose handshake an ASGI application makes")

    @property
    def verbs(self) -> tuple[str, ...]:
        """The names of its verbs, sorted."""
        return ("get",) if self.connect is None else ("create", "get")


def _is_async(function: object) -> bool:
    # An object may be called as one.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
