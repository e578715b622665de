"""No missing or extreme value makes a manifest pass: a condition that cannot be evaluated is SYS-01, a HOLD or worse."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.reading import documents, read_records, read_stored
from agents.records import Records
from pipeline import flow, rules
from pipeline.decide import conclude
from pipeline.goods_before import NONE
from pipeline.manifests import Manifests, derive
from pipeline.sightings import COUNTERS, Seen
from pipeline.tax import TAXES, with_tax
from schemas.contracts import topic_name
from schemas.lawbook import load
from sinks.stored import StoredDocuments
from tests.pipeline.memory import PSEUDONYMS, MemoryStore, registry
from tests.pipeline.trios import KINDS, example, records

LAW = load().on(date(2019, 11, 11))
LIMITS = load().limits_on(date(2019, 11, 11))
READS = sorted({(r.scope, c) for r in (*LAW.rules, *LAW.indicators.values()) for c in r.reads})


@lru_cache
def derived() -> Manifests:
    """The released example as the rules see it."""
    by_kind = {k: Records.of([r for r in records(example()) if r.topic == topic_name(k)]) for k in KINDS}
    tables = documents(read_records(by_kind), read_stored(StoredDocuments.of([])))
    counted = flow.count(flow.gather(tables, MemoryStore().past([]), PSEUDONYMS), Seen(), registry())
    return with_tax(derive(counted.manifests, LAW, registry()), LAW)


def judged(manifests: Manifests) -> tuple[str, set[str]]:
    found = rules.findings(manifests, LAW)
    return conclude(manifests.heads, found, LAW)["outcome"].item(), set(found["code"].to_list())


def with_value(scope: str, column: str, value: Any) -> Manifests:
    """The example with one cell changed; of the lines only the last."""
    heads, lines = derived().heads, derived().lines
    table = heads if scope == "manifest" else lines
    where = pl.lit(True) if scope == "manifest" else pl.col("position") == pl.col("position").max()
    new = table.with_columns(pl.when(where).then(pl.lit(value, table.schema[column])).otherwise(column).alias(column))
    return Manifests(new, lines) if scope == "manifest" else Manifests(heads, new)


ADDED = (
    "line_count", "line_total_sum_e5", "gnum_in_order", "one_indivisible_item", "trade_mode", "dutiable_fen",
    "buyer_id_valid", "payer_id_valid", "line_price_times_qty_e5", "tax_known", "tax_due_fen", *TAXES,
    "platform_status", "ecommerce_status", "payment_firm_status", "carrier_status", "relation_status", "declarant_status",
    "guarantor_status", "guarantor_related", "warehouse_status", "guarantor_code", "declarant_code", "warehouse_code",
    "customs_code", "ecommerce_class", "platform_class", "net_weight_e5", *NONE,
)  # fmt: skip


def rederived(manifests: Manifests) -> Manifests:
    """The derived columns anew, from the others as they are now."""
    lines = manifests.lines.select("m", "position", pl.col("^line_.*$").exclude("line_price_times_qty_e5", "line_dutiable_fen"))
    return with_tax(derive(Manifests(manifests.heads.drop(ADDED, strict=False), lines), LAW, registry()), LAW)


def test_the_example_itself_is_released() -> None:
    assert judged(derived()) == ("RELEASE", set())


@pytest.mark.parametrize("scope", ["manifest", "line"])
def test_a_law_may_have_no_rules_over_a_table(scope: str) -> None:
    column = {"manifest": "order_guid", "line": "line_qty_e5"}[scope]
    of_scope = replace(LAW, rules=tuple(r for r in LAW.rules if r.scope == scope))
    others = replace(LAW, rules=tuple(r for r in LAW.rules if r.scope != scope))
    codes = [rules.findings(with_value(scope, column, None), law)["code"].to_list() for law in (of_scope, others)]
    assert codes == [["SYS-01"], []]


SETTLED = ("manifest", "one_indivisible_item")  # below the limit `false AND null` is false: it does not matter there
NEVER_NULL = ("manifest", "tax_known")  # and where what was withheld is right, it does not matter either
CLASS = ("manifest", "platform_class")  # never null; whoever is of no class is borne what everybody is
COUNTED = {("manifest", name) for name in (*COUNTERS, *NONE)}  # never null; beside others it does not always matter


@pytest.mark.parametrize(("scope", "column"), [r for r in READS if r not in {SETTLED, NEVER_NULL, CLASS, *COUNTED}])
def test_a_null_is_never_a_release(scope: str, column: str) -> None:
    outcome, codes = judged(with_value(scope, column, None))
    assert outcome != "RELEASE"
    assert "SYS-01" in codes


def test_a_null_that_settles_nothing_counts_only_where_it_matters() -> None:
    below = with_value(*SETTLED, None)
    above = below.heads.with_columns(dutiable_fen=pl.lit(500_001, pl.Int64))
    assert judged(below) == ("RELEASE", set())
    assert judged(Manifests(above, below.lines)) == ("HOLD", {"SYS-01"})


def test_whether_the_tax_is_known_is_known_whatever_is_null() -> None:
    for kind, column in SOURCES:
        assert rederived(with_value("manifest", column, None)).heads["tax_known"].null_count() == 0, (kind, column)
    for column in ("line_qty_e5", "line_totalPrice_e5", "line_unit"):
        assert rederived(with_value("line", column, None)).heads["tax_known"].null_count() == 0, column


@pytest.mark.parametrize("scope", ["manifest", "line"])
def test_the_finding_names_the_rules_that_met_the_null(scope: str) -> None:
    column = {"manifest": "order_goodsValue_e5", "line": "line_qty_e5"}[scope]
    found = rules.findings(with_value(scope, column, None), LAW).filter(pl.col("code") == "SYS-01")
    names = {r.code for r in (*LAW.rules, *LAW.indicators.values()) if r.scope == scope and column in r.reads}
    assert found["values_read"].to_list() == [f'{{"conditions": "{",".join(sorted(names))}"}}']


NUMBERS = [(s, c) for s, c in READS if (derived().heads if s == "manifest" else derived().lines).schema[c].is_integer()]
PAY_FIRMS = [name for name in COUNTERS if "pay_firms" in name]
ONE_SIGN = ("net_weight_e5", "price_low_fen", "price_high_fen", *PAY_FIRMS)  # one sign of risk holds nothing
EXTREMES = st.one_of(st.sampled_from([0, -1, 10**14, -(10**14), 2**31, 2**62]), st.integers(-(10**14), 10**14))


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.sampled_from(NUMBERS), EXTREMES)
def test_another_amount_is_never_a_release(place: tuple[str, str], value: int) -> None:
    scope, column = place
    table = derived().heads if scope == "manifest" else derived().lines
    if value in table[column].to_list() or (abs(value) >= 2**31 and table.schema[column] == pl.Int32):
        return
    manifests = with_value(scope, column, value)
    outcome, _ = judged(manifests if column in (*ADDED, *COUNTERS) else rederived(manifests))
    harmless = {"waybill_weight_e5": value > 0, "waybill_freight_e5": True, "dutiable_fen": value <= 500_000, "line_count": 1 <= value <= 50,
                 "tax_due_fen": abs(value - 3022) <= 2, **{name: value <= LIMITS[f"{name}_most"] for _, name in COUNTED if f"{name}_most" in LIMITS},
                 **dict.fromkeys(ONE_SIGN, True)}
    if not harmless.get(column, False):
        assert outcome != "RELEASE"


TEXTS = {"empty": "", "long": "x" * 5000, "long in Chinese": "长" * 5000}
TIMES = {
    "first": datetime(1970, 1, 1, tzinfo=UTC), "of 1970": datetime(1970, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    "of 9999": datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
}  # fmt: skip
OPTIONAL = (
    "line_barCode", "line_itemDescribe", "line_note", "order_consigneeDistrict", "order_note", "order_payCode", "order_payName",
    "order_payTransactionId", "payment_note", "payment_telephone", "waybill_note",
)  # fmt: skip
# Why a manifest with such a value may be released: reason → values, columns.
MAY_PASS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "the message does not demand the field": (("empty",), OPTIONAL),
    "demanded of firms rated dishonest alone (CLS-01, CLS-02)": (("empty",), ("order_batchNumbers", "waybill_goodsInfo")),
    "direct goods alone have a master bill (WAY-07)": (("empty",), ("waybill_billNo",)),
    "derived, and always one of a few values": (tuple(TEXTS), ("ecommerce_class", "platform_class", "trade_mode")),
    "how old a document may be is not laid down; shipped or reported before it was paid is one sign of risk, which holds nothing":
        (("first", "of 1970"), ("order_appTime", "payment_appTime", "waybill_appTime")),
    "documents older than their acceptance are the usual ones": (("of 9999",), ("accepted_at",)),
}  # fmt: skip
PASSES = {(column, value) for values, columns in MAY_PASS.values() for column in columns for value in values}


def _extremes() -> Iterator[tuple[str, str, str, Any]]:
    """Scope, column, name of the value, value."""
    for scope, column in READS:
        kind = (derived().heads if scope == "manifest" else derived().lines).schema[column]
        values: dict[str, Any] = TEXTS if kind == pl.String else TIMES if kind.is_temporal() else {}
        for name, value in values.items():
            if (column, name) != ("order_orderNo", "empty"):  # such a document is a dead letter (DL-03)
                yield scope, column, name, value


@pytest.mark.parametrize(("scope", "column", "name", "value"), [pytest.param(*x, id=f"{x[1]} {x[2]}") for x in _extremes()])
def test_an_extreme_text_or_time_is_a_release_only_for_a_reason(scope: str, column: str, name: str, value: Any) -> None:
    changed = with_value(scope, column, value)
    of_document = column.startswith(("order_", "payment_", "waybill_", "line_")) and column not in ADDED  # not payment_firm_status
    outcome, codes = judged(rederived(changed) if of_document else changed)
    assert "SYS-01" not in codes, "what is there is never unknown"
    assert (outcome == "RELEASE") == ((column, name) in PASSES)


def test_the_reasons_are_of_columns_that_are_read() -> None:
    assert {(column, name) for _, column, name, _ in _extremes()} >= PASSES


SOURCES = [(k, c) for k in KINDS for c in derived().heads.columns if c.startswith(f"{k}_") and c.endswith("_e5")]


@pytest.mark.parametrize(("kind", "column"), [*SOURCES, *(("line", c) for c in ("line_qty_e5", "line_price_e5", "line_totalPrice_e5"))])
def test_a_null_amount_before_the_derived_columns_is_never_a_release(kind: str, column: str) -> None:
    base = with_value("line" if kind == "line" else "manifest", column, None)
    outcome, codes = judged(rederived(base))
    if column != "waybill_freight_e5":  # no rule reads it: its bounds are AMT-03's
        assert outcome != "RELEASE"
        assert "SYS-01" in codes


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    base = rederived(with_value("line", "line_totalPrice_e5", None))
    assert base.heads["line_total_sum_e5"].to_list() == [None]
    assert rederived(derived()).heads["line_total_sum_e5"].to_list() == [32_204_000]


def test_unknown_and_false_is_false_unknown_or_true_is_true() -> None:
    frame = pl.DataFrame({"a": [None], "f": [False], "t": [True]}, schema={"a": pl.Boolean, "f": pl.Boolean, "t": pl.Boolean})
    row = frame.select(pl.sql_expr("a AND f").alias("and"), pl.sql_expr("a OR t").alias("or"), pl.sql_expr("a AND t").alias("null")).row(0)
    assert row == (False, True, None)
