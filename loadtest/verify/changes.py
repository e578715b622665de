"""A topic whose records change what stands: each became the row it should, or is a dead letter (sections 9 and 10)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from loadtest.verify.documents import NoDocument
from loadtest.verify.evidence import DeadLetterRow, Evidence, Record
from loadtest.verify.letters import check_kept
from loadtest.verify.proof import Report
from schemas.contracts import REGISTRY_PARTITION, topic_name


class Event(Protocol):
    """What a record says of an entry."""

    @property
    def revision(self) -> int: ...


E = TypeVar("E", bound=Event)


class Change(NamedTuple):
    """A record that was read, with what became of it."""

    place: str
    partition: int
    record: Record
    row: Any
    letter: DeadLetterRow | None


def changes(
    kind: str, table: str, records: Mapping[tuple[int, int], Record], rows: Mapping[int, Any], evidence: Evidence, complete: bool,
    report: Report,
) -> Iterator[Change]:  # fmt: skip
    """What was read of the topic of a kind, in offset order. `rows`: of the table, by offset; told are those without a
    record, records that are unread when they should not be, and what was not taken in this order by the lane of its partition."""
    topic = topic_name(kind)
    dead = {(d.partition, d.kafka_offset): d for d in evidence.tables.dead_letters if d.topic == topic}
    read_to = {c.partition: c.next_offset for c in evidence.tables.consumed if c.topic == topic}
    latest: dict[int, int] = {}
    for (partition, offset), record in sorted(records.items()):
        place = f"{topic}[{partition}]@{offset}"
        row, letter = rows.get(offset) if partition == REGISTRY_PARTITION else None, dead.get((partition, offset))
        if offset >= read_to.get(partition, 0):
            report.counts["unread"] += 1
            if complete or row or letter:
                report.differs(place, "reading", "read", "not read")
            continue
        for taken in (row, letter):
            if taken is not None and (taken.lane != partition or taken.batch_seq < latest.get(partition, 1)):
                report.differs(place, "lane and batch", f"{partition} and {latest.get(partition, 1)} or later", f"{taken.lane} and {taken.batch_seq}")
            latest[partition] = taken.batch_seq if taken is not None else latest.get(partition, 1)
        yield Change(place, partition, record, row, letter)
    for where in sorted(dead.keys() - records.keys()):
        report.differs(f"{topic}[{where[0]}]@{where[1]}", "its dead letter", "a record at this place", "none")
    for offset in rows.keys() - {offset for partition, offset in records if partition == REGISTRY_PARTITION}:
        report.differs(f"{topic}[{REGISTRY_PARTITION}]@{offset}", f"row of {table}", "a record at this place", "none")


def newer(
    change: Change, table: str, read: Callable[[Record, int], E], entry: Callable[[E], str], revisions: Mapping[str, int],
    report: Report,
) -> E | None:  # fmt: skip
    """The event when it is newer than the newest of its `entry`; else it has to be a dead letter, and that is checked."""
    try:
        event = read(change.record, change.partition)
        if event.revision <= revisions.get(entry(event), -1):
            raise NoDocument("DL-06")
    except NoDocument as e:
        report.same(change.place, "dead-letter code", e.code, change.letter.code if change.letter else "none")
        report.same(change.place, f"rows of {table}", 0, int(change.row is not None))
        if change.letter is not None:
            check_kept(change.place, change.partition, change.letter, change.record, report)
        return None
    return event
