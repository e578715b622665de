"""Documents of the last batches that still wait for others, in decoded form: saves reading them back, never writing them.

Every lane has one writer, so what this worker committed there since some batch is all there is since then: either it
waits, and is here, or its order number is noted as settled, and whoever meets it again reads it from the store.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipeline.documents import Documents
from schemas.amounts import Flags
from schemas.packed import Vector
from sinks.batch import LaneState

MOST_DOCUMENTS = 20_000  # about 30 MB
MOST_BATCHES = 4  # each is looked through by every batch
OLDEST = pl.CompatLevel.oldest()  # in which texts are copied, one behind the other


@dataclass(frozen=True, slots=True)
class Part:
    """A batch: its batch_seq by lane, the documents of orders it left open, and the order_hash of the others, sorted."""

    seqs: Mapping[int, int]
    waiting: Documents
    settled: Vector


@dataclass(slots=True)
class Recent:
    """The last batches, oldest first; `most`: documents kept of them all."""

    most: int = MOST_DOCUMENTS
    parts: deque[Part] = field(default_factory=lambda: deque[Part]())

    def add(self, after: Mapping[int, LaneState], documents: Documents, waiting: pl.Series) -> None:
        """A batch that was committed; `after`: where it left its lanes; `waiting`: order_hash of what it left open."""
        came = np.sort(documents.hashes().to_numpy())
        settled = came[~_among(came, np.sort(waiting.to_numpy()))]
        self.parts.append(Part({lane: s.batch_seq for lane, s in after.items()}, _apart(documents.only(waiting)), settled))
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

    def are_settled(self, hashes: pl.Series) -> pl.Series:
        """Boolean: whether each of these order numbers has documents that are not here any more."""
        found = np.zeros(len(hashes), np.bool_)
        for part in self.parts:
            found |= _among(hashes.to_numpy(), part.settled)
        return pl.Series(found)

    def of(self, hashes: pl.Series) -> list[Documents]:
        """The documents of these order numbers that wait, batch by batch."""
        found = (part.waiting.only(hashes) for part in self.parts if len(part.waiting))
        return [documents for documents in found if len(documents)]


def _apart(documents: Documents) -> Documents:
    """Copies: texts of a batch are views into its records, and a few of them would keep all of its bytes in memory."""
    tables = (documents.order, documents.payment, documents.waybill, documents.lines)
    return Documents(*(pl.DataFrame(table.to_arrow(compat_level=OLDEST)) for table in tables))


def _among(sought: Vector, known: Vector) -> Flags:
    """Whether each stands in `known`, which is sorted."""
    if not len(known):
        return np.zeros(len(sought), np.bool_)
    return known.take(np.searchsorted(known, sought), mode="clip") == sought
