"""Dead letters: rows for the store, and the limits that pause a topic-partition."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from agents.reading import DeadLetter
from pipeline.documents import MILLISECONDS
from schemas.codec import encode

RUN_LIMIT = 1_000  # undecodable records in a row
WINDOW, SHARE_LIMIT = 10_000, 0.20  # share of the last records
UNDECODABLE = ("DL-01", "DL-02")  # a wrong key or a missing identity is the sender's business, not a broken stream

ROWS = {
    "topic": pl.String, "partition": pl.Int16, "kafka_offset": pl.Int64, "log_time": MILLISECONDS,
    "record_key": pl.Binary, "record_value": pl.Binary, "headers": pl.String, "code": pl.String, "reason": pl.String,
    "message": pl.Binary,
}  # fmt: skip


@dataclass(slots=True)
class PoisonWatch:
    """How much of one topic-partition could not be decoded lately."""

    run: int = 0
    recent: deque[tuple[int, int]] = field(default_factory=lambda: deque[tuple[int, int]]())  # (records, bad)

    def limit_passed(self, count: int, bad_positions: Sequence[int]) -> str | None:
        """Count a batch of `count` records with the undecodable ones at sorted positions; why to pause, or None."""
        longest = self._longest_run(count, bad_positions)
        self.recent.append((count, len(bad_positions)))
        while len(self.recent) > 1 and sum(c for c, _ in self.recent) - self.recent[0][0] >= WINDOW:
            self.recent.popleft()
        seen, bad = (sum(column) for column in zip(*self.recent, strict=True))
        if longest >= RUN_LIMIT:
            return f"{longest} undecodable records in a row"
        if seen >= WINDOW and bad > SHARE_LIMIT * seen:
            return f"{bad} of the last {seen} records undecodable"
        return None

    def _longest_run(self, count: int, bad_positions: Sequence[int]) -> int:
        bad = set(bad_positions)
        if not bad:
            self.run = 0
            return 0
        longest = self.run
        for position in range(count):
            self.run = self.run + 1 if position in bad else 0
            longest = max(longest, self.run)
        return longest


def dead_letter_rows(dead: Sequence[DeadLetter]) -> pl.DataFrame:
    """ROWS: as the table keeps them, with the encoded dead letter to publish."""
    if not dead:
        return pl.DataFrame(schema=ROWS)
    records = [d.record for d in dead]
    headers: list[list[tuple[str, bytes | None]]] = [list(r.headers) for r in records]  # Kafka allows no value at all
    messages = [
        encode("dead-letter-1", {
            "topic": r.topic, "partition": r.partition, "offset": r.offset,
            "logTime": datetime.fromtimestamp(r.timestamp / 1000, UTC), "key": r.key, "value": r.value,
            "headers": [{"name": name, "value": value} for name, value in h], "code": d.code, "reason": d.reason,
        })
        for d, r, h in zip(dead, records, headers, strict=True)
    ]  # fmt: skip
    rows = [
        (r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, json.dumps([[name, None if value is None else value.hex()] for name, value in h]), d.code, d.reason, m)
        for d, r, h, m in zip(dead, records, headers, messages, strict=True)
    ]
    frame = pl.DataFrame(rows, schema={**ROWS, "log_time": pl.Int64}, orient="row")
    return frame.with_columns(pl.col("log_time").cast(MILLISECONDS)).sort("topic", "partition", "kafka_offset")
