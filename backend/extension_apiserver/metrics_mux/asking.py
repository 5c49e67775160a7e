"""Asks the providers for one metric, one after the other, until one knows it."""

from __future__ import annotations

import asyncio
from typing import Any

from extension_apiserver.request import Connection
from extension_apiserver.status import StatusError

from .answers import Item, value_list
from .provider import Away, Provider
from .question import Question
from .routing import Routing

_NOT_FOUND = 404
#: kube-apiserver ends a request after 60.
_MOST_SECONDS = 50.0


class _Empty(StatusError):
    """A list without a value: the metric is not known, or nothing is selected."""

    def __init__(self) -> None:
        super().__init__(_NOT_FOUND, "the list is empty")


class _Answers:
    """What there was of providers that had no value."""

    def __init__(self) -> None:
        self.away: list[str] = []
        self._empty: Provider | None = None
        self._refused: StatusError | None = None
        self._unknown: StatusError | None = None

    def add(self, provider: Provider, error: StatusError) -> None:
        """Note an answer; of each kind the first is kept."""
        if isinstance(error, _Empty):
            self._empty = self._empty or provider
        elif error.code == _NOT_FOUND:
            self._unknown = self._unknown or error
        else:
            self._refused = self._refused or error

    def together(self, question: Question) -> Provider:
        """Return who has answered with an empty list, unless there is more to say.

        Raises:
            StatusError: as `ask`.

        """
        what = f"the metric {question.metric}"
        if self.away:
            raise StatusError(503, f"{what} cannot be read: {'; '.join(self.away)}", headers=[("Retry-After", "1")])
        if self._refused is not None:
            raise self._refused
        if self._empty is not None:
            return self._empty
        raise self._unknown or StatusError(404, f"no provider serves {what} of {question.group_version}")


async def ask(routing: Routing, question: Question, user: str, connection: Connection) -> tuple[Provider, list[Item]]:
    """Return who answered, and the values.

    Raises:
        StatusError: 503 if a provider is away that might know the metric, else what one says of it, 404 if nobody knows it.
        Gone: if the caller has left.

    """

    def check(document: Any) -> list[Item]:  # noqa: ANN401
        found = value_list(question, document)
        if not found:
            raise _Empty
        return found

    now = asyncio.get_running_loop().time
    until = now() + _MOST_SECONDS
    answers = _Answers()
    for provider in routing.chosen(question):
        if now() >= until:
            answers.away.append(f"{provider.name} was not asked, since the others took {_MOST_SECONDS:g} seconds")
            continue
        try:
            items = await provider.ask(question.target, check, user, connection)
        except Away as error:
            answers.away.append(f"{provider.name} {error}")
        except StatusError as error:
            answers.add(provider, error)
        else:
            if not answers.away:
                routing.answered(question, provider)
            return provider, items
    return answers.together(question), []
