"""What the files of a rule set say beside what judging needs: each rate as it was written, and where it was seen."""

import csv
import tomllib
from datetime import date
from functools import lru_cache
from typing import Any

from schemas import law_pack, tariff_fill
from schemas.lawbook import Lawbook

Entry = dict[str, Any]
NO_ITEM = "none"  # the tax item of goods without consumption tax
SAME = "the same, "  # how a title begins that is another edition of the one before it


@lru_cache(maxsize=4)
def files(book: Lawbook) -> dict[str, Entry]:
    """Its TOML files, by their names without the ending."""
    unpacked = law_pack.unpacked(book.content).items()
    return {name.removesuffix(".toml"): tomllib.loads(data.decode()) for name, data in unpacked if name.endswith(".toml")}


@lru_cache(maxsize=4)
def tariff(book: Lawbook) -> list[Entry]:
    """Every dated row: hs8, name, tariff_1e4, provisional_1e4 (None where there is none) and vat_1e4, all in 10^-4, consumption (a
    tax item), from, to, source (ids), sure. Those that fill it up to its published size are invented, and come last."""
    reader = csv.DictReader(law_pack.unpacked(book.content)["tariff.csv"].decode().splitlines())
    written = list(reader)
    fill = tariff_fill.lines(files(book)["consumption"]["fill"], len({x["hs8"] for x in written}))
    return [_typed(x) for x in (*written, *(dict(zip(reader.fieldnames or (), x, strict=True)) for x in fill))]


def rate_row(book: Lawbook, hs8: str, day: date) -> Entry | None:
    """The row of the tariff that is in force on a day; None without one."""
    return next((x for x in tariff(book) if x["hs8"] == hs8 and x["from"] <= day <= x["to"]), None)


def tax_item(book: Lawbook, name: str, day: date) -> Entry | None:
    """The tax item of the consumption tax as it is in force on a day; None without one, and for goods that have none."""
    return next((x for x in book.tariff.items if x["name"] == name != NO_ITEM and x["from"] <= day <= x["to"]), None)


def sources(book: Lawbook, ids: str) -> dict[str, str]:
    """Id → title of each source in a list of ids between spaces; titles that refer to the one before them are whole."""
    titles: dict[str, str] = {}
    before = ""
    for x in files(book)["sources"]["source"]:
        title = x["title"]
        if title.startswith(SAME):
            title = f"{before}, {title.removeprefix(SAME)}"
        else:
            before = title.rpartition(", ")[0]
        titles[x["id"]] = title
    return {name: titles[name] for name in ids.split()}


def _typed(row: dict[str, Any]) -> Entry:
    rates = {name: int(row[name]) if row[name] else None for name in ("tariff_1e4", "provisional_1e4", "vat_1e4")}
    return row | rates | {"from": date.fromisoformat(row["from"]), "to": date.fromisoformat(row["to"]), "sure": row["sure"] == "true"}
