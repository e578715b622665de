"""What is changed, one thing at a time: operators and constants of Python, values and conditions of the law data.

A mutant is a span of a file and another text for it. mutmut 3 changes only what stands in functions, and most of the core
is expressions built once, in modules; cosmic-ray changes neither texts nor TOML and CSV, and brings a database and git.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

CODE = ("pipeline/*.py", "schemas/tariff.py", "schemas/tariff_fill.py")
LAW = (
    "rules.toml", "limits.toml", "consumption.toml", "weights.toml", "control.toml", "classes.toml", "risk.toml", "samples.toml",
    "tariff.csv",
)  # fmt: skip
Found = Iterator[tuple[int, int, str]]  # start, end, another text

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"), ast.And: ("and", "or"), ast.Or: ("or", "and"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "//"), ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "//"),
    ast.LShift: ("<<", ">>"), ast.Pow: ("**", "*"),
}  # fmt: skip
UNARY: dict[type[ast.AST], str] = {ast.Not: "not ", ast.Invert: "~", ast.USub: "-"}
CONDITION = re.compile(
    r"(?P<text>'[^']*')|(?P<op><>|<=|>=|=|<|>)|(?P<word>\b(?:AND|OR|(?:NOT )?BETWEEN|(?:NOT )?IN|NOT)\b)|(?P<number>\b\d+\b)|(?P<sign> [-+*] )"
)
SWAPPED = {"<>": "=", "=": "<>", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "AND": "OR", "OR": "AND",
           "NOT": "NOT NOT", "BETWEEN": "NOT BETWEEN", "NOT BETWEEN": "BETWEEN", "IN": "NOT IN", "NOT IN": "IN",
           " + ": " - ", " - ": " + ", " * ": " + "}  # fmt: skip
TOLD = ("en", "zh", "todo", "todo_zh", "law", "law_match", "source", "sure")  # texts for people: they decide nothing
VALUE = re.compile(r'(?P<date>\b\d{4}-\d\d-\d\d\b)|(?P<number>\b\d+\b)|"(?P<text>[^"]*)"')
TARIFF = {"hs8": "number", "tariff_1e4": "number", "provisional_1e4": "number", "vat_1e4": "number",
          "consumption": "item", "from": "date", "to": "date"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """`nth`: which of those that read the same in their file, from 1 on; so it is still known when lines move.
    `entry`: the code of the rule it belongs to, where it has one."""

    file: str
    start: int
    end: int
    text: str
    line: int
    where: str
    change: str
    nth: int
    entry: str = ""

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.file, self.where, self.change, self.nth

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.change}   in   {self.where}"


def every(root: Path, only: str = "") -> list[Mutant]:
    """All mutants of the files whose name contains `only`, in the order of files and places."""
    files: list[tuple[Path, Callable[[str], Found]]] = [(p, of_code) for pattern in CODE for p in sorted(root.glob(pattern))]
    files += [(root / "schemas" / "law" / name, of_tariff if name.endswith(".csv") else of_toml) for name in LAW]
    return [m for path, of in files if only in str(path.relative_to(root)) for m in of_file(path, root, of)]


def of_file(path: Path, root: Path, of: Callable[[str], Found]) -> Iterator[Mutant]:
    source, alike = path.read_text(), Counter[tuple[str, str]]()
    file = str(path.relative_to(root))
    for start, end, text in sorted(set(of(source))):
        line = source.count("\n", 0, start)
        where, change = source.splitlines()[line].strip(), f"{source[start:end].strip()} → {text.strip()}"
        alike[where, change] += 1
        codes = re.findall(r'^code = "(\S+)"$', source[:start], re.M)
        yield Mutant(file, start, end, text, line + 1, where, change, alike[where, change], codes[-1] if codes else "")


def of_code(source: str) -> Found:
    """Comparisons, logic, arithmetic and constants; neither annotations nor docstrings nor what an assert says."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    raw = source.encode()

    def place(line: int, column: int) -> int:
        return len(raw[: starts[line - 1] + column].decode())

    def between(op: ast.AST, left: ast.expr, right: ast.expr) -> Found:
        if found := OPERATORS.get(type(op)):
            begin = place(left.end_lineno or 0, left.end_col_offset or 0)
            gap = source[begin : place(right.lineno, right.col_offset)]
            at = begin + gap.index(found[0])
            yield at, at + len(found[0]), found[1]

    for node in _walk(tree):
        if isinstance(node, ast.Compare):
            for op, left, right in zip(node.ops, [node.left, *node.comparators], node.comparators, strict=False):
                yield from between(op, left, right)
        elif isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield from between(node.op, left, right)
        elif isinstance(node, ast.BinOp):
            yield from between(node.op, node.left, node.right)
        elif isinstance(node, ast.UnaryOp) and (sign := UNARY.get(type(node.op))):
            at = place(node.lineno, node.col_offset)
            yield at, at + len(sign), ""
        elif isinstance(node, ast.Constant) and (other := _other(node.value)) is not None:
            yield place(node.lineno, node.col_offset), place(node.end_lineno or 0, node.end_col_offset or 0), other


def _other(value: object) -> str | None:
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, int):
        return repr(value + 1)
    return repr(value + "~") if isinstance(value, str) else None


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that computes."""
    yield node
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            told = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            typed = isinstance(child, ast.Subscript) and ast.unparse(child.value) in ("Literal", "Callable")
            named = isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)  # has no quotes of its own
            said = isinstance(node, ast.Assert) and name == "msg"
            if isinstance(child, ast.AST) and not (told or typed or named or said) and name not in ("annotation", "returns", "decorator_list"):
                yield from _walk(child)


def of_toml(source: str) -> Found:
    """Numbers, dates and texts of what decides, and conditions token by token."""
    at = 0
    for line in source.splitlines(keepends=True):
        start, key = at, line.partition("=")[0].strip()
        at += len(line)
        code = line.partition("  #")[0]
        if key == "when":
            opened = code.index('"""') + 3
            yield from of_condition(code[opened : code.index('"""', opened)], start + opened)
        elif not code.startswith("#") and "[[" not in code and key not in TOLD:
            begin = code.index("=") if "=" in code else 0
            yield from ((start + m, start + n, text) for m, n, text in _values(code, begin))


def _values(code: str, begin: int) -> Found:
    for m in VALUE.finditer(code, begin):
        for other in _others(m.lastgroup or "", m[m.lastgroup or 0]):
            yield m.start(m.lastgroup or 0), m.end(m.lastgroup or 0), other


def _others(kind: str, value: str) -> Iterable[str]:
    if kind == "number":
        return [str(int(value) + by).rjust(len(value), "0") for by in (1, -1) if int(value) + by >= 0]
    if kind == "date":
        day = date.fromisoformat(value)
        return [str(day + timedelta(days=1 if day < date.max else -1))]
    return {"HOLD": ["REJECT"], "REJECT": ["HOLD"]}.get(value, [value + "~"])


def of_condition(text: str, at: int) -> Found:
    """Comparisons, logic, numbers and texts of one SQL condition."""
    former = ""  # word: the AND of a BETWEEN is no logic
    for m in CONDITION.finditer(text):
        kind, token = m.lastgroup, m[0]
        if kind == "text":
            yield at + m.start(), at + m.end(), f"'{token[1:-1]}~'"
        elif kind == "number":
            yield at + m.start(), at + m.end(), str(int(token) + 1)
        elif not (token == "AND" and former.endswith("BETWEEN")):
            yield at + m.start(), at + m.end(), SWAPPED[token]
        former = token if kind == "word" else former


def of_tariff(source: str) -> Found:
    """Codes, rates, tax items and days of every line; the next item instead of an item."""
    header, *lines = source.splitlines(keepends=True)
    columns, at = header.strip().split(","), len(header)
    items = sorted({x.split(",")[-5] for x in lines})
    for line in lines:
        fields, cell = re.findall(r'"[^"]*"|[^,\n]+|(?<=,)(?=,)', line), at
        for column, field in zip(columns, fields, strict=True):
            kind = TARIFF.get(column, "")
            others = [items[(items.index(field) + 1) % len(items)]] if kind == "item" else _others(kind, field) if kind and field else []
            yield from ((cell, cell + len(field), other) for other in others)
            cell += len(field) + 1
        at += len(line)
