"""Each store does what a plain model does, whatever it is asked, in two replicas and for all who watch."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from extension_apiserver.store import feed
from extension_apiserver.store.feed import Feed
from extension_apiserver.store.protocol import Change, Conflict, Expired, Key, State, Stored, TooNew
from extension_apiserver.store.watcher import Watcher
from unit.store.databases import Database
from unit.store.server import Server

RESOURCES = ("cats", "dogs")
NAMESPACES = ("", "home")
keys = st.builds(Key, st.sampled_from(RESOURCES), st.sampled_from(NAMESPACES), st.sampled_from("abc"))
values = st.sampled_from([b"", b"1", b"2", b"\x00\xff" * 40])
places = st.tuples(st.sampled_from(RESOURCES), st.sampled_from([None, *NAMESPACES]))
replicas = st.integers(0, 1)
KEEP_SECONDS = 100


class Model:
    """What a store is: a list of changes."""

    def __init__(self) -> None:
        self.log: list[Change] = []
        self.compacted = 0
        self.marks: list[tuple[float, int]] = []

    @property
    def revision(self) -> int:
        return len(self.log)

    def at(self, revision: int) -> dict[Key, Stored]:
        objects: dict[Key, Stored] = {}
        for change in self.log[:revision]:
            if change.value is None:
                del objects[change.key]
            else:
                objects[change.key] = Stored(change.key, change.revision, change.value)
        return dict(sorted(objects.items()))

    def of(self, revision: int, resource: str, namespace: str | None) -> list[Stored]:
        return [
            one
            for one in self.at(revision).values()
            if one.key.resource == resource and namespace in (None, one.key.namespace)
        ]

    def write(self, key: Key, value: bytes | None, expected: int) -> int | None:
        """Return the revision; None for a conflict."""
        current = self.at(self.revision).get(key)
        if (current.revision if current else 0) != expected or (value is None and not current):
            return None
        if current and current.value == value:
            return expected
        self.log.append(Change(self.revision + 1, key, value, current.value if current else None))
        return self.revision

    def compact(self, now: float) -> int:
        self.marks = [(time, revision) for time, revision in self.marks if time <= now]
        if self.revision not in [revision for _, revision in self.marks]:
            self.marks.append((now, self.revision))
        self.compacted = max([self.compacted, *(rev for time, rev in self.marks if time <= now - KEEP_SECONDS)])
        self.marks = [(time, revision) for time, revision in self.marks if revision >= self.compacted]
        return self.compacted

    def unreadable(self, revision: int) -> type[Exception] | None:
        if revision < self.compacted:
            return Expired
        return TooNew if revision > self.revision else None


class Machine(RuleBasedStateMachine):
    """Two replicas of one database, a feed, watchers, and lists that are read page by page while others write."""

    def __init__(self, kind: str, postgresql: Callable[[], Server]) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = Database(kind, postgresql)
        self.model = Model()
        self.stores = [self.database.store(), self.database.store()]
        self.feed = Feed(self.stores[0])
        self.task = self.runner.run(self._begin())
        self.watchers: list[tuple[Watcher, str, str | None, int]] = []
        self.lists: list[tuple[str, str | None, int, list[Stored]]] = []

    async def _begin(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.feed._read())

    def teardown(self) -> None:
        self.all_watchers_have_seen_everything()
        self.runner.run(self._end())
        self.runner.close()
        self.database.remove()

    async def _end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.database.close()

    @rule(
        replica=replicas,
        key=keys,
        value=values | st.none(),
        wrong=st.sampled_from([0, 0, 0, 0, 1, -1]),
        zero=st.booleans(),
    )
    def write(self, replica: int, key: Key, value: bytes | None, wrong: int, zero: bool) -> None:
        current = self.model.at(self.model.revision).get(key)
        expected = (current.revision if current else 0) + wrong if not (zero and wrong) else 0
        store = self.stores[replica]
        there = self.model.write(key, value, expected)
        ask = store.delete(key, expected=expected) if value is None else store.put(key, value, expected=expected)
        if there is None:
            with pytest.raises(Conflict) as raised:
                self.runner.run(ask)
            assert raised.value.current == current
        else:
            assert self.runner.run(ask) == there

    @rule(replica=replicas, writes=st.lists(st.tuples(keys, values), max_size=6))
    def write_at_once(self, replica: int, writes: list[tuple[Key, bytes]]) -> None:
        """Creations that come together are in the order in which they came."""

        async def whole() -> list[object]:
            asks = (self.stores[replica].put(key, value, expected=0) for key, value in writes)
            return await asyncio.gather(*asks, return_exceptions=True)

        outcomes = [one if isinstance(one, int) else None for one in self.runner.run(whole())]
        assert outcomes == [self.model.write(key, value, 0) for key, value in writes]

    @rule(replica=replicas, key=keys)
    def get(self, replica: int, key: Key) -> None:
        assert self.runner.run(self.stores[replica].get(key)) == self.model.at(self.model.revision).get(key)

    @rule(replica=replicas)
    def state(self, replica: int) -> None:
        assert self.runner.run(self.stores[replica].state()) == State(self.model.revision, self.model.compacted)

    @rule(replica=replicas, place=places, back=st.integers(-1, 12), limit=st.integers(1, 4))
    def read(self, replica: int, place: tuple[str, str | None], back: int, limit: int) -> None:
        """A whole list at a revision of the past, and how many objects follow each page."""
        revision = self.model.revision - back
        store = self.stores[replica]
        error = self.model.unreadable(revision)
        if error:
            with pytest.raises(error):
                self.runner.run(store.page(*place, limit=limit, revision=revision))
            return
        wanted, found, after, more = self.model.of(revision, *place), [], ("", ""), True
        while more:
            page = self.runner.run(store.page(*place, limit=limit, revision=revision, after=after))
            found += page.items
            more, after = page.more, (found[-1].key.namespace, found[-1].key.name) if found else after
            assert page.revision == revision
            assert self.runner.run(store.count(*place, after=after, revision=revision)) == len(wanted) - len(found)
        assert found == wanted

    @rule(place=places)
    def begin_list(self, place: tuple[str, str | None]) -> None:
        page = self.runner.run(self.stores[0].page(*place, limit=2))
        assert page.revision == self.model.revision
        if page.more:
            self.lists.append((*place, page.revision, list(page.items)))

    @precondition(lambda self: self.lists)
    @rule(replica=replicas)
    def go_on_with_a_list(self, replica: int) -> None:
        resource, namespace, revision, found = self.lists.pop(0)
        after = (found[-1].key.namespace, found[-1].key.name)
        ask = self.stores[replica].page(resource, namespace, limit=2, revision=revision, after=after)
        if self.model.unreadable(revision):
            with pytest.raises(Expired):
                self.runner.run(ask)
            return
        page = self.runner.run(ask)
        found += page.items
        if page.more:
            self.lists.append((resource, namespace, revision, found))
        else:
            assert found == self.model.of(revision, resource, namespace)

    @rule(replica=replicas, back=st.integers(-1, 12), limit=st.integers(1, 5))
    def changes(self, replica: int, back: int, limit: int) -> None:
        after = self.model.revision - back
        error = self.model.unreadable(after)
        if error:
            with pytest.raises(error):
                self.runner.run(self.stores[replica].changes(after, limit=limit))
        else:
            found = self.runner.run(self.stores[replica].changes(after, limit=limit))
            assert list(found) == self.model.log[after : after + limit]

    @rule(replica=replicas, seconds=st.sampled_from([0, 1, 60, 101, 500, -30, -400]))
    def compact(self, replica: int, seconds: int) -> None:
        self.database.now += seconds
        ask = self.stores[replica].compact(keep_seconds=KEEP_SECONDS, most_bytes=10**9)
        assert self.runner.run(ask) == self.model.compact(self.database.now)

    @rule(place=places, back=st.integers(-1, 12))
    def watch(self, place: tuple[str, str | None], back: int) -> None:
        after = self.model.revision - back
        ask = self.feed.watch(*place, after=after)
        # The feed may still know what its store has forgotten.
        known = self.feed.revision - len(self.feed._recent)
        error = self.model.unreadable(after)
        if error is TooNew or (error is Expired and after < known):
            with pytest.raises(error):
                self.runner.run(ask)
        else:
            self.watchers.append((self.runner.run(ask), *place, after))

    @rule()
    def all_watchers_have_seen_everything(self) -> None:
        watchers, self.watchers = self.watchers, []
        for watcher, resource, namespace, after in watchers:
            seen: list[Change] = []
            try:
                # What is not for a watcher does not wake it.
                while watcher.revision < self.model.revision:
                    seen += self.runner.run(watcher.next(timeout_seconds=0.05))
            except Expired:
                assert watcher.revision < self.model.compacted
                continue
            finally:
                with watcher:
                    pass
            assert seen == [
                one
                for one in self.model.log[bisect.bisect_right(self.model.log, after, key=lambda one: one.revision) :]
                if one.key.resource == resource and namespace in (None, one.key.namespace)
            ]
        assert not self.feed._watchers


@pytest.mark.parametrize(("kind", "examples"), [("memory", 20), ("sqlite", 10), ("postgresql", 8)])
def test_a_store_does_what_a_model_does(
    kind: str, examples: int, postgresql: Callable[[], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MOST_CHANGES", 4)  # so that some who resume need the store, and some do not
    run_state_machine_as_test(
        lambda: Machine(kind, postgresql),
        settings=hypothesis.settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
