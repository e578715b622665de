"""What a manifest should have been found guilty of too, or should not have been spared: quarantine, and one refusal beside another."""

from functools import partialmethod

import pytest

from loadtest.generate import GeneratedSet
from loadtest.verify import Evidence, prove
from loadtest.verify.evidence import manifest_place
from tests.pipeline.memory import BASE_MS, KEY, MemoryStore, as_records
from tests.pipeline.test_ledgers import costing
from tests.pipeline.trios import HOUR_MS, KINDS, rec
from tests.verify.conftest import BATCH
from tests.verify.played import Play


def test_quarantine_is_told_and_nothing_else(known: GeneratedSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one batch: all of it is consistent, but the rules could have been run."""
    records = as_records(known.documents())
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    game = Play()
    for n, batch in enumerate(batches):
        with monkeypatch.context() as patched:
            if n == len(batches) // 2:
                patched.setattr(MemoryStore, "begin", partialmethod(MemoryStore.begin, quarantined=True))
            game.batch(batch)
    game.sweep()
    proof = prove(game.evidence(records), KEY)
    assert proof.discrepancy_count == proof.counts["quarantined"] > 0
    assert {d.what for d in proof.discrepancies} == {"quarantine"}


GOING_ON = 1_000  # ms between two manifests


@pytest.fixture(params=["a batch each", "one batch"])
def refused(request: pytest.FixtureRequest) -> Evidence:
    """Somebody uses up most of a year's limit, at last with a payment and a waybill whose numbers another order wants too, and more of the
    limit than is left."""
    trios = [costing(n, "4990.00") for n in range(6)]
    for trio in trios[4:]:
        trio["payment"]["payTransactionId"] = trio["order"]["payTransactionId"] = trio["waybill"]["logisticsNo"] = "ONE-NUMBER"
    batches = [[rec(kind, trio[kind], n, BASE_MS + HOUR_MS + n * GOING_ON) for kind in KINDS] for n, trio in enumerate(trios)]
    everything = [r for batch in batches for r in batch]
    game = Play()
    for batch in batches if request.param == "a batch each" else [everything]:
        game.batch(batch)
    game.sweep()
    return game.evidence(everything)


@pytest.mark.parametrize("code", ["PAY-03", "WAY-06", "LIM-03"])
def test_a_refusal_missing_beside_another(refused: Evidence, code: str) -> None:
    assert prove(refused, KEY).discrepancies == []
    (finding,) = (f for f in refused.tables.findings if f.code == code)
    refused.tables.findings.remove(finding)
    row = next(m for m in refused.tables.manifests if m.manifest_id == finding.manifest_id)
    found = [d for d in prove(refused, KEY).discrepancies if (d.place, d.what) == (manifest_place(row), "findings")]
    assert [d.expected.partition(":")[0] for d in found] == [f"{code} too"]
