"""Refusals that quote another entry than the last one that was there: one that came later, or one before it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from loadtest.generate.stocked import BOOK
from loadtest.verify import Evidence, Proof, prove
from loadtest.verify.commits import Commits, Read, Turn
from loadtest.verify.evidence import manifest_place
from loadtest.verify.ledger_rows import StockEntryRow
from tests.pipeline.memory import BASE_MS, KEY, MemoryStore, Rec
from tests.pipeline.test_ledgers import costing
from tests.pipeline.trios import HOUR_MS, KINDS, rec
from tests.verify.played import Play
from tests.verify.test_damage import told
from tests.verify.test_stock_damage import ENTRY, manifest_of

Prove = Callable[[], Proof]
SAW = "entry it saw"


def came(n: int, lane: int, yuan: str = "100.00", **numbers: str) -> list[Rec]:
    """The documents of order `n`, by one lane, the same person's as all others. `numbers`: of payment or waybill, by kind."""
    trio = costing(n, yuan)
    for kind, number in numbers.items():
        trio[kind]["logisticsNo" if kind == "waybill" else "payTransactionId"] = number
    return [rec(kind, trio[kind], n, BASE_MS + HOUR_MS + 1000 * n, partition=lane) for kind in KINDS]


def by_what_came_later(refused: list[Rec], later: list[Rec]) -> Evidence:
    """What a pipeline would leave that knew the ledgers of the later batch in the one before."""
    game = Play()
    before, ahead = game.store, MemoryStore(registry=game.store.registry)
    ahead.process(later)
    stood = before.accounts, before.uses
    before.accounts, before.uses = ahead.accounts, ahead.uses
    game.batch(refused, lanes=[refused[0].partition])
    before.accounts, before.uses = stood
    game.batch(later, lanes=[later[0].partition])
    game.sweep()
    return game.evidence([*refused, *later])


def played(*batches: Sequence[Rec]) -> Evidence:
    game = Play()
    for records in batches:
        game.batch(records)
    game.sweep()
    return game.evidence([r for records in batches for r in records])


def place(evidence: Evidence, code: str) -> str:
    (finding,) = [f for f in evidence.tables.findings if f.code == code]
    return f"{manifest_place(manifest_of(evidence, finding.manifest_id))} finding {code}"


NUMBERS = {"PAY-03": {"order": "ONE", "payment": "ONE"}, "WAY-06": {"waybill": "ONE"}, "LIM-03": dict[str, str]()}


@pytest.mark.parametrize("lanes", [(1, 1), (1, 2)], ids=["in one lane", "in two"])
@pytest.mark.parametrize("code", NUMBERS)
def test_refused_by_what_was_committed_later(code: str, lanes: tuple[int, int]) -> None:
    """Of two lanes the batch that came later had seen the one before."""
    yuan = "20000.00" if code == "LIM-03" else "100.00"
    found = by_what_came_later(came(1, lanes[0], yuan, **NUMBERS[code]), came(2, lanes[1], yuan, **NUMBERS[code]))
    assert told(prove(found, KEY), place(found, code), SAW)


def misquoted(evidence: Evidence, code: str, **changes: Any) -> None:
    n, finding = next((n, f) for n, f in enumerate(evidence.tables.findings) if f.code == code)
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(json.loads(finding.values_read) | changes))


TAKEN = came(1, 0, "17000.00"), came(2, 0), came(3, 0, "9000.00"), came(4, 0)


@pytest.mark.parametrize("batches", [TAKEN, [[r for records in TAKEN for r in records]]], ids=["of batches", "within one"])
@pytest.mark.parametrize(("entry_no", "balance"), [(1, 17_010_00), (3, 17_230_00)])
def test_a_limit_refusal_that_quotes_a_neighbour(batches: Sequence[Sequence[Rec]], entry_no: int, balance: int) -> None:
    """Two were granted before, one after it; with either balance it would have been refused as well."""
    evidence = played(*batches)
    assert prove(evidence, KEY).discrepancies == []
    misquoted(evidence, "LIM-03", entry_no=entry_no, balance_fen=balance)
    proof = prove(evidence, KEY)
    assert told(proof, place(evidence, "LIM-03"), SAW) and proof.discrepancy_count == 1


def test_a_guarantee_refusal_that_quotes_its_own_batch(evidence: Evidence, proved: Prove) -> None:
    """What its batch froze before it is told as if it had been read."""
    read = next(x for f in evidence.tables.findings if f.code == "GUA-01" and (x := json.loads(f.values_read))["batch_fen"])
    n = next(n for n, f in enumerate(evidence.tables.findings) if f.code == "GUA-01" and json.loads(f.values_read) == read)
    finding = evidence.tables.findings[n]
    more = {"entry_no": read["entry_no"] + 1, "balance_fen": read["balance_fen"] + read["batch_fen"], "batch_fen": 0}
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read | more))
    assert told(proved(), f"{manifest_place(manifest_of(evidence, finding.manifest_id))} finding GUA-01", SAW)


def test_a_stock_refusal_that_quotes_a_later_entry(evidence: Evidence, proved: Prove) -> None:
    tables, item = evidence.tables, f"{BOOK}-1"
    held = next(row for row in tables.held if row.waits_for == f"S|{item}")
    tables.stock_entries.append(StockEntryRow(held.lane, 10**6, [item], [1], [1], [held.amount], [0], ENTRY.pack(held.manifest_id, held.amount, 0)))
    n, finding = next((n, f) for n, f in enumerate(tables.findings) if f.code == "STK-01" and f.manifest_id == held.manifest_id)
    saw = json.loads(finding.values_read) | {"entry_no": 1, "taken_e5": held.amount}
    tables.findings[n] = finding._replace(values_read=json.dumps(saw))
    assert told(proved(), f"{manifest_place(manifest_of(evidence, held.manifest_id))} finding STK-01", SAW)


A, B = Read({1: 7, 3: 4}, {1: 6, 2: 9, 3: 3}), Read({2: 10}, {1: 7, 2: 9, 3: 4})
COMMITS = Commits({(1, 7): A, (3, 4): A, (2, 10): B}, {(1, 7): 5, (3, 4): 5, (2, 10): 5, (5, 1): 4, (6, 1): 6})


@pytest.mark.parametrize(
    ("one", "other", "known"),
    [
        (Turn((1, 6)), Turn((3, 4)), True),  # by the other lane of the batch
        (Turn((2, 9)), Turn((1, 7)), True),  # it had been seen
        (Turn((3, 4)), Turn((2, 10)), True),
        (Turn((2, 10)), Turn((1, 7)), False),
        (Turn((2, 11)), Turn((1, 7)), False),  # nobody knows
        (Turn((5, 1)), Turn((1, 7)), True),  # by an older version
        (Turn((1, 7)), Turn((6, 1)), True),
        (Turn((6, 1)), Turn((1, 7)), False),
        (Turn((9, 1)), Turn((1, 7)), False),
        (Turn((1, 7), (3,)), Turn((3, 4), (4,)), True),  # within a batch by the completing document
        (Turn((1, 7), (4,)), Turn((3, 4), (3,)), False),
        (Turn((1, 7)), Turn((3, 4), (3,)), False),
    ],
)
def test_what_is_known_of_the_order(one: Turn, other: Turn, known: bool) -> None:
    assert COMMITS.before(one, other) is known
