"""Decides again what was decided: the same rules, tax and conclusion over whole tables, without the values that were read.

Ledgers rest on balances of that time, so what they refused is taken as it was (`refused`), of whatever the rules do not
reject now.
"""

import polars as pl

from pipeline import rules
from pipeline.decide import conclude
from pipeline.law import Law
from pipeline.manifests import Manifests, derive
from pipeline.registry import Registry
from pipeline.tax import IF_TAXED, TAX, TAXES, with_tax

CONCLUDED = [pl.col("m", "outcome", "queue"), TAX.alias("tax_fen")]


def rejudge(manifests: Manifests, refused: pl.DataFrame, law: Law, registry: Registry) -> tuple[pl.DataFrame, pl.DataFrame]:
    """CONCLUDED, one row a manifest, and its findings (rules.CODES).

    `manifests`: as manifests.assemble makes them; `refused`: `m` and `code` of what the ledgers found then.
    """
    derived = with_tax(derive(manifests, law, registry), law)
    found = rules.codes(derived, law)
    heads = conclude(derived.heads.select("m", "tax_known", *TAXES), found, law)
    still = _refused(refused, heads, law)
    if len(still):
        found = pl.concat([found, still])
        heads = conclude(heads, found, law)
    return heads.with_columns(IF_TAXED).select(CONCLUDED), found


def _refused(refused: pl.DataFrame, heads: pl.DataFrame, law: Law) -> pl.DataFrame:
    """What the ledgers found of manifests that the rules let through to them."""
    through = refused.filter(heads["outcome"][refused["m"]] != "REJECT")
    outcomes = {code: x.outcome for code, x in law.consequences.items()}
    return through.with_columns(pl.col("code").replace_strict(outcomes, return_dtype=pl.String).alias("outcome"))
