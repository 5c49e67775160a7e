"""Answers `watch`: the state at the beginning, if it is asked for, then each change, once and in order.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/storage/cacher/cacher.go (Watch)
"""

from __future__ import annotations

import functools
import random

from extension_apiserver.registry.failures import failure
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.work import Work
from extension_apiserver.request import JSON, Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.store.protocol import Expired, TooNew
from extension_apiserver.streams import Stream

from .answers import Answers
from .events import Events
from .forms.form import wanted
from .options import options_of
from .pages import Pages, start_of
from .selection import selection_of
from .session import Session

#: As upstream, so that not all who began together come again together.
_LEAST_SECONDS, _MOST_SECONDS = 1800.0, 3600.0
_HEADERS = (("Content-Type", JSON),)


class Watches:
    """Answers for one resource."""

    def __init__(self, kept: Kept, answers: Answers, work: Work) -> None:
        self._kept = kept
        self._events = Events(kept, answers.forms)
        self._pages = Pages(kept)
        self._work = work

    async def watch(self, request: Request, info: RequestInfo) -> Response:
        """Answer with a stream of events. A revision from which it cannot begin is one of them, as upstream.

        Raises:
            StatusError: 400, 406 and 422 for what is asked wrongly.
            StoreError: the store cannot be asked.

        """
        query = request.query()
        form = wanted(request, query)
        options = options_of(query, watch=True)
        selection = await self._work.run(
            len(request.query_string), lambda: selection_of(query, self._kept, info.version, info.namespace)
        )
        seconds = float(options.timeout_seconds or random.uniform(_LEAST_SECONDS, _MOST_SECONDS))  # noqa: S311 - no secret
        session = Session(self._kept, self._events, self._work, selection, form, options, seconds)
        start = start_of(selection)
        try:
            if options.send_initial:
                await self._pages.reached(options.revision)
                pages = self._pages.read(start)
                # The first is read here, where a store that cannot be asked is still a Status.
                stream = Stream(functools.partial(session.state_and_changes, await anext(pages), pages))
            else:
                after = options.revision or (await self._kept.store.state()).revision
                watcher = await self._kept.feed.watch(self._kept.table, start.namespace, after=after)
                leave = functools.partial(self._kept.feed.leave, watcher)
                stream = Stream(functools.partial(session.changes, watcher), leave)
        except (Expired, TooNew) as error:
            told = self._kept.unreached(error) if isinstance(error, TooNew) else error
            return Response(200, list(_HEADERS), self._events.error(failure(told)))
        return Response(200, list(_HEADERS), stream=stream)
