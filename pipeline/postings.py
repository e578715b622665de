"""What the ledgers work out for a whole batch at once, as expressions (decisions.md section 6)."""

import polars as pl

LETTERS = ("p", "w")
ACCOUNT = ("person_key", "year")
CLAIMS = [
    pl.col("m", "completing", "accepted_at", "ebp_code", "order_no", "person_key"),
    pl.col("accepted_on").dt.year().cast(pl.Int16).alias("year"),
    # null only in quarantine: amounts that cannot be read reserve nothing until they are reviewed
    pl.col("dutiable_fen").fill_null(0),
    pl.col("outcome"),
    pl.concat_str(pl.lit("P|"), "payment_payCode", pl.lit("|"), "payment_payTransactionId").alias("number_p"),
    pl.concat_str(pl.lit("W|"), "waybill_logisticsCode", pl.lit("|"), "waybill_logisticsNo").alias("number_w"),
    pl.col("annual_limit_fen", "waybill_reuse_months"),
]
CLAIMING = pl.col("outcome") != "REJECT"


def _running(amount: pl.Expr, group: str) -> pl.Expr:
    """Running sum within each group of rows that stand together: far cheaper than cum_sum().over()."""
    total = amount.cum_sum()
    starts = pl.col(group).ne_missing(pl.col(group).shift())
    return total - pl.when(starts).then(total - amount).forward_fill()


def _failing() -> pl.Expr:
    """The claims that fail or could: on an account that does not admit all of them, or on a number held by another or
    wanted twice here."""
    over = (
        pl.col("reserved_fen") + pl.col("used_fen") + pl.col("dutiable_fen").sum().over("a")
        > pl.col("annual_limit_fen")
    )
    held = pl.col("use_no_p").is_not_null() | pl.col("use_no_w").is_not_null()
    wanted_twice = pl.col("number_p").is_duplicated() | pl.col("number_w").is_duplicated()
    # every manifest of a touched account is decided jointly
    return pl.col("a").is_in(pl.col("a").filter(over | held | wanted_twice).implode())


def _entry() -> list[pl.Expr]:
    """Entry numbers and balances run on within each account, in completing order."""
    hold, amount = pl.col("outcome") == "HOLD", pl.col("dutiable_fen")
    reserved, used = pl.when(hold).then(amount).otherwise(0), pl.when(hold).then(0).otherwise(amount)
    return [
        pl.col("a", "turn", "person_key", "year", "m", "annual_limit_fen"),
        pl.col("entry_no", "reserved_fen", "used_fen").name.prefix("read_"),
        pl.col("entry_no") + _running(ONE, "a"),
        pl.when(hold).then(pl.lit("reserve")).otherwise(pl.lit("confirm")).alias("movement"),
        pl.lit("available").alias("debit"),
        pl.when(hold).then(pl.lit("reserved")).otherwise(pl.lit("used")).alias("credit"),
        amount.alias("amount_fen"),
        (pl.col("reserved_fen") + _running(reserved, "a")).alias("reserved_after_fen"),
        (pl.col("used_fen") + _running(used, "a")).alias("used_after_fen"),
    ]


ONE = pl.repeat(1, pl.len(), dtype=pl.Int32)  # in every row, to count by
ASKED = [
    # numbers the accounts
    pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift()) for key in ACCOUNT).cum_sum().alias("a"),
    pl.col("entry_no", "reserved_fen", "used_fen").fill_null(0),
]
FAILING = _failing()
ENTRY = _entry()
BALANCE = [
    pl.col("person_key", "year", "read_entry_no", "read_reserved_fen", "read_used_fen", "annual_limit_fen").first(),
    pl.col("entry_no", "reserved_after_fen", "used_after_fen").last(),
]
BUT_NUMBERS = pl.exclude("a", "turn")
OF_LETTER = {x: pl.all().name.suffix(f"_{x}") for x in LETTERS}
TAKEN = {
    x: [pl.col("m", "turn"), pl.col(f"number_{x}").alias("number"), pl.col(f"use_no_{x}").fill_null(0).alias("use_no")]
    for x in LETTERS
}
# a batch may span more than the reuse period: then a number is taken twice in it
USE = [pl.col("m", "number"), pl.col("use_no") + _running(ONE, "number").cast(pl.Int16)]
