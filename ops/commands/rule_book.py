"""The rule book at work: of each family of codes how many made a finding, a receipt or a dead letter, and what came of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import asyncpg

from ops.commands.show import OUT, table
from ops.explain.voice import texts

COUNTED = """
    SELECT code, outcome, count(*) FROM finding GROUP BY 1, 2
    UNION ALL SELECT code, 'receipt', count(*) FROM document_fate GROUP BY 1
    UNION ALL SELECT code, 'receipt', count(*) FROM open_report GROUP BY 1
    UNION ALL SELECT code, 'dead letter', count(*) FROM dead_letter GROUP BY 1"""
ONLY_SIGNS = "RSK"  # indicators: they give points to the codes of risk and make no finding themselves


class Family(NamedTuple):
    """Codes that begin alike. `came`: outcome of a finding, receipt or dead letter → how many."""

    name: str
    codes: list[str]
    met: set[str]
    came: Counter[str]


def families(known: Iterable[str], counted: Iterable[tuple[str, str, int]]) -> list[Family]:
    """In the order of the known codes. `counted`: code, what came of it, how often."""
    found: dict[str, Family] = {}
    for code in known:
        name = code.partition("-")[0]
        if name != ONLY_SIGNS:
            found.setdefault(name, Family(name, [], set(), Counter())).codes.append(code)
    for code, what, count in counted:
        family = found[code.partition("-")[0]]
        family.met.add(code)
        family.came[what] += count
    return list(found.values())


async def show_rule_book(connection: asyncpg.Connection, known: Mapping[str, Any]) -> None:
    """`known`: all codes of the rule set, in its order."""
    found = families(sorted(known, key=_place), (tuple(row) for row in await connection.fetch(COUNTED)))
    names = texts("en")
    rows = [
        (names[f"family_{x.name}"], x.name, f"{len(x.met)} of {len(x.codes)}",
         *(x.came[what] or None for what in ("REJECT", "HOLD", "RELEASE", "receipt", "dead letter")))
        for x in found
    ]  # fmt: skip
    met, all_of_them = sum(len(x.met) for x in found), sum(len(x.codes) for x in found)
    columns = ("what is looked at", "codes", "met", "rejects", "holds", "notes", "receipts", "dead letters")
    OUT.print(table(f"The rule book at work: {met} of its {all_of_them} codes came about", columns, rows))
    if missed := [code for x in found for code in x.codes if code not in x.met]:
        OUT.print(f"[dim]Not met here: {', '.join(missed)}[/]\n")


def _place(code: str) -> tuple[bool, bool]:
    """Findings of rules and ledgers first, then risk, then what became of documents."""
    return code.startswith(("DOC-", "DL-")), code.startswith("RTY-")
