"""The stock of account books: what a manifest orders of bonded goods is reserved or deducted there (decisions.md section 15).

One item may be in every fifth parcel, so stock is taken as guarantees are frozen: on what stood, added last, right before the
commit. The two are taken together or not at all (pipeline/securing.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.accounts import ONE, running

STANDING = {"book_item": pl.String, "entry_no": pl.Int32, "reserved_e5": pl.Int64, "used_e5": pl.Int64, "difference_e5": pl.Int64}
CLAIM = {
    "m": pl.UInt32, "turn": pl.UInt32, "book_item": pl.String, "released": pl.Boolean, "amount_e5": pl.Int64, "entered_e5": pl.Int64,
}  # fmt: skip
MOVES = {"book_item": pl.String, "entries": pl.Int32, "reserved_e5": pl.Int64, "used_e5": pl.Int64, "most_taken_e5": pl.Int64}
SHORT, NO_STOCK = "STK-01", "STK-02"
CODES = (SHORT, NO_STOCK)
MOST_ASKED = 3 * 10**14  # more than any stock can be, and all of a batch together still lie within 64 bits
NO_CLAIMS = pl.DataFrame(schema=CLAIM)
NO_STANDING = pl.DataFrame(schema=STANDING)
IF_NEW = pl.col("entry_no", "reserved_e5", "used_e5", "difference_e5").fill_null(0)
UNTOUCHED = [pl.lit(0, pl.Int32).alias("entry_no"), pl.lit(0, pl.Int64).alias("taken_e5")]
TAKEN = (pl.col("reserved_e5") + pl.col("used_e5") - pl.col("difference_e5")).alias("taken_e5")
ENTRY = pl.col("m", "book_item", "released", "amount_e5")
NUMBER = pl.col("book_item").ne_missing(pl.col("book_item").shift()).cum_sum().alias("a")
TOGETHER = running(pl.col("amount_e5"), "a")
# Running sums, so that the last claim on each item has those of all.
SO_FAR = [
    running(ONE, "a").alias("entries"),
    TOGETHER.alias("together"),
    running(pl.col("amount_e5") * pl.col("released"), "a").alias("used_e5"),
    (pl.col("entered_e5") - TOGETHER).alias("most_taken_e5"),  # before the batch, for the batch to fit
]
LAST = pl.col("a").ne_missing(pl.col("a").shift(-1))
ENTERED_CHANGES = (pl.col("a") == pl.col("a").shift()) & pl.col("entered_e5").ne_missing(pl.col("entered_e5").shift())
LEAST = pl.when(pl.col("entered_e5").null_count().over("a") == 0).then(pl.col("most_taken_e5").min().over("a")).alias("most_taken_e5")
MOVE = [pl.col("book_item", "entries"), (pl.col("together") - pl.col("used_e5")).alias("reserved_e5"), pl.col("used_e5", "most_taken_e5")]
IS_SHORT = pl.col("most_taken_e5").is_null() | (pl.col("taken_e5") > pl.col("most_taken_e5"))


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a batch takes from stock. `entries`: m, book_item, released, amount_e5, by book item and turn; `accounts`: MOVES, by
    book item."""

    entries: pl.DataFrame
    accounts: pl.DataFrame


NOTHING = Drawn(pl.DataFrame(schema={name: CLAIM[name] for name in ("m", "book_item", "released", "amount_e5")}), pl.DataFrame(schema=MOVES))


@dataclass(frozen=True, slots=True)
class Stocked:
    """Claims (CLAIM, by book item and turn) beside how their items stand, and what all of them come to by item."""

    claims: pl.DataFrame
    accounts: pl.DataFrame

    @classmethod
    def at_hand(cls, claims: pl.DataFrame, standing: pl.DataFrame) -> "Stocked":
        """`standing`: STANDING of the items that may be near their end."""
        if len(standing):
            beside = claims.join(standing, on="book_item", how="left", maintain_order="left").with_columns(IF_NEW).with_columns(TAKEN)
        else:  # as a rule: nothing is near its end
            beside = claims.with_columns(UNTOUCHED) if len(claims) else claims
        return cls._of(beside)

    @classmethod
    def _of(cls, claims: pl.DataFrame) -> "Stocked":
        """Of two days each has what counts then: then it is the least that decides."""
        if not len(claims):
            return cls(claims, NOTHING.accounts)
        so_far = claims.with_columns(NUMBER).with_columns(SO_FAR)
        if so_far.select(ENTERED_CHANGES.any()).item():
            so_far = so_far.with_columns(LEAST)
        return cls(claims, so_far.filter(LAST))

    def failing(self) -> pl.Series:
        """The manifests with a claim on an item that does not admit all of them."""
        if len(self.claims) and len(short := self.accounts.filter(IS_SHORT)["book_item"]):
            return self.claims.filter(pl.col("book_item").is_in(short.implode()))["m"]
        return self.claims["m"].clear()

    def without(self, refused: pl.Series) -> "Stocked":
        """Of the manifests that were not refused (`m`)."""
        return self._of(self.claims.filter(~pl.col("m").is_in(refused.implode())))

    def drawn(self) -> Drawn:
        """All of it."""
        return Drawn(self.claims.select(ENTRY), self.accounts.select(MOVE)) if len(self.claims) else NOTHING


def is_short(line: Mapping[str, Any], here: int) -> bool:
    """Whether there is no stock that counts, or not enough of it once the batch itself took so much."""
    entered = line["entered_e5"]
    return entered is None or line["taken_e5"] + here + line["amount_e5"] > entered


def refusal(line: Mapping[str, Any], here: int) -> tuple[int, str, str]:
    """A row of rules.FOUND. `batch_e5`: what the batch itself took before it, on top of what was taken up to `entry_no`."""
    saw = {"book_item": line["book_item"], "amount_e5": line["amount_e5"]}
    if line["entered_e5"] is None:
        return line["m"], NO_STOCK, json.dumps(saw)
    stood = {"entry_no": line["entry_no"], "taken_e5": line["taken_e5"], "batch_e5": here, "entered_e5": line["entered_e5"]}
    return line["m"], SHORT, json.dumps(saw | stood)
