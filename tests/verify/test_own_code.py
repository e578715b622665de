"""The verifier's own parts: conditions, tax, calendar, and that it shares no code with what it verifies."""

import ast
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import loadtest
from loadtest.verify import Evidence, law, prove
from loadtest.verify.conditions import Column, ConditionError, parse
from loadtest.verify.documents import NoDocument, kind_name, read
from loadtest.verify.evaluate import compiled, value
from loadtest.verify.judging import identity_valid
from loadtest.verify.numbers import months_later
from loadtest.verify.tax import Amount, Content, Rate, Taxable, TaxItem, half_up, line_taxes, shares

TEXTS = {"a": ["", "x", "142", "ABC\n", "中文", *(chr(n) for n in range(0x3100) if chr(n).isspace())], "b": ["", "142", "x", " 142\u3000"]}
NUMBERS = {"n": [-1, 0, 5, None], "m": [0, 5, 10**14, None], "f": [True, False, None]}
CONDITIONS = [
    "a = '' OR b <> '142'", "LENGTH(a) > 2 AND NOT (n < 0)", "TRIM(a) = '' OR LENGTH(TRIM(b)) = 3", "n + m - 5 <> m", "a NOT IN ('x', '142') OR f",
    "f AND NOT f", "n BETWEEN 0 AND 5", "NOT n BETWEEN 0 AND m", "m IS NULL OR n IS NOT NULL", "NOT f OR a = 'x'",
    "REGEXP_LIKE(a, '^[A-C]{3}$')", "n * 3 >= m AND f", "n IN (0, 5)", "n NOT IN (-1, 7)", "NOT (f OR n > 0)",
]  # fmt: skip


def test_nothing_of_loadtest_imports_what_it_tests() -> None:
    forbidden = {"pipeline", "sinks", "agents", "ops"}
    found: set[str] = set()
    for path in Path(loadtest.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {f"{path.name}: {n}" for n in names if n.partition(".")[0] in forbidden}
    assert found == set()


@pytest.mark.parametrize("text", CONDITIONS)
def test_conditions_mean_what_sql_means(text: str) -> None:
    rng = random.Random(text)
    rows = [{k: rng.choice(v) for k, v in (TEXTS | NUMBERS).items()} for _ in range(300)]
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String, "n": pl.Int64, "m": pl.Int64, "f": pl.Boolean})
    node = parse(text, lambda name: Column("line", name))
    expected = frame.select(v=pl.sql_expr(text))["v"].to_list()
    assert [value(node, {"line": row}) for row in rows] == expected
    codes = compiled([("C", node)], ["line"])
    for row, verdict in zip(rows, expected, strict=True):
        if None not in row.values():
            assert codes(row) == (["C"] if verdict else [])


@pytest.mark.parametrize(
    "text", ["a LIKE 'x%'", "a = ", "(a = 'x'", "a ; b", "UPPER(a) = 'X'", "a NOT 5", "REGEXP_LIKE(a, b)"]
)
def test_conditions_outside_the_subset_are_refused(text: str) -> None:
    def resolve(name: str) -> Column:
        if name not in TEXTS:
            raise ConditionError(name)
        return Column("line", name)

    with pytest.raises(ConditionError):
        parse(text, resolve)


def test_every_rule_of_the_law_parses() -> None:
    data = law.load()
    day = data.of_day(law.day_number(1_573_401_600_000))
    rules = len(day.manifest_rules) + len(day.line_rules) + len(day.counter_rules)
    assert rules == len(data.rules["rule"]) + len(data.risk["indicator"])


def test_the_day_is_that_of_shanghai() -> None:
    midnight = int(datetime(2019, 12, 31, 16, tzinfo=UTC).timestamp() * 1000)
    data = law.load()
    assert data.of_day(law.day_number(midnight)).year == 2020
    assert data.of_day(law.day_number(midnight - 1)).year == 2019


def test_shares_by_largest_remainder() -> None:
    assert shares(100, [1, 1, 1]) == [34, 33, 33]
    assert shares(5, [1, 3, 3]) == [1, 2, 2]
    assert shares(7, [0, 0]) == [7, 0]
    assert sum(shares(10_001, [3, 5, 11, 13])) == 10_001


def _line(price: int, item: TaxItem, quantity_e5: int = 100_000, content: Content = Content("", 0, "")) -> Taxable:  # noqa: B008
    return Taxable(price, quantity_e5, Rate(1000, 1300, item), content)


def test_tax_in_whole_fen() -> None:
    none, wine = TaxItem(0, None, None), TaxItem(1000, None, None)
    # 70 % of VAT 13 % on CNY 100.00 is CNY 9.10
    assert line_taxes(0, [_line(10_000, none)], 7000) == [(10_000, 0, 0, 910)]
    # with consumption tax 10 % the base is divided by 0.9
    assert line_taxes(0, [_line(10_000, wine)], 7000) == [(10_000, 0, 778, 1011)]
    # in full with tariff 10 %: 11,000 / 0.9 = 12,222.2
    assert line_taxes(0, [_line(10_000, wine)], None) == [(10_000, 1000, 1222, 1589)]
    assert [half_up(n, 2) for n in (1, 2, 3)] == [1, 1, 2]


def test_tax_by_quantity_and_from_a_price_on() -> None:
    bottle = Content("011", 500, "volume")
    beer = TaxItem(0, {"volume": Amount(25_000, 22_000, 988_000)}, {"volume": Amount(1, 0, 4)})
    # 10^6 of 988 x 10^3: S is 25,303.6 or 22,267.2
    assert line_taxes(0, [_line(250_000, beer, 2 * 10**8, bottle)], 7000)[0][2] == 17_713
    assert line_taxes(0, [_line(249_999, beer, 2 * 10**8, bottle)], 7000)[0][2] == 15_587
    assert beer.parts("mass") is None and TaxItem(0, None, None).parts("") is not None


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("11010519491231002X", True),  # the example of GB 11643-1999
        ("110105194912310021", False),
        ("11010519490231002X", False),
        ("11010518991231002X", False),
        ("１１０１０５19491231002X", False),
        ("", False),
    ],
)
def test_identity_numbers(number: str, valid: bool) -> None:
    assert identity_valid(number) is valid


@pytest.mark.parametrize(
    ("start", "end"),
    [((2019, 8, 31), (2020, 2, 29)), ((2019, 11, 11), (2020, 5, 11)), ((2018, 8, 31), (2019, 2, 28))],
)
def test_six_calendar_months(start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
    at, then = (int(datetime(*day, 7, 30, tzinfo=UTC).timestamp() * 1000) for day in (start, end))
    assert months_later(at, 6) == then


def test_discrepancies_hold_no_personal_data(evidence: Evidence) -> None:
    """Everything that can differ does, and still no name, phone, address or identity number is told."""
    tables = evidence.tables
    tables.documents = [d._replace(value_sha256=b"") for d in tables.documents]
    tables.dead_letters = [d._replace(record_value=b"", record_key=b"", headers="[]") for d in tables.dead_letters]
    tables.manifests = [m._replace(goods_value_e5=0, order_currency="", person_key=b"") for m in tables.manifests]
    proof = prove(evidence, b"another key of 16")
    assert not proof.verified
    text = json.dumps(proof.to_json(), ensure_ascii=False)
    assert [word for word in _personal(evidence) if word in text] == []


def _personal(evidence: Evidence) -> set[str]:
    names = [c.partition("_")[2] for c in law.load().personal]
    words: set[str] = set()
    for (kind, _, _), record in evidence.inputs.items():
        try:
            document: dict[str, Any] = read(kind_name(kind), record.key, record.value)
        except NoDocument:
            continue
        words |= {document[n] for n in names if len(document.get(n, "")) > 1}
    return words
