"""What is stored of the persons, phones and addresses of a batch, and up to where every lane was counted."""

import json
from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl

from pipeline.sightings import LEFT, SIGHTINGS, SUBJECTS, Seen, asked
from sinks.batch import Frames, LaneState
from sinks.store import Store

# Rows of sql/sightings.sql, in network order: the time in microseconds since 2000.
LANE = np.dtype([("lane", ">i2"), ("batch_seq", ">i8")])
ROW = np.dtype([(name, "?" if name in LEFT else ">i8") for name in SIGHTINGS])
EPOCH_MS = 946_684_800_000  # 2000-01-01, where PostgreSQL's times begin
ROWS = [
    pl.col("manifest_id", "accepted_at", "order_hash", *LEFT),
    *(pl.col(f"{subject}_hash").alias(subject) for subject in SUBJECTS),
]


async def read_seen(store: Store, heads: pl.DataFrame) -> Seen:
    """What the manifests of a batch (with sightings.HASHES) are counted on: one statement, so one moment."""
    if not len(heads):
        return Seen()
    wanted = asked(heads)
    rows = await store.fetch("sightings", *wanted.subjects.values(), wanted.since, wanted.until)
    return seen_of(row[0] for row in rows)


def seen_of(rows: Iterable[bytes]) -> Seen:
    """Rows of sql/sightings.sql."""
    lanes: list[bytes] = []
    sightings: list[bytes] = []
    for row in rows:
        (lanes if len(row) == LANE.itemsize else sightings).append(row)
    reached = np.frombuffer(b"".join(lanes), LANE)
    found = np.frombuffer(b"".join(sightings), ROW)
    columns = {name: found[name].astype(found.dtype[name].newbyteorder("=")) for name in SIGHTINGS}
    columns["at_ms"] = columns["at_ms"] // 1000 + EPOCH_MS
    by_lane = dict(zip(reached["lane"].tolist(), reached["batch_seq"].tolist(), strict=True))
    return Seen(pl.DataFrame(columns, SIGHTINGS), by_lane) if len(found) else Seen(lanes=by_lane)


def sighting_frames(heads: pl.DataFrame, seen: Mapping[int, int], after: Mapping[int, LaneState]) -> Frames:
    """Rows of sighting and sighting_read; `heads` are numbered and counted, in the order of one of the indexes."""
    if not len(heads):
        return {}
    batch = {lane: state.batch_seq for lane, state in after.items()}
    first = min(batch)
    row = (first, batch[first], heads["accepted_at"].max(), json.dumps(batch), json.dumps(dict(seen)))
    schema = {
        "lane": pl.Int16, "batch_seq": pl.Int64, "accepted_at": heads.schema["accepted_at"],
        "batch": pl.String, "seen": pl.String,
    }  # fmt: skip
    return {"sighting": heads.select(ROWS).sort("person"), "sighting_read": pl.DataFrame([row], schema, orient="row")}
