"""Which rule set batches are judged by: followed from version to version, and changed by events of the rules topic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import polars as pl

from agents.buffers import LaneRecords
from agents.changes import Came, Taken, read_changes, take_newer
from agents.reading import as_documents, read_records
from pipeline import flow, rules
from pipeline.attempts import Past
from pipeline.documents import MILLISECONDS
from pipeline.registry import Registry
from pipeline.sightings import Seen
from schemas import lawbook, rule_sets
from schemas.law_check import LawError
from schemas.law_entries import Place
from schemas.lawbook import Lawbook
from schemas.rule_events import LIVE, SHADOW, RuleEvent, read
from sinks.store import FATES, MANIFESTS, Store

ROWS = {
    "kafka_offset": pl.Int64, "revision": pl.Int64, "version": pl.Int64, "part": pl.String, "rule_set": pl.String,
    "share_1e4": pl.Int32, "by": pl.String, "log_time": MILLISECONDS, "lane": pl.Int16,
}  # fmt: skip
NO_EVENTS = pl.DataFrame(schema=ROWS)
UNKNOWN = "no rule set of this hash is kept: store it with tidegate law activate"
KEPT = 4  # books in memory: the live one, the one tried and those before them


@dataclass(frozen=True, slots=True)
class Trial:
    """A rule set that decides beside the live one on a share of the manifests."""

    book: Lawbook
    share_1e4: int


@dataclass(slots=True)
class RuleSets:
    """`live` and `trial` stand at `version` (-1: nobody was asked yet). `unusable`: why the rule set that is live cannot
    be judged by in this program; `live` is another one then, and no document may be judged."""

    live: Lawbook
    version: int = -1
    trial: Trial | None = None
    unusable: str = ""
    _books: dict[str, Lawbook | str] = field(default_factory=lambda: dict[str, Lawbook | str]())

    def __post_init__(self) -> None:
        self._books[self.live.version] = self.live

    async def follow(self, version: int, store: Store) -> None:
        """Become what stands at a version; before the first one was recorded, that is what is installed here."""
        if version == self.version:
            return
        if self.version < 0:
            await store.fetch("rule_set_keep", self.live.version, self.live.content)
            await store.fetch("rule_event_first", self.live.version)
        stands = {row["part"]: row for row in await store.fetch("rule_events_at", version)}
        live, shadow = await self.book(stands[LIVE]["rule_set"], store), stands.get(SHADOW)
        self.unusable = live if isinstance(live, str) else ""
        self.live = self.live if isinstance(live, str) else live
        self.trial = None
        if shadow is not None and shadow["rule_set"]:
            tried = await self.book(shadow["rule_set"], store)
            self.trial = None if isinstance(tried, str) else Trial(tried, shadow["share_1e4"])
        self.version = version

    async def book(self, rule_set: str, store: Store) -> Lawbook | str:
        """The book of a hash, or why it cannot be judged by."""
        found = self._books.pop(rule_set, None)
        if found is None:
            rows = await store.fetch("rule_set_content", rule_set)
            found = _book(rows[0]["content"]) if rows else UNKNOWN
        if found != UNKNOWN:  # it may become known
            self._books[rule_set] = found  # the one used last stands last
        while len(self._books) > KEPT:
            del self._books[next(iter(self._books))]
        return found


def _book(content: bytes) -> Lawbook | str:
    try:
        book = rule_sets.usable(content)
    except LawError as e:
        return str(e)
    return "; ".join(map(str, mistyped(book, {}))) or book


def read_events(work: Mapping[int, LaneRecords]) -> Came[RuleEvent]:
    """Decode and check what the batch brings of the rules topic."""
    return read_changes("rules", work, read)


async def take(came: Came[RuleEvent], version: int, known: RuleSets, store: Store) -> Taken:
    """What of it changes the rules; `version`: the one they would make. A set that cannot be used changes nothing."""
    if not came.events:
        return Taken(NO_EVENTS, came.dead)
    revisions = {row["part"]: int(row["revision"]) for row in await store.fetch("rule_revisions")}

    async def unusable(event: RuleEvent) -> str:
        book = await known.book(event.rule_set, store) if event.rule_set else None
        return book if isinstance(book, str) else ""

    newer = await take_newer(came, revisions, lambda event: event.part, unusable)
    rows = [
        (r.offset, x.revision, version, x.part, x.rule_set, x.share, x.by, r.timestamp, r.partition) for r, x in newer.events
    ]
    return Taken(pl.DataFrame(rows, schema=ROWS, orient="row"), newer.dead)


def problems(folder: Path) -> list[Place]:
    """Why the folder is no rule set that can be judged by: file, line and reason; empty when it is one."""
    if found := rule_sets.problems(folder):
        return found
    return mistyped(lawbook.read(folder), rule_sets.texts_of(folder))


def mistyped(book: Lawbook, texts: Mapping[str, str]) -> list[Place]:
    """Conditions that are no truth value over the columns as they are; `texts`: of the files that hold them, by name."""
    heads, lines = _nothing_derived()
    wrong = {x for day in book.days() for x in rules.mistyped(book.on(day), heads, lines)}
    return [rule_sets.place(code, f"{code}: {why}", texts) for code, why in sorted(wrong)]


@lru_cache
def _nothing_derived() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Heads and lines of a batch without documents, derived: they have the columns and types that conditions read."""
    past = Past(pl.DataFrame(schema=MANIFESTS), pl.DataFrame(schema=FATES))
    nothing = as_documents(read_records({}), stored=False)
    gathered = flow.count(flow.gather(nothing, past, lambda texts: texts.cast(pl.Binary)), Seen(), Registry())
    opened = flow.open_batch(gathered, lawbook.load().on, Registry(), quarantined=False)
    return opened.judged.manifests.heads, opened.judged.manifests.lines
