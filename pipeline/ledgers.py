"""Personal quota and numbers in use: may this manifest take what it needs (decisions.md section 6)?

The whole batch is checked at once; only manifests that touch a failing key are decided one by one.
"""

import json
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from pipeline import postings
from pipeline.rules import FINDINGS

NUMBERS = {"P": "PAY-03", "W": "WAY-06"}
ACCOUNTS = {
    "person_key": pl.Binary, "year": pl.Int16, "entry_no": pl.Int32, "reserved_fen": pl.Int64, "used_fen": pl.Int64,
}  # fmt: skip
USES = {
    "number": pl.String, "use_no": pl.Int16, "ebp_code": pl.String, "order_no": pl.String,
    "accepted_at": pl.Datetime("ms", "UTC"),
}  # fmt: skip
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
    """postings.CLAIMS of the manifests that the rules did not reject."""
    return heads.select(postings.CLAIMS).filter(postings.CLAIMING)


def post(asked: pl.DataFrame, balances: Balances) -> Posted:
    """Post the claims in the order their documents completed."""
    at_hand = _beside_balances(asked, balances)
    refusals = _one_by_one(at_hand.filter(postings.FAILING).sort("turn"))
    refused = pl.col("m").is_in(pl.lit(refusals["m"]).implode())
    quoted = at_hand.select(pl.col("a").filter(refused)).to_series()
    granted = at_hand.filter(~refused) if len(refusals) else at_hand
    entries = granted.select(postings.ENTRY)
    accounts = entries.group_by("a", maintain_order=True).agg(postings.BALANCE)
    exact = pl.col("a").is_in(pl.lit(quoted).implode()).alias("exact")
    return Posted(refusals, entries.sort("turn").select(postings.BUT_NUMBERS), accounts.select(postings.BUT_NUMBERS, exact), _uses(granted))


def _beside_balances(asked: pl.DataFrame, balances: Balances) -> pl.DataFrame:
    """The claims with the balances and uses they meet, `a` numbering the accounts and `turn` the claims.

    Claims of one account stand together, in their turns: so what runs on within an account is a plain running sum.
    """
    at_hand = asked.sort("completing").with_row_index("turn").sort(*postings.ACCOUNT, "turn")
    at_hand = at_hand.join(balances.accounts, on=postings.ACCOUNT, how="left", maintain_order="left")
    for letter in postings.LETTERS:
        uses = balances.uses.select(postings.OF_LETTER[letter])
        at_hand = at_hand.join(uses, on=f"number_{letter}", how="left", maintain_order="left")
    return at_hand.with_columns(postings.ASKED)


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
            for letter in postings.LETTERS:
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


def _uses(granted: pl.DataFrame) -> pl.DataFrame:
    """The numbers taken, in their order: `m`, `number`, `use_no`."""
    return pl.concat(granted.select(postings.TAKEN[letter]) for letter in postings.LETTERS).sort("number", "turn").select(postings.USE)
