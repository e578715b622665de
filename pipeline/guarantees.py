"""The accounts of guarantors: the tax of what is accepted is frozen there until it is paid (decisions.md section 11).

One account may carry most of the traffic, so no lock is held while a batch is decided: what it freezes is added last, right
before the commit, and stands if the account did not move on too far since it was read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.accounts import running
from pipeline.rules import FOUND

STANDING = {"guarantor_code": pl.String, "entry_no": pl.Int32, "frozen_fen": pl.Int64}
CLAIM = {"m": pl.UInt32, "turn": pl.UInt32, "guarantor_code": pl.String, "amount_fen": pl.Int64, "limit_fen": pl.Int64}
MOVES = {"guarantor_code": pl.String, "entries": pl.Int32, "amount_fen": pl.Int64, "most_frozen_fen": pl.Int64}
EXHAUSTED, NOT_VALID = "GUA-01", "GUA-02"
CODES = (EXHAUSTED, NOT_VALID)
NO_CLAIMS = pl.DataFrame(schema=CLAIM)
NO_STANDING = pl.DataFrame(schema=STANDING)
NO_REFUSALS = pl.DataFrame(schema=FOUND)
IF_NEW = pl.col("entry_no", "frozen_fen").fill_null(0)
ROOM = pl.col("limit_fen") - running(pl.col("amount_fen"), "guarantor_code")
ENTRY = pl.col("m", "guarantor_code", "amount_fen")
OF_ACCOUNT = [
    pl.len().cast(pl.Int32).alias("entries"),
    pl.col("amount_fen").sum(),
    pl.col("room").min().alias("most_frozen_fen"),  # before the batch, for the batch to fit
    pl.col("frozen_fen").first().alias("frozen"),
]


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a batch freezes. `entries`: m, guarantor_code, amount_fen, by account and turn; `accounts`: MOVES, by account;
    `refusals`: FOUND that hold manifests."""

    entries: pl.DataFrame
    accounts: pl.DataFrame
    refusals: pl.DataFrame


NOTHING = Frozen(pl.DataFrame(schema={name: CLAIM[name] for name in ("m", "guarantor_code", "amount_fen")}), pl.DataFrame(schema=MOVES), NO_REFUSALS)


def freeze(claims: pl.DataFrame, standing: pl.DataFrame) -> Frozen:
    """Freeze the claims (CLAIM, by guarantor_code and turn) on accounts that stand so (STANDING)."""
    if not len(claims):
        return NOTHING
    at_hand = claims.join(standing, on="guarantor_code", how="left", maintain_order="left").with_columns(IF_NEW)
    accounts = _accounts(at_hand)
    full = accounts.filter(pl.col("frozen") > pl.col("most_frozen_fen"))["guarantor_code"]
    refusals = NO_REFUSALS
    if len(full):
        refusals = _one_by_one(at_hand.filter(pl.col("guarantor_code").is_in(full.implode())))
        at_hand = at_hand.filter(~pl.col("m").is_in(refusals["m"].implode()))
        accounts = _accounts(at_hand)
    return Frozen(at_hand.select(ENTRY), accounts.select(*MOVES), refusals)


def _accounts(at_hand: pl.DataFrame) -> pl.DataFrame:
    beside = at_hand.with_columns(ROOM.alias("room"))
    return beside.group_by("guarantor_code", maintain_order=True).agg(OF_ACCOUNT)  # as the entries stand, which are packed by it


def _one_by_one(at_hand: pl.DataFrame) -> pl.DataFrame:
    """The claims that do not fit, in their turns: what is refused leaves room for a smaller one after it."""
    taken: dict[str, int] = {}
    refusals: list[tuple[int, str, str]] = []
    for claim in at_hand.iter_rows(named=True):
        here = taken.get(claim["guarantor_code"], 0)
        if claim["frozen_fen"] + here + claim["amount_fen"] <= claim["limit_fen"]:
            taken[claim["guarantor_code"]] = here + claim["amount_fen"]
        else:
            refusals.append(refusal(claim, here))
    return pl.DataFrame(refusals, schema=FOUND, orient="row")


def refusal(claim: Mapping[str, Any], here: int) -> tuple[int, str, str]:
    """A row of FOUND: `batch_fen` is what the batch itself froze before it, on top of the balance after `entry_no`."""
    saw = {
        "guarantor_code": claim["guarantor_code"], "entry_no": claim["entry_no"], "balance_fen": claim["frozen_fen"],
        "batch_fen": here, "amount_fen": claim["amount_fen"], "limit_fen": claim["limit_fen"],
    }  # fmt: skip
    return claim["m"], EXHAUSTED if claim["limit_fen"] else NOT_VALID, json.dumps(saw)
