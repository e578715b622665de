"""The law in force on one day, as the core reads it. schemas/lawbook.py builds it from dated data."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

Outcome = Literal["RELEASE", "HOLD", "REJECT"]
RETURN_STATUS: dict[str, int] = {"RELEASE": 800, "HOLD": 300, "REJECT": 100}  # customs returnStatus


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a finding does: its outcome, the queue of a HOLD, the kinds of document it blames (bits 1, 2, 4)."""

    code: str
    outcome: Outcome
    queue: str
    blames: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over the columns in `reads`; true makes the finding, null makes SYS-01."""

    consequence: Consequence
    scope: Literal["manifest", "line"]
    condition: pl.Expr
    reads: tuple[str, ...]

    @property
    def code(self) -> str:
        return self.consequence.code


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity: what is built of it is cached
class Law:
    """Everything the core needs to know on one acceptance date.

    `rates`: hs_code, vat_1e4, consumption_1e4 (10^-4), in force that day.
    `goods`: ebc_code, item_no, hs_code, account_book_item (the goods registry).
    """

    version: str
    rules: tuple[Rule, ...]
    consequences: dict[str, Consequence]
    personal: frozenset[str]
    annual_limit_fen: int
    waybill_reuse_months: int
    rates: pl.DataFrame
    goods: pl.DataFrame
