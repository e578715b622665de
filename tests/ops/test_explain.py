"""explain, history and redecide on a real stack: what they say, that they notice what was tampered with, exit codes."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from loadtest.generate.filings import filings
from ops.explain import formulas
from ops.explain.taxed import single_limit
from ops.explain.values import decimals, shown_value
from ops.explain.voice import laws_zh, texts
from ops.law_files import files, sources
from pipeline.classes import QUEUES
from schemas import law_pack
from schemas.contracts import topic_name
from schemas.endpoints import Endpoints
from schemas.filings import written
from schemas.lawbook import FILES, FOLDER, load
from tests.ops.conftest import Run
from tests.ops.test_commands import asked, held
from tests.pipeline.memory import BASE_MS, Rec
from tests.pipeline.trios import numbered, rec, records
from tests.stack.nodes import nodes

LABELS = texts("en")


async def take(endpoints: Endpoints, *batches: list[Rec]) -> None:
    """Decide these as a worker of lane 0 would, once the small market is filed."""
    filed = [Rec(topic_name("registry"), 0, n, BASE_MS, f.key.encode(), written(f)) for n, f in enumerate(filings("small"))]
    async with nodes(endpoints, [0]) as (worker,):
        for batch in (filed, *batches):
            await worker.take(*batch)


def packed(n: int, packs: int, offset: int = 0) -> list[Rec]:
    """The documents of one parcel, which is in so many packs."""
    return records(numbered(n, **{"waybill.packNo": packs}), offset=offset)


def test_both_languages_say_the_same_things() -> None:
    english, chinese = texts("en"), texts("zh")
    assert english.keys() == chinese.keys()
    for name, text in english.items():
        assert sorted(p.split("}")[0] for p in text.split("{")[1:]) == sorted(p.split("}")[0] for p in chinese[name].split("{")[1:]), name


def test_every_rule_is_told_in_chinese_too() -> None:
    rules = tomllib.loads((FOLDER / "rules.toml").read_text())
    risk = tomllib.loads((FOLDER / "risk.toml").read_text())
    entries = [*(entry for table in ("rule", "ledger", "engine") for entry in rules[table]), *risk["band"]]
    assert [e["code"] for e in entries if not e.get("todo_zh")] == []
    titles = {title for x in files(load())["sources"]["source"] for title in sources(load(), x["id"]).values()}
    assert {e["law"] for e in entries} | titles | {single_limit(load(), load().days()[-1])} == set(laws_zh())
    assert [e["code"] for e in (*entries, *risk["indicator"]) if not e.get("zh")] == []
    assert [f"queue_{queue}" for queue in QUEUES[1:] if f"queue_{queue}" not in LABELS] == []
    assert [e["code"] for e in (*entries, *risk["indicator"]) if f"family_{e['code'].partition('-')[0]}" not in LABELS] == []


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("order_goodsValue_e5", "12345000", "CNY 123.45"), ("order_goodsValue_e5", "-1", "CNY -0.00001"), ("line_qty_e5", "250000", "2.50"),
        ("tax_due_fen", "100005", "CNY 1,000.05"), ("balance_mg", 1_500_000, "1.50 kg"), ("order_note", "", "(empty)"),
        ("dutiable_fen", None, "(unknown)"), ("gnum_in_order", "True", "yes"), ("order_buyerName", "***3", "***3"), ("order_currency", "142", "142"),
    ],
)  # fmt: skip
def test_values_are_shown_in_peoples_units(name: str, value: Any, shown: str) -> None:
    assert shown_value(name, value, LABELS) == shown


def test_decimals_keep_what_is_not_zero() -> None:
    assert [decimals(n, 5) for n in (0, 1, 100_000, 150_000, -250_010)] == ["0.00", "0.00001", "1.00", "1.50", "-2.5001"]


def test_a_formula_can_be_done_again_by_hand() -> None:
    line = {
        "dutiable_fen": 1_000_000, "tariff_1e4": 1000, "consumption_1e4": 2000, "vat_1e4": 1300, "amount": 100, "per": 1, "share_1e4": 10_000,
        "tariff_fen": 100_000, "consumption_fen": 275_125, "vat_fen": 178_766,
    }  # fmt: skip
    tariff, consumption, vat = formulas.told(line, LABELS).splitlines()
    assert tariff == "tariff 1,000.00 = 10,000.00 × 10%"
    assert consumption == "consumption tax 2,751.25 = (10,000.00 × (1 + 10%) + 1.0000) ÷ (1 − 20%) × 20% + 1.0000"
    assert round((10_000 * 1.1 + 1) / 0.8 * 0.2 + 1, 2) == 2751.25 and round((10_000 * 1.1 + 1) / 0.8 * 0.13, 2) == 1787.66
    assert vat == "VAT 1,787.66 = (10,000.00 × (1 + 10%) + 1.0000) ÷ (1 − 20%) × 13%"
    within = line | {"tariff_1e4": 0, "consumption_1e4": 0, "amount": 0, "share_1e4": 7000}
    assert formulas.told(within, LABELS) == "VAT 1,787.66 = 10,000.00 × 13% × 70%"


async def test_a_held_one_reads_well_in_both_languages(run: Run, named: Endpoints) -> None:
    await take(named, records(held(2)))
    english, chinese = await asked(run, "explain", "EXAMPLE-2"), await asked(run, "explain", "EXAMPLE-2", "--lang", "zh", "--all")
    assert (english.code, chinese.code) == (0, 0)
    for part in (
        "HELD, waits for the orderer's confirmation", "the payer is not the buyer", "the orderer confirms the purchase", "PAY-04",
        "payment payerIdNumber: ***18", "the same decision", "Total CNY ", "VAT 27.70 = ", "reserved until it is settled", "CNY 26,000.00",
        f"{topic_name('order')}[0]@0", "Looked at and not found", load().version, "registry version 1",
    ):  # fmt: skip
        assert part in english.out, part
    for part in ("暂不放行，待订购人确认", "支付人与订购人不一致（PAY-04）", "由订购人确认该笔购买", "财关税〔2016〕18号第五条", "一致，分毫不差", "预占", "订单商品价格（goodsValue）："):
        assert part in chinese.out, part
    data = (await asked(run, "explain", "EXAMPLE-2", "--json")).data
    (manifest,) = data["manifests"]
    assert manifest["differences"] == []
    assert [f["code"] for f in manifest["findings"]] == ["PAY-04"]
    (entry,) = manifest["ledgers"]
    assert (entry["reserved_before"], entry["reserved_after"] - entry["amount"]) == (0, 0)
    assert {"FMT-01", "SUM-03"} <= {r["code"] for r in manifest["passed"]} and "PAY-04" not in {r["code"] for r in manifest["passed"]}


async def test_attempts_follow_each_other(run: Run, named: Endpoints) -> None:
    again = numbered(3, **{"waybill.packNo": 1, "waybill.guid": "00000000-0000-4000-8000-00000000000A"})
    await take(named, packed(3, packs=2), [rec("waybill", again["waybill"], 1, BASE_MS + 7_200_000)])
    both = await asked(run, "explain", "EXAMPLE-3")
    assert both.code == 0
    for part in ("REJECTED", "send the waybill anew, corrected; the other documents are kept", "attempt 2 followed", "RELEASED", "used by attempt 2"):
        assert part in both.out, part
    second = await asked(run, "explain", "EXAMPLE-3", "--attempt", "2")
    assert "RELEASED" in second.out and "REJECTED" not in second.out
    third = await asked(run, "explain", "EXAMPLE-3", "--attempt", "3")
    assert (third.code, third.out) == (2, "") and "attempts 1, 2, and no attempt 3" in third.err


async def test_what_is_not_decided_is_2_and_says_what_is_missing(run: Run, named: Endpoints) -> None:
    await take(named, [r for r in records(numbered(4)) if r.topic != topic_name("payment")])
    waits, unknown = await asked(run, "explain", "EXAMPLE-4"), await asked(run, "explain", "EXAMPLE-5")
    assert (waits.code, waits.out, unknown.code, unknown.out) == (2, "", 2, "")
    assert "payment did not come yet" in waits.err and "no document of order number EXAMPLE-5" in unknown.err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE manifest SET vat_fen = vat_fen + 1, tax_fen = tax_fen + 1", ("vat_fen", "tax_fen")),
        ("UPDATE manifest SET outcome = 'RELEASE'", ("outcome",)),
        ("UPDATE manifest_line SET hs_code = '0000000000'", ("line 1 hs_code",)),
        ("DELETE FROM finding", ("finding PAY-04",)),
        ("UPDATE finding SET values_read = '{}'", ("finding PAY-04 values_read",)),
    ],
)
async def test_what_was_tampered_with_is_1_and_loud(run: Run, named: Endpoints, db: asyncpg.Connection, change: str, told: tuple[str, ...]) -> None:
    await take(named, records(held(2)))
    await db.execute(change)
    said = await asked(run, "explain", "EXAMPLE-2")
    assert said.code == 1 and "RECOMPUTED DIFFERENTLY" in said.out
    found = (await asked(run, "explain", "EXAMPLE-2", "--json")).data["manifests"][0]["differences"]
    assert set(told) <= {d["what"] for d in found}


async def test_the_rule_set_that_a_decision_names_is_taken_from_those_kept(
    run: Run, named: Endpoints, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(named, records(numbered(1)))
    folder = tmp_path / "law"
    shutil.copytree(FOLDER, folder)
    with (folder / "rules.toml").open("a") as rules:
        rules.write("# another set\n")
    content = law_pack.of_folder(folder, FILES)
    await db.execute("UPDATE manifest SET rule_set = $1", law_pack.version_of(content))
    said = await asked(run, "explain", "EXAMPLE-1")
    assert (said.code, said.out) == (1, "") and "is not kept" in said.err
    await db.execute("INSERT INTO rule_set (rule_set, content) VALUES ($1, $2)", law_pack.version_of(content), content)
    assert (await asked(run, "explain", "EXAMPLE-1")).code == 0
