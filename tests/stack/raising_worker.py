"""A real worker process with one rule more, which raises on some orders and says their values while doing so."""

from dataclasses import replace
from datetime import date

import polars as pl

from agents.worker import main
from pipeline.law import Consequence, Law, Rule
from schemas.lawbook import Lawbook

MARK = "RAISES"  # orders whose note begins so
lawful = Lawbook.on


def judge(values: dict[str, str]) -> bool:
    """False for everybody; ValueError, with all it was given, for the orders meant."""
    if values["order_note"].startswith(MARK):
        raise ValueError(f"cannot judge {values}")
    return False


READS = ("order_note", "order_buyerName", "order_buyerIdNumber", "order_consigneeTelephone", "order_consigneeAddress")
BOMB = Rule(
    Consequence("TST-01", "REJECT", "", 1), "manifest", pl.struct(READS).map_elements(judge, return_dtype=pl.Boolean), READS
)


def on(book: Lawbook, day: date) -> Law:
    """The law of that day and the rule that raises."""
    law = lawful(book, day)
    return replace(law, rules=(*law.rules, BOMB))


if __name__ == "__main__":
    Lawbook.on = on  # type: ignore[method-assign]
    main()
