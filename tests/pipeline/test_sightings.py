"""Counters over an hour, a day and 30 days: edges of the windows, and that it does not matter how manifests come together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from struct import iter_unpack
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

from loadtest.plain_faust.counters import count
from loadtest.plain_faust.law import law_at
from pipeline.goods_before import GOODS, STORED_GOODS, columns
from pipeline.sightings import (
    COUNTERS,
    LEFT,
    SIGHTINGS,
    SUBJECTS,
    WINDOWS,
    Seen,
    as_counted,
    asked,
    counted,
    with_hashes,
)
from schemas.lawbook import load

START = datetime(2019, 11, 11, tzinfo=UTC)
KEY = b"0123456789abcdef"
HOUR_MS = 3_600_000
LENGTHS = {"1h": HOUR_MS, "24h": 24 * HOUR_MS, "30d": 720 * HOUR_MS}  # as section 13 has them
MOST = 100


class One(NamedTuple):
    """A manifest: its acceptance in ms after START, who is seen where, who paid, and its goods: (hs8, unit or None, qty in 10⁻⁵)."""

    at_ms: int
    person: str = "A"
    phone: str = "1"
    address: str = "x"
    order: int = 1
    pay_firm: str = "P1"
    goods: tuple[tuple[int, int | None, int | None], ...] = ()


def heads(some: Sequence[One], first: int = 0) -> pl.DataFrame:
    """As gathered; `first`: offset of the first one's completing document."""
    rows: list[dict[str, Any]] = []
    for n, one in enumerate(some):
        keys = {f"{s}_key": blake2b(getattr(one, s).encode(), digest_size=16).digest() for s in SUBJECTS}
        at = START + timedelta(milliseconds=one.at_ms)
        rows.append(
            keys
            | {"accepted_at": at, "order_hash": one.order, "completing": {"time": at, "offset": first + n}, "payment_payCode": one.pay_firm}
        )
    table = pl.DataFrame(rows).with_columns(pl.col("accepted_at").cast(pl.Datetime("ms", "UTC")))
    return with_hashes(table)


def goods(some: Sequence[One], first: int = 0) -> pl.DataFrame:
    """GOODS of some manifests, numbered from `first` on."""
    return pl.DataFrame([(first + n, *line) for n, one in enumerate(some) for line in one.goods], GOODS, orient="row")


def played(batches: Sequence[Sequence[One]]) -> pl.DataFrame:
    """All manifests counted batch by batch, each on what was left before it."""
    done: list[pl.DataFrame] = []
    stored = pl.DataFrame(schema=dict.fromkeys(SIGHTINGS, pl.Int64) | {"pay_firm": pl.Int32} | dict.fromkeys(LEFT, pl.Boolean))
    lines = STORED_GOODS
    for batch in batches:
        first = len(stored)
        table, own = heads(batch, first), goods(batch)
        wanted = asked(table)
        ms = [round(t.timestamp() * 1000) for t in (wanted.since, wanted.until)]
        by = [pl.col(f"of_{s}") & pl.col(s).is_in(of_it.tolist()) for s, of_it in wanted.subjects.items()]
        found = stored.filter(pl.any_horizontal(by), pl.col("at_ms") > ms[0], pl.col("at_ms") <= ms[1])
        had = lines.filter(pl.col("source").is_in(found["manifest_id"].implode()))
        seen = Seen({name: found[name].to_numpy() for name in SIGHTINGS}, had)
        done.append(counted(table, seen, lambda rows, own=own: own.filter(pl.col("source").is_in(rows.implode()))))
        lines = lines.vstack(goods(batch, first))
        columns = [pl.col(f"{what}_hash").alias(what) for what in SUBJECTS]
        manifest_id = (pl.int_range(pl.len(), dtype=pl.Int64) + first).alias("manifest_id")
        at_ms = pl.col("accepted_at").dt.epoch("ms").alias("at_ms")
        stored = stored.vstack(done[-1].select(*columns, pl.col("order_hash").alias("order"), at_ms, manifest_id, pl.col("pay_firm_hash").alias("pay_firm"), *LEFT))
    return pl.concat(done).select(*COUNTERS, *LEFT, "counters")


def drawn(rng: Random, size: int) -> list[One]:
    """Few people and places, so that they meet; times that stand close together or far apart, some of them equal."""
    at, found = 0, list[One]()
    for _ in range(size):
        at += rng.choice((0, 1, 60_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000, LENGTHS["30d"] // 9))
        bought = tuple(
            (rng.choice((22030000, 22030000, 22041000, 95063200)), rng.choice((11, 11, 0, None)), rng.choice((100_000, 4_800_000, 0, -5, 10**14, None)))
            for _ in range(rng.randrange(3))
        )
        found.append(One(at, rng.choice("ABCDE"), rng.choice("123"), rng.choice("xyz"), rng.randrange(40), rng.choice(("", "P1", "P2")), bought))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_however_they_are_cut_into_batches(seed: int) -> None:
    rng = Random(seed)
    some = drawn(rng, 200)
    one_by_one = played([[one] for one in some])
    assert played([some]).equals(one_by_one)
    cuts = sorted(rng.sample(range(1, len(some)), 9))
    assert played([some[a:b] for a, b in zip([0, *cuts], [*cuts, len(some)], strict=True)]).equals(one_by_one)
    assert all(one_by_one[name].max() > 1 for name in COUNTERS)  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(3))
def test_the_baseline_counts_the_same(seed: int) -> None:
    some, true = drawn(Random(seed), 150), set[str]()
    law, control = law_at(round(START.timestamp() * 1000)), load().on(START.date()).control
    seen: dict[str, Any] = {}
    for one, mine in zip(some, played([some]).iter_rows(named=True), strict=True):
        order = {
            "buyerIdType": "1", "buyerIdNumber": one.person, "consigneeTelephone": one.phone, "consigneeAddress": one.address,
            "orderNo": str(one.order),
        }  # fmt: skip
        units = [f"{unit:03d}" if unit is not None else "zz" for _, unit, _ in one.goods]
        m: Any = SimpleNamespace(
            order=order, accepted_ms=one.at_ms, payment={"payCode": one.pay_firm}, law=law,
            lines=[{"unit": unit, "qty": qty} for unit, (_, _, qty) in zip(units, one.goods, strict=True)],
            goods=[SimpleNamespace(hs_code=f"{hs8}00") for hs8, _, _ in one.goods],
        )  # fmt: skip
        lines = pl.DataFrame(
            [(0, f"{hs8}00", unit, qty) for unit, (hs8, _, qty) in zip(units, one.goods, strict=True)],
            {"m": pl.UInt32, "hs_code": pl.String, "line_unit": pl.String, "line_qty_e5": pl.Int64}, orient="row",
        )  # fmt: skip
        goods = {s.name: s.item() for s in columns(pl.Series([mine["counters"]], dtype=pl.Binary), len(COUNTERS), lines, control)}
        assert count(m, seen, KEY) == {name: mine[name] for name in COUNTERS} | goods
        true |= {name for name, value in goods.items() if value is True or value > 1}
    assert true >= {"same_goods_orders_24h", "same_goods_orders_30d", "self_use_month_exceeded"}


@pytest.mark.parametrize(("window", "length"), LENGTHS.items())
@pytest.mark.parametrize("together", [True, False])
def test_a_window_ends_just_before_its_length(window: str, length: int, together: bool) -> None:
    assert list(WINDOWS) == list(LENGTHS)
    for age, persons in ((length - 1, 2), (length, 1)):
        pair = [One(0, person="A"), One(age, person="B")]
        last = played([pair] if together else [[one] for one in pair]).row(-1, named=True)
        assert last[f"phone_persons_{window}"] == persons
        assert last["person_orders_30d"] == 1


def kept(counters: bytes) -> list[tuple[int, ...]]:
    """Rows of what was had, behind the counters: (HS code, unit, day, month), big-endian."""
    return list(iter_unpack(">ihqq", counters[len(COUNTERS) :]))


@pytest.mark.parametrize(("name", "length"), [("same_goods_orders_24h", LENGTHS["24h"]), ("same_goods_orders_30d", LENGTHS["30d"])])
def test_goods_of_a_window_are_had_just_before_its_length(name: str, length: int) -> None:
    beer = ((22030000, 11, 100_000),)
    for age, orders in ((length - 1, 2), (length, 1)):
        last = played([[One(0, order=1, goods=beer), One(age, order=2, goods=beer)]])["counters"].tail(1)
        lines = pl.DataFrame([(0, "2203000000", "011", 100_000)], ["m", "hs_code", "line_unit", "line_qty_e5"], orient="row")
        found = {s.name: s.item() for s in columns(last, len(COUNTERS), lines, load().on(START.date()).control)}
        assert found[name] == orders


def test_what_is_kept_of_goods_reads_the_same_for_ever() -> None:
    """Rows of (HS code, unit or -1 for a count of orders, day, month), big-endian: explanations and the verifier read them years later."""
    beer = ((22030000, 1, 300_000),)
    last = played([[One(0, order=1, goods=beer), One(86_400_000, order=2, goods=beer)]])["counters"][-1]
    assert kept(last) == [(22030000, -1, 0, 1), (22030000, 1, 0, 300_000)]


@pytest.mark.parametrize(("hs8", "had", "now", "day", "month"), [
    (22030000, [(0, 1)], 4_800_000, True, False),  # the least beyond 48 in a day
    (22030000, [(0, 4_800_000)], -500_000, False, False),  # a quantity below nothing is nothing, not more and not less
    (22030000, [(0, 4_800_000)], 0, False, False),
    (22030000, [(2, 4_000_000), (3, 4_000_000)], 1_600_000, False, False),  # 96 in a month
    (22030000, [(2, 4_000_000), (3, 4_000_000)], 1_600_001, False, True),
    (95063200, [(2, 4_000_000), (3, 4_000_000)], 6_400_000, False, False),  # of golf balls 144
    (95063200, [(2, 4_000_000), (3, 4_000_000)], 6_400_001, False, True),
])  # fmt: skip
def test_self_use_of_a_day_and_a_month(hs8: int, had: list[tuple[int, int]], now: int, day: bool, month: bool) -> None:
    """`had`: days before, and how much of it."""
    latest = 10 * LENGTHS["24h"]
    before = [One(latest - days * LENGTHS["24h"] - 1, order=n, goods=((hs8, 11, qty),)) for n, (days, qty) in enumerate(had) if days]
    before += [One(latest - 1, order=9, goods=((hs8, 11, qty),)) for days, qty in had if not days]
    last = played([[*sorted(before), One(latest, order=10, goods=((hs8, 11, now),))]])["counters"].tail(1)
    lines = pl.DataFrame([(0, f"{hs8}00", "011", now)], ["m", "hs_code", "line_unit", "line_qty_e5"], orient="row")
    found = {s.name: s.item() for s in columns(last, len(COUNTERS), lines, load().on(START.date()).control)}
    assert (found["self_use_day_exceeded"], found["self_use_month_exceeded"]) == (day, month)


def test_an_entry_may_bound_a_day_and_no_month() -> None:
    control = replace(load().on(START.date()).control, self_use_time=(("22030000", {"011": 48}, {}), ("950632", {}, {"011": 96})))
    beer, golf = (pair * 2 for pair in (((22030000, 11, 4_000_000),), ((95063200, 11, 4_000_000),)))
    last = played([[One(0, order=1, goods=beer + golf), One(1, order=2, goods=beer + golf)]])["counters"].tail(1)
    for hs_code, exceeded in (("2203000000", (True, False)), ("9506320000", (False, True))):
        lines = pl.DataFrame([(0, hs_code, "011", 8_000_000)], ["m", "hs_code", "line_unit", "line_qty_e5"], orient="row")
        assert tuple(s.item() for s in columns(last, len(COUNTERS), lines, control)[2:]) == exceeded


def test_of_two_attempts_at_an_order_the_one_with_most_is_had() -> None:
    """One stored and one of the batch, both the first of theirs."""
    some, more = ((22030000, 11, 100_000),), ((22030000, 11, 300_000),)
    last = played([[One(0, order=7, goods=some)], [One(1, order=7, goods=more), One(2, order=8, goods=some)]])["counters"][-1]
    assert kept(last) == [(22030000, -1, 1, 1), (22030000, 11, 300_000, 300_000)]


@pytest.mark.parametrize(("unit", "qty"), [(None, 100_000), (11, 0), (11, -100_000), (11, None)])
def test_what_has_no_unit_or_no_quantity_is_an_order_and_no_goods(unit: int | None, qty: int | None) -> None:
    last = played([[One(0, order=1, goods=((22030000, unit, qty),)), One(1, order=2, goods=((22030000, 11, 100_000),))]])["counters"][-1]
    assert kept(last) == [(22030000, -1, 1, 1)]


def test_the_least_quantity_there_is_counts() -> None:
    last = played([[One(0, order=1, goods=((22030000, 11, 1),)), One(1, order=2, goods=((22030000, 11, 1),))]])["counters"][-1]
    assert kept(last) == [(22030000, -1, 1, 1), (22030000, 11, 1, 1)]


def test_goods_of_one_entry_are_had_together_whatever_their_code() -> None:
    """49 golf balls of two codes, where 48 a day are for one's own use."""
    pair = [One(0, order=1, goods=((95063200, 11, 2_400_000),)), One(1, order=2, goods=((95063210, 11, 2_500_000),))]
    last = played([pair])["counters"].tail(1)
    lines = pl.DataFrame([(0, "9506321000", "011", 2_500_000)], ["m", "hs_code", "line_unit", "line_qty_e5"], orient="row")
    control = load().on(START.date()).control
    found = {s.name: s.item() for s in columns(last, len(COUNTERS), lines, control)}
    assert (found["self_use_day_exceeded"], found["same_goods_orders_24h"]) == (True, 1)
    lines = lines.with_columns(line_qty_e5=pl.lit(2_400_000, pl.Int64))
    assert not columns(last, len(COUNTERS), lines, control)[2].item()


def test_what_is_accepted_later_does_not_count() -> None:
    """Another lane is ahead: what it left lies in the future of this one."""
    late = played([[One(5_000, person="B")], [One(4_999, person="A")], [One(5_000, person="C")]])
    assert late["phone_persons_1h"].to_list() == [1, 1, 3]


def test_the_same_time_counts_in_the_order_of_completion() -> None:
    assert played([[One(0, person=p) for p in "ABA"]])["phone_persons_1h"].to_list() == [1, 2, 2]


def test_another_attempt_of_an_order_is_no_other_order() -> None:
    assert played([[One(0, order=7), One(1, order=7), One(2, order=8)]])["person_orders_1h"].to_list() == [1, 1, 2]


@pytest.mark.parametrize("size", [1, 30, 500])
def test_of_a_subject_a_hundred_are_left(size: int) -> None:
    """A warehouse's phone is counted to a hundred and one, and no more of it is kept."""
    some = [One(n, person=str(n), address=str(n), order=n) for n in range(150)]
    table = played([some[a : a + size] for a in range(0, len(some), size)])
    assert table["phone_persons_30d"].to_list() == [min(n, MOST) + 1 for n in range(150)]
    assert table["of_phone"].to_list() == [n < MOST for n in range(150)]
    assert table["of_person"].all()
    assert table["of_address"].all()


def test_of_two_subjects_in_turns_the_first_hundred_each_are_left() -> None:
    some = [One(n, person=str(n), address=str(n), phone="AB"[n % 2], order=n) for n in range(300)]
    assert played([some])["of_phone"].to_list() == [n // 2 < MOST for n in range(300)]


def test_who_left_the_longest_window_makes_room() -> None:
    """A batch reads as far back as its first manifest needs; what is exactly 30 days old counts for that one's followers no more."""
    hundred = [One(0, person=str(n), address=str(n), order=n) for n in range(MOST)]
    late = [One(LENGTHS["30d"] - 1, person="A", address="A"), One(LENGTHS["30d"], person="B", address="B")]
    assert played([hundred, late])["of_phone"].to_list()[MOST:] == [False, True]


def test_what_is_kept_is_read_again() -> None:
    """A byte a counter, null where all are one."""
    table = heads([One(0), One(1, person="B", phone="2", address="y"), One(2, phone="3")])
    found = counted(table, Seen(), lambda _: goods([]))
    assert found["counters"].to_list() == [None, None, bytes([1] * 6 + [2] * 3 + [1] * 12)]
    again = as_counted(table, found["counters"]).select(*COUNTERS, "counters")
    assert again.equals(found.select(pl.col(COUNTERS).cast(pl.Int32), "counters"))


def test_a_subject_is_the_first_eight_bytes() -> None:
    table = heads([One(0, person=p, phone=p, address=p) for p in "AB"])
    for subject in SUBJECTS:
        keys = [int.from_bytes(key[:8], "big", signed=True) for key in table[f"{subject}_key"]]
        assert table[f"{subject}_hash"].to_list() == keys


def test_a_counter_is_counted_to_what_a_byte_holds() -> None:
    """Workers that do not see each other's batches leave a hundred each."""
    n = 300
    left = {name: np.arange(n) for name in ("phone", "address", "order", "manifest_id")}
    at_ms = np.full(n, round(START.timestamp() * 1000))
    stored = {**left, "person": np.full(n, heads([One(0)])["person_hash"].item()), "pay_firm": np.zeros(n, np.int32), "at_ms": at_ms}
    seen = Seen({**stored, **{name: np.ones(n, np.bool_) for name in LEFT}}, STORED_GOODS)
    found = counted(heads([One(1)], n), seen, lambda _: STORED_GOODS)
    read = as_counted(heads([One(1)]), found["counters"])
    assert found.select(COUNTERS).rows() == read.select(COUNTERS).rows()
    assert max(found.select(COUNTERS).row(0)) == 255


def test_quantities_at_the_bound_of_a_document_add_up() -> None:
    """Six orders of 20,000 lines at 10¹⁴ are more than 64 bits hold."""
    lines = tuple((22030000, 11, 10**14) for _ in range(20_000))
    done = played([[One(n, order=n, goods=lines) for n in range(7)]])
    *_, last = done["counters"].to_list()
    amounts = {unit: of_it for _, unit, *of_it in kept(last)}
    assert amounts[11] == [10**14, 10**14]  # decisions.md section 13
