"""The stock of account books: what a manifest orders of bonded goods is reserved or deducted there (decisions.md section 15).

One item may be in every fifth parcel, so stock is taken as guarantees are frozen: on what stood, added last, right before the
commit. The two are taken together or not at all.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from pipeline import guarantees
from pipeline.accounts import ONE, running
from pipeline.guarantees import Frozen, freeze
from pipeline.rules import FOUND

STANDING = {"book_item": pl.String, "entry_no": pl.Int32, "reserved_e5": pl.Int64, "used_e5": pl.Int64, "difference_e5": pl.Int64}
CLAIM = {
    "m": pl.UInt32, "turn": pl.UInt32, "book_item": pl.String, "released": pl.Boolean, "amount_e5": pl.Int64, "entered_e5": pl.Int64,
}  # fmt: skip
MOVES = {"book_item": pl.String, "entries": pl.Int32, "reserved_e5": pl.Int64, "used_e5": pl.Int64, "most_taken_e5": pl.Int64}
WAITING = {"m": pl.UInt32, "waits_for": pl.String, "amount": pl.Int64}
SHORT, NO_STOCK = "STK-01", "STK-02"
CODES = (SHORT, NO_STOCK)
MOST_ASKED = 3 * 10**14  # more than any stock can be, and all of a batch together still lie within 64 bits
OF_STOCK, OF_GUARANTEE = "S|", "G|"
NO_CLAIMS = pl.DataFrame(schema=CLAIM)
NO_STANDING = pl.DataFrame(schema=STANDING)
NOBODY = pl.DataFrame(schema=WAITING)
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
WAITS_FOR_GUARANTEE = [
    pl.col("m"), pl.concat_str(pl.lit(OF_GUARANTEE), "guarantor_code").alias("waits_for"), pl.col("amount_fen").alias("amount"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a batch takes from stock. `entries`: m, book_item, released, amount_e5, by book item and turn; `accounts`: MOVES, by
    book item; `waiting`: WAITING, what each manifest waits for that was refused by stock or guarantee."""

    entries: pl.DataFrame
    accounts: pl.DataFrame
    waiting: pl.DataFrame


NOTHING = Drawn(
    pl.DataFrame(schema={name: CLAIM[name] for name in ("m", "book_item", "released", "amount_e5")}), pl.DataFrame(schema=MOVES), NOBODY
)


def secure(secured: pl.DataFrame, guaranteed: pl.DataFrame, stocked: pl.DataFrame, stood: pl.DataFrame) -> tuple[Frozen, Drawn]:
    """Freeze and take what is asked: of guarantees (guarantees.CLAIM, on STANDING) and of stock (CLAIM by book item and turn, on
    STANDING). The refusals of both, each manifest's one, are with what is frozen."""
    frozen = freeze(secured, guaranteed)
    if not len(stocked):
        return frozen, NOTHING if not len(frozen.refusals) else replace(NOTHING, waiting=_waiting(secured, frozen.refusals))
    if len(stood):
        at_hand = stocked.join(stood, on="book_item", how="left", maintain_order="left").with_columns(IF_NEW).with_columns(TAKEN)
    else:  # as a rule: nothing is near its end
        at_hand = stocked.with_columns(UNTOUCHED)
    accounts = _accounts(at_hand)
    short = accounts.filter(IS_SHORT)["book_item"]
    if not len(short) and not len(frozen.refusals):
        return frozen, Drawn(at_hand.select(ENTRY), accounts.select(MOVE), NOBODY)
    full = secured.filter(pl.col("m").is_in(frozen.refusals["m"].implode()))["guarantor_code"]
    of_guarantors = secured.filter(pl.col("guarantor_code").is_in(full.implode()))["m"]
    touching = pl.concat([at_hand.filter(pl.col("book_item").is_in(short.implode()))["m"], of_guarantors])
    refusals, waiting = _one_by_one(touching, secured, guaranteed, at_hand)
    left = ~pl.col("m").is_in(refusals["m"].implode())
    at_hand = at_hand.filter(left)
    frozen = replace(freeze(secured.filter(left), guaranteed), refusals=refusals)
    return frozen, Drawn(at_hand.select(ENTRY), _accounts(at_hand).select(MOVE), waiting)


def _accounts(at_hand: pl.DataFrame) -> pl.DataFrame:
    """What is claimed of each item. Of two days each has what counts then: then it is the least that decides."""
    so_far = at_hand.with_columns(NUMBER).with_columns(SO_FAR)
    if so_far.select(ENTERED_CHANGES.any()).item():
        so_far = so_far.with_columns(LEAST)
    return so_far.filter(LAST)


def _waiting(secured: pl.DataFrame, refusals: pl.DataFrame) -> pl.DataFrame:
    return secured.filter(pl.col("m").is_in(refusals["m"].implode())).select(WAITS_FOR_GUARANTEE)


def _one_by_one(
    touching: pl.Series, secured: pl.DataFrame, guaranteed: pl.DataFrame, at_hand: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """FOUND and WAITING of those that do not fit, in their turns: a refused one takes neither stock nor guarantee."""
    chosen = pl.col("m").is_in(touching.implode())
    sides = secured.filter(chosen).join(guaranteed, on="guarantor_code", how="left").with_columns(guarantees.IF_NEW)
    by_guarantor: dict[int, dict[str, Any]] = {row["m"]: row for row in sides.iter_rows(named=True)}
    lines: dict[int, list[dict[str, Any]]] = {}
    turns: dict[int, int] = {m: row["turn"] for m, row in by_guarantor.items()}
    for row in at_hand.filter(chosen).iter_rows(named=True):
        lines.setdefault(row["m"], []).append(row)
        turns[row["m"]] = row["turn"]
    frozen: dict[str, int] = {}
    taken: dict[str, int] = {}
    found: list[tuple[int, str, str]] = []
    waiting: list[tuple[int, str, int]] = []
    for m in sorted(turns, key=turns.__getitem__):
        stock, side = lines.get(m, []), by_guarantor.get(m)
        if (line := next((x for x in stock if _is_short(x, taken)), None)) is not None:
            found.append(_refusal(line, taken.get(line["book_item"], 0)))
            waiting.append((m, OF_STOCK + line["book_item"], line["amount_e5"]))
            continue
        if side is not None:
            here = frozen.get(side["guarantor_code"], 0)
            if side["frozen_fen"] + here + side["amount_fen"] > side["limit_fen"]:
                found.append(guarantees.refusal(side, here))
                waiting.append((m, OF_GUARANTEE + side["guarantor_code"], side["amount_fen"]))
                continue
            frozen[side["guarantor_code"]] = here + side["amount_fen"]
        for line in stock:
            taken[line["book_item"]] = taken.get(line["book_item"], 0) + line["amount_e5"]
    return pl.DataFrame(found, schema=FOUND, orient="row"), pl.DataFrame(waiting, schema=WAITING, orient="row")


def _is_short(line: Mapping[str, Any], taken: Mapping[str, int]) -> bool:
    """Whether there is no stock that counts, or not enough of it."""
    entered = line["entered_e5"]
    return entered is None or line["taken_e5"] + taken.get(line["book_item"], 0) + line["amount_e5"] > entered


def _refusal(line: Mapping[str, Any], here: int) -> tuple[int, str, str]:
    """`batch_e5`: what the batch itself took before it, on top of what was taken up to `entry_no`."""
    saw = {"book_item": line["book_item"], "amount_e5": line["amount_e5"]}
    if line["entered_e5"] is None:
        return line["m"], NO_STOCK, json.dumps(saw)
    stood = {"entry_no": line["entry_no"], "taken_e5": line["taken_e5"], "batch_e5": here, "entered_e5": line["entered_e5"]}
    return line["m"], SHORT, json.dumps(saw | stood)
