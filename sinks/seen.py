"""What is stored of the persons, phones and addresses of a batch, and up to where every lane was counted."""

import json
from collections.abc import Iterable, Mapping
from operator import itemgetter

import numpy as np
import polars as pl

from pipeline.sightings import LEFT, SIGHTINGS, SUBJECTS, Seen, asked
from sinks.batch import Frames, LaneState
from sinks.store import Store

# Rows of sql/sightings.sql, in network order: the time in microseconds since 2000. Of a lane its number and that of its last
# batch stand in the first two places.
ROW = np.dtype([("of_lane", "?"), *((name, "?" if name in LEFT else ">i8") for name in SIGHTINGS)])
EPOCH_MS = 946_684_800_000  # 2000-01-01, where PostgreSQL's times begin
ROWS = [
    pl.col("manifest_id", "accepted_at", "order_hash", *LEFT),
    *(pl.col(f"{subject}_hash").alias(subject) for subject in SUBJECTS),
]
LATEST = pl.col("accepted_at").max()
FIRST = itemgetter(0)


async def read_seen(store: Store, heads: pl.DataFrame) -> Seen:
    """What the manifests of a batch (with sightings.HASHES) are counted on: one statement, so one moment."""
    if not len(heads):
        return Seen()
    wanted = asked(heads)
    subjects = map(pl.Series, wanted.subjects.values())
    return seen_of(map(FIRST, await store.fetch("sightings", *subjects, wanted.since, wanted.until)))


def seen_of(rows: Iterable[bytes]) -> Seen:
    """Rows of sql/sightings.sql."""
    found = np.frombuffer(b"".join(rows), ROW)
    lanes, sightings = found[found["of_lane"]], found[~found["of_lane"]]
    by_lane = dict(zip(lanes[SUBJECTS[0]].tolist(), lanes[SUBJECTS[1]].tolist(), strict=True))
    if not len(sightings):
        return Seen(lanes=by_lane)
    columns = {name: sightings[name].astype(kind) for name, kind in SIGHTINGS.items()}
    at_ms = sightings["at_ms"].astype(np.int64) // 1000 + EPOCH_MS
    return Seen({**columns, "at_ms": at_ms}, by_lane)


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
