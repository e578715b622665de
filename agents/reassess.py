"""Manifests that are held for their guarantee alone: assessed again by the owner of their lane when it has grown.

After each batch, also an empty one: so what was held while a guarantor was adding to its account is found by the next tick.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl

from agents.metrics import METRICS
from pipeline.guarantees import CLAIM, STANDING, freeze
from pipeline.registry import Registry
from sinks.batch import Batch, LaneState
from sinks.revisions import held_frame, line_frame
from sinks.revisions import released as released_of
from sinks.store import Store

SLICE = 500  # manifests looked at in one transaction
SHANGHAI = timedelta(hours=8)


@dataclass(slots=True)
class Reassess:
    """`guarantors`: of whom something is held, by lane; `unknown`: lanes claimed since it was asked; `vain`: how an account
    stood when nothing of it fitted any more."""

    guarantors: dict[int, set[str]] = field(default_factory=lambda: dict[int, set[str]]())
    unknown: set[int] = field(default_factory=lambda: set[int]())
    vain: dict[str, tuple[Any, ...]] = field(default_factory=lambda: dict[str, tuple[Any, ...]]())

    def own(self, lanes: Iterable[int]) -> None:
        """Lanes were claimed: what is held in them is to be asked for."""
        self.unknown.update(lanes)
        self.vain.clear()

    def disown(self, lanes: Iterable[int]) -> None:
        """Lanes went to others."""
        for lane in lanes:
            self.guarantors.pop(lane, None)
            self.unknown.discard(lane)

    def committed(self, heads: pl.DataFrame) -> None:
        """A batch that held something for its guarantee."""
        for lane, guarantor in heads.filter(pl.col("queue") == "guarantee").select("lane", "guarantor_code").unique().iter_rows():
            self.guarantors.setdefault(lane, set()).add(guarantor)
            self.vain.pop(guarantor, None)  # what counts now may be more than on the day of its acceptance

    async def released(self, store: Store, registry: Registry, lanes: Mapping[int, LaneState]) -> dict[int, LaneState]:
        """Release one slice of what fits; the lanes that moved on by that. `lanes`: ours; Contended as Store.revise."""
        await self._ask(store, lanes)
        mine = {lane: state for lane, state in lanes.items() if self.guarantors.get(lane) and state.record_time is not None}
        if not mine:
            return {}
        codes = sorted({code for lane in mine for code in self.guarantors[lane]})
        standing = pl.DataFrame([tuple(r) for r in await store.fetch("guarantee_accounts", codes)], schema=STANDING, orient="row")
        days = {lane: _day(state) for lane, state in mine.items()}
        rows = await self._due(store, registry, codes, standing, days)
        if not rows:
            return {}
        held = held_frame(rows)
        frozen = freeze(_claims(held, registry, days), standing)
        if not len(frozen.entries):
            return {}
        before = [mine[lane] for lane in sorted(held["lane"].unique())]
        after = {state.lane: state.advanced(None, None, None) for state in before}
        lines = line_frame(await store.fetch("held_lines", held["manifest_id"]))
        done = released_of(held, lines, frozen, after, registry.version)
        await store.revise(Batch(before, list(after.values()), {}, {}, registry.version), done)
        METRICS.revisions.labels("RELEASE").inc(len(done.manifest_ids))
        self.unknown.update(after)  # whatever is left of them
        return after

    async def _due(
        self, store: Store, registry: Registry, codes: Sequence[str], standing: pl.DataFrame, days: Mapping[int, date]
    ) -> list[Any]:
        stands = {code: (entry_no, frozen) for code, entry_no, frozen in standing.iter_rows()}
        limits = {day: dict(zip(codes, registry.guarantees_on(day, pl.Series(codes)), strict=True)) for day in set(days.values())}
        recalled = list(registry.recalled().get_columns())
        rows: list[Any] = []
        for code in codes:
            entry_no, frozen = stands.get(code, (0, 0))
            seen = registry.version, entry_no, max(limits), sorted(days)
            limit = max(by_code[code] for by_code in limits.values())
            if limit <= frozen or self.vain.get(code) == seen or len(rows) == SLICE:
                continue
            found = await store.fetch("held_due", code, list(days), limit - frozen, SLICE - len(rows), *recalled)
            rows += found
            if not found:
                self.vain[code] = seen
        return rows

    async def _ask(self, store: Store, lanes: Iterable[int]) -> None:
        if asked := sorted(self.unknown.intersection(lanes)):
            rows = await store.fetch("held_of_lanes", asked)
            self.guarantors.update({lane: {r["guarantor_code"] for r in rows if r["lane"] == lane} for lane in asked})
            self.unknown.difference_update(asked)


def _claims(held: pl.DataFrame, registry: Registry, days: Mapping[int, date]) -> pl.DataFrame:
    """What they need by the guarantees of the day, in the order of their acceptance."""
    rows = held.select("lane", "guarantor_code", "amount_fen", "accepted_at", "manifest_id").with_row_index("m")
    parts = [
        part.hstack([registry.guarantees_on(days[lane], part["guarantor_code"]).alias("limit_fen")])
        for (lane,), part in rows.partition_by("lane", as_dict=True).items()
    ]
    in_turns = pl.concat(parts).sort("accepted_at", "manifest_id").with_row_index("turn").sort("guarantor_code", "turn")
    return in_turns.select(*CLAIM)


def _day(state: LaneState) -> date:
    """The date of its clock in Shanghai."""
    assert state.record_time is not None
    return (state.record_time + SHANGHAI).date()
