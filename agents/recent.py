"""Documents of the last batches that still wait for others, in decoded form: saves reading them back, never writing them.

Every lane has one writer, so what this worker committed there since some batch is all there is since then: either it
waits, and is here, or its order number is noted as settled, and whoever meets it again reads it from the store.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from pipeline.documents import KINDS, Documents
from sinks.batch import LaneState

MOST_DOCUMENTS = 20_000  # about 30 MB
MOST_BATCHES = 4  # each is looked through by every batch
NO_ORDERS = pl.Series("order_hash", dtype=pl.Int64)


@dataclass(frozen=True, slots=True)
class Part:
    """A batch: its batch_seq by lane, the documents of orders it left open, and the order_hash of the others."""

    seqs: Mapping[int, int]
    waiting: Documents
    settled: pl.Series


@dataclass(slots=True)
class Recent:
    """The last batches, oldest first; `most`: documents kept of them all."""

    most: int = MOST_DOCUMENTS
    parts: deque[Part] = field(default_factory=lambda: deque[Part]())

    def add(self, after: Mapping[int, LaneState], documents: Documents, waiting: pl.Series) -> None:
        """A batch that was committed; `after`: where it left its lanes; `waiting`: order_hash of what it left open."""
        came = pl.concat([documents.of(kind)["order_hash"] for kind in KINDS]).unique()
        settled = came.filter(~came.is_in(waiting.implode()))
        self.parts.append(Part({lane: s.batch_seq for lane, s in after.items()}, documents.only(waiting), settled))
        while len(self.parts) > MOST_BATCHES or sum(len(part.waiting) for part in self.parts) > self.most:
            self.parts.popleft()

    def disown(self) -> None:
        """Lanes went to others, who write there now: forget everything."""
        self.parts.clear()

    def since(self) -> dict[int, int]:
        """Lane → batch_seq from which on all of its documents are here, or settled."""
        first: dict[int, int] = {}
        for part in self.parts:
            for lane, seq in part.seqs.items():
                first.setdefault(lane, seq)
        return first

    def settled(self, hashes: pl.Series) -> pl.Series:
        """Which of these order numbers have documents that are not here any more."""
        return hashes.filter(hashes.is_in(pl.concat([NO_ORDERS, *(part.settled for part in self.parts)]).implode()))

    def of(self, hashes: pl.Series) -> list[Documents]:
        """The documents of these order numbers that wait, batch by batch."""
        found = (part.waiting.only(hashes) for part in self.parts)
        return [documents for documents in found if len(documents)]
