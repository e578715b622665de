"""How many persons and payment firms stand behind a phone or address, and how many phones, addresses and orders behind a
person: exact counters over an hour, a day and 30 days before a manifest's acceptance (decisions.md section 13).

Most subjects are seen once: what costs more is done for the rows alone that share one with another of the batch or with
what is stored. `counted` is given what was stored at one point that is recorded, and adds what the batch itself brings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline import goods_before
from pipeline.goods_before import STORED_GOODS

Numbers = NDArray[np.int64]
WINDOWS = {"1h": 3_600_000, "24h": 86_400_000, "30d": 30 * 86_400_000}  # ms; the longest is the last
LONGEST = WINDOWS["30d"]
HIGHEST = 255  # a counter is counted to here and kept as a byte: workers that do not see each other leave MOST each
MOST = 100  # sightings of a subject in the longest window from which on no more are left: bounds what is read of it
SUBJECTS = ("person", "phone", "address")
COUNTED = {
    "phone_persons": ("phone", "person"),
    "address_persons": ("address", "person"),
    "person_phones": ("person", "phone"),
    "person_addresses": ("person", "address"),
    "person_orders": ("person", "order"),
    "phone_pay_firms": ("phone", "pay_firm"),
    "address_pay_firms": ("address", "pay_firm"),
}
"""Counter → (its subject, what different ones of are counted)."""
COUNTERS = [f"{name}_{window}" for name in COUNTED for window in WINDOWS]
ONCE = np.ones(len(COUNTERS), np.uint8)
LEFT = [f"of_{subject}" for subject in SUBJECTS]
"""Whether a manifest leaves a sighting that is found by its person, phone, address."""
SIGHTINGS: dict[str, type[np.generic]] = {
    **dict.fromkeys((*SUBJECTS, "order", "at_ms", "manifest_id"), np.int64), "pay_firm": np.int32, **dict.fromkeys(LEFT, np.bool_)
}  # fmt: skip
"""Columns of a table of sightings. Person, phone and address: the first eight bytes of their pseudonyms; order: order_hash;
pay_firm: BLAKE2b-32 of the payment's payCode."""
Columns = Mapping[str, NDArray[Any]]
NONE_STORED: Columns = {name: np.array([], kind) for name, kind in SIGHTINGS.items()}
HASHES = [
    pl.col(f"{subject}_key").bin.slice(0, 8).bin.reinterpret(dtype=pl.Int64, endianness="big").alias(f"{subject}_hash")
    for subject in SUBJECTS
]
OF_BATCH = [
    pl.col("completing", "order_hash"), pl.col("accepted_at").dt.epoch("ms").alias("at_ms"),
    *(pl.col(f"{what}_hash").alias(what) for what in (*SUBJECTS, "pay_firm")),
]  # fmt: skip
OWN = (*SUBJECTS, "pay_firm", "at_ms")
# one column of arrays is handed over at once, two dozen columns are not
APART = [
    pl.col(of).arr.get(n).alias(name) for of, names in (("counters", COUNTERS), ("left", LEFT)) for n, name in enumerate(names)
]


@dataclass(frozen=True, slots=True)
class Seen:
    """`stored`: SIGHTINGS of the subjects asked for; `goods`: of the persons' ones what was in them (STORED_GOODS); `lanes`:
    lane → batch_seq up to which all of them were there."""

    stored: Columns = field(default_factory=lambda: NONE_STORED)
    goods: pl.DataFrame = field(default_factory=lambda: STORED_GOODS)
    lanes: Mapping[int, int] = field(default_factory=lambda: dict[int, int]())


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look for: hashes of each subject, sorted, accepted after `since` and not after `until`."""

    subjects: dict[str, Numbers]
    since: datetime
    until: datetime


def asked(heads: pl.DataFrame) -> Asked:
    """What the manifests of a batch, at least one, have to know of those before it."""
    times = heads["accepted_at"]
    first, last = times.min(), times.max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    subjects = {subject: np.sort(heads[f"{subject}_hash"].to_numpy()) for subject in SUBJECTS}
    return Asked(subjects, first - timedelta(milliseconds=LONGEST), last)


def with_hashes(heads: pl.DataFrame) -> pl.DataFrame:
    """Add the hashes of subjects and payment firm to manifests with the keys of their persons."""
    firms = heads["payment_payCode"]
    numbers = {firm: _firm_hash(firm) for firm in firms.unique().to_list()}  # a few, and the same ones again and again
    return heads.hstack([*heads.select(HASHES), firms.replace_strict(numbers, return_dtype=pl.Int32).alias("pay_firm_hash")])


@lru_cache(maxsize=4096)
def _firm_hash(code: str) -> int:
    return int.from_bytes(blake2b(code.encode(), digest_size=4).digest(), "big", signed=True)


@dataclass(frozen=True, slots=True)
class Met:
    """Whom the manifests of a batch meet under one subject: row `row` of the batch, at `place` of what is stored `age` ms
    before; and `later`, earlier row `earlier` of the batch itself, `between` ms before. `leaves`: a sighting under it, by row."""

    leaves: NDArray[np.bool_]
    row: Numbers
    place: Numbers
    age: Numbers
    later: Numbers
    earlier: Numbers
    between: Numbers


def counted(heads: pl.DataFrame, seen: Seen, goods_of: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Add COUNTERS and LEFT to manifests with hashes, and `counters`: COUNTERS as they are kept, and what the person had before.
    `goods_of`: goods_before.GOODS of manifests of the batch, by their rows."""
    counters, left = np.ones((len(heads), len(COUNTERS)), np.int32), np.ones((len(heads), len(LEFT)), np.bool_)
    rows, before = _particular(heads, seen.stored), dict[int, bytes]()
    if len(rows):
        batch = heads[rows].select(OF_BATCH).with_row_index("row").sort("completing")
        rows = rows[batch["row"].to_numpy()]
        own = {name: batch[name].to_numpy() for name in OWN} | {"order": batch["order_hash"].to_numpy()}
        for n, subject in enumerate(SUBJECTS):
            met = _met(subject, own, seen.stored)
            left[rows, n] = met.leaves
            for first, windows in _counts(subject, met, own, seen.stored).items():
                counters[rows, first : first + len(WINDOWS)] = windows
            if subject == "person":
                before = _goods_before(met, rows, own, seen, goods_of)
    np.minimum(counters, HIGHEST, out=counters)
    apart = heads.hstack([pl.Series("counters", counters), pl.Series("left", left)]).with_columns(APART).drop("counters", "left")
    return apart.hstack([_packed(counters, before)])


def as_counted(heads: pl.DataFrame, packed: pl.Series) -> pl.DataFrame:
    """Add COUNTERS as they stood when the manifests were decided; `packed`: their column `counters`."""
    read = [np.frombuffer(row, np.uint8, len(COUNTERS)) if row else ONCE for row in packed.to_list()]
    counters = np.vstack([ONCE, *read])[1:].astype(np.int32)
    return heads.hstack([*(pl.Series(name, counters[:, n]) for n, name in enumerate(COUNTERS)), packed.alias("counters")])


def _packed(counters: NDArray[np.int32], before: Mapping[int, bytes]) -> pl.Series:
    """`counters`: a byte each, in the order of COUNTERS, then what the person had `before`, by row; null where all are one."""
    packed: list[bytes | None] = [None] * len(counters)
    rows = np.flatnonzero((counters != 1).any(axis=1))
    for row, of_it in zip(rows.tolist(), counters[rows].astype(np.uint8), strict=True):
        packed[row] = of_it.tobytes() + before.get(row, b"")
    return pl.Series("counters", packed, dtype=pl.Binary)


def _goods_before(
    met: Met, rows: NDArray[np.intp], own: Columns, seen: Seen, goods_of: Callable[[pl.Series], pl.DataFrame]
) -> dict[int, bytes]:
    """What each person had in other orders, by the manifest's row (goods_before.packed)."""
    orders = own["order"]
    other, mine = seen.stored["order"][met.place] != orders[met.row], orders[met.earlier] != orders[met.later]
    if not (other.any() or mine.any()):
        return {}
    stored = (rows[met.row[other]], seen.stored["order"][met.place[other]], met.age[other], seen.stored["manifest_id"][met.place[other]])
    batch = (rows[met.later[mine]], orders[met.earlier[mine]], met.between[mine], rows[met.earlier[mine]])
    return goods_before.packed(goods_before.meetings(*stored), goods_before.meetings(*batch), seen.goods, goods_of)


def _particular(heads: pl.DataFrame, stored: Columns) -> NDArray[np.intp]:
    """Rows that share a subject with another row or with what is stored."""
    found = np.zeros(len(heads), np.bool_)
    for subject in SUBJECTS:
        own = heads[f"{subject}_hash"].to_numpy()
        ranked = np.sort(own)
        for shared in (ranked[1:][ranked[1:] == ranked[:-1]], np.sort(stored[subject])):
            if len(shared):
                found |= shared.take(np.searchsorted(shared, own), mode="clip") == own
    return np.flatnonzero(found)


def _met(subject: str, own: Columns, stored: Columns) -> Met:
    """Of rows in their turns: whom each meets within the longest window."""
    mine, at = own[subject], own["at_ms"]
    places = np.flatnonzero(stored[f"of_{subject}"])
    row, place = _pairs(mine, stored[subject][places])
    place = places[place]
    age = at[row] - stored["at_ms"][place]
    within = (age >= 0) & (age < LONGEST)
    row, place, age = row[within], place[within], age[within]
    leaves = np.bincount(row, minlength=len(mine)) + _before(mine) < MOST
    leaving = np.flatnonzero(leaves)
    later, earlier = _pairs(mine, mine[leaving])
    earlier = leaving[earlier]
    between = at[later] - at[earlier]
    within = (earlier < later) & (between < LONGEST)
    return Met(leaves, row, place, age, later[within], earlier[within], between[within])


def _counts(subject: str, met: Met, own: Columns, stored: Columns) -> dict[int, Numbers]:
    """The subject's counters over all windows, by the place of the first in COUNTERS."""
    rows, ages = np.concatenate([met.row, met.later]), np.concatenate([met.age, met.between])
    return {
        n * len(WINDOWS): _different(rows, np.concatenate([stored[what][met.place], own[what][met.earlier]]), ages, own[what])
        for n, (of, what) in enumerate(COUNTED.values())
        if of == subject
    }


def _pairs(mine: Numbers, theirs: Numbers) -> tuple[Numbers, Numbers]:
    """Places of all that are equal."""
    order = np.argsort(theirs)
    ranked = theirs[order]
    first, end = np.searchsorted(ranked, mine, "left"), np.searchsorted(ranked, mine, "right")
    count = end - first
    row = np.repeat(np.arange(len(mine)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return row, order[np.repeat(first, count) + within]


def _before(mine: Numbers) -> Numbers:
    """How many equal ones stand before each."""
    order = np.argsort(mine, stable=True)
    ranked, before = mine[order], np.empty(len(mine), np.int64)
    before[order] = np.arange(len(mine)) - np.searchsorted(ranked, ranked, "left")
    return before


def _different(row: Numbers, value: Numbers, age: Numbers, own: Numbers) -> Numbers:
    """How many different values each row has, its own among them; one column a window."""
    others = value != own[row]
    row, value, age = row[others], value[others], age[others]
    order = np.lexsort((age, value, row))  # of each value the youngest comes first
    row, value, age = row[order], value[order], age[order]
    new = np.ones(len(row), np.bool_)
    new[1:] = (row[1:] != row[:-1]) | (value[1:] != value[:-1])
    row, age = row[new], age[new]
    return np.column_stack([1 + np.bincount(row[age < window], minlength=len(own)) for window in WINDOWS.values()])
