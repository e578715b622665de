"""Samples: the draw at its bounds, and that core, verifier and baseline draw the same."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from loadtest.generate.people import identity_number
from loadtest.plain_faust import law
from loadtest.plain_faust import samples as plain
from loadtest.plain_faust.decide import decide as plain_decide
from loadtest.plain_faust.ledgers import Ledgers
from loadtest.plain_faust.reading import read as plain_read
from loadtest.verify import prove
from loadtest.verify.samples import read_seeds
from pipeline.manifests import Manifests
from pipeline.rates import bound
from pipeline.sampling import Seed, drawn
from schemas.lawbook import load
from schemas.samples import SecretSeeds, seeds, version_of
from tests.golden.registries import baseline_registry
from tests.pipeline.memory import KEY, MemoryStore
from tests.pipeline.trios import KINDS, changed, log_ms, numbered, records
from tests.verify.played import Play

SEED, NEXT = b"a seed for tests".rjust(32), b"another one".rjust(32)
PERIODS = [(date(2019, 1, 1), SEED), (date(2019, 11, 12), NEXT)]
DAY = date(2019, 11, 11)
GENERAL_FOOD = (1000, 2000)  # inspection and review of a million: formula is of chapter 19
ORDERS = 150


def drawn_at(number: int, changes: dict[str, Any] | None = None) -> list[tuple[str, dict[str, str]]]:
    """Code and values of what the example draws with this number."""
    store = MemoryStore(seeds=SecretSeeds([]))  # gives ids, draws nothing
    decided = store.process(records(changed(changes or {})))
    found = drawn(Manifests(decided.heads, decided.lines), load().on(DAY).samples, Seed("v", lambda ids: pl.Series([number] * len(ids), dtype=pl.UInt64)))
    return [(row["code"], json.loads(row["values_read"])) for row in found.iter_rows(named=True)]


def test_a_number_at_each_bound() -> None:
    inspection, review = GENERAL_FOOD
    first, second = bound(inspection), bound(inspection + review)
    assert (first - 1) * 10**6 < inspection << 64 <= first * 10**6
    assert [[code for code, _ in drawn_at(n)] for n in (0, first - 1, first, second - 1, second)] == [
        ["SMP-01"], ["SMP-01"], ["SMP-02"], ["SMP-02"], [],
    ]  # fmt: skip
    told = {"seed": "v", "number": "0", "class": "general", "category": "food", "rate_1e6": "1000"}
    assert drawn_at(0) == [("SMP-01", told)]


def test_only_what_would_be_released_is_drawn() -> None:
    assert drawn_at(0, {"waybill.consigneeAddress": "示例省虚构市他处1号"}) == []
    assert drawn_at(0, {"waybill.packNo": 2}) == []


def distrusted(n: int) -> dict[str, Any]:
    """An order of T013, rated dishonest, of its own person."""
    person = identity_number(n)
    trio = numbered(n, person)
    for kind in KINDS:
        trio[kind]["ebpCode"] = "330296P006"
    order = trio["order"]
    order |= {"ebcCode": "330296T013", "batchNumbers": "B1"}
    for name in ("consigneeTelephone", "consigneeAddress"):  # nobody else's: no counter holds it
        order[name] = trio["waybill"][name] = f"1390000{n:04}"
    trio["waybill"]["goodsInfo"] = "样例货物"
    for line, item in zip(order["orderList"], ("SKU130001", "SKU130002"), strict=True):
        line |= {"itemNo": item, "unit": "011"}
    return trio


@pytest.fixture
def seed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sample.key"
    path.write_text("".join(f"{day} {seed.hex()}\n" for day, seed in reversed(PERIODS)))
    monkeypatch.setenv(plain.SEEDS, str(path))
    plain._seeds.cache_clear()
    return path


def test_core_verifier_and_baseline_draw_the_same(seed_file: Path) -> None:
    game = Play()
    game.store.seeds = seeds(seed_file.read_text())
    sent = [records(distrusted(n), n) for n in range(ORDERS)]
    game.batch([r for each in sent for r in each])
    mine = {m["order_no"]: (m["outcome"], m["queue"], m["codes"]) for m in game.store.manifests.values()}
    outcomes = Counter(mine.values())
    assert set(outcomes) == {
        ("RELEASE", "", frozenset()), ("HOLD", "inspection", frozenset({"SMP-01"})), ("HOLD", "review", frozenset({"SMP-02"})),
    }  # fmt: skip
    evidence = game.evidence([r for each in sent for r in each])
    assert prove(evidence, KEY, seeds=read_seeds(seed_file.read_text())).discrepancies == []
    others = prove(evidence, KEY, seeds=[(date(2019, 1, 1), NEXT)])
    assert any("findings" in d.what for d in others.discrepancies)
    law._on.cache_clear()  # of days it met without seeds
    for each in sent:
        decision = plain_decide(*(plain_read(k, r.key, r.value) for k, r in zip(KINDS, each, strict=True)), log_ms({}), Ledgers({}, {}, {}, {}, {}, KEY), baseline_registry())
        assert (decision.outcome, decision.queue, frozenset(decision.codes)) == mine[decision.manifest.order["orderNo"]]
    law._on.cache_clear()
    plain._seeds.cache_clear()


def test_the_seed_of_the_period() -> None:
    held = SecretSeeds(PERIODS)
    assert held.on(date(2018, 12, 31)) is None
    versions = [held.on(date(2019, 11, day)).version for day in (11, 12)]  # type: ignore[union-attr]
    assert versions == [version_of(SEED), version_of(NEXT)] and versions[0] != versions[1]


@pytest.mark.parametrize(("text", "said"), [("2019-01-01 abc\n", "1: not a day"), ("2019-01-01 abcd\n", "1: a seed has 64")])
def test_what_is_no_seed_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        seeds(text)
