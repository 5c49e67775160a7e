"""Reads an expression into a tree; macros stay what they are, since all of them are loops that the compiler bounds."""

from __future__ import annotations

from .nodes import Node
from .tokens import RESERVED, CompileError, Token, refuse, tokens

#: Of parentheses, calls, lists and loops within each other; each costs ten frames of Python, of which there are 1,000.
MOST_LEVELS = 32
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">=", "in"}
_BINARY = ((_COMPARISONS), {"+", "-"}, {"*", "/", "%"})
_COLLECTIONS = {"[": ("list", "]"), "{": ("map", "}")}
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_INT64 = 1 << 63


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Raises:
        CompileError: it is none, or nested too deeply.

    """
    return _Parser(tokens(text)).whole()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0
        self._level = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._peek().kind != "end":
            self._unexpected()
        return node

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _accept(self, *words: str) -> Token | None:
        token = self._peek()
        if token.word in words and (token.kind == "sign" or (token.kind == "name" and token.word == "in")):
            return self._take()
        return None

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            self._unexpected(word)

    def _unexpected(self, wanted: str = "") -> None:
        token = self._peek()
        refuse(token.at, f"syntax error: unexpected {token.word}" + (f", '{wanted}' is missing" if wanted else ""))

    def _deeper(self) -> None:
        self._level += 1
        if self._level > MOST_LEVELS:
            raise CompileError(f"an expression may be nested at most {MOST_LEVELS} levels")

    def _expression(self) -> Node:
        self._deeper()
        condition = self._chain("||", "any")
        if mark := self._accept("?"):
            yes = self._chain("||", "any")
            self._expect(":")
            condition = Node("call", mark.at, "_?_:_", inner=(condition, yes, self._expression()))
        self._level -= 1
        return condition

    def _chain(self, sign: str, kind: str) -> Node:
        """Read `a && b && c`, which may be long, into one node."""
        at = self._peek().at
        parts = [self._operation(0) if kind == "all" else self._chain("&&", "all")]
        while self._accept(sign):
            parts.append(self._operation(0) if kind == "all" else self._chain("&&", "all"))
        return parts[0] if len(parts) == 1 else Node(kind, at, inner=tuple(parts))

    def _operation(self, rank: int) -> Node:
        if rank == len(_BINARY):
            return self._unary()
        node = self._operation(rank + 1)
        while sign := self._accept(*_BINARY[rank]):
            name = "@in" if sign.word == "in" else f"_{sign.word}_"
            node = Node("call", sign.at, name, inner=(node, self._operation(rank + 1)))
        return node

    def _unary(self) -> Node:
        sign = self._accept("!", "-")
        if sign is None:
            return self._member()
        count = 1
        while self._accept(sign.word):
            count += 1
        token = self._peek()
        if sign.word == "-" and type(token.value) in {int, float} and token.kind == "literal":
            literal = self._member(negative=True)
            return literal if count % 2 else Node("call", sign.at, "-_", inner=(literal,))
        node = self._member()
        return Node("call", sign.at, f"{sign.word}_", inner=(node,)) if count % 2 else node

    def _member(self, *, negative: bool = False) -> Node:
        node = self._primary(negative=negative)
        while token := self._accept(".", "["):
            optional = (True,) if self._accept("?") else ()
            if token.word == "[":
                node = Node("index", token.at, target=node, inner=(self._expression(),), optional=optional)
                self._expect("]")
                continue
            name = self._take()
            if name.kind not in {"name", "quoted"} or name.word in {"in", *_CONSTANTS}:
                refuse(name.at, f"syntax error: unexpected {name.word} after '.'")
            if not optional and name.kind == "name" and self._accept("("):
                node = Node("call", name.at, name.word, target=node, inner=self._list(")"))
            else:
                node = Node("select", name.at, name.word, target=node, optional=optional)
        return node

    def _primary(self, *, negative: bool) -> Node:
        token = self._take()
        if token.kind == "literal":
            value = -token.value if negative else token.value
            if type(value) is int and value == _INT64:
                refuse(token.at, "a number that does not fit into 64 bits")
            return Node("literal", token.at, value=value)
        if token.kind == "name" and token.word not in RESERVED and token.word != "in":
            return self._named(token)
        if token.kind == "sign" and token.word == "(":
            node = self._expression()
            self._expect(")")
            return node
        if token.kind == "sign" and token.word in _COLLECTIONS:
            return self._collection(*_COLLECTIONS[token.word], token.at)
        return refuse(token.at, f"syntax error: unexpected {token.word}")

    def _named(self, token: Token) -> Node:
        if token.word in _CONSTANTS:
            return Node("literal", token.at, value=_CONSTANTS[token.word])
        if self._accept("("):
            return Node("call", token.at, token.word, inner=self._list(")"))
        return Node("name", token.at, token.word)

    def _collection(self, kind: str, end: str, at: int) -> Node:
        items: list[Node] = []
        optional: list[bool] = []
        while not self._accept(end):
            optional.append(self._accept("?") is not None)
            items.append(self._expression())
            if kind == "map":
                self._expect(":")
                items.append(self._expression())
            if not self._accept(","):
                self._expect(end)
                break
        return Node(kind, at, inner=tuple(items), optional=tuple(optional))

    def _list(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._accept(end):
            return ()
        while True:
            items.append(self._expression())
            if self._accept(end):
                return tuple(items)
            self._expect(",")
