"""Manifests that are held and failed their inspection: rejected by the owner of their lane, and what they took is given back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from agents.metrics import METRICS
from agents.reading import order_hashes
from pipeline.flow import Decided
from pipeline.registry import INSPECTION, Registry
from sinks.batch import Batch, LaneState
from sinks.revisions import failed_frame, line_frame, rejected
from sinks.store import Store

SLICE = 500  # manifests in one transaction
NONE = pl.DataFrame(schema=INSPECTION)


@dataclass(slots=True)
class Inspections:
    """`seen`: the inspections that nothing is left of in our lanes but in those of `unknown`, claimed since."""

    seen: pl.DataFrame = field(default_factory=lambda: NONE)
    unknown: set[int] = field(default_factory=lambda: set[int]())

    def own(self, lanes: Iterable[int]) -> None:
        """Lanes were claimed: what failed in them is to be asked for."""
        self.unknown.update(lanes)

    def committed(self, decided: Decided, registry: Registry) -> None:
        """A batch that may hold what is known to have failed: who files an inspection need not wait for the decision it names."""
        if len(registry.inspections):
            failed = pl.col("decision_id").is_in(registry.inspections["decision_id"].implode())
            self.unknown.update(decided.heads.filter((pl.col("outcome") == "HOLD") & failed)["lane"])

    async def rejected(self, store: Store, registry: Registry, lanes: Mapping[int, LaneState]) -> dict[int, LaneState]:
        """Reject one slice of what failed; the lanes that moved on by that. `lanes`: ours; Contended as Store.revise."""
        failed = registry.inspections
        if not len(failed) or (failed is self.seen and not self.unknown.intersection(lanes)):
            return {}
        mine = [lane for lane, state in lanes.items() if state.record_time is not None]
        rows = await store.fetch("failed_held", order_hashes(failed["order_no"]), mine, failed["decision_id"].to_list(), SLICE)
        if not rows:
            self.seen = failed
            self.unknown.clear()
            return {}
        held = failed_frame(rows)
        lines = line_frame(await store.fetch("held_lines", held["manifest_id"]))
        before = [lanes[lane] for lane in sorted(held["lane"].unique())]
        after = {state.lane: state.revised() for state in before}
        done = rejected(held, lines, after, registry.version)
        await store.revise(Batch(before, list(after.values()), {}, {}, registry.version), done)
        METRICS.revisions.labels("REJECT").inc(len(held))
        return after
