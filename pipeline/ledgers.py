"""Accounts and numbers in use: may this manifest take what it needs (decisions.md section 6)?

The whole batch is checked at once; only manifests that touch a failing key of any ledger are decided one by one.
"""

import json
from calendar import monthrange
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from pipeline import guarantees, stock
from pipeline.accounts import ONE, Ledger, running
from pipeline.claims import LETTERS, Claims
from pipeline.guarantees import Frozen, Guaranteed
from pipeline.law import SHANGHAI
from pipeline.rules import FOUND
from pipeline.securing import NO_REFUSALS, NOBODY, Refused, Turns, waiting
from pipeline.stock import Drawn, Stocked

NUMBERS = {"P": "PAY-03", "W": "WAY-06"}
USES = {
    "number": pl.String, "use_no": pl.Int16, "ebp_code": pl.String, "order_no": pl.String,
    "accepted_at": pl.Datetime("ms", "UTC"),
}  # fmt: skip
OF_LETTER = {x: pl.all().name.suffix(f"_{x}") for x in LETTERS}
HELD = pl.any_horizontal(pl.col(f"use_no_{x}").is_not_null() | pl.col(f"number_{x}").is_duplicated() for x in LETTERS)
TAKEN = {
    x: [pl.col("m", "turn"), pl.col(f"number_{x}").alias("number"), pl.col(f"use_no_{x}").fill_null(0).alias("use_no")]
    for x in LETTERS
}
# a batch may span more than the reuse period: then a number is taken twice in it
USE = [pl.col("m", "number"), pl.col("use_no") + running(ONE, "number").cast(pl.Int16)]
BUT_NUMBER = pl.exclude("a")
NOT_EXACT = pl.lit(False).alias("exact")
Use = tuple[int, str, datetime]  # use number, holder, when it was accepted
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Balances:
    """`accounts`: how those at hand stand (Ledger.standing), of each ledger that is asked; `uses`: the last use (USES) of
    each number at hand; `guarantees`: how the guarantors' accounts at hand stand (guarantees.STANDING); `stock`: of stock
    (stock.STANDING) those that may be near their end."""

    accounts: Mapping[Ledger, pl.DataFrame]
    uses: pl.DataFrame
    guarantees: pl.DataFrame = field(default_factory=lambda: guarantees.NO_STANDING)
    stock: pl.DataFrame = field(default_factory=lambda: stock.NO_STANDING)


@dataclass(frozen=True, slots=True)
class Moves:
    """Of one ledger. `entries`: of what is granted, by key and entry number; `accounts`: new balances beside those they
    were read at, `exact` where a refusal quotes what was read."""

    entries: pl.DataFrame
    accounts: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Posted:
    """`refusals`: FOUND. What is refused by a number, an account or a stock that rejects takes nothing of any ledger, whatever else
    the law makes of it; what stock or guarantees refuse besides is held. `moves`: of each ledger that was asked; `uses`: numbers taken, in the numbers'
    order; `frozen`: by the guarantees; `drawn`: from stock; `waiting`: securing.WAITING, of what is held for them."""

    refusals: pl.DataFrame
    moves: Mapping[Ledger, Moves]
    uses: pl.DataFrame
    frozen: Frozen
    drawn: Drawn = stock.NOTHING
    waiting: pl.DataFrame = field(default_factory=lambda: NOBODY)


def post(asked: Claims, balances: Balances, rejecting: Collection[str] = ()) -> Posted:
    """Post the claims in the order their documents completed. `rejecting`: findings of stock that reject."""
    numbers = _beside_uses(asked.numbers, balances.uses)
    at_hand = {x: _beside_balances(x, claims, balances.accounts[x]) for x, claims in asked.amounts.items()}
    guaranteed, stocked = Guaranteed.at_hand(asked.guarantees, balances.guarantees), Stocked.at_hand(asked.stock, balances.stock)
    contested = pl.concat([numbers.filter(HELD)["m"], *(claims.filter(x.over)["m"] for x, claims in at_hand.items())])
    failing = pl.concat([contested, guaranteed.failing(), stocked.failing()])
    if not len(failing):
        moves = {x: _moves(x, claims, NOT_EXACT) for x, claims in at_hand.items()}
        return Posted(NO_REFUSALS, moves, _uses(numbers), guaranteed.frozen(), stocked.drawn())
    touching = numbers["m"].filter(numbers["m"].is_in(failing.implode()))
    wanting = numbers.filter(pl.col("m").is_in(contested.implode()))
    refusals, unsecured = _one_by_one(touching, wanting, at_hand, Turns(guaranteed, stocked, failing), rejecting)
    held = pl.DataFrame([x.finding for x in unsecured], schema=FOUND, orient="row")
    found = pl.concat([refusals, held])
    guaranteed, stocked = guaranteed.without(found["m"]), stocked.without(found["m"])
    refused = pl.col("m").is_in(refusals["m"].implode())
    # what is held for guarantee or stock waits with all else it needs reserved
    outcome = pl.when(pl.col("m").is_in(held["m"].implode())).then(pl.lit("HOLD")).otherwise("outcome").alias("outcome")
    moves: dict[Ledger, Moves] = {}
    for ledger, claims in at_hand.items():
        quoted = claims.select(pl.col("a").filter(refused)).to_series()
        granted = claims.filter(~refused).with_columns(outcome)
        moves[ledger] = _moves(ledger, granted, pl.col("a").is_in(quoted.implode()).alias("exact"))
    return Posted(found, moves, _uses(numbers.filter(~refused)), guaranteed.frozen(), stocked.drawn(), waiting(unsecured))


def _beside_balances(ledger: Ledger, claims: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    return claims.join(accounts, on=[*ledger.key], how="left", maintain_order="left").with_columns(ledger.if_new)


def _beside_uses(numbers: pl.DataFrame, uses: pl.DataFrame) -> pl.DataFrame:
    for letter, of_letter in OF_LETTER.items():
        numbers = numbers.join(uses.select(of_letter), on=f"number_{letter}", how="left", maintain_order="left")
    return numbers


def _moves(ledger: Ledger, granted: pl.DataFrame, exact: pl.Expr) -> Moves:
    entries = granted.select(ledger.entry)
    accounts = entries.group_by("a", maintain_order=True).agg(ledger.balance)  # every writer opens accounts by key
    return Moves(entries.select(BUT_NUMBER), accounts.select(BUT_NUMBER, exact))


def admits(ledger: Ledger, moved: pl.DataFrame) -> bool:
    """Whether accounts that moved on since they were read still grant what was decided on the former balances.

    `moved`: `exact`, the limit and the balances with the batch's entries in them.
    """
    balance = moved[ledger.of("reserved")] + moved[ledger.of("used")]
    return not moved["exact"].any() and (balance <= moved[ledger.of("limit")]).all()


def moved_on(posted: Posted, moved: Mapping[Ledger, pl.DataFrame]) -> Posted:
    """With the entries of accounts that `admits` let pass: numbers and balances count on from where the account was."""
    counted = {x: replace(posted.moves[x], entries=_counted_on(x, posted.moves[x].entries, rows)) for x, rows in moved.items()}
    return replace(posted, moves={**posted.moves, **counted})


def _counted_on(ledger: Ledger, entries: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    after = {"entry_no": "entry_no"} | {ledger.of(x): ledger.of(f"{x}_after") for x in ("reserved", "used")}
    key = [*ledger.key]
    by = moved.select(*key, *((pl.col(c) - pl.col(f"expected_{c}")).alias(f"more_{name}") for c, name in after.items()))
    more = [pl.col(name) + pl.col(f"more_{name}").fill_null(0) for name in after.values()]
    return entries.join(by, on=key, how="left", maintain_order="left").with_columns(more).drop(f"more_{n}" for n in after.values())


def _one_by_one(
    touching: pl.Series, wanting: pl.DataFrame, at_hand: Mapping[Ledger, pl.DataFrame], turns: Turns, rejecting: Collection[str]
) -> tuple[pl.DataFrame, list[Refused]]:
    """Refusals as FOUND and what is held for stock or guarantee, of the manifests that touch a failing key (`touching`, in their turns),
    across all ledgers: a refused manifest takes nothing from any, so it does not count against the next. `wanting`: of numbers and
    accounts; whatever touches no failing one of these is granted them."""
    numbers: dict[int, Row] = {row["m"]: row for row in wanting.iter_rows(named=True)}
    amounts: dict[int, list[tuple[Ledger, Row]]] = {}
    for ledger, claims in at_hand.items():
        for claim in claims.filter(pl.col("m").is_in(wanting["m"].implode())).iter_rows(named=True):
            amounts.setdefault(claim["m"], []).append((ledger, claim))
    taken: dict[tuple[Ledger, int], tuple[int, int]] = {}  # account → entries and amount granted here
    holders: dict[str, Use] = {}  # number → its last use granted here
    refusals: list[tuple[int, str, str]] = []
    unsecured: list[Refused] = []
    for m in touching:
        wanted, claims = numbers.get(m), amounts.get(m, [])
        if wanted is not None and (found := dict(_held(wanted, holders)) | _exceeded(claims, taken)):
            refusals += [(m, code, json.dumps(read)) for code, read in found.items()]
            continue
        if (refused := turns.take(m)) is not None:
            if refused.code in rejecting:
                refusals.append(refused.finding)
                continue
            unsecured.append(refused)
        if wanted is None:
            continue
        for ledger, claim in claims:
            entries, amount = taken.get((ledger, claim["a"]), (0, 0))
            taken[ledger, claim["a"]] = (entries + 1, amount + claim[ledger.of("amount")])
        for letter in LETTERS:
            use = _last_use(wanted, letter, holders)
            holders[wanted[f"number_{letter}"]] = (use[0] + 1 if use else 1, _holder(wanted), wanted["accepted_at"])
    return pl.DataFrame(refusals, schema=FOUND, orient="row"), unsecured


def _exceeded(claims: list[tuple[Ledger, Row]], taken: Mapping[tuple[Ledger, int], tuple[int, int]]) -> dict[str, Row]:
    """Code → what it saw, of the accounts that do not admit a manifest's claims; of several of a ledger the first by key."""
    found: dict[str, Row] = {}
    for ledger, claim in claims:
        entries, here = taken.get((ledger, claim["a"]), (0, 0))
        balance, amount = claim[ledger.of("reserved")] + claim[ledger.of("used")] + here, claim[ledger.of("amount")]
        if balance + amount > claim[ledger.of("limit")] and ledger.code not in found:
            saw = {"entry_no": claim["entry_no"] + entries, ledger.of("balance"): balance, ledger.of("amount"): amount}
            found[ledger.code] = {name: claim[name] for name in ledger.told} | saw
    return found


def _held(wanted: Row, holders: Mapping[str, Use]) -> Iterator[tuple[str, Row]]:
    """Code → what it saw, of the numbers that another order holds."""
    for letter, code in NUMBERS.items():
        use = _last_use(wanted, letter.lower(), holders)
        if use is not None and use[1] != _holder(wanted) and (letter == "P" or _close(use[2], wanted)):
            yield code, {"use_no": use[0], "held_by": use[1]}


def _holder(wanted: Row) -> str:
    return f"{wanted['ebp_code']}|{wanted['order_no']}"


def _last_use(wanted: Row, letter: str, holders: Mapping[str, Use]) -> Use | None:
    """Of the number wanted: granted in this batch, else as it was read."""
    if (here := holders.get(wanted[f"number_{letter}"])) is not None:
        return here
    if (use_no := wanted[f"use_no_{letter}"]) is None:
        return None
    return use_no, f"{wanted[f'ebp_code_{letter}']}|{wanted[f'order_no_{letter}']}", wanted[f"accepted_at_{letter}"]


def _close(used_at: datetime, wanted: Row) -> bool:
    """Whether the earlier of the two acceptances lies less than the reuse period, in months of Shanghai, before the later."""
    earlier, later = (at + SHANGHAI for at in sorted((used_at, wanted["accepted_at"])))
    year, month = divmod(earlier.year * 12 + earlier.month - 1 + wanted["waybill_reuse_months"], 12)
    day = min(earlier.day, monthrange(year, month + 1)[1])
    return earlier.replace(year=year, month=month + 1, day=day) > later


def _uses(granted: pl.DataFrame) -> pl.DataFrame:
    """The numbers taken, in their order: `m`, `number`, `use_no`."""
    return pl.concat(granted.select(TAKEN[letter]) for letter in LETTERS).sort("number", "turn").select(USE)
