"""Stock and guarantee are taken together or not at all (decisions.md section 15): what a manifest takes of both, in its turn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline import guarantees, stock
from pipeline.guarantees import Frozen, Guaranteed
from pipeline.rules import FOUND
from pipeline.stock import Drawn, Stocked

WAITING = {"m": pl.UInt32, "waits_for": pl.String, "amount": pl.Int64}
OF_STOCK, OF_GUARANTEE = "S|", "G|"
NOBODY = pl.DataFrame(schema=WAITING)
NO_REFUSALS = pl.DataFrame(schema=FOUND)


@dataclass(frozen=True, slots=True)
class Refused:
    """`finding`: a row of FOUND; `waits`: a row of WAITING, what it waits for unless it is rejected."""

    finding: tuple[int, str, str]
    waits: tuple[int, str, int]

    @property
    def code(self) -> str:
        return self.finding[1]


class Turns:
    """Manifests that touch what may not admit all of them, one by one in their turns: a refused one takes nothing, so it
    leaves room for the next."""

    def __init__(self, guaranteed: Guaranteed, stocked: Stocked, touching: pl.Series) -> None:
        chosen = pl.col("m").is_in(touching.implode())
        sides, lines = guaranteed.claims.filter(chosen), stocked.claims.filter(chosen)
        self._sides: dict[int, dict[str, Any]] = {row["m"]: row for row in sides.iter_rows(named=True)}
        self._lines: dict[int, list[dict[str, Any]]] = {}
        for row in lines.iter_rows(named=True):
            self._lines.setdefault(row["m"], []).append(row)
        self._turns = dict(pl.concat([sides.select("m", "turn"), lines.select("m", "turn")]).iter_rows())
        self._frozen: dict[str, int] = {}
        self._taken: dict[str, int] = {}

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._turns, key=self._turns.__getitem__))

    def take(self, m: int) -> Refused | None:
        """Take what the manifest needs; what refuses it, should something: stock is asked before the guarantee."""
        lines, side = self._lines.get(m, []), self._sides.get(m)
        for line in lines:
            here = self._taken.get(line["book_item"], 0)
            if stock.is_short(line, here):
                return Refused(stock.refusal(line, here), (m, OF_STOCK + line["book_item"], line["amount_e5"]))
        if side is not None:
            here = self._frozen.get(side["guarantor_code"], 0)
            if side["frozen_fen"] + here + side["amount_fen"] > side["limit_fen"]:
                return Refused(guarantees.refusal(side, here), (m, OF_GUARANTEE + side["guarantor_code"], side["amount_fen"]))
            self._frozen[side["guarantor_code"]] = here + side["amount_fen"]
        for line in lines:
            self._taken[line["book_item"]] = self._taken.get(line["book_item"], 0) + line["amount_e5"]
        return None


@dataclass(frozen=True, slots=True)
class Secured:
    """`frozen` by guarantees, `drawn` from stock; `refusals`: FOUND, of whom one of them refused, `waiting`: WAITING of these."""

    frozen: Frozen
    drawn: Drawn
    refusals: pl.DataFrame
    waiting: pl.DataFrame


def secure(guaranteed: Guaranteed, stocked: Stocked) -> Secured:
    """Take what is asked of the two alone, by manifests that have taken all else they need."""
    failing = pl.concat([guaranteed.failing(), stocked.failing()])
    if not len(failing):
        return Secured(guaranteed.frozen(), stocked.drawn(), NO_REFUSALS, NOBODY)
    turns = Turns(guaranteed, stocked, failing)
    refused = [found for m in turns if (found := turns.take(m)) is not None]
    refusals = pl.DataFrame([x.finding for x in refused], schema=FOUND, orient="row")
    left = guaranteed.without(refusals["m"]), stocked.without(refusals["m"])
    return Secured(left[0].frozen(), left[1].drawn(), refusals, waiting(refused))


def waiting(refused: Iterable[Refused]) -> pl.DataFrame:
    """WAITING of those that are held."""
    return pl.DataFrame([x.waits for x in refused], schema=WAITING, orient="row")
