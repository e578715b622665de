"""A rule set may reject what is short of stock (decisions.md section 15): it takes nothing of any ledger then, each in its turn."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadtest.generate.guaranteed import EXPIRED
from loadtest.generate.people import identity_number
from loadtest.generate.stocked import COUNTED_MORE, NOT_FILED, RUNS_OUT, TWO
from pipeline.accounts import QUOTA
from schemas.law_check import problems
from tests.golden.test_outcomes import played, saying
from tests.pipeline.memory import BASE_MS, Rec
from tests.pipeline.test_stock import ordering
from tests.pipeline.trios import HOUR_MS, KINDS, records, recount
from tests.verify.played import Play

CODES = ("STK-01", "STK-02")


@pytest.fixture
def rejecting(folder: Path) -> Path:
    """Law data by which stock rejects."""
    for code in CODES:
        saying(folder, code, "REJECT")
    return folder


def of_person(trio: dict[str, Any], number: int) -> dict[str, Any]:
    trio["order"]["buyerIdNumber"] = trio["payment"]["payerIdNumber"] = identity_number(number)
    return trio


def paid_as(trio: dict[str, Any], transaction: str) -> dict[str, Any]:
    trio["order"]["payTransactionId"] = trio["payment"]["payTransactionId"] = transaction
    return trio


def in_batches(trios: list[dict[str, Any]], size: int) -> list[list[Rec]]:
    """Manifests in the order they complete, so many a batch."""
    sent = [records(trio, n, BASE_MS + HOUR_MS + 1000 * n) for n, trio in enumerate(trios)]
    return [[r for one in sent[at : at + size] for r in one] for at in range(0, len(sent), size)]


def outcomes(game: Play) -> list[tuple[str, str, frozenset[str]]]:
    """Outcome, queue and codes in the order of completion."""
    return [(m["outcome"], m["queue"], m["codes"]) for m in sorted(game.store.manifests.values(), key=lambda m: m["accepted_at"])]


def released(count: int) -> list[tuple[str, str, frozenset[str]]]:
    return [("RELEASE", "", frozenset())] * count


@pytest.mark.parametrize(("item", "qty", "code"), [(TWO, "2.00001", "STK-01"), (NOT_FILED, "1", "STK-02")])
def test_what_is_short_is_rejected_and_takes_nothing(rejecting: Path, item: int, qty: str, code: str) -> None:
    game = played(rejecting, in_batches([ordering(1, (item, qty))], 1))
    assert outcomes(game) == [("REJECT", "", frozenset({code}))]
    (manifest,) = game.store.manifests.values()
    assert (manifest["return_status"], manifest["fault_kinds"], manifest["taxed"]) == (100, 1, False)
    store = game.store
    assert (store.uses, store.entries[QUOTA], store.drawn, store.frozen, game.tables.held) == ({}, [], [], [], [])


def test_the_last_that_fits_is_released(rejecting: Path) -> None:
    assert outcomes(played(rejecting, in_batches([ordering(1, (TWO, "2"))], 1))) == released(1)


def test_one_code_may_reject_and_the_other_hold(folder: Path) -> None:
    saying(folder, "STK-01", "REJECT")
    game = played(folder, in_batches([ordering(1, (TWO, "3")), of_person(ordering(2, (NOT_FILED, "1")), 5)], 2))
    assert outcomes(game) == [("REJECT", "", frozenset({"STK-01"})), ("HOLD", "stock", frozenset({"STK-02"}))]
    assert [(use["order_no"]) for use in game.store.uses.values()] == ["EXAMPLE-2"] * 2


@pytest.mark.parametrize("size", [1, 4])
def test_each_in_its_turn_over_all_ledgers(rejecting: Path, size: int) -> None:
    """The second is refused by its number and takes no stock, the third by stock and takes no number: the fourth has room for both."""
    trios = [paid_as(ordering(1, (RUNS_OUT, "6")), "one"), paid_as(ordering(2, (RUNS_OUT, "4")), "one")]
    trios += [paid_as(ordering(3, (RUNS_OUT, "6")), "two"), paid_as(ordering(4, (RUNS_OUT, "4")), "two")]
    game = played(rejecting, in_batches(trios, size))
    refused = [("REJECT", "", frozenset({code})) for code in ("PAY-03", "STK-01")]
    assert outcomes(game) == [*released(1), *refused, *released(1)]
    assert [entry["order_no"] for entry in game.store.uses.values() if entry["number"].startswith("P|")] == ["EXAMPLE-1", "EXAMPLE-4"]


@pytest.mark.parametrize("size", [1, 6])
def test_what_stock_rejects_leaves_the_limit_of_the_year_to_the_next(rejecting: Path, size: int) -> None:
    """CNY 1,230 that stock rejects, then five of CNY 4,990 with the fees: together they would pass CNY 26,000, the five do not."""
    trios = [ordering(n, (COUNTED_MORE if n else TWO, "1" if n else "3")) for n in range(6)]
    for trio in trios:
        trio["order"]["orderList"][0]["price"] = "4970.00" if trio is not trios[0] else "400.00"
        recount(trio, set())
    found = outcomes(played(rejecting, in_batches(trios, size)))
    assert found[0][2] >= {"STK-01"}
    assert [codes & {"LIM-03"} for _, _, codes in found] == [frozenset()] * 6
    without_it = outcomes(played(rejecting, in_batches([trios[5], *trios[1:5], ordering(6, (COUNTED_MORE, "8"))], size)))
    assert without_it[5][2] >= {"LIM-03"}  # CNY 1,220 is more than what is left


def test_a_rejected_one_asks_no_guarantee_and_a_held_one_keeps_its_numbers(rejecting: Path) -> None:
    trios = [ordering(1, (TWO, "3")), of_person(ordering(2, (TWO, "2")), 5)]
    for trio in trios:
        for kind in KINDS:
            trio[kind]["ebpCode"] = EXPIRED
    game = played(rejecting, in_batches(trios, 2))
    assert outcomes(game) == [("REJECT", "", frozenset({"STK-01"})), ("HOLD", "guarantee", frozenset({"GUA-02"}))]
    assert (len(game.store.uses), game.store.drawn, [row.waits_for[0] for row in game.tables.held]) == (2, [], ["G"])


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_decides_as_one_by_one_would(rejecting: Path, seed: int) -> None:
    """Whatever meets: few persons, few payments, little stock."""
    chance = Random(seed)
    trios: list[dict[str, Any]] = []
    for n in range(14):
        lines = [(chance.choice((RUNS_OUT, TWO, COUNTED_MORE)), str(chance.randint(1, 5))) for _ in range(chance.randint(1, 2))]
        trio = paid_as(of_person(ordering(n, *lines), chance.randint(1, 2)), f"transaction {chance.randint(1, 7)}")
        if chance.random() < 0.3:
            for kind in KINDS:
                trio[kind]["ebpCode"] = EXPIRED
        trios.append(trio)
    apart, together = (played(rejecting, in_batches(trios, size)) for size in (1, len(trios)))
    assert outcomes(apart) == outcomes(together)
    assert {code for _, _, codes in outcomes(apart) for code in codes} >= {"STK-01", "PAY-03"}


def test_both_ways_are_usable_and_no_third(folder: Path) -> None:
    for code in CODES:
        saying(folder, code, "REJECT")
    assert problems(folder) == []
    saying(folder, "STK-02", "HOLD", "review")
    assert ["they have no other" in p.what for p in problems(folder)] == [True]
