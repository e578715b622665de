"""The tax of each line with everything it was worked out from."""

from datetime import date
from typing import Any

import polars as pl

from history.recompute import Recomputed
from ops.law_files import rate_row, sources, tax_item
from pipeline.derived import FEN
from pipeline.tax import by_quantity
from schemas.lawbook import Lawbook

READ = ("m", "position", "line_itemNo", "line_itemName", "hs_code", "line_qty_e5", "line_unit", "line_totalPrice_e5", "content", "term",
        "line_dutiable_fen", "tariff_1e4", "vat_1e4", "consumption_1e4", "tariff_fen", "consumption_fen", "vat_fen")  # fmt: skip


def lines_of_tax(again: Recomputed, book: Lawbook) -> list[dict[str, Any]]:
    """Of each line: the row of the tariff and the tax item it is taxed by with their sources (null without one), its price, share of
    the fees and dutiable price in fen, rates in 10^-4, the amount by quantity in fen as a fraction (`amount` / `per`), the share of
    VAT and consumption tax that is levied, and the taxes; rates null where
    there are none. A rate of consumption tax under a price threshold is the one that counts for this line."""
    head = again.decided.heads.to_dicts()[0]
    law = book.on(head["accepted_on"])
    lines = again.judged.manifests.lines.select(READ)
    term = lines["term"].is_not_null()
    terms = by_quantity(lines.filter(term), law.terms) if head["tax_known"] else pl.DataFrame()
    by_quantity_rows = iter(terms.to_dicts())
    full = bool(head["tax_known"] and head["dutiable_fen"] > law.single_limit_fen)
    measured = [next(by_quantity_rows) if of_term and len(terms) else None for of_term in term]
    day = head["accepted_on"]
    share = None if full else law.in_limit_share_1e4
    return [_line(x, by, share) | _rates(book, x["hs_code"], day) for x, by in zip(lines.to_dicts(), measured, strict=True)]


def single_limit(book: Lawbook, day: date) -> str:
    """The law that says up to what a purchase is taxed so, as of a day."""
    return max((x for x in book.limits if x["name"] == "single_limit_fen" and x["from"] <= day), key=lambda x: x["from"])["source"]


def _rates(book: Lawbook, hs_code: str | None, day: date) -> dict[str, Any]:
    row = rate_row(book, hs_code[:8], day) if hs_code else None
    item = tax_item(book, row["consumption"], day) if row else None
    named = {"rate_row": row, "tax_item": item}
    return {name: x and x | {"sources": sources(book, x["source"])} for name, x in named.items()}


def _line(x: dict[str, Any], measured: dict[str, Any] | None, share_1e4: int | None) -> dict[str, Any]:
    total, dutiable = x["line_totalPrice_e5"], x["line_dutiable_fen"]
    price = None if total is None else total // FEN
    return {
        "line": x["position"], "item_no": x["line_itemNo"], "item_name": x["line_itemName"], "hs_code": x["hs_code"],
        "qty_e5": x["line_qty_e5"], "unit": x["line_unit"], "price_fen": price,
        "fee_fen": None if dutiable is None or price is None else dutiable - price, "dutiable_fen": dutiable,
        "tariff_1e4": x["tariff_1e4"] if share_1e4 is None else 0, "vat_1e4": x["vat_1e4"],
        "consumption_1e4": measured["rate_1e4"] if measured else x["consumption_1e4"],
        "amount": measured["amount"] if measured else 0, "per": measured["per"] if measured else 1,
        "share_1e4": 10_000 if share_1e4 is None else share_1e4,
        "tariff_fen": x["tariff_fen"], "consumption_fen": x["consumption_fen"], "vat_fen": x["vat_fen"],
    }  # fmt: skip
