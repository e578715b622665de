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
REPEATED = 900_000  # most bytes of key (twice), value and headers that a message repeats: a broker takes a message of 1 MiB
HEADER = 3  # bytes at least of a header beside its name and value
NOT_REPEATED = "; too large to be repeated in a message"
UNDECODABLE = ("DL-01", "DL-02")  # a wrong key or a missing identity is the sender's business, not a broken stream

ROWS = {
    "topic": pl.String, "partition": pl.Int16, "kafka_offset": pl.Int64, "log_time": MILLISECONDS,
    "record_key": pl.Binary, "record_value": pl.Binary, "headers": pl.String, "code": pl.String, "reason": pl.String,
    "message": pl.Binary, "message_key": pl.Binary,
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
    """ROWS: as the table keeps them, by place, with the encoded dead letter to publish and its key. What no broker would take
    again as it is (it can have come compressed) stands in the table alone, and the reason says so."""
    dead = sorted(dead, key=lambda d: (d.record.topic, d.record.partition, d.record.offset))
    return pl.DataFrame([_row(d) for d in dead], schema=ROWS, orient="row") if dead else NO_ROWS


def _row(dead: DeadLetter) -> tuple[object, ...]:
    r = dead.record
    headers: list[tuple[str, bytes | None]] = list(r.headers)  # Kafka allows no value at all
    size = 2 * len(r.key or b"") + len(r.value or b"") + sum(HEADER + len(name.encode()) + len(value or b"") for name, value in headers)
    key, value, repeated, reason = r.key, r.value, headers, dead.reason
    if size > REPEATED:
        key, value, repeated, reason = None, None, [], dead.reason + NOT_REPEATED
    message = encode("dead-letter-1", {
        "topic": r.topic, "partition": r.partition, "offset": r.offset, "logTime": datetime.fromtimestamp(r.timestamp / 1000, UTC),
        "key": key, "value": value, "headers": [{"name": name, "value": value} for name, value in repeated], "code": dead.code, "reason": reason,
    })  # fmt: skip
    kept = json.dumps([[name, None if value is None else value.hex()] for name, value in headers])
    return r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, kept, dead.code, reason, message, key or b""
