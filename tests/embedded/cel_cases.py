"""Rules in CEL and the values that they are asked about; what kube-apiserver says of them is asked of it.

One difference is allowed: of `string(…)` and `[…].join(…)` kube-apiserver does not know how long they can be, and refuses what goes on with them;
here it is known, so such rules are not among these.
"""

import dataclasses

from embedded.crd_twin import of_yaml


@dataclasses.dataclass(frozen=True)
class Case:
    """A rule, the schema of the value it is about, and values.

    Attributes:
        rule: in CEL, or the whole rule as a dict.
        schema: of the value, as YAML.
        values: of new objects.
        changes: (old, new), each the value of an object that is updated.

    """

    rule: object
    schema: str
    values: tuple = ()
    changes: tuple = ()

    def node(self):
        node = of_yaml(self.schema)
        rule = self.rule if isinstance(self.rule, dict) else {"rule": self.rule}
        return {**node, "x-kubernetes-validations": [rule]}


def schema_of(cases):
    """Return the schema of a kind whose spec has a field for each case, by its number: f0 and so on."""
    fields = {f"f{number}": case.node() for number, case in enumerate(cases)}
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}


def schema_of_object(case):
    """Return a schema with rules at the root."""
    return {**of_yaml(case["schema"]), "x-kubernetes-validations": case["rules"]}


INT = "{type: integer}"
TEXT = "{type: string, maxLength: 50}"
DOUBLE = "{type: number}"
TEXTS = "{type: array, maxItems: 10, items: {type: string, maxLength: 20}}"
INTS = "{type: array, maxItems: 10, items: {type: integer}}"
COUNTS = "{type: object, maxProperties: 5, additionalProperties: {type: integer}}"
PAIR = "{type: object, properties: {a: {type: integer}, b: {type: integer}, s: {type: string, maxLength: 30}}}"
NAMES = """
type: object
properties: {a-b.c/d: {type: integer}, in: {type: integer}, __x: {type: integer}, namespace: {type: integer}, _y: {type: integer}}
"""
ROWS = """
type: array
maxItems: 10
x-kubernetes-list-type: map
x-kubernetes-list-map-keys: [name]
items:
  type: object
  required: [name]
  properties: {name: {type: string, maxLength: 10}, size: {type: integer, x-kubernetes-validations: [{rule: "self >= oldSelf", message: it grows}]}}
"""
SET = "{type: array, maxItems: 10, x-kubernetes-list-type: set, items: {type: string, maxLength: 10}}"
EITHER = "{x-kubernetes-int-or-string: true, maxLength: 20}"
TIME = "{type: string, format: date-time}"
SPAN = "{type: string, format: duration}"
DAY = "{type: string, format: date}"
BYTES = "{type: string, format: byte, maxLength: 40}"
FREE = "{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: integer}}}"
NULLABLE = (
    "{type: object, properties: {a: {type: integer, nullable: true}, b: {type: string, nullable: true, maxLength: 5}}}"
)
EMBEDDED = "{type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}"

CASES = [
    # The value, and how it is told.
    Case("self > 5", INT, (6, 5, 0)),
    Case("self > 0.5", DOUBLE, (1, 0.25, 0.75)),
    Case("self == 'a'", TEXT, ("a", "b", 'é"\n')),
    Case("self", "{type: boolean}", (True, False)),
    Case("size(self) < 3", TEXTS, (["a"], ["a", "b", "c"])),
    Case("self.size() < 2", COUNTS, ({"a": 1}, {"a": 1, "b": 2})),
    Case("self.a < self.b", PAIR, ({"a": 1, "b": 2}, {"a": 2, "b": 1}, {"a": 1}, {})),
    Case("has(self.a) && self.a > 1", PAIR, ({"a": 2}, {"a": 1}, {})),
    Case("!has(self.a) || self.a > 1", PAIR, ({"a": 2}, {"a": 1}, {})),
    # What is said.
    Case({"rule": "self > 5", "message": " too small "}, INT, (1,)),
    Case({"rule": "self.a > 5", "message": "too small"}, PAIR, ({"a": 1}, {})),
    Case({"rule": "self.a > 5", "messageExpression": "string(self.a)"}, PAIR, ({"a": 1},)),
    Case({"rule": "self.a > 5", "messageExpression": "'%s is %d'.format(['a', self.a])"}, PAIR, ({"a": 1},)),
    Case(
        {"rule": "self.a > 5", "message": "plain", "messageExpression": "string(self.b)"},
        PAIR,
        ({"a": 1}, {"a": 1, "b": 2}),
    ),
    Case(
        {"rule": "self.a > 5", "messageExpression": "self.s"},
        PAIR,
        ({"a": 1, "s": " "}, {"a": 1, "s": "a\nb"}, {"a": 1, "s": " x "}),
    ),
    Case({"rule": "self.a > 5\n&& self.a < 8", "message": "two lines"}, PAIR, ({"a": 1}, {})),
    Case({"rule": "self.a > 5", "reason": "FieldValueForbidden"}, PAIR, ({"a": 1},)),
    Case({"rule": "self.a > 5", "reason": "FieldValueRequired", "fieldPath": ".a"}, PAIR, ({"a": 1},)),
    Case({"rule": "self.a > 5", "reason": "FieldValueDuplicate", "fieldPath": ".s"}, PAIR, ({"a": 1},)),
    Case({"rule": "self > 5", "reason": "FieldValueDuplicate"}, INT, (1,)),
    Case({"rule": "self.size() > 1", "fieldPath": "['k']"}, COUNTS, ({"k": 1},)),
    Case({"rule": "self.__in__ > 1", "fieldPath": "['a-b.c/d']"}, NAMES, ({"in": 1},)),
    # Errors while a rule runs.
    Case("self.a / self.b == 1", PAIR, ({"a": 1, "b": 0}, {"a": 2, "b": 2}, {"a": -7, "b": 2})),
    Case("self.a % self.b == 1", PAIR, ({"a": 1, "b": 0}, {"a": -7, "b": 2})),
    Case("self.a + self.b > 0", PAIR, ({"a": 9223372036854775807, "b": 1},)),
    Case("-self.a > 0", PAIR, ({"a": -9223372036854775808},)),
    Case("self[3] == 'x'", TEXTS, (["a"],)),
    Case("self['x'] == 1", COUNTS, ({"a": 1},)),
    Case("self.x == 1", COUNTS, ({"a": 1}, {"x": 1})),
    Case("int(self) > 3", TEXT, ("5", "x", "", "1_0", " 5")),
    Case("double(self) > 3.0", TEXT, ("5.5", "x", "1e3")),
    Case("bool(self)", TEXT, ("true", "t", "yes")),
    Case("self.a > 1 || self.b > 1", PAIR, ({"a": 2}, {"b": 2}, {"a": 1}, {})),
    Case("self.a > 1 && self.b > 1", PAIR, ({"a": 1}, {"b": 1}, {"a": 2}, {})),
    # Names.
    Case("self.a__dash__b__dot__c__slash__d == 1", NAMES, ({"a-b.c/d": 1}, {"a-b.c/d": 2}, {})),
    Case("self.__in__ == 1 && self.__namespace__ == 1", NAMES, ({"in": 1, "namespace": 1}, {"in": 1})),
    Case("self.__underscores__x == 1 && self._y == 1", NAMES, ({"__x": 1, "_y": 1}, {"__x": 2})),
    # Loops.
    Case("self.all(x, x.size() < 3)", TEXTS, ([], ["a"], ["abc"])),
    Case("self.exists(x, x == 'a')", TEXTS, ([], ["a"], ["b", "a"])),
    Case("self.exists_one(x, x == 'a')", TEXTS, (["a", "a"], ["a"], [])),
    Case("self.all(x, 10 / x > 1)", INTS, ([0, 1], [0, 20], [1])),
    Case("self.exists(x, 10 / x > 1)", INTS, ([0, 1], [0, 20])),
    Case("self.map(x, x * 2).filter(x, x > 2).size() == 1", INTS, ([1, 2], [2, 3])),
    Case("self.map(x, x > 1, x * 2) == [4, 6]", INTS, ([1, 2, 3], [3, 2])),
    Case("self.all(k, self[k] > 0 && k.startsWith('a'))", COUNTS, ({"a": 1}, {"a": 0}, {"b": 1})),
    Case("self.all(i, x, i < 2 && x != '')", TEXTS, (["a"], ["a", "b", "c"])),
    Case("self.exists(k, v, k == 'a' && v == 1)", COUNTS, ({"a": 1}, {"a": 2})),
    Case("self.transformList(i, x, i + x) == [1, 3]", INTS, ([1, 2], [2])),
    Case("self.transformMap(k, v, v + 1) == {'a': 2}", COUNTS, ({"a": 1}, {"b": 1})),
    Case("[[1, 2], [3]].all(x, x.all(y, y in self))", INTS, ([1, 2, 3], [1])),
    # Lists and maps.
    Case("self == ['a', 'b']", TEXTS, (["a", "b"], ["b", "a"])),
    Case("self == ['a', 'b']", SET, (["a", "b"], ["b", "a"], ["a"])),
    Case("self + ['a'] == ['b', 'a']", SET, (["b", "a"], ["b"])),
    Case("'a' in self && !('b' in self)", TEXTS, (["a"], ["b"])),
    Case("'a' in self", COUNTS, ({"a": 1}, {"b": 1})),
    Case("self == {'a': 1}", COUNTS, ({"a": 1}, {"a": 2}, {"b": 1})),
    Case("self.isSorted()", INTS, ([1, 2], [2, 1])),
    Case("self.sum() == 3 && self.max() == 2 && self.min() == 1", INTS, ([1, 2], [3])),
    Case("self.max() > 0", INTS, ([],)),
    Case("self.indexOf('b') == 1 && self.lastIndexOf('b') == 2", TEXTS, (["a", "b", "b"], ["b"])),
    Case("self.slice(0, 1) == [1]", INTS, ([1, 2], [])),
    Case("self.sort() == [1, 2] && self.reverse() == [1, 2]", INTS, ([2, 1], [1, 2])),
    Case("self.distinct().size() == 2", INTS, ([1, 1, 2], [1])),
    Case(
        "sets.contains(self, ['a']) && sets.intersects(self, ['b']) && sets.equivalent(self, ['a', 'b'])",
        TEXTS,
        (["b", "a", "a"], ["a"]),
    ),
    # Texts.
    Case("self.matches('^[a-z]+$')", TEXT, ("abc", "aBc", "")),
    Case("self.find('[0-9]+') == '12'", TEXT, ("a12b3", "x")),
    Case("self.findAll('[0-9]+') == ['12', '3'] && self.findAll('[0-9]', 1) == ['1']", TEXT, ("a12b3", "x")),
    Case("self.startsWith('a') && self.endsWith('c') && self.contains('b')", TEXT, ("abc", "ac")),
    Case("self.lowerAscii() == 'aé' && self.upperAscii() == 'AÉ'", TEXT, ("Aé", "aé")),
    Case("self.split(',') == ['a', 'b'] && self.split(',', 1) == ['a,b']", TEXT, ("a,b", "a,b,c")),
    Case("self.split('').size() == 3", TEXT, ("aéb", "")),
    Case("self.replace('a', 'b') == 'bb' && self.replace('a', 'b', 1) == 'ba'", TEXT, ("aa", "ab")),
    Case("self.substring(1, 3) == 'bc' && self.substring(2) == 'c'", TEXT, ("abc", "a")),
    Case("self.charAt(1) == 'b'", TEXT, ("abc", "", "a")),
    Case("self.trim() == 'a'", TEXT, (" a\t", "b")),
    Case("self.indexOf('b') == 1 && self.lastIndexOf('b') == 3", TEXT, ("abab", "b")),
    Case("self.size() == 2", TEXT, ("éa", "a")),
    Case("string(1.5) == self || string(2) == self || string(true) == self", TEXT, ("1.5", "2", "true", "x")),
    Case("'%s %d %.2f %x %b'.format(['a', 1, 2.5, 255, 5]) == self", TEXT, ("a 1 2.50 ff 101", "x")),
    Case("'%s'.format([[1, 2]]) == self", TEXT, ("[1, 2]", "x")),
    # Times.
    Case("self > timestamp('2024-01-01T00:00:00Z')", TIME, ("2024-01-02T00:00:00Z", "2023-01-01T00:00:00+02:00")),
    Case(
        "self.getFullYear() == 2024 && self.getMonth() == 1 && self.getDayOfWeek() == 4",
        TIME,
        ("2024-02-29T00:00:00Z", "2023-02-28T10:00:00Z"),
    ),
    Case(
        "self - duration('1h') == timestamp('2024-01-01T00:00:00Z')",
        TIME,
        ("2024-01-01T01:00:00Z", "2024-01-01T01:00:00.5Z"),
    ),
    Case("self > duration('90m')", SPAN, ("2h", "1h", "1h30m")),
    Case("self.getHours() == 1 && self.getMinutes() == 90", SPAN, ("1h30m", "1h")),
    Case("self >= timestamp('2024-01-01T00:00:00Z')", DAY, ("2024-01-01", "2023-12-31")),
    Case("self == b'hello'", BYTES, ("aGVsbG8=", "aGVsbA==")),
    # Kubernetes' own functions.
    Case("quantity(self).isGreaterThan(quantity('1Gi'))", TEXT, ("2Gi", "1G", "x", "")),
    Case(
        "isQuantity(self) && quantity(self).isInteger() && quantity(self).asInteger() == 1000", TEXT, ("1k", "1.5", "x")
    ),
    Case(
        "quantity(self).add(quantity('500m')).compareTo(quantity('2')) == 0 && sign(quantity(self)) == 1",
        TEXT,
        ("1500m", "1"),
    ),
    Case("ip(self).family() == 4 && !ip(self).isLoopback()", TEXT, ("10.0.0.1", "127.0.0.1", "::1")),
    Case("isIP(self) && ip.isCanonical(self)", TEXT, ("10.0.0.1", "2001:DB8::1", "::ffff:1.2.3.4", "1.2.3")),
    Case("cidr('10.0.0.0/8').containsIP(self)", TEXT, ("10.1.1.1", "11.0.0.1")),
    Case(
        "isCIDR(self) && cidr(self).prefixLength() == 24 && cidr('10.0.0.0/8').containsCIDR(self)",
        TEXT,
        ("10.1.1.0/24", "10.1.1.0/16", "x"),
    ),
    Case(
        "string(cidr(self).masked()) == '10.0.0.0/8' && string(cidr(self).ip()) == '10.1.2.3'",
        TEXT,
        ("10.1.2.3/8", "10.0.0.0/8"),
    ),
    Case(
        "url(self).getHostname() == 'a.b' && url(self).getPort() == '80' && url(self).getEscapedPath() == '/c'",
        TEXT,
        ("https://a.b:80/c?d=e", "/x"),
    ),
    Case(
        "isURL(self) && url(self).getScheme() == 'https' && url(self).getQuery()['d'] == ['e']",
        TEXT,
        ("https://a/?d=e", "x y"),
    ),
    Case("!format.dns1123Label().validate(self).hasValue()", TEXT, ("abc", "A_b")),
    # Types that only a value has, and what may be missing.
    Case("type(self) == int ? self < 5 : self.endsWith('%')", EITHER, (3, 7, "5%", "x")),
    Case("self < 5", EITHER, (3, 7, "5%")),
    Case("self == 5", EITHER, (5, "5")),
    Case("self.?a.orValue(7) == 7", PAIR, ({}, {"a": 7}, {"a": 1})),
    Case("self.?a.hasValue() && self[?'a'].value() == 1", COUNTS, ({}, {"a": 1})),
    Case("self.?a.optMap(x, x + 1).orValue(0) == 2", PAIR, ({}, {"a": 1})),
    Case("self.?a.value() == 1", PAIR, ({}, {"a": 1})),
    Case("[?self.?a, ?self.?b] == [1]", PAIR, ({"a": 1}, {"b": 1}, {"a": 1, "b": 1}, {})),
    Case("!has(self.a) && !has(self.b)", NULLABLE, ({"a": None}, {"b": None}, {"a": 1})),
    Case("self.a == 1", FREE, ({"a": 1, "x": [1]}, {"x": 2})),
    Case(
        "self.metadata.name == 'x' && self.kind == 'Pod'",
        EMBEDDED,
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "y"}},
        ),
    ),
    Case("dyn(self) == 'a' || dyn(self) == 1", INT, (1, 2)),
    Case("{'a': self}['a'] == 1 && {'a': self}.a == 1", INT, (1, 2)),
    Case("(self > 1 ? 'x' : 'y') == 'x'", INT, (2, 1)),
    # Changes.
    Case("self == oldSelf", INT, (1,), ((1, 1), (1, 2))),
    Case({"rule": "self >= oldSelf", "message": "it may only grow"}, INT, (1,), ((1, 2), (2, 1))),
    Case(
        "self.a >= oldSelf.a",
        PAIR,
        ({"a": 1}, {}),
        (({"a": 1}, {"a": 2}), ({"a": 2}, {"a": 1}), ({"a": 1}, {}), ({}, {"a": 1})),
    ),
    Case(
        "size(self) > 0",
        ROWS,
        (),
        (
            ([{"name": "a", "size": 2}], [{"name": "b", "size": 1}, {"name": "a", "size": 1}]),
            ([{"name": "a"}], [{"name": "a", "size": 1}]),
        ),
    ),
    Case({"rule": "oldSelf.orValue(0) <= self", "optionalOldSelf": True}, INT, (-1, 1), ((1, 2), (2, 1))),
    Case("self == oldSelf", SET, (["a"],), ((["a", "b"], ["b", "a"]), (["a"], ["b"]))),
    Case("self.all(x, x in oldSelf)", TEXTS, (["a"],), ((["a"], ["a"]), (["a"], ["b"]))),
    Case(
        "self.all(k, k in oldSelf && oldSelf[k] <= self[k])", COUNTS, (), (({"a": 1}, {"a": 2}), ({"a": 1}, {"b": 2}))
    ),
]

REFUSED = [
    Case("self >", INT),
    Case("self.x == 1", PAIR),
    Case("self == 'a'", INT),
    Case("self + 1", INT),
    Case("nothing(self)", INT),
    Case("self.a > 0 && self.nope", PAIR),
    Case("other == 1", INT),
    Case("self.all(x, x)", INT),
    Case("self.matches('(')", TEXT),
    Case("duration('1x') == duration('1s')", INT),
    Case("timestamp('x') < timestamp('y')", INT),
    Case("[1, 'a'].size() == self", INT),
    Case("self.unknown == 1", FREE),
    Case("has(self)", INT),
    Case("", INT),
    Case({"rule": " "}, INT),
    Case({"rule": "self > 1", "message": " "}, INT),
    Case({"rule": "self > 1", "message": "a\nb"}, INT),
    Case({"rule": "self > 1\n|| false"}, INT),
    Case({"rule": "self > 1", "messageExpression": "1"}, INT),
    Case({"rule": "self > 1", "messageExpression": " "}, INT),
    Case({"rule": "self > 1", "reason": "FieldValueOdd"}, INT),
    Case({"rule": "self.a > 1", "fieldPath": ".c"}, PAIR),
    Case({"rule": "self.a > 1", "fieldPath": "a"}, PAIR),
    Case({"rule": "self > 1", "optionalOldSelf": True}, INT),
    Case("self.all(x, self.all(y, x == y || self.all(z, z == x)))", "{type: array, items: {type: string}}"),
    Case("self.all(x, x.matches('a.*b.*c'))", "{type: array, items: {type: string}}"),
    Case(
        "self.size() > 0",
        "{type: array, items: {type: object, properties: {a: {type: array, items: {type: string, x-kubernetes-validations: [{rule: 'self == oldSelf'}]}}}}}",
    ),
]

OBJECT_CASES = [
    {
        "schema": "{type: object, required: [spec], properties: {spec: {type: object, required: [a], properties: {a: {type: integer, maximum: 5}, b: {type: integer}}}, status: {type: object, properties: {c: {type: integer}}}}}",
        "rules": [
            {"rule": "self.metadata.name.startsWith('a')"},
            {"rule": "self.kind == 'Twin' && self.apiVersion.endsWith('/v1')"},
            {"rule": "!has(self.status) || self.status.c <= self.spec.a", "message": "c is at most a"},
            {"rule": "self.spec.a != 3", "fieldPath": ".spec.a"},
        ],
        "writes": [
            ("", {"spec": {"a": 6}}),
            ("", {"spec": {}}),
            ("", {"spec": {"a": "x"}}),
            ("", {"spec": {"a": 3}}),
            ("", {"spec": {"a": 2}}),
            ("/a/status", {"status": {"c": 3}}),
            ("/a/status", {"status": {"c": 2}}),
            ("/a", {"spec": {"a": 1}}),
            ("/a", {"spec": {"a": 4, "b": 1}}),
        ],
    },
]
