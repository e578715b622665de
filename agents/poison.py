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
WINDOW, SHARE_LIMIT = 10_000, 0.20  # that share of the last records, or more
UNDECODABLE = ("DL-01", "DL-02")  # a wrong key or a missing identity is the sender's business, not a broken stream

ROWS = {
    "topic": pl.String, "partition": pl.Int16, "kafka_offset": pl.Int64, "log_time": MILLISECONDS,
    "record_key": pl.Binary, "record_value": pl.Binary, "headers": pl.String, "code": pl.String, "reason": pl.String,
    "message": pl.Binary,
}  # fmt: skip
NO_ROWS = pl.DataFrame(schema=ROWS)


@dataclass(slots=True)
class PoisonWatch:
    """How much of one topic-partition could not be decoded lately, record by record, however they were batched."""

    seen: int = 0
    run: int = 0
    bad: deque[int] = field(default_factory=lambda: deque[int]())  # numbers of those among the last WINDOW

    def limit_passed(self, count: int, bad_positions: Sequence[int]) -> str | None:
        """Count a batch of `count` records with the undecodable ones at sorted positions; why to pause, or None."""
        first = WINDOW - self.seen
        if 0 < first < count:  # from then on there is a share: look there, and not only at bad records
            early = self.limit_passed(first, [p for p in bad_positions if p < first])
            return early or self.limit_passed(count - first, [p - first for p in bad_positions if p >= first])
        why: str | None = None
        for position in bad_positions:
            number = self.seen + position
            self.run = self.run + 1 if self.bad and self.bad[-1] == number - 1 else 1
            self.bad.append(number)
            why = why or self._passed(number + 1)
        self.seen += count
        if not self.bad or self.bad[-1] != self.seen - 1:
            self.run = 0
        return why or self._passed(self.seen)

    def _passed(self, seen: int) -> str | None:
        """After the first `seen` records."""
        while self.bad and self.bad[0] < seen - WINDOW:
            self.bad.popleft()
        if self.run >= RUN_LIMIT:
            return f"{self.run} undecodable records in a row"
        if seen >= WINDOW and len(self.bad) >= SHARE_LIMIT * WINDOW:
            return f"{len(self.bad)} of the last {WINDOW} records undecodable"
        return None


def dead_letter_rows(dead: Sequence[DeadLetter]) -> pl.DataFrame:
    """ROWS: as the table keeps them, by place, with the encoded dead letter to publish."""
    if not dead:
        return NO_ROWS
    dead = sorted(dead, key=lambda d: (d.record.topic, d.record.partition, d.record.offset))
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
    return pl.DataFrame(rows, schema=ROWS, orient="row")
