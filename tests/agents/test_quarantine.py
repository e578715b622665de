"""A rule that raises: the one guilty order number is held with SYS-02, the others are decided as ever."""

from collections.abc import Mapping
from typing import Any

import pytest

from agents import quarantine
from agents.metrics import METRICS
from agents.quarantine import open_or_quarantine
from agents.reading import documents, read_records, read_stored
from agents.records import Records
from pipeline import flow
from pipeline.sightings import Seen
from schemas.lawbook import load
from sinks.stored import StoredDocuments
from tests.pipeline.memory import PSEUDONYMS, MemoryStore, registry
from tests.pipeline.trios import KINDS, numbered, rec

LAW = load()
OPEN = flow.open_batch
GUILTY = "EXAMPLE-5"


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Opening a batch raises while the guilty order number is in it; the sizes of the batches that were tried."""
    sizes: list[int] = []

    def open_batch(gathered: flow.Gathered, *rest: Any, **named: Any) -> flow.Opened:
        orders = gathered.manifests.heads["order_no"].to_list()
        sizes.append(len(orders))
        if GUILTY in orders and not named.get("quarantined"):
            raise OverflowError("a value nobody thought of")
        return OPEN(gathered, *rest, **named)

    monkeypatch.setattr(quarantine.flow, "open_batch", open_batch)
    return sizes


def decided(count: int) -> dict[str, tuple[Any, ...]]:
    """order number → (outcome, queue, tax, codes) of `count` manifests decided in one batch."""
    trios = [numbered(n) for n in range(count)]
    read = read_records({kind: Records.of([rec(kind, trio[kind], n) for n, trio in enumerate(trios)]) for kind in KINDS})
    store = MemoryStore()
    gathered = flow.gather(documents(read, read_stored(StoredDocuments.of([]))), store.past([]), PSEUDONYMS)
    opened = open_or_quarantine(flow.count(gathered, Seen(), registry()), LAW.on, registry())
    found = flow.decide(opened, store.balances(opened.claims), LAW.on(flow.NO_DAY))
    codes: Mapping[int, list[str]] = {
        m: sorted(of["code"].to_list()) for (m,), of in found.findings.group_by("m") if isinstance(m, int)
    }
    return {
        row["order_no"]: (row["outcome"], row["queue"], row["tariff_fen"] + row["consumption_fen"] + row["vat_fen"], codes.get(row["m"], []))
        for row in found.heads.iter_rows(named=True)
    }


@pytest.mark.parametrize("count", [6, 7, 8])  # of one person: more would be held
def test_only_the_guilty_order_number_is_held(count: int, raising: list[int]) -> None:
    before, halved = METRICS.quarantined._value.get(), METRICS.quarantine_bisections._value.get()
    disturbed = decided(count)
    outcome, queue, _tax, codes = disturbed.pop(GUILTY)
    assert (outcome, queue) == ("HOLD", "review")
    assert "SYS-02" in codes
    assert METRICS.quarantined._value.get() == before + 1
    assert METRICS.quarantine_bisections._value.get() >= halved + 2
    assert raising.count(1) >= 2  # alone, and alone again without rules
    assert {(o, tuple(c)) for o, _, _, c in disturbed.values()} == {("RELEASE", ())}
    assert len(disturbed) == count - 1


def test_the_others_are_decided_as_if_nothing_had_happened(monkeypatch: pytest.MonkeyPatch, raising: list[int]) -> None:
    disturbed = decided(8)
    monkeypatch.undo()
    calm = decided(8)
    assert disturbed.pop(GUILTY) != calm.pop(GUILTY)
    assert disturbed == calm


def test_without_trouble_a_batch_is_opened_once(raising: list[int]) -> None:
    decided(4)  # the guilty one is not among them
    assert raising == [4]
