"""Pipeline, verifier and baseline say the same of the goods control, each by its own code, whatever the lines."""

from datetime import date
from random import Random
from typing import Any

import polars as pl
import pytest

from loadtest.plain_faust import control as plain
from loadtest.plain_faust.law import law_at
from loadtest.verify import law
from pipeline.control import by_hs8, of_lines
from schemas.lawbook import load

DAYS = (date(2019, 3, 31), date(2019, 11, 11), date(2021, 1, 1), date(2023, 8, 23), date(2023, 8, 24), date(2026, 11, 26))
CODES = ("", "22030000", "95063200", "03061790", "32151900", "42022100", "71131919", "47071000", "39159090", "93040000", "99990001", "33030000", "0", "2203")
TEXTS = ("", "HOUSEHOLD printer ink", "household printer  ink", "家用打印机墨", "Crocodile", "鳄鱼皮", "exemplar NOBLE", "示例名品", "品牌:样例牌")
COLUMNS = ("listed", "mode_allowed", "name_allowed", "negative", "waste", "stopped", "watched", "self_use_exceeded", "brand_watched")
Line = dict[str, Any]


def drawn(rng: Random) -> list[list[Line]]:
    """Orders of up to six lines."""
    return [
        [
            {
                "hs_code": (code := rng.choice(CODES)), "origin": code and rng.choice(("116", "303", "331")), "brand": code and rng.choice(TEXTS), "account_book_item": rng.choice(("", "T1")), "country": rng.choice(("116", "303", "331")),
                "itemName": rng.choice(TEXTS), "gmodel": rng.choice(TEXTS) + rng.choice(TEXTS), "unit": rng.choice(("011", "140", "035")),
                "qty_e5": rng.choice((100_000, 200_000, 1_200_000, 2_400_000, 2_400_001, -100_000, None, 100_000)),
            }
            for _ in range(rng.randrange(1, 7))
        ]
        for _ in range(400)
    ]  # fmt: skip


def of_pipeline(day: date, orders: list[list[Line]]) -> list[tuple[bool | None, ...]]:
    control = load().on(day).control
    rows = [{"m": m, "hs8": x["hs_code"][:8] or None, "bonded": bool(x["account_book_item"])} | x for m, o in enumerate(orders) for x in o]
    table = pl.DataFrame(rows, schema_overrides={"hs8": pl.String, "qty_e5": pl.Int64})
    table = table.rename({name: f"line_{name}" for name in ("country", "itemName", "gmodel", "unit", "qty_e5")})
    known = table.join(by_hs8(table["hs8"].drop_nulls(), control), on="hs8", how="left", maintain_order="left")
    own = of_lines(known, known["particular"], control)
    mode = pl.when("bonded").then("mode_1210").otherwise("mode_9610").fill_null(True).alias("mode_allowed")
    listed = pl.col("listed", "negative", "waste", "watched").fill_null(False)
    return known.select(listed, mode).hstack(own).select(COLUMNS).rows()


def of_verifier(day: date, orders: list[list[Line]]) -> list[tuple[bool | None, ...]]:
    control = law.load().of_day(day.toordinal() - date(1970, 1, 1).toordinal()).control
    copies = [[dict(x) for x in order] for order in orders]
    for order in copies:
        control.derive(order)
    return [tuple(x[name] for name in COLUMNS) for order in copies for x in order]


def of_baseline(day: date, orders: list[list[Line]]) -> list[tuple[bool | None, ...]]:
    control = law_at((day.toordinal() - date(1970, 1, 1).toordinal()) * 86_400_000).control
    found: list[tuple[bool | None, ...]] = []
    for order in orders:
        filed = [(x["hs_code"], bool(x["account_book_item"]), x["origin"], x["brand"]) if x["hs_code"] else None for x in order]
        for x, c in zip(order, plain.controlled([x | {"qty": x["qty_e5"]} for x in order], filed, control), strict=True):
            listed = bool(x["hs_code"]) and not c.unlisted
            found.append((listed, not c.mode_barred, not c.misnamed, c.negative, c.waste, c.stopped, c.watched, c.too_many, c.branded))
    return found


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_all_three_say_the_same(day: date) -> None:
    orders = drawn(Random(day.toordinal()))
    first, *others = (of(day, orders) for of in (of_pipeline, of_verifier, of_baseline))
    lines = [x for order in orders for x in order]
    for other in others:
        wrong = [(x, dict(zip(COLUMNS, a, strict=True)), b) for x, a, b in zip(lines, first, other, strict=True) if a != b]
        assert wrong[:1] == []
    values = [set(column) for column in zip(*first, strict=True)]
    assert all(v >= {True, False} for v in values), "every list says yes and no"
    assert None in values[COLUMNS.index("self_use_exceeded")]
