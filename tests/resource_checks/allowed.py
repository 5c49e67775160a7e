"""The differences that a resource with a store may show, each with its row in docs/resources.md."""

import copy

#: Row in docs/resources.md → a function that takes an operation and the answers of both, as comparing.comparable makes them, and changes the
#: answers where they differ for that reason.
ALLOWED = {}


def without_allowed(operation, theirs, ours):
    """Return the answers of both without the differences that are allowed, and the names of those."""
    used = []
    for name, mend in ALLOWED.items():
        if theirs == ours:
            break
        before = copy.deepcopy((theirs, ours))
        mend(operation, theirs, ours)
        if before != (theirs, ours):
            used.append(name)
    return theirs, ours, used
