"""What a batch brings of the topics that change how documents are judged, registry and rules: one partition, in its order."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import polars as pl

from agents.buffers import LaneRecords
from agents.reading import DeadLetter
from agents.records import Record
from schemas.codec import DecodeError
from schemas.contracts import REGISTRY_PARTITION, topic_name


class Event(Protocol):
    """What a record of such a topic says of one entry. The highest revision of an entry wins."""

    @property
    def revision(self) -> int: ...


E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Came(Generic[E]):
    """Records as far as they say something, in offset order, and those that do not."""

    events: list[tuple[Record, E]]
    dead: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class Taken:
    """`rows`: of what changes something; `dead`: what does not."""

    rows: pl.DataFrame
    dead: list[DeadLetter]


def read_changes(kind: str, work: Mapping[int, LaneRecords], read: Callable[[bytes | None, bytes], E]) -> Came[E]:
    """Decode and check what the batch brings of the topic of a kind; `read`: DecodeError for what is no event."""
    came: Came[E] = Came([], [])
    for lane in work.values():
        for record in lane.records.get(topic_name(kind), ()):
            try:
                if record.partition != REGISTRY_PARTITION:
                    raise DecodeError("DL-05", f"events of the {kind} belong into partition {REGISTRY_PARTITION}")
                came.events.append((record, read(record.key, record.value or b"")))
            except DecodeError as e:
                came.dead.append(DeadLetter(record, e.code, e.reason))
    return came


async def take_newer(
    came: Came[E],
    revisions: dict[str, int],
    entry: Callable[[E], str],
    unusable: Callable[[E], Awaitable[str]] | None = None,
) -> Came[E]:
    """Those newer than what stands of their entry. `revisions`: of each `entry`, kept up; `unusable`: why it can change
    nothing, whatever its revision, empty when it can."""
    newer: Came[E] = Came([], list(came.dead))
    for record, event in came.events:
        name = entry(event)
        if event.revision <= revisions.get(name, -1):
            newer.dead.append(DeadLetter(record, "DL-06", "the revision is not higher than that of the event before"))
        elif unusable is not None and (why := await unusable(event)):
            newer.dead.append(DeadLetter(record, "DL-07", why))
        else:
            revisions[name] = event.revision
            newer.events.append((record, event))
    return newer
