"""Section 15: what is taken from the stock of account books, and what is held because there is too little of it."""

import json
from datetime import date
from operator import attrgetter
from typing import Any

import polars as pl
import pytest

from loadtest.generate.guaranteed import EXPIRED
from loadtest.generate.stocked import COUNTED_MORE, COUNTED_SHORT, NOT_FILED, RUNS_OUT, TWO, item
from loadtest.verify.decided import MOST_ASKED as bound_of_verifier
from pipeline import guarantees
from pipeline.accounts import QUOTA
from pipeline.guarantees import Guaranteed
from pipeline.registry import STOCK, Registry
from pipeline.securing import Secured, secure
from pipeline.stock import CLAIM, MOST_ASKED, STANDING, Stocked
from tests.pipeline.memory import MemoryStore
from tests.pipeline.trios import KINDS, numbered, records, recount

NO_ROWS: list[Any] = []
UNIT = 100_000


def taken(
    stocked: list[tuple[int, str, int, int | None]], stood: list[tuple[str, int, int, int, int]] = NO_ROWS,
    secured: list[tuple[int, str, int, int]] = NO_ROWS, frozen: list[tuple[str, int, int]] = NO_ROWS,
) -> Secured:  # fmt: skip
    """Claims of stock as (m, item, amount, entered), of guarantees as (m, guarantor, amount, limit), in their turns."""
    asked = pl.DataFrame([(m, m, i, True, *rest) for m, i, *rest in stocked], schema=CLAIM, orient="row").sort("book_item", "turn")
    of = pl.DataFrame([(m, m, *rest) for m, *rest in secured], schema=guarantees.CLAIM, orient="row").sort("guarantor_code", "turn")
    at_hand = pl.DataFrame(stood, schema=STANDING, orient="row")
    guaranteed = Guaranteed.at_hand(of, pl.DataFrame(frozen, schema=guarantees.STANDING, orient="row"))
    return secure(guaranteed, Stocked.at_hand(asked, at_hand))


def refused(found: Secured) -> dict[int, tuple[str, dict[str, Any]]]:
    return {m: (code, json.loads(text)) for m, code, text in found.refusals.iter_rows()}


def rows(frame: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return frame.select(columns).rows()


def test_what_fits_is_taken_in_turns() -> None:
    found = taken([(0, "b", 5, 100), (1, "a", 7, 100), (2, "b", 90, 100)], [("b", 4, 2, 5, 2)])
    assert rows(found.drawn.entries, "m", "book_item", "amount_e5") == [(1, "a", 7), (0, "b", 5), (2, "b", 90)]
    assert rows(found.drawn.accounts, "book_item", "entries", "used_e5", "most_taken_e5") == [("a", 1, 7, 93), ("b", 2, 95, 5)]
    assert not len(found.refusals)
    assert not len(found.waiting)


def test_nothing_taken_has_the_columns_of_something() -> None:
    nothing, something = taken([]), taken([(0, "b", 5, 100)])
    for name in ("drawn.entries", "drawn.accounts", "waiting", "refusals"):
        assert len(attrgetter(name)(nothing)) == 0
        assert attrgetter(name)(nothing).schema == attrgetter(name)(something).schema, name
    assert nothing.drawn.accounts.columns == ["book_item", "entries", "reserved_e5", "used_e5", "most_taken_e5"]


def test_what_is_held_is_reserved_and_what_is_released_used() -> None:
    asked = pl.DataFrame([(0, 0, "a", True, 5, 100), (1, 1, "a", False, 7, 100), (2, 2, "b", False, 1, 100)], schema=CLAIM, orient="row")
    drawn = Stocked.at_hand(asked, pl.DataFrame(schema=STANDING)).drawn()
    assert rows(drawn.accounts, "book_item", "reserved_e5", "used_e5") == [("a", 7, 5), ("b", 1, 0)]
    assert rows(drawn.entries, "m", "released") == [(0, True), (1, False), (2, False)]


def test_what_is_refused_leaves_room_for_a_smaller_one() -> None:
    found = taken([(0, "b", 5, 100), (1, "b", 91, 100), (2, "b", 90, 100), (3, "a", 1, None)], [("b", 4, 2, 5, 2)])
    assert rows(found.drawn.entries, "m", "amount_e5") == [(0, 5), (2, 90)]
    assert refused(found) == {
        1: ("STK-01", {"book_item": "b", "amount_e5": 91, "entry_no": 4, "taken_e5": 5, "batch_e5": 5, "entered_e5": 100}),
        3: ("STK-02", {"book_item": "a", "amount_e5": 1}),
    }
    assert found.waiting.rows() == [(1, "S|b", 91), (3, "S|a", 1)]


@pytest.mark.parametrize("stood", [[], [("b", 4, 2, 5, 2)]])
def test_an_item_that_nobody_took_of_stands_at_nothing(stood: list[tuple[str, int, int, int, int]]) -> None:
    found = taken([(0, "a", 101, 100)], stood)
    saw = {"book_item": "a", "amount_e5": 101, "entry_no": 0, "taken_e5": 0, "batch_e5": 0, "entered_e5": 100}
    assert refused(found) == {0: ("STK-01", saw)}


def test_short_of_one_item_it_takes_nothing_of_another() -> None:
    found = taken([(0, "a", 5, 100), (0, "b", 101, 100), (1, "a", 95, 100), (2, "b", 100, 100)])
    assert rows(found.drawn.entries, "m", "book_item", "amount_e5") == [(1, "a", 95), (2, "b", 100)]
    assert {m: (code, saw["book_item"]) for m, (code, saw) in refused(found).items()} == {0: ("STK-01", "b")}


def test_what_stock_refuses_freezes_nothing() -> None:
    """The second would not fit beside the first's tax."""
    found = taken([(0, "a", 5, 4), (1, "a", 4, 4)], secured=[(0, "g", 60, 100), (1, "g", 50, 100)])
    assert found.frozen.entries.rows() == [(1, "g", 50)]
    assert rows(found.drawn.entries, "m") == [(1,)]
    assert {m: code for m, (code, _) in refused(found).items()} == {0: "STK-01"}


def test_what_a_guarantee_refuses_takes_no_stock_of_which_there_is_plenty() -> None:
    found = taken([(n, "a", 5, 100) for n in range(3)], secured=[(0, "g", 60, 100), (1, "g", 50, 100), (2, "g", 40, 100)])
    assert rows(found.drawn.entries, "m") == [(0,), (2,)]
    assert found.frozen.entries.rows() == [(0, "g", 60), (2, "g", 40)]  # to the last fen
    assert {m: code for m, (code, _) in refused(found).items()} == {1: "GUA-01"}
    assert found.waiting.rows() == [(1, "G|g", 50)]


def test_what_a_guarantee_refuses_takes_no_stock() -> None:
    found = taken([(0, "a", 5, 5), (1, "a", 5, 5)], secured=[(0, "g", 101, 100), (1, "h", 50, 100)])
    assert found.frozen.entries.rows() == [(1, "h", 50)]
    assert rows(found.drawn.entries, "m") == [(1,)]
    assert {m: (code, saw.get("batch_fen")) for m, (code, saw) in refused(found).items()} == {0: ("GUA-01", 0)}
    assert found.waiting.rows() == [(0, "G|g", 101)]


def test_without_stock_a_guarantee_waits_as_before() -> None:
    found = taken([], secured=[(0, "g", 101, 100)])
    assert {m: code for m, (code, _) in refused(found).items()} == {0: "GUA-01"}
    assert found.waiting.rows(named=True) == [{"m": 0, "waits_for": "G|g", "amount": 101}]


def test_a_difference_counts() -> None:
    short = taken([(0, "a", 2, 100)], [("a", 1, 0, 0, -99)])
    more = taken([(0, "a", 150, 100)], [("a", 1, 0, 0, 50)])
    below = taken([(0, "a", 1, 100)], [("a", 3, 40, 10, -80)])  # counted less than what is reserved
    assert [len(found.refusals) for found in (short, more, below)] == [1, 0, 1]


def test_what_counts_on_a_day() -> None:
    held = [
        ("B-1", "011", 5, date(2019, 1, 1), date(2019, 11, 10), "active"), ("B-2", "011", 6, date(2019, 11, 11), date(2019, 11, 11), "active"),
        ("B-3", "011", 7, date(2019, 1, 1), date(2099, 1, 1), "suspended"),
    ]  # fmt: skip
    registry = Registry().changed(1, stock=held)
    items, units = pl.Series(["B-1", "B-2", "B-3", "B-4", "B-2"]), pl.Series(["011"] * 4 + ["035"])
    assert registry.entered_of(items, date(2019, 11, 11), units).to_list() == [None, 6, None, None, None]
    assert registry.entered_of(items, date(2019, 11, 10), units).to_list() == [5, None, None, None, None]
    assert registry.entered_of(items, date(2019, 11, 11)).to_list() == [None, 6, None, None, 6]
    assert set(registry.stock.columns) == set(STOCK)


def ordering(n: int, *lines: tuple[int, str], **fields: str) -> dict[str, Any]:
    """A manifest for items of the stories' account book, by their numbers."""
    trio = numbered(n)
    (first, *_) = trio["order"]["orderList"]
    trio["order"]["orderList"] = [
        {**first, "gnum": at, "itemNo": item("small", number).item_no, "unit": item("small", number).unit, "qty": qty, "price": "150.00"}
        for at, (number, qty) in enumerate(lines, start=1)
    ]
    trio["order"] |= {"ebcCode": "330296T001"}
    trio["waybill"] |= fields
    recount(trio, set())
    return trio


def decided(*trios: dict[str, Any]) -> tuple[MemoryStore, list[tuple[str, str, frozenset[str]]]]:
    store = MemoryStore()
    store.process([r for n, trio in enumerate(trios) for r in records(trio, n)])
    found = sorted(store.manifests.values(), key=lambda m: m["order_no"])
    return store, [(m["outcome"], m["queue"], m["codes"]) for m in found]


def test_a_release_deducts_and_a_hold_reserves() -> None:
    store, found = decided(ordering(1, (RUNS_OUT, "4")), ordering(2, (RUNS_OUT, "2"), consigneeAddress="示例省虚构市他处1号"))
    assert found == [("RELEASE", "", frozenset()), ("HOLD", "review", frozenset({"WAY-03"}))]
    stood = store.stock[item("small", RUNS_OUT).book_item]
    assert (stood["entry_no"], stood["used_e5"], stood["reserved_e5"]) == (2, 4 * UNIT, 2 * UNIT)


def test_short_holds_in_its_own_queue_and_keeps_the_rest_reserved() -> None:
    store, found = decided(ordering(1, (TWO, "1"), (TWO, "1.00001")))
    assert found == [("HOLD", "stock", frozenset({"STK-01"}))]
    assert (store.drawn, store.frozen) == ([], [])
    (entry,) = store.entries[QUOTA]
    assert (entry["movement"], entry["credit"]) == ("reserve", "reserved")


def test_two_lines_of_an_item_are_one_entry() -> None:
    store, found = decided(ordering(1, (TWO, "1"), (TWO, "1")))
    assert found == [("RELEASE", "", frozenset())]
    assert [(e["amount_e5"], e["used_e5"]) for e in store.drawn] == [(2 * UNIT, 2 * UNIT)]


def test_the_least_quantity_is_taken() -> None:
    store, _ = decided(ordering(1, (TWO, "0.00001")))
    assert [e["amount_e5"] for e in store.drawn] == [1]


@pytest.mark.parametrize(("number", "qty", "codes"), [(NOT_FILED, "1", {"STK-02"}), (COUNTED_SHORT, "2", {"STK-01"}), (COUNTED_MORE, "9", set[str]())])
def test_filed_and_counted(number: int, qty: str, codes: set[str]) -> None:
    assert decided(ordering(1, (number, qty)))[1][0][2] == codes


def test_what_the_rules_reject_takes_nothing() -> None:
    trio = ordering(1, (RUNS_OUT, "4"))
    trio["order"]["currency"] = "502"
    store, found = decided(trio)
    assert (found[0][0], store.drawn) == ("REJECT", [])


def test_stock_is_asked_before_the_guarantee() -> None:
    trio = ordering(1, (TWO, "3"))
    for kind in KINDS:
        trio[kind]["ebpCode"] = EXPIRED
    assert decided(trio)[1] == [("HOLD", "stock", frozenset({"STK-01"}))]


def test_more_than_any_stock_is_asked_as_that() -> None:
    """Of 32,767 lines each as much as there may be: the sums of a batch stay within 64 bits."""
    _, found = decided(ordering(1, *[(COUNTED_MORE, "999999999.99999")] * 4))
    assert found[0][0] == "REJECT"  # by its price; what it asks is bounded before that
    found = taken([(n, "a", MOST_ASKED, 10**14) for n in range(3)], [("a", 1, 0, 0, 10**14)])
    assert len(found.refusals) == 3
    assert bound_of_verifier == MOST_ASKED
    assert MOST_ASKED * 30_000 < 1 << 63


def test_of_two_days_each_has_what_counts_then() -> None:
    found = taken([(0, "b", 60, 100), (1, "b", 1, 50), (2, "b", 30, 100), (3, "c", 1, 5), (4, "c", 1, None)])
    assert rows(found.drawn.entries, "m") == [(0,), (2,), (3,)]
    assert rows(found.drawn.accounts, "book_item", "entries", "used_e5", "most_taken_e5") == [("b", 2, 90, 10), ("c", 1, 1, 4)]
    assert {m: code for m, (code, _) in refused(found).items()} == {1: "STK-01", 4: "STK-02"}
    found = taken([(0, "b", 10, 20), (1, "b", 10, 100)])
    assert rows(found.drawn.accounts, "most_taken_e5") == [(10,)]  # the first day's, not the last's
