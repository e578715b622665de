"""Waybills without ebpCode: an order that takes one has all of them that agree with it among its candidates."""

from typing import Any

import pytest

from loadtest.verify import Evidence, prove
from loadtest.verify.evidence import record_place
from tests.pipeline.memory import BASE_MS, KEY, Rec
from tests.pipeline.trios import HOUR_MS, example, rec
from tests.verify.played import Play
from tests.verify.test_damage import told

YOUNGER = "2019-11-11T00:30:00+08:00"


def sent(kind: str, offset: int, **changes: Any) -> Rec:
    return rec(kind, example()[kind] | changes, offset, BASE_MS + HOUR_MS + 1000 * offset)


def played(*batches: list[Rec]) -> Evidence:
    game = Play()
    for batch in batches:
        game.batch(batch)
    game.sweep()
    return game.evidence([r for batch in batches for r in batch])


def stray(offset: int, **changes: Any) -> Rec:
    return sent("waybill", offset, ebpCode="", **changes)


@pytest.fixture
def changed() -> Evidence:
    """A waybill without platform, its change and a twin of that; the payment came last."""
    return played([sent("order", 0), stray(0), stray(1, appType="2", appTime=YOUNGER)], [stray(2, appType="2", appTime=YOUNGER), sent("payment", 3)])


def test_its_change_is_used(changed: Evidence) -> None:
    assert prove(changed, KEY).discrepancies == []
    assert [m.waybill_offset for m in changed.tables.manifests] == [1]
    assert sorted((f.kafka_offset, f.code) for f in changed.tables.fates) == [(0, "DOC-02"), (2, "DOC-01")]


@pytest.mark.parametrize("offset", [0, 2])
def test_one_that_was_passed_over_without_a_fate(changed: Evidence, offset: int) -> None:
    changed.tables.fates = [f for f in changed.tables.fates if f.kafka_offset != offset]
    assert told(prove(changed, KEY), record_place(3, 0, offset), "fate")


def test_one_of_another_receiver_waits() -> None:
    proof = prove(played([sent("order", 0), stray(0), stray(1, consignee="代收"), sent("payment", 3)]), KEY)
    assert proof.discrepancies == [] and proof.counts["DOC-09"] == 1


def test_a_delete_takes_it_back() -> None:
    """Until a younger one comes."""
    gone = [sent("order", 0), stray(0)], [stray(1, appType="3", appTime=YOUNGER), sent("payment", 3)]
    left = played(*gone)
    assert prove(left, KEY).discrepancies == []
    assert ([r.missing for r in left.tables.open_reports], left.tables.manifests) == ([4], [])
    again = prove(played(*gone, [stray(4, appTime="2019-11-11T00:40:00+08:00")]), KEY)
    assert again.discrepancies == [] and again.counts["RELEASE"] == 1


def test_two_that_complete_an_order_and_wait() -> None:
    """As if they had never been looked at."""
    left = played([sent("order", 0), stray(0), stray(1, appType="2", appTime=YOUNGER)])
    whole = played([sent("order", 0), stray(0), stray(1, appType="2", appTime=YOUNGER), sent("payment", 3)])
    left.inputs.update({place: r for place, r in whole.inputs.items() if place[0] == 2})
    left.ends.update(whole.ends)
    left.tables.documents, left.tables.consumed = whole.tables.documents, whole.tables.consumed
    proof = prove(left, KEY)
    assert all(told(proof, record_place(3, 0, offset), "state") for offset in (0, 1))


def test_a_twin_of_what_a_rejected_attempt_used() -> None:
    """It is a duplicate, though it names no platform."""
    rejected = played([sent("order", 0), sent("payment", 1), stray(0, packNo=2)], [stray(5, packNo=2)])
    assert prove(rejected, KEY).discrepancies == []
    rejected.tables.fates = []
    assert told(prove(rejected, KEY), record_place(3, 0, 5), "state")
