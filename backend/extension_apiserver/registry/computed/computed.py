"""Answers `list` and `watch` of a resource of which there is only a function `list`."""

from __future__ import annotations

import asyncio
import dataclasses
import logging

from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.api.rest import Run
from extension_apiserver.registry.failures import translated
from extension_apiserver.registry.reading.answers import Answers
from extension_apiserver.registry.reading.lists import Lists
from extension_apiserver.registry.reading.watches import Watches
from extension_apiserver.registry.work import Work
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.streams import Peer, Stream

from .mirror import Mirror

_log = logging.getLogger(__name__)


class Computed:
    """Answers for one resource. The function is called for each list, and every `poll_seconds` as long as somebody watches."""

    def __init__(self, resource: Resource, api: Api, run: Run) -> None:
        """Take the resource, its group, and who runs functions where they may block."""
        self._plural, self._poll_seconds = resource.plural, resource.poll_seconds
        self._mirror = Mirror(resource, api, run)
        kept = self._mirror.kept
        answers, work = Answers(kept), Work()
        self._lists = Lists(kept, answers, work)
        self._watches = Watches(kept, answers, work)
        self._watchers = 0
        self._watched = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None
        self._failed = False

    async def answer(self, request: Request, info: RequestInfo) -> Response:
        """Answer one request for the collection.

        Raises:
            StatusError: what the client is told instead.

        """
        with translated():
            if info.verb == "list":
                await self._mirror.refresh()
                return await self._lists.list(request, info)
            return await self._watch(request, info)

    async def _watch(self, request: Request, info: RequestInfo) -> Response:
        self._enter()
        try:
            await self._mirror.refresh()
            response = await self._watches.watch(request, info)
        except BaseException:
            self._leave()
            raise
        stream = response.stream
        if stream is None:
            self._leave()
            return response
        response.stream = self._counted(stream)
        return response

    def _counted(self, stream: Stream) -> Stream:
        async def run(peer: Peer) -> None:
            try:
                await stream.run(peer)
            finally:
                self._leave()

        def abandon() -> None:
            stream.abandon()
            self._leave()

        return dataclasses.replace(stream, run=run, abandon=abandon)

    def _enter(self) -> None:
        self._watchers += 1
        self._watched.set()
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())

    def _leave(self) -> None:
        self._watchers -= 1
        if not self._watchers:
            self._watched.clear()

    async def _poll(self) -> None:
        """Tell those who watch what is different, now and then; it goes on until the server ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mirror.kept.feed.run())
            while True:
                await self._watched.wait()
                await asyncio.sleep(self._poll_seconds)
                if self._watchers:
                    await self._refresh()

    async def _refresh(self) -> None:
        try:
            await self._mirror.refresh()
        except Exception as error:  # noqa: BLE001 - whatever a function raises, watchers keep what they know
            if not self._failed:
                _log.exception(
                    "`list` of %s failed, and who watches is told nothing until it returns: %s", self._plural, error
                )
            self._failed = True
        else:
            if self._failed:
                _log.warning("`list` of %s returns again", self._plural)
            self._failed = False
