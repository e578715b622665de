"""What manifests that the rules did not reject ask of the ledgers (decisions.md section 6)."""

from dataclasses import dataclass, field

import polars as pl

from pipeline.accounts import QUOTA, WEIGHT, Ledger
from pipeline.derived import I128, UNIT
from pipeline.manifests import Manifests
from pipeline.stock import CLAIM, MOST_ASKED, NO_CLAIMS

NUMBERED = {"P": ("payment_payCode", "payment_payTransactionId"), "W": ("waybill_logisticsCode", "waybill_logisticsNo")}
LETTERS = tuple(letter.lower() for letter in NUMBERED)
LONGEST = 100  # characters of a code or number that count: no message has room for as many, and an index entry takes 2,704 bytes


def _number(letter: str) -> pl.Expr:
    counting = (pl.col(name).str.head(LONGEST) for name in NUMBERED[letter])
    return pl.concat_str(pl.lit(letter), *counting, separator="|").alias(f"number_{letter.lower()}")


def number_of(letter: str, code: str, number: str) -> str:
    """A number as table number_use has it; `letter`: of NUMBERED."""
    return f"{letter}|{code[:LONGEST]}|{number[:LONGEST]}"


ASKING = [
    pl.col("m", "completing", "accepted_at", "ebp_code", "order_no", "outcome", "person_key"),
    pl.col("accepted_on").dt.year().cast(pl.Int16).alias("year"),
    # null only in quarantine: amounts that cannot be read reserve nothing until they are reviewed
    pl.col("dutiable_fen").fill_null(0).alias("amount_fen"),
    pl.col("annual_limit_fen").alias("limit_fen"),
    pl.col("guarantor_code", "guarantee_limit_fen"),
    pl.when("tax_known").then("tax_due_fen").otherwise(0).alias("tax_fen"),
    *map(_number, NUMBERED),
    pl.col("waybill_reuse_months"),
]
ACCEPTABLE = pl.col("outcome") != "REJECT"
NUMBERS = pl.col("m", "turn", "accepted_at", "ebp_code", "order_no", "number_p", "number_w", "waybill_reuse_months")
QUOTA_CLAIM = pl.col("m", "turn", "outcome", *QUOTA.key, "amount_fen", "limit_fen")
# Where nothing is due, or nobody knows what, nothing is frozen; without a guarantor there is no account (REG-08 holds it).
GUARANTEED = (pl.col("tax_fen") > 0) & (pl.col("guarantor_code") != "")
GUARANTEE_CLAIM = [pl.col("m", "turn", "guarantor_code"), pl.col("tax_fen").alias("amount_fen"), pl.col("guarantee_limit_fen").alias("limit_fen")]
# Of a line of a group with a yearly cap: its weight in mg, rounded up (a quantity has parts of 10^-5). 128 bits: the
# quantity is not bounded by any price.
WEIGHED = pl.col("weight_group").is_not_null() & pl.col("weighed") & (pl.col("line_qty_e5") > 0)
LINE_MG = (pl.col("line_qty_e5").cast(I128) * pl.col("unit_mg") + (UNIT - 1)).floordiv(UNIT)
GROUP_MG = [LINE_MG.sum().alias("amount_mg"), pl.col("cap_mg").first().alias("limit_mg")]
# Of the lines of bonded goods: what they take of each item of an account book; null of what cannot be counted in it.
BOOKED = pl.col("bonded") & (pl.col("line_qty_e5") > 0)
OF_BOOK_ITEM = [
    pl.col("line_qty_e5").sum().clip(upper_bound=MOST_ASKED).alias("amount_e5"),
    pl.when(pl.col("entered_e5").null_count() == 0).then(pl.col("entered_e5").first()),
]


@dataclass(frozen=True, slots=True)
class Claims:
    """`numbers`: one row a manifest, in the order they completed: `m`, `turn` (counted in that order), who asks, and the
    numbers it wants; `amounts`: claims as in accounts.Ledger, of those ledgers that are asked for anything; `guarantees`:
    claims as in guarantees.CLAIM; `stock`: as in stock.CLAIM."""

    numbers: pl.DataFrame
    amounts: dict[Ledger, pl.DataFrame]
    guarantees: pl.DataFrame
    stock: pl.DataFrame = field(default_factory=lambda: NO_CLAIMS)


def claims(manifests: Manifests) -> Claims:
    """The claims of judged manifests with their keys of persons."""
    asking = manifests.heads.select(ASKING).filter(ACCEPTABLE).sort("completing").with_row_index("turn")
    amounts: dict[Ledger, pl.DataFrame] = {}
    if len(asking):
        amounts[QUOTA] = _by_account(QUOTA, asking.select(QUOTA_CLAIM))
    weights = manifests.lines["weight_group"]
    if weights.null_count() < len(weights):
        weighed = manifests.lines.filter(WEIGHED).group_by("m", "weight_group").agg(GROUP_MG)
        asked = weighed.join(asking.select("m", "turn", "outcome", "person_key", "year"), on="m")
        if len(asked):
            amounts[WEIGHT] = _by_account(WEIGHT, asked)
    guarantees = asking.filter(GUARANTEED).select(GUARANTEE_CLAIM).sort("guarantor_code", "turn")
    return Claims(asking.select(NUMBERS), amounts, guarantees, _of_stock(manifests.lines, asking))


def _of_stock(lines: pl.DataFrame, asking: pl.DataFrame) -> pl.DataFrame:
    booked = lines.select("m", "line_qty_e5", "entered_e5", "bonded", "stock", book_item="account_book_item").filter(BOOKED)
    if not len(booked):
        return NO_CLAIMS
    by = "book_item" if booked["stock"].null_count() else "stock"  # rows of stock are in the order of their names, and cheaper
    of_item = OF_BOOK_ITEM if by == "book_item" else [*OF_BOOK_ITEM, pl.col("book_item").first()]
    asked = booked.group_by("m", by).agg(of_item)
    turns = asking.select("m", "turn", released=pl.col("outcome") == "RELEASE")
    return asked.join(turns, on="m").sort(by, "turn").select(*CLAIM)


def _by_account(ledger: Ledger, asked: pl.DataFrame) -> pl.DataFrame:
    return asked.sort(*ledger.key, "turn").with_columns(ledger.number)
