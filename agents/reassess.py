"""Manifests that are held for guarantee or stock alone: assessed again by the owner of their lane when what they wait for has grown.

After each batch, also an empty one: so what was held while a guarantor was adding to its account is found by the next tick.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from agents.metrics import METRICS
from pipeline import guarantees, stock
from pipeline.claims import OF_BOOK_ITEM
from pipeline.classes import WAITING_QUEUES
from pipeline.flow import Decided
from pipeline.guarantees import Guaranteed
from pipeline.law import SHANGHAI
from pipeline.registry import Registry
from pipeline.securing import OF_GUARANTEE, OF_STOCK, secure
from pipeline.stock import Stocked
from sinks.batch import Batch, LaneState
from sinks.revisions import BOOKED, held_frame, line_frame
from sinks.revisions import released as released_of
from sinks.store import Store

SLICE = 500  # manifests looked at in one transaction
Waiter = tuple[datetime, int]
"""Acceptance and manifest_id."""
NOBODY: Waiter = (datetime(2000, 1, 1, tzinfo=UTC), 0)


@dataclass(frozen=True, slots=True)
class Vain:
    """Nothing that waits for an account fitted, up to and with `last`; nothing at all if `whole`. That holds while `stood` (registry
    version, and each lane's day) stays and the room there is not more than `room`: what did not fit fits into less room no better."""

    stood: tuple[Any, ...]
    room: int
    last: Waiter
    whole: bool


@dataclass(slots=True)
class Reassess:
    """`waits`: accounts (G|guarantor, S|book item) that something waits for, by lane; `unknown`: lanes claimed since it was asked;
    `vain`: of which accounts how much was looked at in vain: the next slice begins behind it."""

    waits: dict[int, set[str]] = field(default_factory=lambda: dict[int, set[str]]())
    unknown: set[int] = field(default_factory=lambda: set[int]())
    vain: dict[str, Vain] = field(default_factory=lambda: dict[str, Vain]())

    def own(self, lanes: Iterable[int]) -> None:
        """Lanes were claimed: what is held in them is to be asked for."""
        self.unknown.update(lanes)
        self.vain.clear()

    def disown(self, lanes: Iterable[int]) -> None:
        """Lanes went to others."""
        for lane in lanes:
            self.waits.pop(lane, None)
            self.unknown.discard(lane)

    def committed(self, decided: Decided) -> None:
        """A batch that held something for guarantee or stock."""
        held = decided.heads.filter(pl.col("queue").is_in(WAITING_QUEUES)).join(decided.posted.waiting, on="m")
        for lane, account, first in held.group_by("lane", "waits_for").agg(pl.col("accepted_at").min()).iter_rows():
            self.waits.setdefault(lane, set()).add(account)
            if (known := self.vain.pop(account, None)) is not None and first > known.last[0]:
                self.vain[account] = replace(known, whole=False)  # what counts now may be more than on the day of its acceptance

    async def released(self, store: Store, registry: Registry, lanes: Mapping[int, LaneState]) -> dict[int, LaneState]:
        """Release one slice of what fits; the lanes that moved on by that. `lanes`: ours; Contended as Store.revise."""
        await self._ask(store, lanes)
        mine = {lane: state for lane, state in lanes.items() if self.waits.get(lane) and state.record_time is not None}
        if not mine:
            return {}
        days = {lane: _day(state) for lane, state in mine.items()}
        rows, looked_at = await self._due(store, registry, sorted({x for lane in mine for x in self.waits[lane]}), days)
        if not rows:
            return {}
        held = held_frame(rows)
        lines = line_frame(await store.fetch("held_lines", held["manifest_id"]))
        secured, stocked = _claims(held, lines, registry, days)
        guarantors, items = secured["guarantor_code"].unique(), stocked["book_item"].unique()
        standing = await _guarantors(store, guarantors)
        stood = await store.stock_of(items) if len(items) else stock.NO_STANDING
        taken = secure(Guaranteed.at_hand(secured, standing), Stocked.at_hand(stocked, stood))
        before = [mine[lane] for lane in sorted(held["lane"].unique())]
        after = {state.lane: state.revised() for state in before}
        done = released_of(held, lines, taken, after, registry.version)
        if not len(done.manifest_ids) and not len(done.moved):
            self.vain.update(looked_at)
            return {}
        await store.revise(Batch(before, list(after.values()), {}, {}, registry.version), done)
        METRICS.revisions.labels("RELEASE").inc(len(done.manifest_ids))
        self.unknown.update(after)  # whatever is left of them
        return after

    async def _due(
        self, store: Store, registry: Registry, accounts: Sequence[str], days: Mapping[int, date]
    ) -> tuple[list[Any], dict[str, Vain]]:
        """What waits for these accounts and has room there, and what was looked at of each, should it be in vain."""
        rooms = await _rooms(store, registry, accounts, set(days.values()))
        out = [*registry.items_out().get_columns(), *registry.firms_out().get_columns()]
        stood = registry.version, *sorted(days.items())  # each lane goes by its own clock
        rows: list[Any] = []
        looked_at: dict[str, Vain] = {}
        for account in accounts:
            room, known = rooms[account], self.vain.get(account)
            if known is not None and (known.stood != stood or room > known.room):
                known = None
            most = SLICE - len(rows)
            if room <= 0 or not most or (known is not None and known.whole):
                continue
            since = NOBODY if known is None else known.last
            found = await store.fetch("held_due", account, list(days), room, most, *out, *since)
            rows += found
            last = (found[-1]["accepted_at"], found[-1]["manifest_id"]) if found else since
            looked_at[account] = Vain(stood, room, last, whole=len(found) < most)
            if not found:
                self.vain[account] = looked_at[account]
        return rows, looked_at

    async def _ask(self, store: Store, lanes: Iterable[int]) -> None:
        if asked := sorted(self.unknown.intersection(lanes)):
            rows = await store.fetch("held_of_lanes", asked)
            self.waits.update({lane: {r["waits_for"] for r in rows if r["lane"] == lane} for lane in asked})
            self.unknown.difference_update(asked)


async def _rooms(store: Store, registry: Registry, accounts: Sequence[str], days: set[date]) -> dict[str, int]:
    """Account → what may still be taken of it, on the day when that is most."""
    guarantors = pl.Series([x[2:] for x in accounts if x.startswith(OF_GUARANTEE)], dtype=pl.String)
    items = pl.Series([x[2:] for x in accounts if x.startswith(OF_STOCK)], dtype=pl.String)
    rooms = dict.fromkeys(accounts, 0)
    limits = [registry.guarantees_on(day, guarantors) for day in days] if len(guarantors) else []
    frozen = {code: amount for code, _, amount in (await _guarantors(store, guarantors)).iter_rows()}
    for code, *most in zip(guarantors, *limits, strict=True) if limits else ():
        rooms[OF_GUARANTEE + code] = max(most) - frozen.get(code, 0)
    entered = [registry.entered_of(items, day).fill_null(0) for day in days] if len(items) else []
    stood = await store.stock_of(items) if len(items) else stock.NO_STANDING
    taken = dict(stood.select("book_item", stock.TAKEN).iter_rows())
    for item, *most in zip(items, *entered, strict=True) if entered else ():
        rooms[OF_STOCK + item] = max(most) - taken.get(item, 0)
    return rooms


async def _guarantors(store: Store, codes: pl.Series) -> pl.DataFrame:
    rows = await store.fetch("guarantee_accounts", codes) if len(codes) else []
    return pl.DataFrame([tuple(r) for r in rows], schema=guarantees.STANDING, orient="row")


def _claims(
    held: pl.DataFrame, lines: pl.DataFrame, registry: Registry, days: Mapping[int, date]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What they need of guarantees and stock as these are on the day, in the order of their acceptance."""
    rows = held.with_row_index("m").sort("accepted_at", "manifest_id").with_row_index("turn")
    owing = rows.filter((pl.col("tax_fen") > 0) & (pl.col("guarantor_code") != ""))
    limits = _by_lane(owing, days, lambda day, some: registry.guarantees_on(day, some["guarantor_code"]).alias("limit_fen"))
    booked = lines.filter(BOOKED)
    booked = booked.join(rows.select("m", "turn", "manifest_id", "lane"), on="manifest_id", maintain_order="left")
    entered = _by_lane(booked, days, lambda day, some: registry.entered_of(some["account_book_item"], day, some["line_unit"]))
    asked = entered.rename({"account_book_item": "book_item"}).group_by("m", "turn", "book_item").agg(OF_BOOK_ITEM)
    return (
        limits.rename({"tax_fen": "amount_fen"}).select(*guarantees.CLAIM).sort("guarantor_code", "turn"),
        asked.with_columns(released=pl.lit(True)).select(*stock.CLAIM).sort("book_item", "turn"),
    )


def _by_lane(rows: pl.DataFrame, days: Mapping[int, date], of_day: Callable[[date, pl.DataFrame], pl.Series]) -> pl.DataFrame:
    """Each lane's rows beside what its day says of them."""
    parts = rows.partition_by("lane", as_dict=True, include_key=True) or {(next(iter(days)),): rows}
    return pl.concat(part.hstack([of_day(days[lane], part)]) for (lane,), part in parts.items())


def _day(state: LaneState) -> date:
    """The date of its clock in Shanghai."""
    assert state.record_time is not None
    return (state.record_time + SHANGHAI).date()
