"""What is stored of the persons, phones and addresses of a batch, and up to where every lane was counted."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import itemgetter

import numpy as np
import polars as pl

from pipeline.goods_before import as_goods
from pipeline.sightings import LEFT, SIGHTINGS, SUBJECTS, Numbers, Seen, asked
from sinks.batch import Frames, LaneState
from sinks.store import Store

# Rows of sql/sightings.sql, in network order: the time in microseconds since 2000. Of a lane its number and that of its last
# batch stand in the first two places.
ROW = np.dtype([("of_lane", "?"), *((name, np.dtype(kind).newbyteorder(">")) for name, kind in SIGHTINGS.items())])
LINE = {"manifest_id": pl.Int64, "hs_code": pl.String, "unit": pl.String, "qty_e5": pl.Int64}
LINES = as_goods(*LINE)
EPOCH_MS = 946_684_800_000  # 2000-01-01, where PostgreSQL's times begin
ROWS = [
    pl.col("manifest_id", "accepted_at", "order_hash", *LEFT),
    *(pl.col(f"{what}_hash").alias(what) for what in (*SUBJECTS, "pay_firm")),
]
LATEST = pl.col("accepted_at").max()
FIRST = itemgetter(0)


async def read_seen(store: Store, heads: pl.DataFrame) -> Seen:
    """What the manifests of a batch (with sightings' hashes) are counted on: one statement, so one moment; and of what their
    persons had before the lines, which were there by then and never change."""
    if not len(heads):
        return Seen()
    wanted = asked(heads)
    subjects = map(pl.Series, wanted.subjects.values())
    seen = seen_of(map(FIRST, await store.fetch("sightings", *subjects, wanted.since, wanted.until)))
    again = seen.stored["of_person"] & np.isin(seen.stored["person"], wanted.subjects["person"])
    return replace(seen, goods=await _goods(store, seen.stored["manifest_id"][again])) if again.any() else seen


async def _goods(store: Store, manifest_ids: Numbers) -> pl.DataFrame:
    lines = await store.fetch("sighting_lines", pl.Series(np.sort(manifest_ids)))
    return pl.DataFrame([tuple(line) for line in lines], LINE, orient="row").select(LINES)


def seen_of(rows: Iterable[bytes]) -> Seen:
    """Rows of sql/sightings.sql; no goods."""
    found = np.frombuffer(b"".join(rows), ROW)
    lanes, sightings = found[found["of_lane"]], found[~found["of_lane"]]
    by_lane = dict(zip(lanes[SUBJECTS[0]].tolist(), lanes[SUBJECTS[1]].tolist(), strict=True))
    if not len(sightings):
        return Seen(lanes=by_lane)
    columns = {name: sightings[name].astype(kind) for name, kind in SIGHTINGS.items()}
    at_ms = sightings["at_ms"].astype(np.int64) // 1000 + EPOCH_MS
    return Seen({**columns, "at_ms": at_ms}, lanes=by_lane)


def sighting_frames(heads: pl.DataFrame, seen: Mapping[int, int], after: Mapping[int, LaneState]) -> Frames:
    """Rows of sighting and sighting_read; `heads` are numbered and counted."""
    if not len(heads):
        return {}
    batch = {lane: state.batch_seq for lane, state in after.items()}
    first = min(batch)
    read = heads.select(
        pl.lit(first, pl.Int16).alias("lane"), pl.lit(batch[first], pl.Int64).alias("batch_seq"), LATEST,
        pl.lit(json.dumps(batch)).alias("batch"), pl.lit(json.dumps(dict(seen))).alias("seen"),
    )  # fmt: skip
    return {"sighting": heads.select(ROWS), "sighting_read": read}
