"""Section 6: the yearly limit, payment transactions and waybill numbers, within one batch and across batches."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from loadtest.generate.people import identity_number
from pipeline.accounts import LEDGERS, QUOTA, Ledger
from pipeline.flow import Decided
from pipeline.ledgers import Moves
from sinks.named_sql import sql
from tests.pipeline.memory import BASE_MS, MemoryStore, Rec
from tests.pipeline.trios import HOUR_MS, numbered, records

SOMEBODY = identity_number(77)
LIMIT_FEN = 2_600_000


def costing(n: int, yuan: str, person: str = SOMEBODY, **more: Any) -> dict[str, Any]:
    """A manifest of one person whose dutiable value is `yuan` + 10 of freight."""
    return numbered(n, person, **{"lines": 1, "line1.qty": "1", "line1.price": yuan, "recount": True, **more})


def together(*trios: dict[str, Any], at_ms: int = BASE_MS + HOUR_MS) -> list[Rec]:
    """Manifests of one batch, each complete a second after the one before."""
    return [r for n, t in enumerate(trios) for r in records(t, n, at_ms + 1000 * n)]


def outcomes(store: MemoryStore) -> list[tuple[str, str, frozenset[str]]]:
    """(order number, outcome, codes) in order of order numbers."""
    return sorted((m["order_no"].removeprefix("EXAMPLE-"), m["outcome"], m["codes"]) for m in store.manifests.values())


def quota(decided: Decided) -> Moves:
    """What a batch moved on accounts of the money limit."""
    return decided.posted.moves[QUOTA]


def filled() -> MemoryStore:
    """Somebody who has CNY 1,000.00 of this year's limit left."""
    store = MemoryStore()
    store.process(together(*(costing(90 + n, "4990.00") for n in range(5)), at_ms=BASE_MS + HOUR_MS // 2))
    assert [a["used_fen"] for a in store.quota()] == [2_500_000]
    return store


@pytest.mark.parametrize(("yuan", "outcome"), [("989.99", "RELEASE"), ("990.00", "RELEASE"), ("990.01", "REJECT")])
def test_the_limit_to_the_fen(yuan: str, outcome: str) -> None:
    store = filled()
    decided = store.process(records(costing(1, yuan), 50))
    assert decided.heads["outcome"].to_list() == [outcome]
    if outcome == "REJECT":
        (read,) = decided.posted.refusals["values_read"].to_list()
        assert json.loads(read) == {"entry_no": 5, "balance_fen": 2_500_000, "amount_fen": 100_001}
        assert [len(quota(decided).entries), len(quota(decided).accounts), len(decided.posted.uses)] == [0, 0, 0]
        assert (decided.heads["fault_kinds"].item(), decided.heads["taxed"].item()) == (1, False)


def test_three_at_the_limit_in_the_order_they_completed() -> None:
    store = filled()
    batch = together(costing(3, "590.00"), costing(2, "590.00"), costing(1, "390.00"))
    decided = store.process([*batch[3:], *batch[:3]])  # the order in the batch is not the order of completion
    assert [(n, o) for n, o, _ in outcomes(store)][:3] == [("1", "RELEASE"), ("2", "REJECT"), ("3", "RELEASE")]
    assert quota(decided).entries["entry_no"].to_list() == [6, 7]
    assert [a["used_fen"] for a in store.quota()] == [LIMIT_FEN]


def test_completion_at_one_moment_goes_by_kind_partition_and_offset() -> None:
    store = filled()
    late, early = costing(1, "590.00"), costing(2, "590.00")
    at = BASE_MS + HOUR_MS
    store.process([*records(late, 9, at), *records(early, 8, at)])
    assert [(n, o) for n, o, _ in outcomes(store)][:2] == [("1", "REJECT"), ("2", "RELEASE")]


def test_what_the_rules_reject_takes_nothing() -> None:
    store = filled()
    store.process(together(costing(1, "990.00", **{"order.currency": "502"}), costing(2, "990.00")))
    assert [(n, o) for n, o, _ in outcomes(store)][:2] == [("1", "REJECT"), ("2", "RELEASE")]


def test_what_another_ledger_refuses_takes_nothing() -> None:
    store = filled()
    first, second, third = numbered(1), costing(2, "990.00"), costing(3, "990.00")
    second["order"]["payTransactionId"] = second["payment"]["payTransactionId"] = "EXAMPLE-PAY-1"
    store.process(together(first, second, third))
    assert outcomes(store)[:3] == [("1", "RELEASE", frozenset()), ("2", "REJECT", frozenset({"PAY-03"})), ("3", "RELEASE", frozenset())]


def test_a_hold_reserves_and_a_release_uses() -> None:
    store = MemoryStore()
    decided = store.process(together(costing(1, "90.00"), costing(2, "190.00", **{"waybill.consignee": "代收"})))
    rows = quota(decided).entries.sort("entry_no").select("movement", "debit", "credit", "amount_fen", "reserved_after_fen", "used_after_fen").rows()
    assert rows == [("confirm", "available", "used", 10_000, 0, 10_000), ("reserve", "available", "reserved", 20_000, 20_000, 10_000)]
    assert store.process(records(costing(3, "25690.00"), 60)).heads["outcome"].to_list() == ["RELEASE"]  # at full rates, and it fits to the fen


def test_a_year_begins_in_shanghai() -> None:
    store = filled()
    new_year = int(datetime.fromisoformat("2020-01-01T00:00:00+08:00").timestamp() * 1000)
    store.process([*records(costing(1, "1990.00"), 70, new_year), *records(costing(2, "1990.00"), 71, new_year - 1)])
    assert [(n, o) for n, o, _ in outcomes(store)][:2] == [("1", "RELEASE"), ("2", "REJECT")]
    assert sorted(a["year"] for a in store.quota()) == [2019, 2020]


@pytest.mark.parametrize("batches", [1, 2])
def test_a_transaction_pays_for_one_order(batches: int) -> None:
    first, second, other_firm = numbered(1), numbered(2, identity_number(5)), numbered(3, identity_number(6))
    for t in (second, other_firm):
        t["order"]["payTransactionId"] = t["payment"]["payTransactionId"] = "EXAMPLE-PAY-1"
    other_firm["order"]["payCode"] = other_firm["payment"]["payCode"] = "330296Y002"
    store = run(together(first, second, other_firm), batches)
    assert outcomes(store) == [("1", "RELEASE", frozenset()), ("2", "REJECT", frozenset({"PAY-03"})), ("3", "RELEASE", frozenset())]


@pytest.mark.parametrize("batches", [1, 2])
def test_a_transaction_is_never_free_again(batches: int) -> None:
    first, second = numbered(1), numbered(2, identity_number(5))
    second["order"]["payTransactionId"] = second["payment"]["payTransactionId"] = "EXAMPLE-PAY-1"
    years_later = BASE_MS + 3 * 365 * 24 * HOUR_MS
    store = run([*records(first, 0, BASE_MS + HOUR_MS), *records(second, 1, years_later)], batches)
    assert "PAY-03" in outcomes(store)[1][2]
    assert store.uses["P|330296Y001|EXAMPLE-PAY-1"]["use_no"] == 1


def test_what_an_order_took_before_it_may_take_again() -> None:
    own = {"use_no": 1, "ebp_code": "330296P001", "order_no": "EXAMPLE-1", "accepted_at": datetime.fromtimestamp(BASE_MS / 1000, UTC)}
    numbers = "P|330296Y001|EXAMPLE-PAY-1", "W|330296W001|EXAMPLE-WAY-1"
    store = MemoryStore()
    store.uses = {number: {"number": number} | own for number in numbers}
    store.process(records(numbered(1), 0, BASE_MS + HOUR_MS))
    assert outcomes(store) == [("1", "RELEASE", frozenset())]
    assert [store.uses[number]["use_no"] for number in numbers] == [2, 2]


def run(batch: list[Rec], batches: int) -> MemoryStore:
    """All at once, or each manifest by itself."""
    store = MemoryStore()
    for start in range(0, len(batch), len(batch) if batches == 1 else 3):
        store.process(batch[start : start + (len(batch) if batches == 1 else 3)])
    return store


SPRING, AUTUMN = "2019-05-11T09:00:00+08:00", "2019-11-11T09:00:00+08:00"


@pytest.mark.parametrize("batches", [1, 2])
@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (SPRING, AUTUMN, "HOLD"),  # exactly six months; the first is held by TIM-02
        (SPRING, "2019-11-11T08:59:59.999+08:00", "REJECT"),
        ("2019-08-31T12:00:00+08:00", "2020-02-29T12:00:00+08:00", "HOLD"),  # there is no 31 February
        ("2019-05-01T01:00:00+08:00", "2019-10-31T12:00:00+08:00", "REJECT"),  # in UTC it was April
        ("2019-08-31T12:00:00+08:00", "2020-02-29T11:59:59.999+08:00", "REJECT"),
        ("2019-08-29T23:30:00+08:00", "2020-02-29T12:00:00+08:00", "REJECT"),  # an hour further east it was the 30th
    ],
)
def test_a_waybill_number_is_free_again_after_six_months(first: str, second: str, outcome: str, batches: int) -> None:
    trios = numbered(1), numbered(2, identity_number(5), **{"waybill.consignee": "代收"})
    trios[1]["waybill"]["logisticsNo"] = "EXAMPLE-WAY-1"
    times = [int(datetime.fromisoformat(t).timestamp() * 1000) for t in (first, second)]
    batch = [r for n, (t, at) in enumerate(zip(trios, times, strict=True)) for r in records(t, n, at)]
    store = run(batch, batches)
    assert [o for _, o, _ in outcomes(store)] == ["HOLD", outcome]
    assert ("WAY-06" in outcomes(store)[1][2]) == (outcome == "REJECT")
    assert store.uses["W|330296W001|EXAMPLE-WAY-1"]["use_no"] == (1 if outcome == "REJECT" else 2)


def test_an_earlier_acceptance_that_is_decided_later_counts_as_well() -> None:
    first, second = numbered(1), numbered(2, identity_number(5))
    second["waybill"]["logisticsNo"] = "EXAMPLE-WAY-1"
    store = MemoryStore()
    store.process(records(first, 0, BASE_MS + HOUR_MS))
    decided = store.process(records(second, 1, BASE_MS + HOUR_MS - 60_000))
    assert decided.findings["code"].to_list() == ["WAY-06"]
    assert json.loads(decided.findings["values_read"].item()) == {"use_no": 1, "held_by": "330296P001|EXAMPLE-1"}
    assert decided.heads["fault_kinds"].item() == 4


def test_quarantine_holds_and_counts_what_it_can_read() -> None:
    store = MemoryStore()
    sound, unreadable = numbered(1), numbered(2, identity_number(5), **{"waybill.insuredFee": "-1.00"})
    decided = store.process(together(sound, unreadable), quarantined=True)
    assert [(o, c) for _, o, c in outcomes(store)] == [("HOLD", frozenset({"SYS-02"}))] * 2
    assert sorted(quota(decided).entries["amount_fen"].to_list()) == [0, 33_204]
    assert (decided.heads["taxed"].to_list(), len(decided.tax)) == ([False, False], 0)


def test_of_a_number_the_first_hundred_characters_count() -> None:
    """In quarantine no rule says that it is too long, and an entry of an index takes no more."""
    store = MemoryStore()
    trios = [numbered(1), numbered(2, identity_number(5))]
    for n, trio in enumerate(trios):
        trio["waybill"]["logisticsNo"] = "九" * 100 + str(n) * 5_000
        trio["order"]["payTransactionId"] = trio["payment"]["payTransactionId"] = "九" * 99 + str(n) * 5_000
    store.process(together(*trios), quarantined=True)
    assert [c for _, _, c in outcomes(store)] == [{"SYS-02"}, {"SYS-02", "WAY-06"}]
    assert set(store.uses) == {f"W|330296W001|{'九' * 100}", f"P|330296Y001|{'九' * 99}0"}  # what is rejected takes none


def test_accounts_stand_in_the_order_of_their_keys() -> None:
    """The order in which every writer opens them: two that cross would wait for each other."""
    batch = together(*(costing(n, "90.00", identity_number(n)) for n in range(1, 60)))
    keys = quota(MemoryStore().process(batch)).accounts["person_key"].to_list()
    assert len(keys) == 59
    assert keys == sorted(keys)


def test_the_number_of_an_account_within_a_batch_stays_there() -> None:
    moves = quota(MemoryStore().process(records(numbered(1))))
    assert "person_key" in moves.entries.columns
    assert "exact" in moves.accounts.columns
    assert "a" not in {*moves.entries.columns, *moves.accounts.columns}


@pytest.mark.parametrize("ledger", LEDGERS)
def test_there_are_statements_for_its_tables(ledger: Ledger) -> None:
    assert f"INSERT INTO {ledger.name}_account " in sql(f"{ledger.name}_accounts_take")
