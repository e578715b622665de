"""A store in memory: what PostgreSQL keeps between batches, so that the whole core can be run without it."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from agents.reading import DeadLetter, Read, documents, read_records, read_stored
from agents.records import KafkaRecord, Records
from loadtest.generate import Planned
from loadtest.generate.filings import filings
from pipeline import flow
from pipeline.accounts import LEDGERS, QUOTA, Ledger
from pipeline.attempts import Past, to_join_again
from pipeline.claims import Claims
from pipeline.documents import KINDS, Documents
from pipeline.flow import Decided
from pipeline.goods_before import OF_LINES, STORED_GOODS
from pipeline.guarantees import STANDING
from pipeline.ledgers import USES, Balances
from pipeline.open_orders import open_orders
from pipeline.registry import Registry
from pipeline.sampling import Seeds
from pipeline.sightings import LEFT, SIGHTINGS, SUBJECTS, Seen, asked
from pipeline.stock import STANDING as STOCK
from schemas.blake2b import Blake2b
from schemas.contracts import topic_name
from schemas.filings import Filing
from schemas.lawbook import Lawbook, load
from sinks.store import FATES, MANIFESTS
from sinks.stored import StoredDocuments

KEY = b"0123456789abcdef"
PSEUDONYMS = Blake2b(16, KEY).of


@lru_cache  # made when it is asked for: tests/mutation imports this before the law is mutated
def registry(size: str = "small", version: int = 0) -> Registry:
    """The registry after all that a market filed."""
    return refiled(Registry(), filings(size), version)


def refiled(before: Registry, some: Iterable[Filing], version: int = 0) -> Registry:
    """A registry after some more filings."""
    entries: dict[str, list[tuple[Any, ...]]] = {}
    for filing in some:
        entries.setdefault(filing.table, []).append(filing.row())
    return before.changed(version, **entries)


def counted(size: str = "small") -> dict[str, dict[str, Any]]:
    """How stock stands after the stock-takes of a market, before anything is taken."""
    of = registry(size)
    entered = dict(of.stock.select("book_item", "entered_e5").iter_rows())
    return {
        item: {"book_item": item, "entry_no": 1, "reserved_e5": 0, "used_e5": 0, "difference_e5": found - entered[item]}
        for item, found in of.counts.select("book_item", "counted_e5").iter_rows()
    }


BASE_MS = 1_573_401_600_000  # 2019-11-11 00:00 in Shanghai


@dataclass(frozen=True, slots=True)
class Rec:
    """A record as it stands in its topic; `sequence` is the test's own number of it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    sequence: int = -1

    @property
    def place(self) -> tuple[int, int, int]:
        return place_of(self)


def place_of(record: KafkaRecord) -> tuple[int, int, int]:
    """(kind 1 to 3, partition, offset)."""
    kinds = [topic_name(kind) for kind in KINDS]
    return kinds.index(record.topic) + 1, record.partition, record.offset


def as_records(planned: Iterable[Planned], base_ms: int = BASE_MS) -> list[Rec]:
    """Records in sending order; offsets count up in each topic-partition, the log time is the due time."""
    following: dict[tuple[str, int], int] = {}
    records: list[Rec] = []
    for sequence, p in enumerate(planned):
        place = (p.kind, p.partition)
        offset = following.get(place, 0)
        following[place] = offset + 1
        records.append(
            Rec(topic_name(p.kind), p.partition, offset, base_ms + p.due_ms, p.key, p.value, p.headers, sequence)
        )
    return records


def _packed(row: dict[str, Any]) -> bytes:
    """As sql/documents_of_orders.sql packs it."""
    microseconds = (row["log_time"] - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    head = struct.pack(">qhhqq", row["order_hash"], row["kind"], row["partition"], row["kafka_offset"], microseconds)
    return head + row["value"]


@dataclass(slots=True)
class MemoryStore:
    """Documents, manifests, fates, accounts and number uses, as the tables keep them."""

    lawbook: Lawbook = field(default_factory=load)
    registry: Registry = field(default_factory=registry)
    seeds: Seeds | None = None
    stored: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    manifests: dict[tuple[int, str, int], dict[str, Any]] = field(default_factory=dict)
    fates: dict[tuple[int, int, int], dict[str, Any]] = field(default_factory=dict)
    accounts: dict[Ledger, dict[tuple[Any, ...], dict[str, Any]]] = field(default_factory=lambda: {x: {} for x in LEDGERS})
    uses: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: dict[Ledger, list[dict[str, Any]]] = field(default_factory=lambda: {x: [] for x in LEDGERS})
    guarantees: dict[str, dict[str, Any]] = field(default_factory=dict)
    frozen: list[dict[str, Any]] = field(default_factory=list)
    stock: dict[str, dict[str, Any]] = field(default_factory=lambda: counted())
    drawn: list[dict[str, Any]] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    sightings: list[dict[str, Any]] = field(default_factory=list)  # `manifest_id`: the place in this list
    goods: pl.DataFrame = field(default_factory=lambda: STORED_GOODS)
    lanes: dict[int, int] = field(default_factory=dict)  # lane → its last batch that is kept
    again: set[int] = field(default_factory=set)  # order numbers that the next batch looks at, whatever it brings

    def process(self, records: Sequence[Rec], quarantined: bool = False) -> Decided:
        """One batch as the agents would: decode, look up, decide, keep."""
        read, decided = self.begin(records, self.again, quarantined)
        self.keep(read, decided)
        return decided

    def begin(self, records: Sequence[Rec], again: Iterable[int] = (), quarantined: bool = False) -> tuple[Read, Decided]:
        """All of a batch but keeping it; `again`: order numbers to look at besides those of the records."""
        by_kind = {k: [r for r in records if r.topic == topic_name(k)] for k in KINDS}
        read = read_records({k: Records.of(rs) for k, rs in by_kind.items()})
        hashes = {h for t in read.tables.values() for h in t["order_hash"].to_list()}.union(again)
        rows = [row for h in sorted(hashes) for row in self.stored.get(h, [])]
        together = documents(read, read_stored(StoredDocuments.of(map(_packed, rows))))
        past = self.past(hashes)
        gathered = flow.gather(together, past, PSEUDONYMS)
        gathered = flow.count(gathered, self.seen(gathered.manifests.heads), self.registry)
        opened = flow.open_batch(gathered, self.lawbook.on, self.registry, quarantined, self.seeds)
        return read, flow.decide(opened, self.balances(opened.claims), self.lawbook.on(flow.NO_DAY))

    def seen(self, heads: pl.DataFrame) -> Seen:
        """What is kept of these persons, phones and addresses, as sql/sightings.sql finds it."""
        if not len(heads):
            return Seen()
        wanted = asked(heads)
        hashes = {subject: set(of_it.tolist()) for subject, of_it in wanted.subjects.items()}
        found = [
            {**s, "at_ms": round(s["accepted_at"].timestamp() * 1000)}
            for s in self.sightings
            if wanted.since < s["accepted_at"] <= wanted.until
            and any(s[f"of_{subject}"] and s[subject] in hashes[subject] for subject in SUBJECTS)
        ]
        goods = self.goods.filter(pl.col("source").is_in([s["manifest_id"] for s in found]))
        return Seen({name: np.array([s[name] for s in found], kind) for name, kind in SIGHTINGS.items()}, goods, dict(self.lanes))

    def contended(self, decided: Decided) -> bool:
        """Whether somebody kept something meanwhile that PostgreSQL's keys and balances would not let this follow."""
        posted = decided.posted
        accounts = (
            (self.accounts[x].get(tuple(key)), n) for x, moves in posted.moves.items()
            for *key, n in moves.accounts.select(*x.key, "read_entry_no").iter_rows()
        )  # fmt: skip
        return (
            any(key in self.manifests for key in decided.heads.select("order_hash", "ebp_code", "attempt").iter_rows())
            or any(place in self.fates for place in decided.fates.select("kind", "partition", "kafka_offset").iter_rows())
            or any(self.uses.get(n, {"use_no": 0})["use_no"] >= u for n, u in posted.uses.select("number", "use_no").iter_rows())
            or any((account or {"entry_no": 0})["entry_no"] != n for account, n in accounts)
            or any(
                self.guarantees.get(code, {"frozen_fen": 0})["frozen_fen"] > most
                for code, most in posted.frozen.accounts.select("guarantor_code", "most_frozen_fen").iter_rows()
            )
            or any(
                stood["reserved_e5"] + stood["used_e5"] - stood["difference_e5"] > most
                for item, most in posted.drawn.accounts.select("book_item", "most_taken_e5").iter_rows()
                if (stood := self.stock.get(item, {"reserved_e5": 0, "used_e5": 0, "difference_e5": 0}))
            )
        )

    def past(self, hashes: Iterable[int]) -> Past:
        """Manifests and fates of these order numbers."""
        chosen = set(hashes)
        manifests = [m for m in self.manifests.values() if m["order_hash"] in chosen]
        fates = [f for f in self.fates.values() if f["order_hash"] in chosen]
        return Past(_frame(manifests, MANIFESTS), _frame(fates, FATES))

    def balances(self, claims: Claims) -> Balances:
        """What the claims ask for."""
        numbers = {*claims.numbers["number_p"].to_list(), *claims.numbers["number_w"].to_list()}
        return Balances(
            {x: self._standing(x, asked.select(*x.key).unique().rows()) for x, asked in claims.amounts.items()},
            _frame([self.uses[n] for n in sorted(numbers) if n in self.uses], USES),
            _frame([self.guarantees[c] for c in claims.guarantees["guarantor_code"].unique() if c in self.guarantees], STANDING),
            _frame([self.stock[x] for x in claims.stock["book_item"].unique() if x in self.stock], STOCK),
        )

    def _standing(self, ledger: Ledger, keys: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
        known = self.accounts[ledger]
        return _frame([known[key] for key in keys if key in known], ledger.standing)

    def open(self) -> pl.DataFrame:
        """Every open order."""
        hashes = set(self.stored)
        return open_orders(self._documents(hashes), self.past(hashes))

    def _documents(self, hashes: set[int]) -> Documents:
        rows = [row for h in sorted(hashes) for row in self.stored[h]]
        return documents(read_records({}), read_stored(StoredDocuments.of(map(_packed, rows))))

    def histories(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Manifests by (ebpCode, orderNo), attempts in their order."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for m in sorted(self.manifests.values(), key=lambda m: m["attempt"]):
            found.setdefault((m["ebp_code"], m["order_no"]), []).append(m)
        return found

    def what_became(self) -> dict[tuple[int, int, int], str]:
        """Place of each document and dead letter → a DL or DOC code, `used` or `open`."""
        found = {(r["kind"], r["partition"], r["kafka_offset"]): "open" for rows in self.stored.values() for r in rows}
        for m in self.manifests.values():
            for number, kind in enumerate(KINDS, start=1):
                found[number, m[f"{kind}_partition"], m[f"{kind}_offset"]] = "used"
        for place, fate in self.fates.items():
            assert found[place] == "open", "a document was used and met a fate"
            found[place] = fate["code"]
        return found | {place_of(letter.record): letter.code for letter in self.dead}

    def keep(self, read: Read, decided: Decided) -> None:
        self.dead += read.dead
        for number, kind in enumerate(KINDS, start=1):
            for row in read.tables[kind].iter_rows(named=True):
                columns = ("order_hash", "partition", "log_time", "value")
                kept = {c: row[c] for c in columns} | {"kind": number, "kafka_offset": row["offset"]}
                self.stored.setdefault(row["order_hash"], []).append(kept)
        codes = _grouped(decided.findings)
        for m in decided.heads.iter_rows(named=True):
            key = (m["order_hash"], m["ebp_code"], m["attempt"])
            assert key not in self.manifests, "a manifest was decided twice"
            self.manifests[key] = m | {"codes": frozenset(codes.get(m["m"], ()))}
        for f in decided.fates.iter_rows(named=True):
            place = (f["kind"], f["partition"], f["kafka_offset"])
            assert place not in self.fates, "a document met two fates"
            self.fates[place] = f
        renamed = {f"{what}_hash": what for what in (*SUBJECTS, "pay_firm")} | {"order_hash": "order"}
        first = len(self.sightings)
        numbered = decided.heads.select("accepted_at", *renamed, *LEFT, manifest_id=pl.col("m") + first).rename(renamed)
        self.sightings += numbered.sort("manifest_id").to_dicts()
        self.goods = self.goods.vstack(decided.lines.select(OF_LINES).drop_nulls("hs8").with_columns(pl.col("source") + first))
        heads = {m["m"]: m for m in decided.heads.iter_rows(named=True)}
        for ledger, moves in decided.posted.moves.items():
            self.entries[ledger] += moves.entries.to_dicts()
            names = {"entry_no": "entry_no"} | {ledger.of(x): ledger.of(f"{x}_after") for x in ("reserved", "used")}
            for a in moves.accounts.iter_rows(named=True):
                key = tuple(a[k] for k in ledger.key)
                assert a["read_entry_no"] == self.accounts[ledger].get(key, {"entry_no": 0})["entry_no"]
                self.accounts[ledger][key] = {k: a[k] for k in ledger.key} | {k: a[v] for k, v in names.items()}
        for e in decided.posted.frozen.entries.iter_rows(named=True):
            before = self.guarantees.get(e["guarantor_code"], {"entry_no": 0, "frozen_fen": 0})
            after = {"entry_no": before["entry_no"] + 1, "frozen_fen": before["frozen_fen"] + e["amount_fen"]}
            self.guarantees[e["guarantor_code"]] = {"guarantor_code": e["guarantor_code"], **after}
            self.frozen.append(e | after)
        for e in decided.posted.drawn.entries.iter_rows(named=True):
            before = self.stock.get(e["book_item"], {"entry_no": 0, "reserved_e5": 0, "used_e5": 0, "difference_e5": 0})
            moved = "used_e5" if e["released"] else "reserved_e5"
            after = {**before, "entry_no": before["entry_no"] + 1, moved: before[moved] + e["amount_e5"]}
            self.stock[e["book_item"]] = {**after, "book_item": e["book_item"]}
            self.drawn.append(e | after)
        for u in decided.posted.uses.iter_rows(named=True):
            holder = {k: heads[u["m"]][k] for k in ("ebp_code", "order_no", "accepted_at")}
            assert u["use_no"] == self.uses.get(u["number"], {"use_no": 0})["use_no"] + 1
            self.uses[u["number"]] = {"number": u["number"], "use_no": u["use_no"]} | holder
        self.again = set(to_join_again(self._documents({*decided.heads["order_hash"]}), decided.heads))

    def quota(self) -> list[dict[str, Any]]:
        """The accounts of the yearly money limit."""
        return list(self.accounts[QUOTA].values())


def _grouped(findings: pl.DataFrame) -> dict[int, list[str]]:
    groups: dict[int, list[str]] = {}
    for m, code in findings.select("m", "code").iter_rows():
        groups.setdefault(m, []).append(code)
    return groups


def _frame(rows: Sequence[dict[str, Any]], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{c: r[c] for c in schema} for r in rows], schema=schema, orient="row")


def renumbered(records: Iterable[Rec], offset: int) -> list[Rec]:
    """The same values again, `offset` further on in their partitions."""
    return [replace(r, offset=r.offset + offset) for r in records]
