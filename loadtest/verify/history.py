"""The history in columns against the tables: each decision once, with the amounts it was decided on, no batch left out.

Read by code of its own, part by part: of the files only their names and columns are shared with who writes them.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from loadtest.verify.postgres import at_one_moment
from loadtest.verify.proof import Proof, Report

# Column of the history → of table manifest, which holds the same.
MANIFEST = {
    "ebp_code": "ebp_code", "order_no": "order_no", "attempt": "attempt", "manifest_id": "manifest_id", "lane": "lane", "batch_seq": "batch_seq",
    "registry_version": "registry_version", "then_outcome": "outcome", "then_queue": "queue", "then_taxed": "taxed",
    "then_tax_fen": "tax_fen", "then_rule_set": "rule_set", "order_ebcCode": "ebc_code", "order_goodsValue_e5": "goods_value_e5",
    "order_freight_e5": "freight_e5", "order_taxTotal_e5": "tax_total_e5", "order_actualPaid_e5": "actual_paid_e5",
    "payment_amountPaid_e5": "amount_paid_e5", "payment_payTransactionId": "pay_transaction_id", "waybill_insuredFee_e5": "insured_fee_e5",
    "waybill_weight_e5": "weight_e5", "waybill_logisticsNo": "logistics_no", "waybill_packNo": "pack_no",
}  # fmt: skip
LINE = {
    "position": "line_no", "line_gnum": "gnum", "line_itemNo": "item_no", "line_unit": "unit", "line_country": "country",
    "line_qty_e5": "qty_e5", "line_price_e5": "price_e5", "line_totalPrice_e5": "total_price_e5",
}  # fmt: skip
LANES = "unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS t(lane, first, last)"
DECIDED = f"""SELECT {", ".join(f"m.{name}" for name in MANIFEST.values())},
    array(SELECT f.code FROM finding f WHERE f.manifest_id = m.manifest_id ORDER BY f.code COLLATE "C"),
    array(SELECT ({", ".join(f"x.{name}" for name in LINE.values())}) FROM manifest_line x WHERE x.manifest_id = m.manifest_id ORDER BY x.line_no)
    FROM manifest m JOIN {LANES} USING (lane) WHERE m.batch_seq BETWEEN t.first AND t.last AND m.batch_seq BETWEEN $4 AND $5"""
REVISION = ("manifest_id", "revision", "outcome", "registry_version", "lane", "batch_seq")
REVISED = f"""SELECT {", ".join(f"r.{name}" for name in REVISION)} FROM revision r JOIN {LANES} USING (lane) WHERE r.batch_seq BETWEEN t.first AND t.last"""
Key = tuple[str, str, int]


async def check_history(dsn: str, folder: Path) -> Proof:
    """Compare every part with what was committed for its batches. Errors of asyncpg and of the files pass through."""
    report, behind = Report(), Counter[int]()
    async with at_one_moment(dsn) as connection:
        ends = {lane: seq for lane, seq in await connection.fetch("SELECT lane, batch_seq FROM lane")}
        for number, part in enumerate(sorted(p for p in folder.glob("[0-9]*")), start=1):
            report.same(f"history part {part.name}", "number", f"{number:08d}", part.name)
            covers = json.loads((part / "covers.json").read_text())
            _check_follows(part.name, covers["lanes"], behind, ends, report)
            lanes, firsts, lasts = (list(column) for column in zip(*covers["lanes"], strict=True))
            rows = await connection.fetch(DECIDED, lanes, firsts, lasts, min(firsts), max(lasts))
            _check_part(part, covers["manifests"], [tuple(r) for r in rows], report)
            revised = [tuple(r) for r in await connection.fetch(REVISED, lanes, firsts, lasts)]
            _check_revisions(part, revised, report)
            report.counts["history_parts"] += 1
    if not report.counts["history_parts"]:
        report.differs(f"{folder}", "history", "parts", "none")
    report.counts["batches_not_in_the_history_yet"] = sum(ends.values()) - sum(behind.values())
    return report.proof({})


def _check_follows(name: str, lanes: list[list[int]], behind: Counter[int], ends: dict[int, int], report: Report) -> None:
    """Batches of each lane follow those of the parts before, without a hole, and exist."""
    for lane, first, last in lanes:
        place = f"history part {name} lane {lane}"
        report.same(place, "first batch", behind[lane] + 1, first)
        if not first <= last <= ends.get(lane, 0):
            report.differs(place, "last batch", f"{first} to {ends.get(lane, 0)}", last)
        report.counts["history_batches"] += last - first + 1
        behind[lane] = last


def _check_part(part: Path, told: int, rows: list[tuple[Any, ...]], report: Report) -> None:
    kept = list(_manifests(part))
    report.same(f"history part {part.name}", "manifests as it says", told, len(kept))
    found = dict(kept)
    if len(found) < len(kept):
        report.differs(f"history part {part.name}", "manifests", f"{len(kept)} different", f"{len(found)}")
    for *values, codes, lines in rows:
        key: Key = (values[0], values[1], values[2])
        place = f"history of {key[0]}|{key[1]} attempt {key[2]}"
        here = found.pop(key, None)
        if here is None:
            report.differs(place, "row", "one", "none")
            continue
        for name, decided, mine in zip(MANIFEST, values, here[0], strict=True):
            report.same(place, name, decided, mine)
        report.same(place, "findings", list(codes), here[1])
        report.same(place, "lines", [tuple(x) for x in lines], here[2])
    for key in found:
        report.differs(f"history of {key[0]}|{key[1]} attempt {key[2]}", "row", "none", "one")
    report.counts["history_manifests"] += len(rows)


def _check_revisions(part: Path, rows: list[tuple[Any, ...]], report: Report) -> None:
    """Every revision of its batches, once."""
    table = pq.read_table(part / "revisions.parquet", columns=list(REVISION))
    kept = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    report.same(f"history part {part.name}", "revisions", sorted(rows), sorted(kept))
    for row in rows:
        report.counts[f"history_revised_to_{row[2]}"] += 1


def _manifests(part: Path) -> Iterator[tuple[Key, tuple[list[Any], list[str], list[tuple[Any, ...]]]]]:
    """Key → columns of MANIFEST, codes, and rows of LINE, of each manifest of a part."""
    lines: dict[int, list[tuple[Any, ...]]] = {}
    table = pq.read_table(part / "lines.parquet", columns=["m", *LINE])
    for m, *line in zip(*(column.to_pylist() for column in table.columns), strict=True):
        lines.setdefault(m, []).append(tuple(line))
    table = pq.read_table(part / "manifests.parquet", columns=[*MANIFEST, "then_codes"])
    for m, row in enumerate(zip(*(column.to_pylist() for column in table.columns), strict=True)):
        yield (row[0], row[1], row[2]), (list(row[:-1]), row[-1], lines.get(m, []))
