"""What records leave behind that are processed from nothing: every row, every packed entry and every message, batch by batch.

`python -m tests.verify.replayed <folder of a generated set>` prints the digest of it, for a process of its own.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from agents.filings import NO_FILINGS
from agents.reading import Read
from loadtest.generate import GeneratedSet
from pipeline.attempts import Past
from pipeline.claims import Claims
from pipeline.flow import Decided
from pipeline.ledgers import Balances
from pipeline.sightings import Seen
from sinks.batch import Drawing, Freezing, LaneState
from tests.pipeline.memory import MemoryStore, Rec, as_records
from tests.verify.histories import history
from tests.verify.played import Play

LARGE, SMALL = (1, 40, 900, 7), (1, 5, 2)  # sizes of batches, in turns
HISTORIES = (5, 11, 13)  # seeds of some that meet every fate between them
Left = tuple[str, tuple[str, ...], list[tuple[Any, ...]]]
"""A table, its columns, and the rows of a batch in their order."""


class AnyOrder(MemoryStore):
    """Gives rows that nobody asked to be sorted in another order each time, as PostgreSQL may."""

    def past(self, hashes: Iterable[int]) -> Past:
        found = super().past(hashes)
        return Past(_mixed(found.manifests), _mixed(found.fates))

    def balances(self, claims: Claims) -> Balances:
        found = super().balances(claims)
        accounts = {ledger: _mixed(rows) for ledger, rows in found.accounts.items()}
        return Balances(accounts, _mixed(found.uses), _mixed(found.guarantees), _mixed(found.stock))

    def seen(self, heads: pl.DataFrame) -> Seen:
        found = super().seen(heads)
        order = CHANCE.sample(range(len(found.stored["at_ms"])), len(found.stored["at_ms"]))
        return replace(found, stored={name: values[order] for name, values in found.stored.items()}, goods=_mixed(found.goods))


CHANCE = Random(0)  # goes on from one replay to the next


def _mixed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows[CHANCE.sample(range(len(rows)), len(rows))]


class Recorded(Play):
    """Keeps besides what each batch would store, table by table."""

    def __init__(self) -> None:
        self.left: list[Left] = []
        super().__init__()
        self.store = AnyOrder(registry=self.store.registry, lanes=self.store.lanes)

    def commit(
        self, read: Read, decided: Decided, after: Mapping[int, LaneState], lane_by: Mapping[int, int],
        reports: pl.DataFrame | None = None, filings: pl.DataFrame = NO_FILINGS,
    ) -> None:  # fmt: skip
        for ledger, moves in decided.posted.moves.items():
            self.left.append((f"{ledger.name}_account", tuple(moves.accounts.columns), moves.accounts.rows()))
        super().commit(read, decided, after, lane_by, reports, filings)

    def _keep(self, tables: dict[str, pl.DataFrame]) -> None:
        self.left += [(table, tuple(rows.columns), rows.rows()) for table, rows in tables.items()]
        super()._keep(tables)

    def _freeze(self, frozen: Freezing, lane: int, batch_seq: int) -> None:
        entries = [(*account, packed) for account, packed in zip(frozen.accounts.rows(), frozen.packed, strict=True)]
        self.left.append(("guarantee_entry", (*frozen.accounts.columns, "moved"), entries))
        super()._freeze(frozen, lane, batch_seq)

    def _draw(self, drawn: Drawing, lane: int, batch_seq: int) -> None:
        self.left.append(("stock_entry", (*drawn.accounts.columns, "moved"), [(*account, drawn.moved) for account in drawn.accounts.rows()]))
        super()._draw(drawn, lane, batch_seq)


def left_by(known: GeneratedSet) -> list[Left]:
    """Of a set in its order, and of histories that no sender would plan."""
    of_set = _replayed(as_records(known.documents()), LARGE)
    return of_set + [left for seed in HISTORIES for left in _replayed(history(8, seed), SMALL)]


def _replayed(records: Sequence[Rec], sizes: Iterable[int]) -> list[Left]:
    game, start = Recorded(), 0
    for size in cycle(sizes):
        game.batch(records[start : start + size])
        start += size
        if start >= len(records):
            break
    game.sweep()
    return game.left


def digest(left: list[Left]) -> str:
    """BLAKE2b-128 in hex."""
    return blake2b(repr(left).encode(), digest_size=16).hexdigest()


if __name__ == "__main__":
    print(digest(left_by(GeneratedSet.open(Path(sys.argv[1])))))
