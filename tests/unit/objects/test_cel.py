"""Rules in CEL: what they say of a value, what they may cost, and what is refused at start; the words are compared with a CRD's in tests/embedded."""

import time

import pytest

from extension_apiserver.objects.admission import check_create, check_update
from extension_apiserver.objects.cel.runs import MOST_PER_CALL, MOST_PER_OBJECT
from extension_apiserver.objects.kind import Kind
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.status import StatusError

INT, TEXT = {"type": "integer"}, {"type": "string", "maxLength": 100}
FIELDS = {
    "n": INT,
    "s": TEXT,
    "l": {"type": "array", "maxItems": 20, "items": TEXT},
    "m": {"type": "object", "maxProperties": 5, "additionalProperties": INT},
    "either": {"x-kubernetes-int-or-string": True, "maxLength": 10},
    "time": {"type": "string", "format": "date-time"},
    "a-b": INT,
    "free": {"x-kubernetes-preserve-unknown-fields": True},
}


def schema(*rules, **fields):
    """Return a schema whose spec has these rules."""
    rules = [{"rule": rule} if isinstance(rule, str) else rule for rule in rules]
    spec = {"type": "object", "properties": fields or FIELDS, "x-kubernetes-validations": rules}
    return {"type": "object", "properties": {"spec": spec}}


def cat(spec):
    return {
        "apiVersion": "cats.example.com/v1",
        "kind": "Cat",
        "metadata": {"name": "tom", "namespace": "n", "uid": "u", "resourceVersion": "1"},
        "spec": spec,
    }


def causes(made, spec, old=None, **how):
    """Return (reason, field, message) of each cause; nothing if the object is taken."""
    kind = Kind("cats.example.com", "v1", "Cat", "cats", structural(made))
    try:
        if old is None:
            check_create(cat(spec), kind)
        else:
            return check_update(cat(spec), cat(old), kind, **how)
    except StatusError as error:
        return [tuple(one[name] for name in ("reason", "field", "message")) for one in error.details["causes"]]
    return []


SPEC = {"n": 5, "s": "hello", "l": ["a", "b"], "m": {"x": 1}, "either": "50%", "time": "2024-01-02T03:04:05Z", "a-b": 1}


@pytest.mark.parametrize(
    "rule",
    [
        "self.n > 4 && self.n + 1 == 6",
        "self.l.all(x, x in ['a', 'b']) && self.l.exists_one(x, x == 'a')",
        "self.m.all(k, self.m[k] == 1)",
        "self.a__dash__b == 1",
        "self.either.matches('^[0-9]+%$')",
        "self.time.getFullYear() == 2024 && self.time < timestamp('2024-02-01T00:00:00Z')",
        "self.?n.orValue(0) == 5 && self.?s.hasValue()",
        "quantity('1Gi').isGreaterThan(quantity('1G'))",
        "cidr('10.0.0.0/8').containsIP('10.1.1.1') && url('https://a/b').getHost() == 'a'",
        "true || self.n / 0 == 1",
        "self.l.join('-') == 'a-b' && string(self.n) + 'x' == '5x'",
        "[1, 2, 3].map(x, x * 2).filter(x, x > 2).sum() == 10",
        r"'\u00e9\x41\101' == 'éAA' && r'\d' == '\\d' && b'a' == bytes('a')",
        "1u + 1u == 2u && 0x10 == 16 && 1.5e1 == 15.0 && -7 / 2 == -3 && -7 % 2 == -1",
    ],
)
def test_a_rule_that_is_kept_says_nothing(rule):
    assert causes(schema(rule), SPEC) == []


@pytest.mark.parametrize(
    ("rule", "reason", "field", "message"),
    [
        ("self.n > 5", "FieldValueInvalid", "spec", "Invalid value: failed rule: self.n > 5"),
        ({"rule": "self.n > 5", "message": "small"}, "FieldValueInvalid", "spec", "Invalid value: small"),
        (
            {"rule": "self.n > 5", "messageExpression": "'n is %d'.format([self.n])", "fieldPath": ".n"},
            "FieldValueInvalid",
            "spec.n",
            "Invalid value: n is 5",
        ),
        (
            {"rule": "self.n > 5", "message": "plain", "messageExpression": "self.l[9]"},
            "FieldValueInvalid",
            "spec",
            "Invalid value: plain",
        ),
        (
            {"rule": "self.n > 5", "reason": "FieldValueForbidden", "fieldPath": ".m['k']"},
            "FieldValueForbidden",
            "spec.m[k]",
            "Forbidden: failed rule: self.n > 5",
        ),
        (
            "self.m.y == 1",
            "FieldValueInvalid",
            "spec",
            'Invalid value: "object": no such key: y evaluating rule: self.m.y == 1',
        ),
        (
            "self.either > 3",
            "FieldValueInvalid",
            "spec",
            (
                "Invalid value: \"object\": 'no such overload': call arguments did not match a supported "
                "operator, function or macro signature for rule: self.either > 3"
            ),
        ),
    ],
)
def test_a_rule_that_is_broken_says_so(rule, reason, field, message):
    assert causes(schema(rule), SPEC) == [(reason, field, message)]


def test_a_change_is_compared_with_what_was():
    grows = schema({"rule": "self.n >= oldSelf.n", "message": "n only grows"})
    assert causes(grows, {"n": 1}) == []
    assert causes(grows, {"n": 2}, {"n": 1}) == []
    assert causes(grows, {"n": 1}, {"n": 2}) == [("FieldValueInvalid", "spec", "Invalid value: n only grows")]


def test_a_new_object_is_asked_too_if_the_old_one_may_be_missing():
    first = schema({"rule": "oldSelf.hasValue() || self.n == 0", "optionalOldSelf": True})
    assert causes(first, {"n": 0}) == []
    assert [field for _, field, _ in causes(first, {"n": 1})] == ["spec"]
    assert causes(first, {"n": 1}, {"n": 0}) == []


def test_items_are_told_apart_by_their_keys():
    item = {
        "type": "object",
        "properties": {"name": TEXT, "n": INT},
        "x-kubernetes-validations": [{"rule": "self.n >= oldSelf.n"}],
    }
    rows = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": item}
    made = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"rows": rows}}}}
    old = {"rows": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]}
    assert causes(made, {"rows": [{"name": "b", "n": 2}, {"name": "a", "n": 1}, {"name": "c", "n": 0}]}, old) == []
    assert [field for _, field, _ in causes(made, {"rows": [{"name": "b", "n": 1}]}, old)] == ["spec.rows[0]"]


def test_what_was_broken_and_stays_is_a_warning():
    made = schema("self.n > 5")
    assert causes(made, {"n": 1, "s": "x"}, {"n": 1, "s": "x"}) == ["spec: Invalid value: failed rule: self.n > 5"]
    assert causes(made, {"n": 1, "s": "y"}, {"n": 1, "s": "x"}) == [
        ("FieldValueInvalid", "spec", "Invalid value: failed rule: self.n > 5")
    ]


def test_no_rule_is_asked_of_a_value_that_the_schema_refuses():
    found = causes(schema("self.n > 5"), {"n": "x"})
    assert [field for _, field, _ in found] == ["spec.n", "<nil>"]
    assert "some validation rules were not checked" in found[1][2]


def test_an_old_value_of_another_type_is_an_error_of_the_rule():
    """The schema may have been another one when it was stored."""
    [(_, field, message)] = causes(schema("self.n > oldSelf.n"), {"n": 1}, {"n": "x"})
    assert field == "spec"
    assert "invalid data, expected int evaluating rule" in message


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("self.n >", "syntax error: unexpected the end"),
        ("self.n > 'a", "a string that does not end"),
        ("self.n ~ 1", "unexpected '~'"),
        ("self.x == 1", "undefined field 'x'"),
        ("self.free == 1", "undefined field 'free'"),
        ("self.n == 'a'", r"no matching overload for '_==_' applied to '\(int, string\)'"),
        ("self.n + 1", "must evaluate to a bool, not to a int"),
        ("semver('1.0.0') == 1", "undeclared reference to 'semver'"),
        ("self.l.sortBy(x, x) == self.l", "undeclared reference to 'x'"),
        ("self.s.matches(self.s)", "the pattern of matches must be written in the rule"),
        ("self.s.matches('(')", "is no pattern of RE2"),
        ("self.time.getHours('Europe/Berlin') == 1", "time zones by name are not offered"),
        ("duration('1x') > duration('1s')", "invalid duration"),
        ("[1, 'a'].size() == 2", "must be of one type"),
        ("has(self)", r"invalid argument to has\(\) macro"),
        ("self.l.all(self, true)", "must be names of variables"),
        (" ", "rule is not specified"),
        ({"rule": "true", "message": " "}, "message must be non-empty"),
        ({"rule": "true", "reason": "Odd"}, "reason must be one of"),
        ({"rule": "true", "fieldPath": ".x"}, "is no path of the schema"),
        ({"rule": "true", "optionalOldSelf": True}, "may not be set if oldSelf is not used"),
        ({"rule": "true", "messageExpression": "1"}, "must evaluate to a string"),
        ({"rule": "true", "odd": 1}, "'odd' is no part of a rule"),
        ({"rule": 1}, "'rule' is no part of a rule, or of another type"),
        ("true" + " && true" * 3000, "at most 16384 letters"),
        ("(" * 40 + "true" + ")" * 40, "nested at most 32 levels"),
        ("self.n" + " + 1" * 70 + " > 0", "at most 64 operators"),
        ("self.l.all(a, self.l.all(b, self.l.all(c, self.l.all(d, self.l.all(e, true)))))", "at most 4 loops"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_a_rule_that_cannot_be_kept_is_refused_at_start(rule, words):
    with pytest.raises(ValueError, match=words):
        structural(schema(rule))


def test_without_re2_a_pattern_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "re2", None)
    with pytest.raises(ValueError, match=r"install extension-apiserver\[patterns\]"):
        structural(schema("self.s.matches('a')"))


def test_rules_within_all_of_are_refused():
    made = {"type": "object", "properties": {"n": {**INT, "allOf": [{"x-kubernetes-validations": [{"rule": "true"}]}]}}}
    with pytest.raises(ValueError, match="belongs beside allOf"):
        structural(made)


NUMBERS = {"type": "array", "items": INT}


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("self.l.all(a, self.l.all(b, a != b || a == b))", {"l": NUMBERS}),
        ("self.s.contains(self.s)", {"s": {"type": "string"}}),
        ("self.l.all(x, x.matches('a.*b.*c'))", {"l": {"type": "array", "items": {"type": "string"}}}),
        ("self.l.distinct().size() > 0", {"l": NUMBERS}),
    ],
)
def test_a_rule_that_could_cost_too_much_is_refused_at_start(rule, fields):
    with pytest.raises(ValueError, match="set maxItems, maxProperties and maxLength"):
        structural(schema(rule, **fields))


def test_the_rules_of_items_cost_as_often_as_there_can_be_items():
    item = {**TEXT, "x-kubernetes-validations": [{"rule": "self.matches('a.*b.*c.*d')"}]}
    structural(schema("true", l={"type": "array", "maxItems": 100, "items": item}))
    with pytest.raises(ValueError, match="for all values of an object"):
        structural(schema("true", l={"type": "array", "items": item}))


def test_an_old_value_that_cannot_be_told_is_refused_at_start():
    item = {**INT, "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]}
    with pytest.raises(ValueError, match="oldSelf cannot be used on the uncorrelatable portion of the schema"):
        structural(schema("true", l={"type": "array", "items": item}))


BIG = list(range(700))


@pytest.mark.parametrize(
    ("rule", "fields", "spec"),
    [
        ("self.l.all(a, self.l.all(b, a >= 0 && b >= 0))", {"l": {**NUMBERS, "maxItems": 700}}, {"l": BIG}),
        ("self.s.replace('', self.s) != ''", {"s": {"type": "string"}}, {"s": "x" * 1_000_000}),
        ("self.l.map(x, self.l.map(y, x)).size() >= 0", {"l": {**NUMBERS, "maxItems": 700}}, {"l": BIG}),
        (
            "self.l.all(x, self.o == self.o)",
            {"l": {**NUMBERS, "maxItems": 9}, "o": {"type": "array", "items": NUMBERS}},
            {"l": BIG[:9], "o": [[1]] * 100_000},
        ),
        (
            "'%s'.format([self.l.map(x, self.l)]).size() > 0",
            {"l": {**NUMBERS, "maxItems": 900}},
            {"l": list(range(900))},
        ),
    ],
    ids=lambda one: one[:40] if isinstance(one, str) else "",
)
def test_a_rule_ends_when_it_has_spent_what_it_may(rule, fields, spec):
    started = time.process_time()
    [(reason, field, message)] = causes(schema(rule, **fields), spec)
    assert "'operation cancelled: actual cost limit exceeded'" in message
    assert (reason, field) == ("FieldValueInvalid", "spec")
    assert time.process_time() - started < 20


def test_all_rules_of_an_object_end_when_they_have_spent_what_they_may():
    rule = "self.all(a, self.all(b, a >= 0 && b >= 0))"
    inner = {**NUMBERS, "maxItems": 300, "x-kubernetes-validations": [{"rule": rule}]}
    made = schema("true", l={"type": "array", "maxItems": 12, "items": inner})
    count = MOST_PER_OBJECT // (MOST_PER_CALL // 2)
    found = causes(made, {"l": [BIG[:300]] * (count + 2)})
    assert "running out of cost budget, no further validation rules will be run" in found[-1][2]
    assert len(found) == 1


def test_a_rule_without_an_end_of_the_stack_is_refused_or_ends():
    """As deep as a rule may be, over a value as deep as an object may be."""
    rule = "(" * 30 + "self.n > 0" + " && true" * 500 + ")" * 30
    assert causes(schema(rule), {"n": 1}) == []
    deep = INT
    for _ in range(20):
        deep = {"type": "array", "maxItems": 1, "items": deep}
    value = 1
    for _ in range(20):
        value = [value]
    assert causes(schema("self.d == oldSelf.d", d=deep), {"d": value}, {"d": value}) == []
