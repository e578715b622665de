"""The one transaction of a batch, and what a batch reads before it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import asyncpg
import polars as pl

from pipeline.accounts import LEDGERS, Ledger
from pipeline.attempts import Past
from pipeline.claims import Claims
from pipeline.guarantees import STANDING
from pipeline.ledgers import USES, Balances
from pipeline.stock import STANDING as STOCK
from sinks.arrays import take_columns
from sinks.batch import ARRIVED, DECIDED, REVISED, Batch, Deciding, Drawing, Revision
from sinks.claims import Taking
from sinks.copy import copy_all
from sinks.errors import Contended, Fenced, Unavailable
from sinks.guarantees import freeze
from sinks.named_sql import sql
from sinks.stock import Scarce, draw
from sinks.stored import StoredDocuments

REPEATABLE = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
    asyncpg.LockNotAvailableError,
)
AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, TimeoutError)  # fmt: skip
# the last two: the session's end has arrived in part, as between two steps of a COPY; a statement took longer than it may
LOST = (*AWAY, asyncpg.InternalClientError, asyncpg.QueryCanceledError)
MANIFESTS = {
    "order_hash": pl.Int64, "ebp_code": pl.String, "order_no": pl.String, "attempt": pl.Int16,
    "outcome": pl.String, "fault_kinds": pl.Int16,
    "order_partition": pl.Int16, "order_offset": pl.Int64, "order_digest": pl.Binary,
    "payment_partition": pl.Int16, "payment_offset": pl.Int64, "payment_digest": pl.Binary,
    "waybill_partition": pl.Int16, "waybill_offset": pl.Int64, "waybill_digest": pl.Binary,
}  # fmt: skip
# Thousands of keys at once look like a reason to read whole tables, which hold three years.
PLANNING = {"enable_seqscan": "off", "jit": "off"}
# On any server: a session that hangs holds locks, and keeps vacuum from what was deleted since.
LIMITS = {"statement_timeout": "30s", "idle_in_transaction_session_timeout": "30s"}
FATES = {"kind": pl.Int16, "partition": pl.Int16, "kafka_offset": pl.Int64, "order_hash": pl.Int64}
NO_ORDERS = pl.Series(dtype=pl.Int64)
NO_ITEMS = pl.Series(dtype=pl.String)
STEPS = Callable[[str], Awaitable[None]]
SOON_BATCHES = 100  # stock that so many batches like this one would exhaust is read, and what is low (0007): else its end costs a repeat
MOST_REPEATS = 12  # of claims inside one transaction; from the first on the accounts are locked, so numbers alone can fail


@dataclass(frozen=True, slots=True)
class Stored:
    """`past`: manifests and fates of the documents' order numbers."""

    documents: StoredDocuments
    past: Past


async def _no_step(_name: str) -> None:
    return None


class Store:
    """A connection that only this worker's batches use. `step` is awaited at named points (tests hold it there)."""

    def __init__(self, dsn: str, step: STEPS = _no_step) -> None:
        self._dsn = dsn
        self._step = step
        self._connection: asyncpg.Connection | None = None
        self._scarce: set[str] = set()  # items of stock that once did not admit a batch: they are read
        self._unopened: set[str] = set()  # and some that turned out to have no account yet
        self._inside = False  # a transaction is under way: nothing may go over another connection

    async def connection(self) -> asyncpg.Connection:
        """The open connection; Unavailable when PostgreSQL cannot be reached."""
        if self._connection is None or self._connection.is_closed():
            if self._inside:
                raise Unavailable("PostgreSQL: the connection was lost inside a transaction")
            try:
                connection: asyncpg.Connection = await asyncpg.connect(
                    self._dsn, timeout=10, command_timeout=60, server_settings=PLANNING | LIMITS
                )
                take_columns(connection)
                self._connection = connection
            except AWAY as e:
                raise Unavailable(f"PostgreSQL: {type(e).__name__}") from e
        return self._connection

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(*AWAY):
                await self._connection.close(timeout=5)

    async def fetch(self, name: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows of a named query; Unavailable when the connection is lost."""
        connection = await self.connection()
        try:
            return await connection.fetch(sql(name), *arguments)
        except LOST as e:
            raise _unavailable(connection, e) from e

    async def look_up(
        self,
        hashes: pl.Series,
        at_hand: Mapping[int, int] | None = None,
        settled: pl.Series = NO_ORDERS,
        with_past: pl.Series = NO_ORDERS,
    ) -> Stored:
        """What is stored under these order numbers (order_hash). An order without documents has no past either.

        `at_hand`: lane → batch_seq from which on its documents are known to the caller and not read again, but for
        those of the order numbers `settled`; `with_past`: order numbers at hand, whose past is looked up too.
        """
        at_hand = at_hand or {}
        lanes, seqs = list(at_hand), list(at_hand.values())
        rows = await self.fetch("documents_of_orders", hashes, lanes, seqs, settled) if len(hashes) else []
        documents = StoredDocuments.of(row[0] for row in rows)
        known = pl.concat([documents.column("order_hash"), with_past]).unique().sort()
        manifests = await self.fetch("manifests_of_orders", known) if len(known) else []
        fates = await self.fetch("fates_of_orders", known) if len(known) else []
        return Stored(documents, Past(_frame(manifests, MANIFESTS), _frame(fates, FATES)))

    async def balances(self, claims: Claims) -> Balances:
        """Balances and number uses the claims need, read without locks (the fast path); no ledger that is not asked."""
        if not len(claims.numbers):
            return Balances({}, _frame([], USES))
        guarantors = claims.guarantees["guarantor_code"].unique()
        standing = await self.fetch("guarantee_accounts", guarantors) if len(guarantors) else []
        accounts = {ledger: await self._accounts(ledger, asked) for ledger, asked in claims.amounts.items()}
        return Balances(accounts, await self._uses(claims), _frame(standing, STANDING), await self._stock(claims.stock))

    async def _stock(self, asked: pl.DataFrame) -> pl.DataFrame:
        """Of stock what could be exhausted soon; of all else nobody asks how it stands."""
        if not len(asked):
            return _frame([], STOCK)
        together = asked.group_by("book_item").agg(pl.col("amount_e5").sum(), pl.col("entered_e5").min()).sort("book_item")
        near = pl.col("amount_e5") * SOON_BATCHES > pl.col("entered_e5")
        if self._scarce:
            near |= pl.col("book_item").is_in(self._scarce)
        items = together.filter(near)["book_item"]
        return await self.stock_of(items, together["book_item"])

    async def stock_of(self, book_items: pl.Series, if_low: pl.Series = NO_ITEMS) -> pl.DataFrame:
        """How these items of stock stand (stock.STANDING), and of `if_low` those that are low."""
        return _frame(await self.fetch("stock_accounts", book_items, if_low), STOCK)

    async def _accounts(self, ledger: Ledger, asked: pl.DataFrame) -> pl.DataFrame:
        # keys come in their order, as the index has them; few come twice, and PostgreSQL passes over those
        first, *others = ledger.key
        rows = await self.fetch(f"{ledger.name}_accounts", asked[first], *(asked[column].unique() for column in others))
        return _frame(rows, ledger.standing)

    async def _uses(self, claims: Claims) -> pl.DataFrame:
        numbers = pl.concat([claims.numbers["number_p"], claims.numbers["number_w"]]).sort()
        return _frame(await self.fetch("number_uses", numbers), USES)

    async def commit(self, batch: Batch, deciding: Deciding) -> int:
        """Commit a batch, deciding it on the way; how often its claims had to be decided again.

        What came is written first. Claims are decided on unlocked reads and made; should one not be granted any more,
        they are decided again, under the locks that making them took. Only then is the rest worked out and written: it
        is the dearest part, and right the first time. Contended: repeat from the reads; Fenced: exit; Unavailable: wait
        and repeat.
        """
        repeats = 0

        async def work() -> None:
            nonlocal repeats
            connection = await self.connection()
            await copy_all(connection, batch.arrived, ARRIVED)
            await self._step("arrived-written")
            taking = Taking(connection, await self.balances(deciding.claims))
            while (moved := await taking.take(*deciding.post(taking.balances))) is None:
                repeats += 1
                if repeats > MOST_REPEATS:
                    raise Contended("claims")
                taking.balances = replace(taking.balances, uses=await self._uses(deciding.claims))
            await copy_all(connection, deciding.conclude(moved), DECIDED)
            await self._step("rows-written")
            await self._draw(connection, deciding.drawing(), batch)
            await freeze(connection, deciding.freezing(), batch.after)

        await self._transaction(batch, work)
        return repeats

    async def revise(self, batch: Batch, revision: Revision) -> None:
        """Commit a batch that releases or rejects what was held. Contended: it does not fit any more, or the lanes' owner has
        to look anew; Fenced and Unavailable as for `commit`."""

        async def work() -> None:
            connection = await self.connection()
            whose = revision.person_keys, revision.manifest_ids
            for ledger in LEDGERS:
                await connection.execute(sql(f"{ledger.name}_reserved_lock"), *whose)
                await connection.execute(sql(f"{ledger.name}_reserved_move"), *whose, revision.movement)
            await copy_all(connection, revision.frames, REVISED)
            waited = await connection.fetchval(sql("held_remove"), revision.manifest_ids)
            if revision.movement == "confirm" and waited != len(revision.manifest_ids):  # what is rejected may be held for another reason
                raise Contended("held")
            if len(revision.moved):
                await connection.execute(sql("held_move"), *revision.moved.get_columns())
            await self._step("revised")
            await self._draw(connection, revision.drawing, batch)
            await freeze(connection, revision.freezing, batch.after)

        await self._transaction(batch, work)

    async def _draw(self, connection: asyncpg.Connection, drawing: Drawing, batch: Batch) -> None:
        if self._unopened:
            drawing = replace(drawing, filed=[*drawing.filed, *self._unopened])
        await draw(connection, drawing, batch.after)
        self._unopened.clear()

    async def _transaction(self, batch: Batch, work: Callable[[], Awaitable[None]]) -> None:
        connection = await self.connection()
        transaction = connection.transaction()
        self._inside = True
        try:
            await transaction.start()
            await self._advance_lanes(connection, batch)
            await self._step("lanes-advanced")
            await self._hold_registry(connection, batch)
            await work()
            await self._step("before-commit")
        except BaseException as e:
            with suppress(*LOST):
                await transaction.rollback()
            if isinstance(e, Scarce):
                self._scarce.update(e.book_items)
                self._unopened.update(e.unopened)
            if isinstance(e, REPEATABLE):
                raise Contended(type(e).__name__) from e
            if isinstance(e, LOST):
                raise _unavailable(connection, e) from e
            raise
        finally:
            self._inside = False
        try:
            await transaction.commit()
            await self._step("committed")
        except AWAY as e:
            await self._ask_whether_committed(batch, e)

    async def _advance_lanes(self, connection: asyncpg.Connection, batch: Batch) -> None:
        before, after = batch.before, batch.after
        status = await connection.execute(
            sql("lanes_advance"),
            [s.lane for s in before],
            [s.epoch for s in before],
            [s.batch_seq for s in before],
            [s.record_time for s in after],
            [s.swept_incomplete for s in after],
            [s.swept_closed for s in after],
            [s.worked[0] if s.worked else 0 for s in after],
        )
        if _count(status) != len(before):
            raise Fenced(f"{len(before) - _count(status)} of {len(before)} lanes are not mine any more")
        if batch.moves:
            places, moves = list(batch.moves), list(batch.moves.values())
            status = await connection.execute(
                sql("consumed_advance"),
                [t for t, _ in places],
                [p for _, p in places],
                [expected for expected, _ in moves],
                [following for _, following in moves],
            )
            if _count(status) != len(places):
                raise Fenced("a topic-partition of the batch is not where this worker left it")

    async def _hold_registry(self, connection: asyncpg.Connection, batch: Batch) -> None:
        """Contended unless registry and rule set are still those the batch was judged by; they stay so until the commit."""
        if "registry_entry" in batch.arrived or "rule_event" in batch.arrived:
            stands = _count(await connection.execute(sql("registry_advance"), batch.registry_version)) == 1
        else:
            await connection.execute(sql("registry_hold"))
            stands = await connection.fetchval(sql("registry_version")) == batch.registry_version
        if not stands:
            raise Contended("registry")
        await self._step("registry-held")

    async def _ask_whether_committed(self, batch: Batch, cause: BaseException) -> None:
        """The answer to COMMIT was lost: the lanes themselves say what became of it, as soon as anybody answers."""
        while True:
            try:
                rows = await self.fetch("lanes_read", [s.lane for s in batch.before])
                break
            except Unavailable:
                await backoff(8, 1.0)
        now = {r["lane"]: (r["epoch"], r["batch_seq"]) for r in rows}
        if now == {s.lane: (s.epoch, s.batch_seq) for s in batch.after}:
            return
        if now == {s.lane: (s.epoch, s.batch_seq) for s in batch.before}:
            raise Contended("the commit did not take place") from cause
        raise Fenced("the lanes moved on while the commit was unanswered") from cause


def _unavailable(connection: asyncpg.Connection, e: BaseException) -> Unavailable:
    """What a session that was lost means; nothing more comes over one whose end has arrived in part."""
    if isinstance(e, asyncpg.InternalClientError):
        connection.terminate()
    return Unavailable(f"PostgreSQL: {type(e).__name__}")


def _frame(rows: Sequence[asyncpg.Record], schema: dict[str, Any]) -> pl.DataFrame:
    if not rows:
        return _nothing(tuple(schema.items()))
    # column by column is dearer unless there are hundreds of rows
    return pl.DataFrame(list(map(tuple, rows)), schema=schema, orient="row")


@cache  # most of what is asked has no rows
def _nothing(columns: tuple[tuple[str, Any], ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(columns))


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[1])


async def backoff(attempt: int, jitter: float) -> None:
    """Wait before repeat `attempt` (0, 1, …): 10 ms doubling to at most 2 s, times `jitter` in [0.5, 1.5)."""
    await asyncio.sleep(min(2.0, 0.01 * 2**attempt) * jitter)
