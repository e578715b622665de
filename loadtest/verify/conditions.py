"""The SQL conditions of the rules, parsed by hand: the pipeline gives them to polars, the verifier must not.

The subset is what schemas/law/rules.toml uses: OR, AND, NOT, = <> < <= > >=, [NOT] IN, [NOT] BETWEEN, IS [NOT] NULL,
+ - *, LENGTH(x), TRIM(x), REGEXP_LIKE(x, 'pattern'), texts, integers, columns, parentheses. Anything else is a ConditionError.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

TOKEN = re.compile(r"\s*(?:(\d+)|'((?:[^']|'')*)'|([A-Za-z_][A-Za-z_0-9]*)|(<>|!=|<=|>=|[=<>()+\-*,]))")
COMPARISONS = {"=": "==", "<>": "!=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


class ConditionError(ValueError):
    """A condition outside the subset; says where."""


@dataclass(frozen=True, slots=True)
class Column:
    """`record`: the variable that holds it (order, payment, waybill, derived or line), `field`: its name there."""

    record: str
    field: str


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int | bool


@dataclass(frozen=True, slots=True)
class Call:
    """`name`: a Python operator, or and, or, not, in, is null, length, trim, matches."""

    name: str
    parts: tuple["Node", ...]


Node = Column | Literal | Call
Resolve = Callable[[str], Column]


def parse(text: str, resolve: Resolve) -> Node:
    """The condition as a tree; `resolve` says where a column's value is found (ConditionError when nowhere)."""
    parser = _Parser(_tokens(text), resolve)
    node = parser.either()
    if parser.kind() != "end":
        raise ConditionError(f"unexpected {parser.text()!r} in: {text}")
    return node


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position, text = 0, text.rstrip()
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise ConditionError(f"cannot read {text[position : position + 20]!r}")
        number, quoted, word, sign = found.groups()
        if number is not None:
            tokens.append(("number", number))
        elif quoted is not None:
            tokens.append(("text", quoted.replace("''", "'")))
        else:
            tokens.append(("word", word) if word is not None else ("sign", sign))
        position = found.end()
    return [*tokens, ("end", "")]


class _Parser:
    """Recursive descent, one method a level of precedence, loosest first."""

    def __init__(self, tokens: list[tuple[str, str]], resolve: Resolve) -> None:
        self._tokens, self._resolve, self._next = tokens, resolve, 0

    def kind(self) -> str:
        return self._tokens[self._next][0]

    def text(self) -> str:
        return self._tokens[self._next][1]

    def _accept(self, *wanted: str) -> str | None:
        """Take the next token if it is one of these keywords or signs."""
        kind, text = self._tokens[self._next]
        found = text.upper() if kind == "word" else text if kind == "sign" else ""
        if not found or found not in wanted:
            return None
        self._next += 1
        return found

    def _expect(self, wanted: str) -> None:
        if self._accept(wanted) is None:
            raise ConditionError(f"expected {wanted}, found {self.text()!r}")

    def either(self) -> Node:
        parts = [self._all()]
        while self._accept("OR"):
            parts.append(self._all())
        return Call("or", tuple(parts)) if len(parts) > 1 else parts[0]

    def _all(self) -> Node:
        parts = [self._inverted()]
        while self._accept("AND"):
            parts.append(self._inverted())
        return Call("and", tuple(parts)) if len(parts) > 1 else parts[0]

    def _inverted(self) -> Node:
        if self._accept("NOT"):
            return Call("not", (self._inverted(),))
        return self._compared()

    def _compared(self) -> Node:
        left = self._sum()
        if sign := self._accept(*COMPARISONS):
            return Call(COMPARISONS[sign], (left, self._sum()))
        if self._accept("IS"):
            negated = self._accept("NOT")
            self._expect("NULL")
            return _perhaps_not(negated, Call("is null", (left,)))
        negated = self._accept("NOT")
        if self._accept("IN"):
            return _perhaps_not(negated, Call("in", (left, *self._listed())))
        if self._accept("BETWEEN"):
            low = self._sum()
            self._expect("AND")
            return _perhaps_not(negated, Call("and", (Call(">=", (left, low)), Call("<=", (left, self._sum())))))
        if negated:
            raise ConditionError(f"NOT before {self.text()!r}")
        return left

    def _listed(self) -> list[Node]:
        self._expect("(")
        items = [self._sum()]
        while self._accept(","):
            items.append(self._sum())
        self._expect(")")
        return items

    def _sum(self) -> Node:
        node = self._product()
        while sign := self._accept("+", "-"):
            node = Call(sign, (node, self._product()))
        return node

    def _product(self) -> Node:
        node = self._single()
        while self._accept("*"):
            node = Call("*", (node, self._single()))
        return node

    def _single(self) -> Node:
        if self._accept("("):
            node = self.either()
            self._expect(")")
            return node
        if self._accept("-"):
            return Call("-", (Literal(0), self._single()))
        kind, text = self._tokens[self._next]
        if kind not in ("number", "text", "word"):
            raise ConditionError(f"expected a value, found {text!r}")
        self._next += 1
        if kind == "number":
            return Literal(int(text))
        if kind == "text":
            return Literal(text)
        return self._word(text)

    def _word(self, word: str) -> Node:
        if word.upper() in ("TRUE", "FALSE"):
            return Literal(word.upper() == "TRUE")
        if word.upper() in ("LENGTH", "TRIM") and self._accept("("):
            node = self.either()
            self._expect(")")
            return Call(word.lower(), (node,))
        if word.upper() == "REGEXP_LIKE" and self._accept("("):
            node = self._sum()
            self._expect(",")
            pattern = self._sum()
            self._expect(")")
            if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
                raise ConditionError("the pattern of REGEXP_LIKE has to be a text")
            return Call("matches", (node, pattern))
        return self._resolve(word)


def _perhaps_not(negated: str | None, node: Node) -> Node:
    return Call("not", (node,)) if negated else node
