"""How documents are cut into batches and in which order they stand there changes no decision."""

import tomllib
from datetime import date
from itertools import permutations
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from agents.reading import documents, read_records, read_stored
from agents.records import Records
from loadtest.generate import generate, profile
from pipeline import flow
from pipeline.sightings import Seen
from schemas.contracts import topic_name
from schemas.lawbook import load
from sinks.stored import StoredDocuments
from tests.pipeline.memory import BASE_MS, PSEUDONYMS, MemoryStore, Rec, as_records, registry
from tests.pipeline.trios import HOUR_MS, KINDS, changed, example, records

VECTORS = Path(__file__).parent.parent / "golden" / "rules.toml"


def vectors() -> list[list[Rec]]:
    """Every vector of every rule as a manifest of its own order number, all of one person and one firm."""
    changes = [case[side] for case in tomllib.loads(VECTORS.read_text())["case"] for side in ("fires", "spares")]
    changes.append({"lines": 1, "line1.qty": "1", "line1.price": "25000.00", "recount": True})  # too much for their year
    manifests: list[list[Rec]] = []
    for n, change in enumerate(changes):
        trio = changed(change)
        for kind in KINDS:
            trio[kind]["orderNo"] = f"EXAMPLE-{n}"
            for field in ("payTransactionId", "logisticsNo"):
                if trio[kind].get(field) in ("EXAMPLE-PAY-1", "EXAMPLE-WAY-1"):
                    trio[kind][field] += f"-{n}"
        manifests.append(records(trio, n, BASE_MS + HOUR_MS + n * 10))
    return manifests


def decisions(store: MemoryStore) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """Attempt → all that was decided."""
    columns = ("outcome", "codes", "queue", "fault_kinds", "taxed", "dutiable_fen", "tariff_fen", "consumption_fen", "vat_fen", "trade_mode")
    return {(m["ebp_code"], m["order_no"], m["attempt"]): tuple(m[c] for c in columns) for m in store.manifests.values()}


def written(store: MemoryStore) -> list[dict[str, Any]]:
    """Its ledger entries, but for what only the batch knows: the manifest's number in it and what it read."""
    entries = [e for x, of_it in store.entries.items() for e in sorted(of_it, key=itemgetter(*x.key, "entry_no"))]
    return [{k: v for k, v in e.items() if k != "m" and not k.startswith("read_")} for e in entries]


def test_a_batch_decides_what_its_manifests_decide_one_by_one() -> None:
    manifests = vectors()
    at_once, one_by_one = MemoryStore(), MemoryStore()
    at_once.process([r for m in manifests for r in m])
    for m in manifests:
        one_by_one.process(m)
    assert len(at_once.manifests) == len(manifests)
    assert decisions(at_once) == decisions(one_by_one)
    assert written(at_once) == written(one_by_one)
    assert at_once.uses == one_by_one.uses
    assert {o for o, *_ in decisions(at_once).values()} == {"RELEASE", "HOLD", "REJECT"}
    assert any("LIM-03" in codes for _, codes, *_ in decisions(at_once).values())


@pytest.mark.parametrize("seed", range(4))
def test_the_order_within_a_batch_does_not_matter(seed: int) -> None:
    batch = as_records(d for p in generate(profile("small"), 300, 21, processes=1) for d in p.documents)
    straight, mixed = MemoryStore(), MemoryStore()
    straight.process(batch)
    mixed.process(Random(seed).sample(batch, len(batch)))
    assert decisions(mixed) == decisions(straight)
    assert mixed.what_became() == straight.what_became()
    assert mixed.accounts == straight.accounts
    assert mixed.uses == straight.uses


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("cut", [(3,), (1, 2), (2, 1), (1, 1, 1)])
def test_the_order_of_arrival_does_not_matter(order: tuple[int, ...], cut: tuple[int, ...]) -> None:
    trio = records(example())
    for n, place in enumerate(order):  # the completing document has the highest log time
        trio[place] = Rec(trio[place].topic, place, 7, BASE_MS + HOUR_MS + n, trio[place].key, trio[place].value)
    store, rest = MemoryStore(), [trio[n] for n in order]
    for count in cut:
        assert store.manifests == {}
        store.process(rest[:count])
        rest = rest[count:]
    ((_, manifest),) = store.manifests.items()
    assert (manifest["outcome"], manifest["vat_fen"], manifest["dutiable_fen"]) == ("RELEASE", 3022, 33_204)
    assert manifest["accepted_at"].timestamp() * 1000 == BASE_MS + HOUR_MS + 2
    assert manifest["completing"]["kind"] == order[-1]


def test_a_batch_over_midnight_is_judged_by_the_law_of_each_day() -> None:
    before, after = changed({}), changed({})
    for kind in KINDS:
        after[kind]["orderNo"] = "EXAMPLE-2"
    after["waybill"]["logisticsNo"] = after["order"]["payTransactionId"] = after["payment"]["payTransactionId"] = "2"
    midnight = 1_554_048_000_000  # 2019-04-01 in Shanghai: the rates begin
    store = MemoryStore()
    store.process([*records(after, 1, midnight), *records(before, 0, midnight - 1)])
    codes = {m["order_no"]: (m["codes"], m["taxed"]) for m in store.manifests.values()}
    assert codes == {"EXAMPLE-1": (frozenset({"REG-02", "TIM-02"}), False), "EXAMPLE-2": (frozenset({"TIM-02"}), True)}


def test_parts_opened_apart_merge_to_the_whole() -> None:
    batch = as_records(d for p in generate(profile("small"), 120, 22, processes=1) for d in p.documents)
    read = read_records({k: Records.of([r for r in batch if r.topic == topic_name(k)]) for k in KINDS})
    together, store, law_on = documents(read, read_stored(StoredDocuments.of([]))), MemoryStore(), load().on
    gathered = flow.count(flow.gather(together, store.past([]), PSEUDONYMS), Seen(), registry())
    parts = [flow.open_batch(half, law_on, registry(), quarantined=False) for half in gathered.halves()]
    opened = (flow.merge(parts), flow.open_batch(gathered, law_on, registry(), quarantined=False))
    merged, whole = (flow.decide(o, store.balances(o.claims), law_on(date(2019, 11, 11))) for o in opened)
    assert len(parts[0].judged.manifests.heads) == len(whole.heads) // 2
    key = ("order_no", "ebp_code")
    columns = [*key, "outcome", "queue", "vat_fen", "consumption_fen", "line_count", "dutiable_fen"]
    assert merged.heads.select(columns).sort(key).equals(whole.heads.select(columns).sort(key))
    by_code = [d.findings.join(d.heads.select("m", *key), on="m").select(*key, "code").sort(pl.all()) for d in (merged, whole)]
    assert by_code[0].equals(by_code[1])


def test_an_empty_batch_decides_nothing() -> None:
    decided = MemoryStore().process([])
    assert [len(t) for t in (decided.heads, decided.lines, decided.tax, decided.findings, decided.fates)] == [0] * 5
