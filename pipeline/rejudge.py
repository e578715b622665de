"""Decides again what was decided: the same rules, tax and conclusion over whole tables, without the values that were read.

Ledgers rest on balances of that time and samples on a secret seed, so what they found is taken as it was (`given`): refusals of
whatever the rules do not reject now, samples of whatever they would release now.
"""

import polars as pl

from pipeline import rules, sampling
from pipeline.classes import OF_MANIFEST, with_outcomes
from pipeline.decide import conclude
from pipeline.law import Law
from pipeline.manifests import Manifests, derive
from pipeline.registry import Registry
from pipeline.tax import IF_TAXED, TAX, TAXES, with_tax

IF_RELEASED, IF_ASKED = pl.col("outcome") == "RELEASE", pl.col("outcome") != "REJECT"
CONCLUDED = [pl.col("m", "outcome", "queue"), TAX.alias("tax_fen")]


def rejudge(manifests: Manifests, given: pl.DataFrame, law: Law, registry: Registry) -> tuple[pl.DataFrame, pl.DataFrame]:
    """CONCLUDED, one row a manifest, and its findings (rules.CODES).

    `manifests`: as manifests.assemble makes them; `given`: `m` and `code` of what ledgers and samples found then.
    """
    derived = with_tax(derive(manifests, law, registry), law)
    found = with_outcomes(rules.codes(derived, law), derived.heads, law.by_class)
    heads = conclude(derived.heads.select("m", "tax_known", OF_MANIFEST, *TAXES), found, law)
    drawn = pl.col("code").is_in(sampling.CODES)
    for some, through in ((given.filter(drawn), IF_RELEASED), (given.filter(~drawn), IF_ASKED)):
        still = some.filter(heads.select(through).to_series()[some["m"]])
        if len(still):
            found = pl.concat([found, rules.with_consequences(still, law).select(*rules.CODES)])
            heads = conclude(heads, found, law)
    return heads.with_columns(IF_TAXED).select(CONCLUDED), found
