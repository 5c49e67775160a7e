"""Sends the same operations to a CustomResourceDefinition and to a resource of the library, and compares what they answer and tell."""

import collections
import difflib
import json
from concurrent.futures import ThreadPoolExecutor

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from pytest_apiservice.base.wait import NotYet, wait_for
from resource_checks import operations
from resource_checks.allowed import without_allowed
from resource_checks.comparing import Mapping, comparable
from resource_checks.sides import Operation, Side

MERGE_PATCH = "application/merge-patch+json"


class Twins:
    """Both sides, and how often they were asked what.

    Attributes:
        sides: the CRD first.
        asked: verb → how many operations.
        allowed: name of an allowed difference → how often it was seen.
        parted: one has changed something that the other has not, which may be allowed.
    """

    def __init__(self, sides):
        self.sides = sides
        self.asked = collections.Counter()
        self.allowed = collections.Counter()
        self.parted = False
        self._both = ThreadPoolExecutor(len(sides))
        self.mappings = [Mapping(side.keeper) for side in sides]

    def close(self):
        """Ask no more."""
        self._both.shutdown()

    def ask(self, operation, verb):
        """Return how the answers to an operation differ, "" if they do not."""
        self.asked[verb] += 1
        is_watch = ("watch", "true") in operation.query
        answers = list(self._both.map(lambda side: side.send(operation), self.sides))
        done = {answer.code < 300 for answer in answers}
        #: One has changed something that the other has not, which is allowed or told below: nothing can be compared any more.
        self.parted = len(done) > 1 and operation.method != "GET"
        theirs, ours = (
            comparable(answer, mapping, watch=is_watch) for answer, mapping in zip(answers, self.mappings, strict=True)
        )
        theirs, ours, used = without_allowed(operation, theirs, ours)
        self.allowed.update(used)
        self.parted |= operation.method != "GET" and "a form that does not fit" in used
        return difference(operation, theirs, ours)

    def begin(self):
        """Delete all objects and forget them."""
        list(self._both.map(_emptied, self.sides))
        for side in self.sides:
            side.forget()
        self.mappings = [Mapping(side.keeper) for side in self.sides]

    def settled(self):
        """Wait until the garbage collector has done what a deletion told it to."""

        def done():
            for side in self.sides:
                for item in _items(side):
                    waits = {"orphan", "foregroundDeletion"} & set(item["metadata"].get("finalizers", []))
                    if waits and item["metadata"].get("deletionTimestamp"):
                        raise NotYet(f"{side.name}: {item['metadata']['name']} has {waits}")

        wait_for("the garbage collector", done, timeout_seconds=60)


def _items(side):
    answer = json.loads(side.send(Operation("GET")).text)
    return answer["items"]


def _emptied(side):
    for item in _items(side):
        name = item["metadata"]["name"]
        if item["metadata"].get("finalizers"):
            side.send(Operation("PATCH", f"/{name}", (), {"metadata": {"finalizers": None}}, MERGE_PATCH))
    side.send(Operation("DELETE"))


def difference(operation, theirs, ours):
    """Return how two answers differ, "" if they do not."""
    if theirs == ours:
        return ""
    texts = [json.dumps(one, indent=1, sort_keys=True, ensure_ascii=False).splitlines() for one in (theirs, ours)]
    lines = list(difflib.unified_diff(*texts, "CRD", "ours", lineterm="", n=2))
    return "\n".join([repr(operation)[:2000], *(line[:600] for line in lines[:60])])


class Course:
    """One run of the machine, which ends with the first difference: nothing can be compared after it."""

    def __init__(self, twins, each, most):
        self._twins, self._each, self._most = twins, each, most
        self._over = False
        self._generated = False
        if not self._done:
            twins.begin()

    @property
    def _done(self):
        return self._over or sum(self._twins.asked.values()) >= self._most

    def ask(self, operation, verb):
        """Send an operation to both, unless it is over."""
        if self._done or (verb == "create" and self._second_generated(operation)):
            return
        found = self._twins.ask(operation, verb)
        self._over = bool(found) or self._twins.parted
        if found:
            self._each(found)
        if verb == "cascade":
            self._twins.settled()

    def _second_generated(self, operation):
        """Return whether a name is generated again: the two sides may sort two names with random ends otherwise."""
        if "generateName" not in str(operation.body):
            return False
        again, self._generated = self._generated, True
        return again


def machine(twins, each, most=10**9, *, slow=False):
    """Return a state machine.

    Args:
        twins: both sides.
        each: is told of each difference: a function (text), which may raise.
        most: operations, after which nothing is done any more.
        slow: deletions are among them for which the garbage collector has work.
    """

    class Machine(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.course = Course(twins, each, most)

        @rule(verb=operations.slow_verbs if slow else operations.verbs, data=st.data())
        def operation(self, verb, data):
            self.course.ask(data.draw(operations.SLOW[verb][0]), verb)

        def teardown(self):
            for query in ((), (("watch", "true"), ("timeoutSeconds", "1"), ("resourceVersion", "$first$"))):
                self.course.ask(Operation("GET", "", query), "watch" if query else "list")

    return Machine


def side(name, api, namespace):
    """Return a side; there is a ConfigMap `keeper` in its namespace that may own objects."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    keeper = api.send("GET", f"{path}/keeper", missing_ok=True)
    keeper = keeper or api.send("POST", path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keeper"}})
    return Side(name, api.pool(), namespace, keeper["metadata"]["uid"])
