"""Two evaluations of a parsed condition: as compiled Python where nothing is null, and by SQL's three-valued logic."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from loadtest.verify.conditions import Call, Column, ConditionError, Literal, Node

Records = Mapping[str, Mapping[str, Any]]
"""The variables of a condition (order, payment, waybill, derived, line), each with its columns."""
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "+": operator.add, "-": operator.sub, "*": operator.mul,
}  # fmt: skip
# White_Space of Unicode, which TRIM takes off; str.strip() would take four control characters too
BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


@lru_cache
def pattern(text: str) -> re.Pattern[str]:
    """The law's regular expressions are of Rust's flavour: $ is the very end, classes like \\d know all of Unicode."""
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", text))


def compiled(rules: Sequence[tuple[str, Node]], variables: Sequence[str]) -> Callable[..., list[str]]:
    """A function of `variables` that gives the codes of the rules that hold; only for values without any null."""
    names: dict[str, Any] = {}
    body = [f"    if {_source(node, names)}:\n        found.append({code!r})" for code, node in rules]
    source = f"def codes({', '.join(variables)}):\n    found = []\n" + "\n".join(body) + "\n    return found\n"
    exec(compile(source, "<rules in force>", "exec"), names)
    return names["codes"]


def _source(node: Node, names: dict[str, Any]) -> str:
    if isinstance(node, Column):
        return f"{node.record}[{node.field!r}]"
    if isinstance(node, Literal):
        return repr(node.value)
    if node.name == "matches":
        assert isinstance(node.parts[1], Literal)
        name = f"matches_{len(names)}"
        names[name] = pattern(str(node.parts[1].value)).search
        return f"({name}({_source(node.parts[0], names)}) is not None)"
    parts = [_source(part, names) for part in node.parts]
    if node.name in ("and", "or"):
        return f"({f' {node.name} '.join(parts)})"
    if node.name in OPERATORS:
        return f"({parts[0]} {node.name} {parts[1]})"
    shapes = {
        "not": f"(not {parts[0]})",
        "in": f"({parts[0]} in ({', '.join(parts[1:])},))",
        "length": f"len({parts[0]})",
        "trim": f"{parts[0]}.strip({BLANKS!r})",
        "is null": "False",
    }
    if node.name not in shapes:
        raise ConditionError(f"nothing computes {node.name!r}")
    return shapes[node.name]


def value(node: Node, records: Records) -> Any:
    """The value of a condition or operand; None is SQL's null."""
    if isinstance(node, Column):
        return records[node.record][node.field]
    if isinstance(node, Literal):
        return node.value
    if node.name == "and":
        return _joined(node, records, False)
    if node.name == "or":
        return _joined(node, records, True)
    parts = [value(part, records) for part in node.parts]
    if node.name == "is null":
        return parts[0] is None
    if node.name == "in":
        return _among(parts[0], parts[1:])
    if None in parts:
        return None
    if node.name == "not":
        return not parts[0]
    if node.name == "length":
        return len(parts[0])
    if node.name == "trim":
        return parts[0].strip(BLANKS)
    if node.name == "matches":
        return pattern(parts[1]).search(parts[0]) is not None
    return OPERATORS[node.name](*parts)


def _joined(node: Call, records: Records, decisive: bool) -> bool | None:
    """OR (decisive True) and AND (decisive False): the decisive value wins over null, null over the other."""
    answer: bool | None = not decisive
    for part in node.parts:
        verdict = value(part, records)
        if verdict is decisive:
            return decisive
        if verdict is None:
            answer = None
    return answer


def _among(wanted: Any, items: list[Any]) -> bool | None:
    if wanted is None:
        return None
    if any(item == wanted for item in items if item is not None):
        return True
    return None if None in items else False
