"""Evidence of a small set played through the real core in memory: the tables and topics it would leave behind."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from agents.buffers import LaneRecords
from agents.filings import NO_FILINGS, Filed, counts, read_filings, take
from agents.look_again import as_lanes
from agents.poison import dead_letter_rows
from agents.reading import Read
from agents.records import Records
from agents.rule_sets import NO_EVENTS
from loadtest.generate import GeneratedSet, Planned, profile
from loadtest.generate.filings import events, filings, odd_events
from loadtest.verify import Evidence, evidence
from loadtest.verify.evidence import Lane, Message, Place, Record, Tables
from loadtest.verify.postgres import SOURCES
from pipeline.accounts import LEDGERS, QUOTA, WEIGHT, Ledger
from pipeline.documents import KINDS
from pipeline.flow import Decided
from pipeline.registry import Registry
from schemas.contracts import PARTITIONS, topic_name, topics
from schemas.filings import Filing, written
from sinks.batch import Drawing, Freezing, LaneState
from sinks.guarantees import freezing
from sinks.messages import unpack
from sinks.prepare import Arrived, arrived_frames, decided_frames, numbered_heads, placed
from sinks.rows import number_uses
from sinks.seen import sighting_frames
from sinks.stock import COUNTED, drawing
from tests.pipeline.memory import BASE_MS, MemoryStore, Rec, as_records, refiled, registry

SWEPT_SECONDS = 700
REGISTRY = topic_name("registry")


class Unfiled:
    """A store where nothing is filed yet."""

    async def fetch(self, _name: str, *_arguments: Any) -> list[Any]:
        return []


@cache
def sent() -> list[Rec]:
    """What the small market files, odd events too."""
    return [Rec(REGISTRY, 0, n, BASE_MS - 1, e.key, e.value) for n, e in enumerate([*events("small"), *odd_events("small")])]


def sent_with(changed: Sequence[Filing]) -> list[Rec]:
    """That, and after it some more filings."""
    return [*sent(), *(Rec(REGISTRY, 0, len(sent()) + n, BASE_MS - 1, f.key.encode(), written(f)) for n, f in enumerate(changed))]


def filed(records: Sequence[Rec], version: int = 1) -> Filed:
    """What a batch takes of them, of whose entries nothing is filed."""
    came = read_filings({0: LaneRecords({REGISTRY: Records.of(records)}, {}, {}, BASE_MS)})
    return asyncio.run(take(came, version, Unfiled()))  # type: ignore[arg-type]


@cache
def usually_filed() -> Filed:
    """What it takes of those of the small market alone; the same for every such play."""
    return filed(sent())


class Play:
    """Batches of all lanes at once through the core; keeps every row and every message. `changed`: filed besides what the market
    filed, in the same batch."""

    def __init__(self, changed: Sequence[Filing] = ()) -> None:
        self.store = MemoryStore(registry=refiled(registry(version=1), changed, version=1) if changed else registry(version=1))
        self.sent = sent_with(changed)
        self.lanes = {n: LaneState(n, 1, 0, None, None, None) for n in range(PARTITIONS)}
        self.store.lanes.update(dict.fromkeys(self.lanes, 0))
        self.tables = Tables()
        self.outputs: list[Message] = []
        self._reports = self.store.open().clear().with_columns(code=pl.lit("DOC-09"))
        self._left: set[int] = set()  # order numbers to look at again, whose lanes had no batch yet
        self._file(filed(self.sent) if changed else usually_filed())

    def _file(self, taken: Filed) -> None:
        """The first batch of lane 0 brings the registry."""
        read, decided = self.store.begin([])
        read.dead.extend(taken.dead)
        for row in counts(taken, Registry()).iter_rows(named=True):
            item, counted, entered, offset = (row[c] for c in COUNTED)
            self.tables.stock_counts.append(
                evidence.StockCountRow(item, 1, offset, counted, entered, 0, counted - entered, counted - entered, 0, 1)
            )
        self.commit(read, decided, {0: self.lanes[0].advanced(_time(BASE_MS), None, None)}, {}, filings=taken.rows)
        self.store.dead.clear()  # of registry events nobody asks what became of them

    def batch(self, records: Sequence[Rec], reports: pl.DataFrame | None = None, lanes: Sequence[int] = range(PARTITIONS)) -> None:
        """Commit one batch of these lanes; `reports`: open orders to report with it."""
        again = self._lanes_of(self.store.again | self._left, lanes)
        self._left = (self.store.again | self._left) - again.keys()
        read, decided = self.store.begin(records, again)
        clock = max((r.timestamp for r in records), default=0)
        after = {n: self.lanes[n].advanced(_time(clock), None, None) for n in lanes}
        due = self._reports if reports is None else reports
        self.commit(read, decided, after, again | lane_of(read) | self._lanes_of(due["order_hash"].to_list(), lanes), due)

    def file(self, changed: Sequence[Filing]) -> None:
        """Commit a batch of lane 0 alone that takes these filings; none of them may be of stock."""
        version, first = self.store.registry.version + 1, len(self.sent)
        came = [Rec(REGISTRY, 0, first + n, BASE_MS, f.key.encode(), written(f)) for n, f in enumerate(changed)]
        self.sent = [*self.sent, *came]
        self._left |= self.store.again
        read, decided = self.store.begin([])
        self.commit(read, decided, {0: self.lanes[0].advanced(None, None, None)}, {}, filings=filed(came, version).rows)
        self.store.registry = refiled(self.store.registry, changed, version)

    def _lanes_of(self, hashes: Iterable[int], lanes: Sequence[int]) -> dict[int, int]:
        """order_hash → the lowest of these lanes that its documents came by, of those that came by one."""
        came_by = {h: {row["partition"] for row in self.store.stored[h]}.intersection(lanes) for h in hashes}
        return {h: min(some) for h, some in came_by.items() if some}

    def commit(
        self, read: Read, decided: Decided, after: Mapping[int, LaneState], lane_by: Mapping[int, int],
        reports: pl.DataFrame | None = None, filings: pl.DataFrame = NO_FILINGS,
    ) -> None:  # fmt: skip
        """Keep a batch that was begun. `after`: its lanes as it leaves them; `lane_by`: who decides, by order_hash;
        `filings`: what it takes from the registry topic."""
        self.store.keep(read, decided)
        self.lanes.update(after)
        statuses = {entry["code"]: entry["status"] for entry in self.store.lawbook.rules["document"]}
        deciding = as_lanes(lane_by)
        due = placed(self._reports if reports is None else reports, deciding, after)
        arrived = Arrived(read.tables, due, dead_letter_rows(read.dead), filings, NO_EVENTS)
        heads = numbered_heads(decided.heads, deciding, after)
        decided = replace(decided, heads=heads, fates=placed(decided.fates, deciding, after))
        self._freeze(freezing(decided.posted.frozen, heads["manifest_id"]), min(after), after[min(after)].batch_seq)
        self._draw(drawing(decided.posted.drawn, heads["manifest_id"]), min(after), after[min(after)].batch_seq)
        self._keep(arrived_frames(arrived, heads, decided.fates, after) | sighting_frames(heads, decided.seen, after))
        self.store.lanes.update({lane: state.batch_seq for lane, state in after.items()})
        self._keep({"number_use": number_uses(decided.posted.uses, heads)})
        self._keep(decided_frames(decided, arrived, after, statuses))

    def _freeze(self, frozen: Freezing, lane: int, batch_seq: int) -> None:
        """As sql/guarantee_freeze.sql does, in a store that has kept the batch."""
        for (code, entries), moved in zip(frozen.accounts.select("guarantor_code", "entries").iter_rows(), frozen.packed, strict=True):
            stands = self.store.guarantees[code]
            row = evidence.GuaranteeEntryRow(code, stands["entry_no"], entries, stands["frozen_fen"], moved, lane, batch_seq)
            self.tables.guarantee_entries.append(row)

    def _draw(self, drawn: Drawing, lane: int, batch_seq: int) -> None:
        """As sql/stock_draw.sql does, in a store that has kept the batch."""
        if len(drawn.accounts):
            items, entries = drawn.accounts["book_item"].to_list(), drawn.accounts["entries"].to_list()
            stood = [self.store.stock[item] for item in items]
            balances = ([one[name] for one in stood] for name in ("reserved_e5", "used_e5"))
            row = evidence.StockEntryRow(lane, batch_seq, items, [one["entry_no"] for one in stood], entries, *balances, drawn.moved)
            self.tables.stock_entries.append(row)

    def sweep(self) -> None:
        """Later than the deadline of every open order: an empty batch that reports them all."""
        waiting = self.unreported(self.store.open().with_columns(code=pl.lit("DOC-09")))
        latest = max(s.record_time for s in self.lanes.values() if s.record_time is not None)
        later = latest + timedelta(seconds=SWEPT_SECONDS)
        for n, state in self.lanes.items():
            self.lanes[n] = LaneState(n, state.epoch, state.batch_seq, later, latest, None)
        self.batch([], waiting)

    def unreported(self, reports: pl.DataFrame) -> pl.DataFrame:
        """Each attempt is reported once."""
        known = [(r.ebp_code, r.order_no, r.attempt) for r in self.tables.open_reports]
        columns = {name: reports.schema[name] for name in ("ebp_code", "order_no", "attempt")}
        return reports.join(pl.DataFrame(known, schema=columns, orient="row"), on=[*columns], how="anti")

    def _keep(self, tables: dict[str, pl.DataFrame]) -> None:
        if "order_documents" in tables:
            tables = tables | {"document": one_by_one(tables["order_documents"])}
        for ledger in LEDGERS:
            if f"{ledger.name}_used_entries" in tables:
                tables = tables | {f"{ledger.name}_entry": entries(ledger, tables)}
        for field, table, shape in SOURCES:
            if table in tables:
                rows = tables[table].iter_rows(named=True)
                getattr(self.tables, field).extend(_row(shape, row) for row in rows)
        names = [t.name for t in topics()]
        short = {topic_name(name): name for name in evidence.OUTPUTS}
        if "outbox" not in tables:
            return
        for lane, blob in tables["outbox"].select("lane", "messages").iter_rows():
            for index, key, value in unpack(blob):
                topic = short[names[index]]
                self.outputs.append(Message(topic, lane, len(self.outputs), key, value))

    def evidence(self, records: Iterable[Rec]) -> Evidence:
        """What the verifier reads of it."""
        kinds = {topic_name(kind): n for n, kind in enumerate(KINDS, start=1)}
        inputs: dict[Place, Record] = {}
        ends: dict[tuple[int, int], int] = {}
        for r in records:
            kind = kinds[r.topic]
            inputs[kind, r.partition, r.offset] = Record(r.timestamp, r.key, r.value, tuple(r.headers))
            ends[kind, r.partition] = r.offset + 1
        tables = self.tables
        tables.consumed = [evidence.Consumed(topic_name(KINDS[k - 1]), p, end, p, KINDS[k - 1]) for (k, p), end in ends.items()]
        tables.consumed.append(evidence.Consumed(REGISTRY, 0, len(self.sent), 0, "registry"))
        tables.registry_state = [evidence.RegistryState(self.store.registry.version)]
        book = self.store.lawbook
        tables.rule_sets = [evidence.RuleSetRow(book.version, book.content)]
        tables.rule_events = [evidence.RuleEventRow(-1, 0, 0, "live", book.version, 0, "", BASE_MS, 0, 0)]
        tables.lanes = [
            Lane(n, s.batch_seq, s.batch_seq, _ms(s.record_time), _ms(s.swept_incomplete), _ms(s.swept_closed))
            for n, s in self.lanes.items()
        ]
        for ledger, field in ((QUOTA, "accounts"), (WEIGHT, "weight_accounts")):
            shape = next(shape for name, _, shape in SOURCES if name == field)
            setattr(tables, field, [_row(shape, a) for a in self.store.accounts[ledger].values()])
        tables.guarantee_accounts = [evidence.GuaranteeAccountRow(**a) for a in self.store.guarantees.values()]
        counted = {row.book_item for row in tables.stock_counts}
        tables.stock_accounts = [evidence.StockAccountRow(**a, counts=int(a["book_item"] in counted)) for a in self.store.stock.values()]
        filings = {(0, r.offset): Record(r.timestamp, r.key, r.value) for r in self.sent}
        # the batches of all lanes have one clock here: as if each lane had heard a tick of it
        ticks = {(lane.lane, 0): Record(lane.record_time, b"", b"") for lane in tables.lanes if lane.record_time is not None}
        tables.consumed += [evidence.Consumed(topic_name("clock"), lane, 1, lane, "clock") for lane, _ in ticks]
        return Evidence(inputs, ends, self.outputs, tables, filings, ticks=ticks)


def one_by_one(rows: pl.DataFrame) -> pl.DataFrame:
    """As the view `document` does."""
    parts = [
        rows.filter(pl.col(f"{kind}_offset").is_not_null()).select(
            "order_hash", "ebp_code", "order_no", pl.lit(number, pl.Int16).alias("kind"), pl.col("lane").alias("partition"),
            pl.col(f"{kind}_offset").alias("kafka_offset"), pl.col(f"{kind}_logged").alias("log_time"), "lane", "batch_seq",
            "astray", "waiting", pl.col(f"{kind}_value").alias("value"),
        )
        for number, kind in enumerate(KINDS, start=1)
    ]
    return pl.concat(parts)


def entries(ledger: Ledger, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """As the ledger's view gives them."""
    held = tables[f"{ledger.name}_held_entry"]
    used = tables[f"{ledger.name}_used_entries"].drop("lane", "batch_seq")
    names = {f"{one}s": one for one in (*ledger.key, "entry_no", "manifest_id")} | {ledger.of("amounts"): ledger.of("amount")}
    one_by_one = used.explode(pl.all()).rename(names).with_columns(movement=pl.lit("confirm"), debit=pl.lit("available"), credit=pl.lit("used"))
    return pl.concat([held, one_by_one.select(held.columns)])


def _row(shape: type[NamedTuple], row: dict[str, Any]) -> Any:
    if "value" in row:
        row["value_sha256"] = sha256(row["value"]).digest()
    return shape._make(_ms(row[c]) if isinstance(row[c], datetime) else row[c] for c in shape._fields)


def _ms(value: datetime | None) -> int | None:
    return None if value is None else round(value.timestamp() * 1000)


def _time(ms: int) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None


def lane_of(read: Read) -> dict[int, int]:
    """order_hash → the lane its document came by (the lowest, if by several)."""
    found: dict[int, int] = {}
    for table in read.tables.values():
        for order_hash, lane in table.select("order_hash", "partition").iter_rows():
            found[order_hash] = min(lane, found.get(order_hash, lane))
    return found


@cache
def generated(folder: Path, manifests: int, seed: int) -> GeneratedSet:
    """A set with every story there is, should it have room for them."""
    return GeneratedSet.write(folder, replace(profile("small"), special_share=1.0), manifests, seed, processes=1)


def filed_anew(n: int) -> Filing:
    """The n-th filing of the small market once more, with a higher revision."""
    first = filings("small")[n]
    return Filing(first.part, first.revision + 1, first.content)


def play_by_halves(planned: Iterable[Planned], batch: int) -> Evidence:
    """As `play`, but every second lane has a batch of its own, and something is filed after every second pair of them."""
    records = as_records(planned)
    game = Play()
    for n, start in enumerate(range(0, len(records), batch)):
        for half in (0, 1):
            some = [r for r in records[start : start + batch] if r.partition % 2 == half]
            game.batch(some, lanes=range(half, PARTITIONS, 2))
        if n % 2:
            game.file([filed_anew(n)])
    game.sweep()
    return game.evidence(records)


def play(planned: Iterable[Planned], batch: int) -> Evidence:
    """Play documents in sending order, `batch` records at a time, and report what stays open."""
    records = as_records(planned)
    game = Play()
    for start in range(0, len(records), batch):
        game.batch(records[start : start + batch])
    game.sweep()
    return game.evidence(records)
