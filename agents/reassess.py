"""Manifests that are held for guarantee or stock alone: assessed again by the owner of their lane when what they wait for has grown.

After each batch, also an empty one: so what was held while a guarantor was adding to its account is found by the next tick.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
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
Room = dict[int, int]
"""Lane → what may still be taken of an account on the day of the lane's clock, in fen or 10^-5 of the item's unit."""


@dataclass(slots=True)
class Reassess:
    """`waits`: accounts (G|guarantor, S|book item) that something waits for, by lane; `unknown`: lanes claimed since it was asked;
    `vain`: version of the registry and room of an account when nothing that waits for it fitted; `last`: the account that filled a
    slice, so that the next begins with another."""

    waits: dict[int, set[str]] = field(default_factory=lambda: dict[int, set[str]]())
    unknown: set[int] = field(default_factory=lambda: set[int]())
    vain: dict[str, tuple[int, Room]] = field(default_factory=lambda: dict[str, tuple[int, Room]]())
    last: str = ""

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
        for lane, account, least in held.group_by("lane", "waits_for").agg(pl.col("amount").min()).iter_rows():
            self.waits.setdefault(lane, set()).add(account)
            if account in self.vain and least <= self.vain[account][1].get(lane, least):
                del self.vain[account]  # what counts now may be more than on the day of its acceptance

    async def released(self, store: Store, registry: Registry, lanes: Mapping[int, LaneState]) -> dict[int, LaneState]:
        """Release one slice of what fits; the lanes that moved on by that. `lanes`: ours; Contended as Store.revise."""
        await self._ask(store, lanes)
        mine = {lane: state for lane, state in lanes.items() if self.waits.get(lane) and state.record_time is not None}
        if not mine:
            return {}
        days = {lane: _day(state) for lane, state in mine.items()}
        rows = await self._due(store, registry, sorted({x for lane in mine for x in self.waits[lane]}), days)
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
        if not len(done.manifest_ids) and not len(done.moved):  # others took it since its room was read
            return {}
        await store.revise(Batch(before, list(after.values()), {}, {}, registry.version), done)
        METRICS.revisions.labels("RELEASE").inc(len(done.manifest_ids))
        self.unknown.update(after)  # whatever is left of them
        for account in done.moved["waits_for"].unique():
            self.vain.pop(account, None)  # more waits for it than did
        return after

    async def _due(self, store: Store, registry: Registry, accounts: Sequence[str], days: Mapping[int, date]) -> list[Any]:
        """What waits for these accounts and has room there, each by itself: the first that has its turn fits, or lacks something else."""
        rooms = await _rooms(store, registry, accounts, days)
        out = [*registry.items_out().get_columns(), *registry.firms_out().get_columns()]
        rows: list[Any] = []
        for account in sorted(accounts, key=lambda x: (x <= self.last, x)):
            room, unit = rooms[account]
            if max(room.values()) <= 0 or self._in_vain(account, registry.version, room):
                continue
            found = await store.fetch("held_due", account, list(room), list(room.values()), SLICE - len(rows), *out, unit)
            rows += found
            if not found:
                self.vain[account] = registry.version, room
            if len(rows) == SLICE:
                self.last = account
                break
        return rows

    def _in_vain(self, account: str, version: int, room: Room) -> bool:
        """Whether nothing fitted when there was no less room: what is taken since makes none."""
        if account not in self.vain:
            return False
        before, had = self.vain[account]
        return before == version and all(lane in had and room[lane] <= had[lane] for lane in room)

    async def _ask(self, store: Store, lanes: Iterable[int]) -> None:
        if asked := sorted(self.unknown.intersection(lanes)):
            rows = await store.fetch("held_of_lanes", asked)
            self.waits.update({lane: {r["waits_for"] for r in rows if r["lane"] == lane} for lane in asked})
            self.unknown.difference_update(asked)


async def _rooms(
    store: Store, registry: Registry, accounts: Sequence[str], days: Mapping[int, date]
) -> dict[str, tuple[Room, str | None]]:
    """Account → what may still be taken of it, and the unit an item is counted in. No room where nothing counts on the day."""
    guarantors = pl.Series([x[2:] for x in accounts if x.startswith(OF_GUARANTEE)], dtype=pl.String)
    items = pl.Series([x[2:] for x in accounts if x.startswith(OF_STOCK)], dtype=pl.String)
    most = {day: _most(registry, guarantors, items, day) for day in set(days.values())}
    taken = {OF_GUARANTEE + code: frozen for code, _, frozen in (await _guarantors(store, guarantors)).iter_rows()}
    stood = await store.stock_of(items) if len(items) else stock.NO_STANDING
    taken |= {OF_STOCK + item: amount for item, amount in stood.select("book_item", stock.TAKEN).iter_rows()}
    units = dict(zip((OF_STOCK + x for x in items), registry.stock_units(items), strict=True)) if len(items) else {}
    rooms: dict[str, tuple[Room, str | None]] = {}
    for account in accounts:
        counting = {lane: most[day][account] for lane, day in days.items()}
        rooms[account] = (
            {lane: 0 if fen_or_e5 is None else fen_or_e5 - taken.get(account, 0) for lane, fen_or_e5 in counting.items()},
            units.get(account),
        )
    return rooms


def _most(registry: Registry, guarantors: pl.Series, items: pl.Series, day: date) -> dict[str, int | None]:
    """Account → its limit, or what is entered and counts on a day; None where nothing does."""
    limits = registry.guarantees_on(day, guarantors) if len(guarantors) else []
    entered = registry.entered_of(items, day) if len(items) else []
    return dict(zip((*(OF_GUARANTEE + x for x in guarantors), *(OF_STOCK + x for x in items)), (*limits, *entered), strict=True))


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
