"""Section 11: what is frozen on the accounts of guarantors, and what is held because it does not fit."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from loadtest.generate.guaranteed import A_FEN, EXPIRED, RUNS_OUT
from pipeline.accounts import QUOTA, WEIGHT
from pipeline.guarantees import CLAIM, STANDING, Guaranteed
from pipeline.securing import Secured, secure
from pipeline.stock import NO_CLAIMS, NO_STANDING, Stocked
from tests.pipeline.memory import BASE_MS, MemoryStore, registry
from tests.pipeline.test_weights import SUGAR, of
from tests.pipeline.trios import HOUR_MS, KINDS, numbered, records

NO_ROWS: list[Any] = []
NO_STOCK = Stocked.at_hand(NO_CLAIMS, NO_STANDING)


def frozen(claims: list[tuple[int, str, int, int]], standing: list[tuple[str, int, int]] = NO_ROWS) -> Secured:
    """Claims as (m, guarantor, amount, limit) in their turns."""
    asked = pl.DataFrame([(m, m, *rest) for m, *rest in claims], schema=CLAIM, orient="row").sort("guarantor_code", "turn")
    return secure(Guaranteed.at_hand(asked, pl.DataFrame(standing, schema=STANDING, orient="row")), NO_STOCK)


def refused(found: Secured) -> dict[int, tuple[str, int, int, int]]:
    """m → code, entry, balance and what the batch froze before."""
    rows = ((m, code, json.loads(text)) for m, code, text in found.refusals.iter_rows())
    return {m: (code, saw["entry_no"], saw["balance_fen"], saw["batch_fen"]) for m, code, saw in rows}


def at(guarantor: str, n: int, *lines: tuple[dict[str, str], str], **fields: Any) -> dict[str, Any]:
    """A manifest of a platform that answers for itself; taxed CNY 30.22 unless changed."""
    trio = of(n, *lines, **fields) if lines else numbered(n, **fields)
    for kind in KINDS:
        trio[kind]["ebpCode"] = guarantor
    return trio


def test_what_fits_is_frozen_in_turns() -> None:
    found = frozen([(0, "b", 5, 100), (1, "a", 7, 100), (2, "b", 90, 100)], [("b", 4, 5)])
    assert found.frozen.entries.rows() == [(1, "a", 7), (0, "b", 5), (2, "b", 90)]
    assert found.frozen.accounts.rows() == [("a", 1, 7, 93), ("b", 2, 95, 5)]  # b stands at the most it may
    assert refused(found) == {}


def test_accounts_are_taken_in_the_order_of_their_codes() -> None:
    """The order in which every writer locks them."""
    codes = [f"G{n:02d}" for n in range(60)]
    accounts = frozen([(m, code, 1, 10) for m, code in enumerate(reversed(codes))]).frozen.accounts
    assert accounts["guarantor_code"].to_list() == codes
    unknown_to_be_sorted = pl.DataFrame([(m, m, code, 1, 10) for m, code in enumerate(codes)], schema=CLAIM, orient="row")
    accounts = Guaranteed.at_hand(unknown_to_be_sorted, pl.DataFrame(schema=STANDING)).accounts
    assert accounts["guarantor_code"].to_list() == codes


def test_what_is_refused_leaves_room_for_a_smaller_one() -> None:
    found = frozen([(0, "b", 5, 100), (1, "b", 91, 100), (2, "b", 90, 100), (3, "a", 1, 0)], [("b", 4, 5)])
    assert found.frozen.entries.rows() == [(0, "b", 5), (2, "b", 90)]
    assert found.frozen.accounts.rows() == [("b", 2, 95, 5)]
    assert refused(found) == {1: ("GUA-01", 4, 5, 5), 3: ("GUA-02", 0, 0, 0)}


def test_of_two_days_each_has_its_limit() -> None:
    found = frozen([(0, "b", 60, 100), (1, "b", 1, 50), (2, "b", 30, 100)])
    assert found.frozen.entries["m"].to_list() == [0, 2]
    assert found.frozen.accounts.rows() == [("b", 2, 90, 10)]
    assert refused(found) == {1: ("GUA-01", 0, 0, 60)}


def test_an_account_over_its_limit_freezes_nothing() -> None:
    found = frozen([(0, "b", 1, 100)], [("b", 9, 101)])
    assert (len(found.frozen.entries), len(found.frozen.accounts), refused(found)) == (0, 0, {0: ("GUA-01", 9, 101, 0)})


def test_held_for_its_guarantee_it_keeps_the_rest_reserved() -> None:
    store = MemoryStore()
    decided = store.process(records(at(A_FEN, 1, (SUGAR, "10"))))
    head = decided.heads.row(0, named=True)
    assert (head["outcome"], head["queue"], head["return_status"], head["fault_kinds"]) == ("HOLD", "guarantee", 300, 0)
    assert (head["taxed"], head["vat_fen"]) == (True, 182)  # 20 yuan of fees and sugar
    assert decided.findings["code"].to_list() == ["GUA-01"]
    for ledger in (QUOTA, WEIGHT):
        assert decided.posted.moves[ledger].entries["movement"].to_list() == ["reserve"]
    assert len(decided.posted.uses) == 2
    assert store.frozen == []


@pytest.mark.parametrize(("field", "value", "queue"), [("waybill.consignee", "another", "review"), ("payment.payerIdNumber", "", "")])
def test_whoever_has_to_look_at_it_first(field: str, value: str, queue: str) -> None:
    decided = MemoryStore().process(records(at(EXPIRED, 1, **{field: value})))
    codes = decided.findings["code"].to_list()
    assert decided.heads["queue"].to_list() == [queue]
    assert ("GUA-02" in codes) == (queue != "")  # what is rejected is not asked


def test_a_hold_freezes_as_a_release_does() -> None:
    store = MemoryStore()
    decided = store.process([*records(at(RUNS_OUT, 1)), *records(at(RUNS_OUT, 2, **{"waybill.consignee": "another"}), 1)])
    assert decided.heads["outcome"].to_list() == ["RELEASE", "HOLD"]
    assert store.guarantees[RUNS_OUT] == {"guarantor_code": RUNS_OUT, "entry_no": 2, "frozen_fen": 6044}


@pytest.mark.parametrize(("price", "frozen_fen"), [("0.11", 1), ("0.05", 0)])
def test_what_is_due_is_frozen_to_the_fen(price: str, frozen_fen: int) -> None:
    """0.7 of 13 % of 11 fen is one; of 5 it is none, and nothing is asked."""
    store = MemoryStore()
    store.process(records(at(A_FEN, 1, lines=1, **{
        "line1.qty": "1", "line1.price": price, "order.freight": "0", "waybill.insuredFee": "0", "recount": True,
    })))  # fmt: skip
    assert [account["frozen_fen"] for account in store.guarantees.values()] == [frozen_fen] * frozen_fen


def test_without_a_guarantor_no_account_is_asked() -> None:
    """REG-08 holds it: two firms that filed nothing together."""
    store = MemoryStore()
    decided = store.process(records(at("330296P002", 1)))
    assert ("REG-08" in decided.findings["code"].to_list(), decided.heads["guarantor_code"].to_list(), store.frozen) == (True, [""], [])
    assert not [code for code in decided.findings["code"].to_list() if code.startswith("GUA")]


def test_quarantine_freezes_nothing() -> None:
    store = MemoryStore()
    decided = store.process(records(at(EXPIRED, 1)), quarantined=True)
    assert (decided.findings["code"].to_list(), store.frozen) == (["SYS-02"], [])


def test_two_acceptance_dates_in_one_batch() -> None:
    """The letter is valid to the end of 10 November in Shanghai."""
    batch = [*records(at(EXPIRED, 1), 0, BASE_MS - 1), *records(at(EXPIRED, 2), 1, BASE_MS)]
    decided = MemoryStore().process(batch)
    found = {m: code for m, code in decided.findings.select("m", "code").rows() if code.startswith("GUA")}
    days = dict(decided.heads.select("m", "accepted_on").rows())
    assert {days[m]: code for m, code in found.items()} == {date(2019, 11, 11): "GUA-02"}


def test_instruments_count_by_day_status_and_version() -> None:
    guarantor = pl.Series([A_FEN, RUNS_OUT, "nobody"])
    assert registry().guarantees_on(date(2019, 11, 11), guarantor).to_list() == [1, 30_000, 0]
    assert registry().guarantees_on(date(2018, 12, 31), guarantor).to_list() == [10**12, 0, 0]
    assert registry().guarantees_on(date(2098, 1, 1), guarantor).to_list() == [10**12 + 1, 30_000, 0]
    more = registry().changed(1, instruments=[(RUNS_OUT, "CASH-1", 5, date(2019, 1, 1), date(2019, 12, 31), "active")])
    assert more.guarantees_on(date(2019, 12, 31), guarantor)[1] == 20_005
    assert more.guarantees_on(date(2020, 1, 1), guarantor)[1] == 20_000
    gone = more.changed(2, instruments=[(RUNS_OUT, "CASH-1", 5, date(2019, 1, 1), date(2019, 12, 31), "revoked")])
    assert gone.guarantees_on(date(2019, 12, 31), guarantor)[1] == 20_000


def test_the_order_is_that_of_completion() -> None:
    """The later one comes first in the batch: CNY 182 are left for the earlier alone."""
    ones = [at(RUNS_OUT, n, lines=1, **{"line1.qty": "1", "line1.price": "1990.00", "recount": True}) for n in (1, 2)]
    later, earlier = records(ones[0], 0, BASE_MS + 2 * HOUR_MS), records(ones[1], 1, BASE_MS + HOUR_MS)
    decided = MemoryStore().process([*later, *earlier])
    outcomes = dict(decided.heads.select("order_no", "outcome").rows())
    assert outcomes == {"EXAMPLE-1": "HOLD", "EXAMPLE-2": "RELEASE"}
    (saw,) = decided.findings["values_read"].to_list()
    assert json.loads(saw) == {"guarantor_code": RUNS_OUT, "entry_no": 0, "balance_fen": 0, "batch_fen": 18_200, "amount_fen": 18_200, "limit_fen": 30_000}
