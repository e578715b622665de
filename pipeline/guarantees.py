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

STANDING = {"guarantor_code": pl.String, "entry_no": pl.Int32, "frozen_fen": pl.Int64}
CLAIM = {"m": pl.UInt32, "turn": pl.UInt32, "guarantor_code": pl.String, "amount_fen": pl.Int64, "limit_fen": pl.Int64}
MOVES = {"guarantor_code": pl.String, "entries": pl.Int32, "amount_fen": pl.Int64, "most_frozen_fen": pl.Int64}
EXHAUSTED, NOT_VALID = "GUA-01", "GUA-02"
CODES = (EXHAUSTED, NOT_VALID)
NO_CLAIMS = pl.DataFrame(schema=CLAIM)
NO_STANDING = pl.DataFrame(schema=STANDING)
IF_NEW = pl.col("entry_no", "frozen_fen").fill_null(0)
ROOM = pl.col("limit_fen") - running(pl.col("amount_fen"), "guarantor_code")
ENTRY = pl.col("m", "guarantor_code", "amount_fen")
OF_ACCOUNT = [
    pl.len().cast(pl.Int32).alias("entries"),
    pl.col("amount_fen").sum(),
    pl.col("room").min().alias("most_frozen_fen"),  # before the batch, for the batch to fit
    pl.col("frozen_fen").first().alias("frozen"),
]
IS_FULL = pl.col("frozen") > pl.col("most_frozen_fen")


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a batch freezes. `entries`: m, guarantor_code, amount_fen, by account and turn; `accounts`: MOVES, by account."""

    entries: pl.DataFrame
    accounts: pl.DataFrame


NOTHING = Frozen(pl.DataFrame(schema={name: CLAIM[name] for name in ("m", "guarantor_code", "amount_fen")}), pl.DataFrame(schema=MOVES))


@dataclass(frozen=True, slots=True)
class Guaranteed:
    """Claims (CLAIM, by guarantor_code and turn) beside how their accounts stand, and what all of them come to by account."""

    claims: pl.DataFrame
    accounts: pl.DataFrame

    @classmethod
    def at_hand(cls, claims: pl.DataFrame, standing: pl.DataFrame) -> "Guaranteed":
        """`standing`: STANDING; an account that is not among them has nothing frozen."""
        beside = claims.join(standing, on="guarantor_code", how="left", maintain_order="left").with_columns(IF_NEW) if len(claims) else claims
        return cls._of(beside)

    @classmethod
    def _of(cls, claims: pl.DataFrame) -> "Guaranteed":
        if not len(claims):
            return cls(claims, NOTHING.accounts)
        beside = claims.with_columns(ROOM.alias("room"))  # as the entries stand, which are packed by account
        return cls(claims, beside.group_by("guarantor_code", maintain_order=True).agg(OF_ACCOUNT))

    def failing(self) -> pl.Series:
        """The manifests with a claim on an account that does not admit all of them."""
        if len(self.claims) and len(full := self.accounts.filter(IS_FULL)["guarantor_code"]):
            return self.claims.filter(pl.col("guarantor_code").is_in(full.implode()))["m"]
        return self.claims["m"].clear()

    def without(self, refused: pl.Series) -> "Guaranteed":
        """Of the manifests that were not refused (`m`)."""
        return self._of(self.claims.filter(~pl.col("m").is_in(refused.implode())))

    def frozen(self) -> Frozen:
        """All of it."""
        return Frozen(self.claims.select(ENTRY), self.accounts.select(*MOVES)) if len(self.claims) else NOTHING


def refusal(claim: Mapping[str, Any], here: int) -> tuple[int, str, str]:
    """A row of rules.FOUND: `batch_fen` is what the batch itself froze before it, on top of the balance after `entry_no`."""
    saw = {
        "guarantor_code": claim["guarantor_code"], "entry_no": claim["entry_no"], "balance_fen": claim["frozen_fen"],
        "batch_fen": here, "amount_fen": claim["amount_fen"], "limit_fen": claim["limit_fen"],
    }  # fmt: skip
    return claim["m"], EXHAUSTED if claim["limit_fen"] else NOT_VALID, json.dumps(saw)
