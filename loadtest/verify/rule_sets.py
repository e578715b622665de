"""The rule sets as their topic and tables say, and whether they agree (docs/decisions.md section 10)."""

import hashlib
import re
from collections.abc import Mapping, Set
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import fastavro

from loadtest.verify import law, usable
from loadtest.verify.changes import Change, changes, newer
from loadtest.verify.documents import NoDocument, framed, payload
from loadtest.verify.evidence import DeadLetterRow, Evidence, Record, RuleEventRow, RuleSetRow
from loadtest.verify.law import LawData
from loadtest.verify.letters import check_kept
from loadtest.verify.proof import Report
from schemas.contracts import REGISTRY_PARTITION, avro

FIRST = -1  # offset of what was installed when the first worker started
UNUSABLE = "DL-07"
UNKNOWN = "no rule set of this hash is kept"  # how the reason begins, of one that may be kept since


class Ruling(NamedTuple):
    """What an event says."""

    part: str
    revision: int
    rule_set: str
    share: int
    by: str


class RuleSets:
    """Which rule set stood at each version. Without events: the one on disk."""

    def __init__(self, kept: list[RuleSetRow], events: list[RuleEventRow]) -> None:
        self._contents = {row.rule_set: row.content for row in kept}
        ordered = sorted(events, key=lambda row: row.kafka_offset)
        self._live = [(row.version, row.rule_set) for row in ordered if row.part == "live"]
        self._tried = [(row.version, row.rule_set, row.share_1e4) for row in ordered if row.part == "shadow"]
        self._laws: dict[str, LawData] = {}
        self._at: dict[int, LawData] = {}

    def at(self, version: int) -> LawData:
        """The law data that decisions of a version are judged by."""
        if (found := self._at.get(version)) is None:
            found = self._at[version] = self._law(next((name for since, name in reversed(self._live) if since <= version), ""))
        return found

    def trial_at(self, version: int) -> tuple[LawData, int] | None:
        """The law data that is tried at a version, and on how many of 10,000 manifests."""
        for since, name, share in reversed(self._tried):
            if since <= version:
                return (self._law(name), share) if name else None
        return None

    def ever_live(self) -> list[LawData]:
        """All that ever were to be judged by."""
        return [self._law(name) for name in dict.fromkeys(name for _, name in self._live)] or [law.load()]

    def usable(self) -> bool:
        """Whether the one that is live now can be used."""
        return not self._live or not usable.reason(self._contents.get(self._live[-1][1], b""))

    def read(self) -> None:
        """Read them all now."""
        self.ever_live()

    def _law(self, name: str) -> LawData:
        if name not in self._laws:
            try:
                self._laws[name] = law.of_packed(self._contents[name])
            except Exception:  # not kept, or no rule set: what names it then differs from the one on disk, and is told
                self._laws[name] = law.load()
        return self._laws[name]


NOTHING_RULED = RuleSets([], [])


def decode(record: Record, partition: int) -> Ruling:
    """The event of a record; NoDocument with its code."""
    if partition != REGISTRY_PARTITION:
        raise NoDocument("DL-05")
    name, start = framed("rules", record.value or b"")
    event = payload(record.value or b"", start, _parsed(name))
    said = Ruling(event["part"], event["revision"], event["ruleSet"], event["share"], event["by"])
    if record.key != f"{said.part}|{said.revision}".encode():
        raise NoDocument("DL-04")
    if not _fits(said):
        raise NoDocument("DL-05")
    return said


@lru_cache
def _parsed(name: str) -> Any:
    return fastavro.parse_schema(avro(name), named_schemas={})


def _fits(said: Ruling) -> bool:
    hashed = re.fullmatch(r"[0-9a-f]{32}", said.rule_set) is not None
    shares = {"live": hashed and said.share == 0, "shadow": 1 <= said.share <= 10_000 if hashed else said.share == 0 and said.rule_set == ""}
    return shares.get(said.part, False) and 0 <= said.revision < 1 << 62 and len(said.by) <= 100


def check_rules(evidence: Evidence, complete: bool, report: Report) -> None:
    """Every record of the topic made the rule event it should, or is a dead letter; what is kept has the hash it is under."""
    tables = evidence.tables
    for row in tables.rule_sets:
        report.same(f"rule_set {row.rule_set}", "hash of its content", hashlib.blake2b(row.content, digest_size=16).hexdigest(), row.rule_set)
    kept = {row.rule_set: row.content for row in tables.rule_sets}
    rows = {row.kafka_offset: row for row in tables.rule_events}
    first = rows.pop(FIRST, None)
    if first is None and any(lane.batch_seq for lane in tables.lanes):
        report.differs("table rule_event", "the first event", "the set that was installed", "none")
    if first is not None and (first.version, first.part, first.rule_set in kept) != (0, "live", True):
        report.differs("table rule_event", "the first event", "a live rule set that is kept, at version 0", first)
    known: dict[str, int] = {}
    met = {first.rule_set} if first is not None else set[str]()  # kept by then, as nothing that is kept is dropped
    for change in changes("rules", "rule_event", evidence.rulings, rows, evidence, complete, report):
        report.counts["rule_events"] += 1
        if (said := newer(change, "rule_event", decode, attrgetter("part"), known, report)) is not None:
            if change.letter is not None and change.letter.code == UNUSABLE:
                _check_refused(change, change.letter, said, met, kept, report)
            else:
                _check_event(change, said, known, kept, report)
            if change.letter is None or not change.letter.reason.startswith(UNKNOWN):
                met.add(said.rule_set)


def _check_refused(change: Change, letter: DeadLetterRow, said: Ruling, met: Set[str], kept: Mapping[str, bytes], report: Report) -> None:
    """A set that could not be used, or was not kept. `met`: hashes of those that were kept before the event."""
    place, content = change.place, kept.get(said.rule_set)
    report.same(place, "rows of rule_event", 0, int(change.row is not None))
    report.counts["rule_sets_refused"] += 1
    check_kept(place, change.partition, letter, change.record, report)
    unknown = letter.reason.startswith(UNKNOWN)
    if not said.rule_set:
        report.differs(place, "its rule set", "none to refuse: the event ends a trial", "a dead letter")
    elif unknown and said.rule_set in met:
        report.differs(place, "its rule set", f"kept by an event before: {said.rule_set}", "said not to be kept")
    elif content is None and not unknown:
        report.differs(place, "its rule set", "one that is kept, as it was read", said.rule_set)
    elif content is not None and not unknown and not usable.reason(content):
        report.differs(place, "its rule set", "one that cannot be used", f"{said.rule_set}, with which nothing is wrong")


def _check_event(change: Change, said: Ruling, revisions: dict[str, int], kept: Mapping[str, bytes], report: Report) -> None:
    place, _, record, row, letter = change
    content = kept.get(said.rule_set)
    revisions[said.part] = said.revision
    stands = (said.part, said.revision, said.rule_set, said.share, said.by, record.log_ms)
    report.same(place, "row of rule_event", stands, (row.part, row.revision, row.rule_set, row.share_1e4, row.by, row.log_time) if row else None)
    if said.rule_set and content is None:
        report.differs(place, "its rule set", "one that is kept", said.rule_set)
    if content is not None and (why := usable.reason(content)):
        report.differs(place, "its rule set", "one that can be used", why)
    if letter:
        report.differs(place, "state", "an event that was taken", f"a dead letter {letter.code} too")
