"""The ledgers with accounts that manifests take from, each described once (decisions.md section 6).

What a batch does with one is worked out for all its rows at once, by expressions built once a ledger. One more ledger is
one more description, its claims (pipeline/claims.py), its tables and statements.
"""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

ONE = pl.repeat(1, pl.len(), dtype=pl.Int32)  # in every row, to count by


def running(amount: pl.Expr, group: str) -> pl.Expr:
    """Running sum within each group of rows that stand together: far cheaper than cum_sum().over()."""
    total = amount.cum_sum()
    starts = pl.col(group).ne_missing(pl.col(group).shift())
    return total - pl.when(starts).then(total - amount).forward_fill()


@dataclass(frozen=True, eq=False)  # hashed by identity
class Ledger:
    """Double entry: an entry moves an amount from available to reserved (HOLD) or to used (RELEASE), up to a limit.

    Tables `<name>_account`, `<name>_held_entry` and `<name>_used_entries`, statements `<name>_accounts` and `<name>_accounts_take`. `key`: an account's,
    in the order of its index, columns never null; `unit`: of all amounts, whose columns' names end in it; `code`: the
    finding where an account does not admit an amount, which tells the columns `told` of the key beside what it saw.

    Its claims: `m`, `turn`, `outcome`, the key, `amount_<unit>`, `limit_<unit>` and the number `a` of the account; those of
    one account stand together, in their turns. At hand they have its `entry_no`, `reserved_<unit>`, `used_<unit>` as well.
    """

    name: str
    key: dict[str, type[pl.DataType]]
    unit: str
    code: str
    told: tuple[str, ...] = ()

    def of(self, what: str) -> str:
        """The name of a column of amounts."""
        return f"{what}_{self.unit}"

    @cached_property
    def standing(self) -> dict[str, type[pl.DataType]]:
        """Columns of the table of accounts: how they stand."""
        return {**self.key, "entry_no": pl.Int32, self.of("reserved"): pl.Int64, self.of("used"): pl.Int64}

    @cached_property
    def number(self) -> pl.Expr:
        """`a`, of rows in the order of the key."""
        return pl.any_horizontal(pl.col(k).ne_missing(pl.col(k).shift()) for k in self.key).cum_sum().alias("a")

    @cached_property
    def if_new(self) -> pl.Expr:
        """The balances of an account that was not found."""
        return pl.col("entry_no", self.of("reserved"), self.of("used")).fill_null(0)

    @cached_property
    def over(self) -> pl.Expr:
        """The claims on accounts that do not admit all of them: a limit may be another one from one day to the next, so
        one that is over it makes all of its account be decided one by one."""
        total = pl.col(self.of("reserved")) + pl.col(self.of("used")) + pl.col(self.of("amount")).sum().over("a")
        return pl.col("a").is_in(pl.col("a").filter(total > pl.col(self.of("limit"))).implode())

    @cached_property
    def entry(self) -> list[pl.Expr]:
        """Of granted claims: entry numbers and balances run on within each account."""
        hold, amount = pl.col("outcome") == "HOLD", pl.col(self.of("amount"))
        reserved, used = pl.when(hold).then(amount).otherwise(0), pl.when(hold).then(0).otherwise(amount)
        return [
            pl.col("a", *self.key, "m", self.of("limit")),
            pl.col("entry_no", self.of("reserved"), self.of("used")).name.prefix("read_"),
            pl.col("entry_no") + running(ONE, "a"),
            pl.when(hold).then(pl.lit("reserve")).otherwise(pl.lit("confirm")).alias("movement"),
            pl.lit("available").alias("debit"),
            pl.when(hold).then(pl.lit("reserved")).otherwise(pl.lit("used")).alias("credit"),
            amount.cast(pl.Int64),  # within the limit; what is asked may be more
            (pl.col(self.of("reserved")) + running(reserved, "a")).cast(pl.Int64).alias(self.of("reserved_after")),
            (pl.col(self.of("used")) + running(used, "a")).cast(pl.Int64).alias(self.of("used_after")),
        ]

    @cached_property
    def balance(self) -> list[pl.Expr]:
        """Of an account's entries: how it was read, and how it stands after them. Of two days each has its limit: then it is the
        least that decides whether an account that moved on admits them."""
        read = (f"read_{x}" for x in ("entry_no", self.of("reserved"), self.of("used")))
        return [
            pl.col(*self.key, *read).first(),
            pl.col(self.of("limit")).min(),
            pl.col("entry_no", self.of("reserved_after"), self.of("used_after")).last(),
        ]


QUOTA = Ledger("quota", {"person_key": pl.Binary, "year": pl.Int16}, "fen", "LIM-03")
WEIGHT = Ledger(
    "weight", {"person_key": pl.Binary, "year": pl.Int16, "weight_group": pl.String}, "mg", "LIM-04", told=("weight_group",)
)
LEDGERS = (QUOTA, WEIGHT)  # in the order in which every writer locks them
