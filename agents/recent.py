"""Documents of the last batches in decoded form: saves reading them back, never writing them.

Every lane has one writer, so what this worker committed there since some batch is all there is since then.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from pipeline.documents import Documents
from sinks.batch import LaneState

MOST_DOCUMENTS = 40_000  # about 60 MB


@dataclass(slots=True)
class Recent:
    """`parts`: of each batch, the first batch_seq by lane and its documents, marked as stored."""

    most: int = MOST_DOCUMENTS
    parts: deque[tuple[dict[int, int], Documents]] = field(default_factory=lambda: deque[tuple[dict[int, int], Documents]]())
    held: int = 0

    def add(self, after: Mapping[int, LaneState], documents: Documents) -> None:
        """A batch that was committed; `after`: where it left its lanes."""
        self.parts.append(({lane: state.batch_seq for lane, state in after.items()}, documents))
        self.held += len(documents)
        while self.held > self.most and self.parts:
            self.held -= len(self.parts.popleft()[1])

    def disown(self) -> None:
        """Lanes went to others, who write there now: forget everything."""
        self.parts.clear()
        self.held = 0

    def since(self) -> dict[int, int]:
        """Lane → batch_seq from which on all of its documents are here."""
        first: dict[int, int] = {}
        for seqs, _ in self.parts:
            for lane, seq in seqs.items():
                first.setdefault(lane, seq)
        return first

    def of(self, hashes: pl.Series) -> list[Documents]:
        """The documents of these order numbers (order_hash), batch by batch."""
        found = (documents.only(hashes) for _, documents in self.parts)
        return [documents for documents in found if len(documents)]
