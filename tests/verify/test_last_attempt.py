"""The attempt after which no other comes: the second one here, where an order number has 32,767."""

import pytest

from loadtest.verify import Evidence, prove
from loadtest.verify.evidence import manifest_place, record_place
from tests.pipeline.memory import KEY
from tests.verify.test_damage import told
from tests.verify.test_without_platform import played, sent, stray

VERIFIER, PIPELINE = "loadtest.verify.orders.MOST_ATTEMPTS", "pipeline.contested.MOST_ATTEMPTS"


def twice_rejected() -> Evidence:
    """For its waybill, which is sent once more, and once without a platform."""
    first, second = [sent("order", 0), sent("payment", 1), sent("waybill", 2, packNo=2)], [stray(3, packNo=3)]
    return played(first, second, [sent("waybill", 4)], [stray(5, packNo=4)])


def test_what_comes_after_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (VERIFIER, PIPELINE):
        monkeypatch.setattr(where, 2)
    evidence = twice_rejected()
    assert prove(evidence, KEY).discrepancies == []
    assert [m.outcome for m in evidence.tables.manifests] == ["REJECT", "REJECT"]
    assert [(f.kafka_offset, f.code) for f in evidence.tables.fates] == [(4, "DOC-06"), (5, "DOC-06")]


def test_one_more_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VERIFIER, 2)
    evidence = twice_rejected()
    assert told(prove(evidence, KEY), manifest_place(evidence.tables.manifests[2]), "a further attempt")


def test_what_came_after_it_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (VERIFIER, PIPELINE):
        monkeypatch.setattr(where, 2)
    evidence = twice_rejected()
    evidence.tables.fates = []
    assert told(prove(evidence, KEY), record_place(3, 0, 4), "state")
