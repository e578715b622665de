"""Tables by time: partitions are made ahead of the clock, and dropped once nobody asks for what is in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

AHEAD = 3  # months or days


@dataclass(frozen=True, slots=True)
class Timed:
    """`column`: by which it is divided; `blobs`: stored as they are, and in their row as long as it fits a page; `kept`: for how long
    after its end a partition stands (None: until somebody drops it)."""

    table: str
    column: str
    daily: bool
    blobs: tuple[str, ...] = ()
    kept: timedelta | None = None

    def periods(self, now: datetime) -> Iterator[tuple[date, date]]:
        """First day and the day after the last, from the present period on."""
        day = now.astimezone(UTC).date()
        first = day if self.daily else day.replace(day=1)
        for _ in range(AHEAD):
            end = first + timedelta(days=1) if self.daily else (first + timedelta(days=32)).replace(day=1)
            yield first, end
            first = end

    @property
    def form(self) -> str:
        """Of the day in a partition's name."""
        return "%Y%m%d" if self.daily else "%Y%m"

    def name(self, first: date) -> str:
        return f"{self.table}_{first.strftime(self.form)}"

    def end(self, name: str) -> date | None:
        """The day after the last of a partition, which its name tells; None of the one for the rest."""
        digits = name.removeprefix(f"{self.table}_")
        if not digits.isdigit():
            return None
        return next(self.periods(datetime.strptime(digits, self.form).replace(tzinfo=UTC)))[1]


COUNTED = timedelta(days=40)  # the longest window has 30 days, and one more is read
TABLES = (
    Timed("order_documents", "log_time", daily=False, blobs=("order_value", "payment_value", "waybill_value")),
    Timed("sighting", "accepted_at", daily=False, kept=COUNTED),
    Timed("sighting_read", "accepted_at", daily=False, kept=COUNTED),
    Timed("outbox", "created_at", daily=True, blobs=("messages",), kept=timedelta(days=7)),
)


async def ensure_partitions(connection: asyncpg.Connection, now: datetime) -> list[str]:
    """Those of the present and the coming periods that are missing; each in a transaction of its own. What came while one was missing
    lies in the table for the rest, and is moved."""
    made: list[str] = []
    for timed in TABLES:
        for first, end in timed.periods(now):
            if await connection.fetchval("SELECT to_regclass($1)", timed.name(first)) is None:
                async with connection.transaction():
                    await _make(connection, timed, first, end)
                made.append(timed.name(first))
    return made


async def _make(connection: asyncpg.Connection, timed: Timed, first: date, end: date) -> None:
    name, rest = timed.name(first), f"{timed.table}_rest"
    within = f"{timed.column} >= '{first} 00:00+00' AND {timed.column} < '{end} 00:00+00'"
    await connection.execute(f"LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE")
    await connection.execute(f"CREATE TABLE {name} (LIKE {timed.table} INCLUDING ALL)")
    if timed.blobs:
        await connection.execute(f"ALTER TABLE {name} SET (toast_tuple_target = 8160)")
    for blob in timed.blobs:
        await connection.execute(f"ALTER TABLE {name} ALTER COLUMN {blob} SET STORAGE EXTERNAL")
    await connection.execute(f"WITH moved AS (DELETE FROM {rest} WHERE {within} RETURNING *) INSERT INTO {name} SELECT * FROM moved")
    await connection.execute(f"ALTER TABLE {timed.table} ATTACH PARTITION {name} FOR VALUES FROM ('{first} 00:00+00') TO ('{end} 00:00+00')")


async def drop_expired(connection: asyncpg.Connection, now: datetime) -> list[str]:
    """Drop the partitions whose time is over, each in a transaction of its own: by the clock, and by that of the lane that is furthest
    behind, which still counts what it has not decided yet. Nothing goes that was not published."""
    behind = await connection.fetchval("SELECT min(record_time) FROM lane")
    dropped: list[str] = []
    for timed in TABLES:
        if timed.kept is None or behind is None:
            continue
        until = (min(now, behind) - timed.kept).astimezone(UTC).date()
        for (name,) in await connection.fetch("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass ORDER BY 1", timed.table):
            end = timed.end(name)
            if end is not None and end <= until and await _drop(connection, timed, name, end):
                dropped.append(name)
    return dropped


async def _drop(connection: asyncpg.Connection, timed: Timed, name: str, end: date) -> bool:
    async with connection.transaction():
        if timed.table == "outbox" and await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM {name} JOIN lane USING (lane) WHERE {name}.batch_seq > published_seq)"
        ):
            return False
        await connection.execute(f"DROP TABLE {name}")
        await connection.execute(
            "INSERT INTO dropped VALUES ($1, $2) ON CONFLICT (table_name) DO UPDATE SET before = greatest(dropped.before, excluded.before)",
            timed.table, datetime(end.year, end.month, end.day, tzinfo=UTC),
        )  # fmt: skip
    return True
