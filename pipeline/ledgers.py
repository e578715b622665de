"""Personal quota and numbers in use: may this manifest take what it needs (decisions.md section 6)?

The whole batch is checked at once; only manifests that touch a failing key are decided one by one.
"""

import json
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from pipeline.rules import FINDINGS

NUMBERS = {"P": "PAY-03", "W": "WAY-06"}
CLAIMS = (
    "m", "completing", "accepted_at", "ebp_code", "order_no", "person_key", "year", "dutiable_fen", "outcome",
    "number_p", "number_w", "annual_limit_fen", "waybill_reuse_months",
)  # fmt: skip
ACCOUNTS = {
    "person_key": pl.Binary, "year": pl.Int16, "entry_no": pl.Int32, "reserved_fen": pl.Int64, "used_fen": pl.Int64,
}  # fmt: skip
USES = {
    "number": pl.String, "use_no": pl.Int16, "ebp_code": pl.String, "order_no": pl.String,
    "accepted_at": pl.Datetime("ms", "UTC"),
}  # fmt: skip

ONE = pl.repeat(1, pl.len(), dtype=pl.Int32)  # in every row, to count by
Use = tuple[int, str, datetime]  # use number, holder, when it was accepted


@dataclass(frozen=True, slots=True)
class Balances:
    """`accounts`: ACCOUNTS of the persons at hand; `uses`: the last use (USES) of each number at hand."""

    accounts: pl.DataFrame
    uses: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Posted:
    """`refusals`: FINDINGS; `entries`: one a manifest that took, in their turns; `accounts`: new balances beside those
    they were read at, `exact` where a refusal quotes what was read; `uses`: numbers taken, in the numbers' order."""

    refusals: pl.DataFrame
    entries: pl.DataFrame
    accounts: pl.DataFrame
    uses: pl.DataFrame


def claims(heads: pl.DataFrame) -> pl.DataFrame:
    """CLAIMS of the manifests that the rules did not reject."""
    return heads.select(
        "m", "completing", "accepted_at", "ebp_code", "order_no", "person_key",
        pl.col("accepted_on").dt.year().cast(pl.Int16).alias("year"),
        # null only in quarantine: amounts that cannot be read reserve nothing until they are reviewed
        pl.col("dutiable_fen").fill_null(0),
        "outcome",
        pl.concat_str(pl.lit("P|"), "payment_payCode", pl.lit("|"), "payment_payTransactionId").alias("number_p"),
        pl.concat_str(pl.lit("W|"), "waybill_logisticsCode", pl.lit("|"), "waybill_logisticsNo").alias("number_w"),
        "annual_limit_fen", "waybill_reuse_months",
    ).filter(pl.col("outcome") != "REJECT")  # fmt: skip


def post(asked: pl.DataFrame, balances: Balances) -> Posted:
    """Post the claims in the order their documents completed."""
    at_hand = _beside_balances(asked, balances)
    refusals = _one_by_one(_failing(at_hand))
    refused = at_hand["m"].is_in(refusals["m"].implode())
    granted = at_hand.filter(~refused) if len(refusals) else at_hand
    entries = _entries(granted)
    accounts = entries.group_by("a", maintain_order=True).agg(
        pl.col("person_key", "year", "read_entry_no", "read_reserved_fen", "read_used_fen", "annual_limit_fen").first(),
        pl.col("entry_no", "reserved_after_fen", "used_after_fen").last(),
    )
    exact = accounts["a"].is_in(at_hand["a"].filter(refused).implode()).alias("exact")
    accounts = accounts.drop("a").hstack([exact])
    return Posted(refusals, entries.sort("turn").drop("a", "turn"), accounts, _uses(granted))


def _beside_balances(asked: pl.DataFrame, balances: Balances) -> pl.DataFrame:
    """The claims with the balances and uses they meet, `a` numbering the accounts and `turn` the claims.

    Claims of one account stand together, in their turns: so what runs on within an account is a plain running sum.
    """
    account = ["person_key", "year"]
    other_account = pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift()) for key in account)
    at_hand = (
        asked.sort("completing")
        .with_row_index("turn")
        .sort(*account, "turn")
        .with_columns(a=other_account.cum_sum())
        .join(balances.accounts, on=account, how="left", maintain_order="left")
        .with_columns(pl.col("entry_no", "reserved_fen", "used_fen").fill_null(0))
    )
    for letter in ("p", "w"):
        uses = balances.uses.select(pl.all().name.suffix(f"_{letter}"))
        at_hand = at_hand.join(uses, on=f"number_{letter}", how="left", maintain_order="left")
    return at_hand


def admits(moved: pl.DataFrame) -> bool:
    """Whether accounts that moved on since they were read still grant what was decided on the former balances.

    `moved`: `exact`, `annual_limit_fen` and the balances `reserved_fen`, `used_fen` with the batch's entries in them.
    """
    return not moved["exact"].any() and (moved["reserved_fen"] + moved["used_fen"] <= moved["annual_limit_fen"]).all()


def moved_on(entries: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    """The entries of accounts that `admits` let pass: numbers and balances count on from where the account was."""
    by = moved.select(
        "person_key", "year",
        entries=pl.col("entry_no") - pl.col("expected_entry_no"),
        reserved=pl.col("reserved_fen") - pl.col("expected_reserved_fen"),
        used=pl.col("used_fen") - pl.col("expected_used_fen"),
    )  # fmt: skip
    return (
        entries.join(by, on=["person_key", "year"], how="left", maintain_order="left")
        .with_columns(
            entry_no=pl.col("entry_no") + pl.col("entries").fill_null(0),
            reserved_after_fen=pl.col("reserved_after_fen") + pl.col("reserved").fill_null(0),
            used_after_fen=pl.col("used_after_fen") + pl.col("used").fill_null(0),
        )
        .drop("entries", "reserved", "used")
    )


def _failing(at_hand: pl.DataFrame) -> pl.DataFrame:
    """The claims that fail or could, in their turns: on an account that does not admit all of them, or on a number held
    by another or wanted twice here."""
    over = (
        pl.col("reserved_fen") + pl.col("used_fen") + pl.col("dutiable_fen").sum().over("a")
        > pl.col("annual_limit_fen")
    )
    held = pl.col("use_no_p").is_not_null() | pl.col("use_no_w").is_not_null()
    wanted_twice = pl.col("number_p").is_duplicated() | pl.col("number_w").is_duplicated()
    touched = at_hand.select(pl.col("a").filter(over | held | wanted_twice)).to_series()
    # every manifest of a touched account is decided jointly
    return at_hand.filter(at_hand["a"].is_in(touched.implode())).sort("turn")


def _one_by_one(at_hand: pl.DataFrame) -> pl.DataFrame:
    """Refusals as FINDINGS; a refused manifest takes nothing, so it does not count against the next."""
    taken: dict[tuple[bytes, int], tuple[int, int]] = {}  # account → entries and fen granted here
    holders: dict[str, Use] = {}  # number → its last use granted here
    refusals: list[tuple[int, str, str, str]] = []
    for c in at_hand.iter_rows(named=True):
        me = f"{c['ebp_code']}|{c['order_no']}"
        account = (c["person_key"], c["year"])
        entries, fen = taken.get(account, (0, 0))
        before = len(refusals)
        for letter, code in NUMBERS.items():
            use = _last_use(c, letter.lower(), holders)
            if use is not None and use[1] != me and (letter == "P" or _close(use[2], c)):
                read = {"use_no": use[0], "held_by": use[1]}
                refusals.append((c["m"], code, "REJECT", json.dumps(read)))
        balance = c["reserved_fen"] + c["used_fen"] + fen
        if balance + c["dutiable_fen"] > c["annual_limit_fen"]:
            read = {
                "entry_no": c["entry_no"] + entries,
                "balance_fen": balance,
                "amount_fen": c["dutiable_fen"],
            }
            refusals.append((c["m"], "LIM-03", "REJECT", json.dumps(read)))
        if len(refusals) == before:
            taken[account] = (entries + 1, fen + c["dutiable_fen"])
            for letter in ("p", "w"):
                use = _last_use(c, letter, holders)
                holders[c[f"number_{letter}"]] = (use[0] + 1 if use else 1, me, c["accepted_at"])
    return pl.DataFrame(refusals, schema=FINDINGS, orient="row")


def _last_use(claim: dict[str, Any], letter: str, holders: dict[str, Use]) -> Use | None:
    """Of the claim's number: granted in this batch, else as it was read."""
    if (here := holders.get(claim[f"number_{letter}"])) is not None:
        return here
    if (use_no := claim[f"use_no_{letter}"]) is None:
        return None
    return use_no, f"{claim[f'ebp_code_{letter}']}|{claim[f'order_no_{letter}']}", claim[f"accepted_at_{letter}"]


def _close(used_at: datetime, claim: dict[str, Any]) -> bool:
    """Whether the earlier of the two acceptances lies less than the reuse period before the later."""
    earlier, later = sorted((used_at, claim["accepted_at"]))
    year, month = divmod(earlier.year * 12 + earlier.month - 1 + claim["waybill_reuse_months"], 12)
    day = min(earlier.day, monthrange(year, month + 1)[1])
    return earlier.replace(year=year, month=month + 1, day=day) > later


def _entries(granted: pl.DataFrame) -> pl.DataFrame:
    """Entry numbers and balances run on within each account, in completing order."""
    hold = pl.col("outcome") == "HOLD"
    amount = pl.col("dutiable_fen")
    return granted.select(
        "a",
        "turn",
        "person_key",
        "year",
        "m",
        "annual_limit_fen",
        read_entry_no="entry_no",
        read_reserved_fen="reserved_fen",
        read_used_fen="used_fen",
        entry_no=pl.col("entry_no") + _running(ONE, "a"),
        movement=pl.when(hold).then(pl.lit("reserve")).otherwise(pl.lit("confirm")),
        debit=pl.lit("available"),
        credit=pl.when(hold).then(pl.lit("reserved")).otherwise(pl.lit("used")),
        amount_fen=amount,
        reserved_after_fen=pl.col("reserved_fen") + _running(pl.when(hold).then(amount).otherwise(0), "a"),
        used_after_fen=pl.col("used_fen") + _running(pl.when(hold).then(0).otherwise(amount), "a"),
    )


def _uses(granted: pl.DataFrame) -> pl.DataFrame:
    """The numbers taken, in their order: `m`, `number`, `use_no`."""
    uses = pl.concat(
        granted.select("m", "turn", number=f"number_{x}", use_no=pl.col(f"use_no_{x}").fill_null(0)) for x in ("p", "w")
    ).sort("number", "turn")
    # a batch may span more than the reuse period: then a number is taken twice in it
    return uses.select("m", "number", use_no=pl.col("use_no") + _running(ONE, "number").cast(pl.Int16))


def _running(amount: pl.Expr, group: str) -> pl.Expr:
    """Running sum within each group of rows that stand together: far cheaper than cum_sum().over()."""
    total = amount.cum_sum()
    starts = pl.col(group).ne_missing(pl.col(group).shift())
    return total - pl.when(starts).then(total - amount).forward_fill()
