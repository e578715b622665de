"""What rules read and found: as findings keep it, row by row to explain it, and conditions that are none."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from pipeline.manifests import Manifests
from pipeline.rules import CODES, codes, findings, looked_at, mistyped
from schemas.lawbook import load
from tests.pipeline.memory import BASE_MS, MemoryStore
from tests.pipeline.trios import HOUR_MS, changed, numbered, records

DAY = date(2019, 11, 11)
PAYER = {"payment.payerName": "钱七", "payment.payerIdNumber": ""}  # a legible name is nobody's


def decided(*trios: dict[str, object]) -> tuple[Manifests, pl.DataFrame]:
    """Manifests of one batch with all that is derived of them, and their findings."""
    done = MemoryStore().process([r for n, trio in enumerate(trios) for r in records(trio, n, BASE_MS + HOUR_MS + n)])
    return Manifests(done.heads, done.lines), done.findings


def test_a_finding_keeps_what_it_read_and_masks_what_is_personal() -> None:
    _, findings = decided(changed(PAYER))
    read = dict(findings.select("code", "values_read").rows())
    assert read["PAY-04"] == '{"payment_payerIdNumber": "", "order_buyerIdNumber": "***18", "payment_payerName": "***2", "order_buyerName": "***3"}'
    assert '"payment_ebpName": "样例国际跨境购物平台1号有限公司"' in read["FMT-02"]  # legible as it is stored


def test_every_rule_looks_at_every_row_and_tells_what_it_read() -> None:
    law = load().on(DAY)
    manifests, _ = decided(numbered(1), numbered(2, **PAYER))
    lines = manifests.lines.select("m", "position").rows()
    rules = [*law.rules, *law.indicators.values()]
    looked = list(looked_at(manifests, law))
    wanted = Counter((rule.code, m, position) for rule in rules for m, position in ([(0, None), (1, None)] if rule.scope == "manifest" else lines))
    assert Counter((one.rule.code, one.m, one.position) for one in looked) == wanted
    assert all(list(json.loads(one.values_read)) == list(one.rule.reads) for one in looked)
    (payer,) = (one for one in looked if (one.rule.code, one.m) == ("PAY-04", 1))
    assert (payer.verdict, payer.values_read[:30]) == (True, '{"payment_payerIdNumber": "", ')
    assert {one.rule.code for one in looked if one.verdict is not False} >= {"PAY-04", "FMT-16"}
    assert not [one for one in looked if one.m == 0 and one.verdict is not False]


def test_rules_look_at_nothing_where_there_is_nothing() -> None:
    law = load().on(DAY)
    manifests, _ = decided(numbered(1))
    without_lines = Manifests(manifests.heads, manifests.lines.clear())
    assert {one.rule.scope for one in looked_at(without_lines, law)} == {"manifest"}


@pytest.mark.parametrize("scopes", [(), ("manifest",), ("line",), ("manifest", "line")])
def test_the_same_codes_for_a_great_many_at_once(scopes: tuple[str, ...]) -> None:
    """Whatever tables the law has rules over; what is null is SYS-01."""
    whole = load().on(DAY)
    law = replace(whole, rules=tuple(rule for rule in whole.rules if rule.scope in scopes), indicators={})
    unknown = {"order.goodsValue": "2000000000"}  # beyond what an amount may be
    manifests, _ = decided(numbered(1), numbered(2, **PAYER), numbered(3, **{"line1.itemNo": "NOT-FILED"}), numbered(4, **unknown))
    one_by_one = findings(manifests, law).select(CODES.keys()).sort("m", "code")
    assert codes(manifests, law).sort("m", "code").rows() == one_by_one.rows()
    found = {(row["m"], row["code"]) for row in one_by_one.iter_rows(named=True)}
    assert (not found) == (not scopes)
    assert ({(1, "PAY-04"), (3, "SYS-01")} <= found) == ("manifest" in scopes)
    nothing = Manifests(manifests.heads.clear(), manifests.lines.clear())
    assert codes(nothing, law).rows() == findings(nothing, law).rows() == []


def test_a_condition_has_to_be_a_truth_value_over_its_table() -> None:
    law = load().on(DAY)
    manifests, _ = decided(numbered(1))
    of_head, of_line = (next(rule for rule in law.rules if rule.scope == scope) for scope in ("manifest", "line"))
    indicator = next(iter(law.indicators.values()))
    wrong = replace(
        law,
        rules=(
            of_head, of_line, replace(of_head, condition=pl.col("order_goodsValue_e5") + 1), replace(of_line, condition=pl.col("order_goodsValue_e5") > 1),
            replace(of_line, condition=pl.col("line_currency") > 1),
        ),
        indicators={indicator.code: replace(indicator, condition=pl.col("nowhere"))},
    )  # fmt: skip
    told = mistyped(wrong, manifests.heads, manifests.lines)
    assert [code for code, _ in told] == [of_head.code, of_line.code, of_line.code, indicator.code]
    assert told[0][1] == "the condition is no truth value but Int64"
    assert [why.startswith("the condition does not compile: ") and "\n" not in why for _, why in told[1:]] == [True] * 3
    assert told[2][1].endswith("cannot compare string with numeric type (i32)")  # of several lines the first
    assert mistyped(law, manifests.heads, manifests.lines) == []
