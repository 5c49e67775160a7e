"""One run of a rule: what it may spend, and what is said where it is broken or cannot be evaluated."""

from __future__ import annotations

import dataclasses
from typing import NoReturn

from extension_apiserver.objects import causes
from extension_apiserver.objects.causes import MOST_CAUSES, NO_FIELD, Cause
from extension_apiserver.objects.paths import Path, told
from extension_apiserver.objects.schema.structural import Structural
from extension_apiserver.objects.values import Value, same

from .frames import Code, Exhausted, Frame
from .rule import Rule
from .words import CelError

#: What one run may spend, as kube-apiserver: an expression of a hundred letters for 10,000 items.
MOST_PER_CALL = 1_000_000
#: What all runs for one object may spend together: seconds of this process. kube-apiserver allows three times as much, being faster.
MOST_PER_OBJECT = 3_000_000
#: What a run costs besides its expression, which kube-apiserver does not count.
_CALL = 5
_LONGEST_MESSAGE = 5 * 1024


class Stop(Exception):
    """No further rules are run."""


@dataclasses.dataclass(slots=True)
class Pair:
    """A value and what it was, () if nothing can be said of that; what stays as it is may stay, though it breaks a rule."""

    value: Value
    old: tuple[Value, ...]
    around: Pair | None
    known: bool | None = None

    def stays(self) -> bool:
        """Return whether it is equal to what it was, or within something that is."""
        if self.known is None:
            self.known = same(self.value, self.old[0]) if self.old else bool(self.around and self.around.stays())
        return self.known


@dataclasses.dataclass(slots=True)
class Walk:
    """What the rules of one object have found, and what they may still spend.

    Attributes:
        found: causes.
        warnings: about values that broke a rule before and stay as they are.
        left: units.

    """

    found: list[Cause] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    left: int = MOST_PER_OBJECT


def spend(walk: Walk, code: Code, values: list[Value]) -> Value:
    """Return the value of an expression.

    Raises:
        CelError: it cannot be evaluated with these values.
        Exhausted: it has spent what one may, or what is left for the object.

    """
    most = min(walk.left, MOST_PER_CALL)
    frame = Frame(list(values), most)
    try:
        return code.run(frame)
    finally:
        walk.left -= most - max(frame.left, 0) + _CALL


def error_words(error: str, rule: Rule) -> str:
    """Return what kube-apiserver says of an error."""
    if error.startswith("no such overload"):
        return f"'{error}': call arguments did not match a supported operator, function or macro signature for rule: {rule.name}"
    return f"{error} evaluating rule: {rule.name}"


def failed(path: Path, schema: Structural, words: str) -> Cause:
    """Return the cause of a rule that could not be evaluated; the value is not told, but its type."""
    return causes.invalid(told(path) or NO_FIELD, schema.type, words)


def stop(walk: Walk, path: Path, schema: Structural, rule: Rule) -> NoReturn:
    """Note that too much was spent.

    Raises:
        Stop: always.

    """
    if walk.left <= 0:
        words = "validation failed due to running out of cost budget, no further validation rules will be run"
    else:
        words = (
            "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call "
            f"cost exceeds limit for rule: {rule.name}"
        )
    walk.found.append(failed(path, schema, words))
    raise Stop


def report(walk: Walk, pair: Pair, schema: Structural, path: Path, rule: Rule, values: list[Value]) -> None:
    """Note that a rule is broken.

    Raises:
        Stop: its messageExpression has spent too much.

    """
    stays = not rule.transition and pair.stays()
    if stays and len(walk.warnings) >= MOST_CAUSES:
        return
    detail, over = _detail(walk, rule, values)
    place = told(path)
    if rule.field:
        # Upstream puts a dot before a key too, `spec.[k]`.
        place = f"{place}.{rule.field}" if place else rule.field
    place = place or NO_FIELD
    if over:
        walk.found.append(causes.invalid(place, schema.type, detail))
        raise Stop
    shown = () if schema.type in {"object", "array"} else (pair.value,)
    makers = {
        "FieldValueForbidden": lambda: causes.forbidden(place, detail),
        "FieldValueRequired": lambda: causes.required(place, detail),
        "FieldValueDuplicate": lambda: causes.duplicate(place, *shown),
    }
    cause = makers.get(rule.reason, lambda: causes.invalid_of(place, detail, *shown))()
    if not stays:
        walk.found.append(cause)
    else:
        walk.warnings.append(f"{cause.field}: {cause.message}")


def _detail(walk: Walk, rule: Rule, values: list[Value]) -> tuple[str, bool]:
    """Return what is said of a broken rule, and whether saying it has spent too much."""
    if rule.message is None:
        return rule.detail, False
    try:
        words = str(spend(walk, rule.message, values)).strip()
    except CelError:
        return rule.detail, False
    except Exhausted:
        return (
            "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run",
            True,
        )
    fits = words and "\n" not in words and len(words.encode()) <= _LONGEST_MESSAGE
    return words if fits else rule.detail, False
