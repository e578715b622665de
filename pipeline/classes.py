"""Classes of enterprises, and what findings come to for them (decisions.md, section 12)."""

from collections.abc import Mapping
from typing import Literal

import polars as pl

Class = Literal["aeo", "general", "dishonest"]
CLASSES = ("aeo", "general", "dishonest")
GENERAL = "general"  # also of a firm that is not filed
QUEUES = ("", "guarantee", "stock", "review", "orderer", "inspection")  # of several that the findings ask for, the last of these has it
WAITING_QUEUES = ("guarantee", "stock")  # released by themselves
RETURN_STATUS = {"": 800, "guarantee": 300, "stock": 300, "review": 300, "orderer": 300, "inspection": 500}  # customs returnStatus of what is not rejected
OF_MANIFEST = "ecommerce_class"  # whose class decides

RANK = pl.col("queue").replace_strict(QUEUES, list(range(len(QUEUES))), return_dtype=pl.Int8)
KEY = pl.concat_str("code", OF_MANIFEST, separator="|")


def with_outcomes(found: pl.DataFrame, heads: pl.DataFrame, by_class: Mapping[tuple[str, str], tuple[str, str]]) -> pl.DataFrame:
    """Findings (m, outcome, queue) with what is said of their code and the class of their manifest. `by_class`: (code,
    class) → (outcome, queue), of those where the class makes a difference."""
    if not by_class or not len(found):
        return found
    keys = ["|".join(of) for of in by_class]
    key = found.hstack([heads[OF_MANIFEST][found["m"]]]).select(KEY).to_series()
    return found.with_columns(
        key.replace_strict(keys, [said[place] for said in by_class.values()], default=found[name]).alias(name)
        for place, name in enumerate(("outcome", "queue"))
    )
