"""Waybills without ebpCode: an order that takes one has all of them that agree with it among its candidates."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from loadtest.verify import Evidence, prove
from loadtest.verify.evidence import KINDS, Consumed, FateRow, record_place
from schemas.contracts import topic_name
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


def test_after_a_reject_it_completes_the_next_attempt() -> None:
    """It waited beside the waybill of the platform. The verifier does not let it wait on."""
    again = played([sent("order", 0), sent("payment", 1), sent("waybill", 0, packNo=2), stray(1)], [])
    proof = prove(again, KEY)
    assert (proof.discrepancies, proof.counts["REJECT"], proof.counts["RELEASE"]) == ([], 1, 1)
    left = played([sent("order", 0), sent("payment", 1), sent("waybill", 0, packNo=2)])
    left.inputs, left.ends = again.inputs, again.ends
    left.tables.documents, left.tables.consumed = again.tables.documents, again.tables.consumed
    assert told(prove(left, KEY), record_place(3, 0, 1), "state")


@pytest.fixture
def late() -> Evidence:
    """A twin and a change of a waybill without platform that was used, after the decision."""
    return played([sent("order", 0), sent("payment", 1), stray(0)], [stray(5), stray(6, appType="2", appTime=YOUNGER)])


def test_after_the_decision(late: Evidence) -> None:
    assert prove(late, KEY).discrepancies == []
    assert sorted((f.kafka_offset, f.code) for f in late.tables.fates) == [(5, "DOC-01"), (6, "DOC-07")]


@pytest.mark.parametrize("offset", [5, 6])
def test_one_that_waits_after_the_decision(late: Evidence, offset: int) -> None:
    late.tables.fates = [f for f in late.tables.fates if f.kafka_offset != offset]
    assert told(prove(late, KEY), record_place(3, 0, offset), "state")


def test_after_the_decision_one_of_another_receiver_waits() -> None:
    waits = played([sent("order", 0), sent("payment", 1), stray(0)], [stray(5, consignee="代收")])
    assert prove(waits, KEY).discrepancies == []


def refused_anyway(*batches: list[Rec]) -> Evidence:
    """As if the last waybill had been refused by the first manifest's order."""
    evidence = played(*batches)
    manifest = evidence.tables.manifests[0]
    fate = FateRow(
        kind=3, partition=0, kafka_offset=9, order_hash=manifest.order_hash, ebp_code=manifest.ebp_code, order_no=manifest.order_no,
        attempt=1, fate="refused", code="DOC-06", by_partition=0, by_offset=manifest.waybill_offset, lane=0, batch_seq=1 + len(batches),
    )
    evidence.tables.fates.append(fate)
    return evidence


@pytest.mark.parametrize(
    ("waybill", "another"), [(stray(0), stray(9, consignee="代收")), (sent("waybill", 0), stray(9))], ids=["another receiver", "its own waybill"],
)
def test_one_that_was_refused_and_should_wait(waybill: Rec, another: Rec) -> None:
    proof = prove(refused_anyway([sent("order", 0), sent("payment", 1), waybill], [another]), KEY)
    assert told(proof, record_place(3, 0, 9), "fate")


OTHER = "330296P002"


def taken_anyway(partition: int, *others: Rec) -> Evidence:
    """As if an order had taken the waybill, though another platform's order of the same receiver lay in that partition beside it."""
    mine = [sent("order", 0), stray(0), sent("payment", 3)]
    theirs = [replace(r, partition=partition) for r in (sent("order", 1, ebpCode=OTHER), *others)]
    evidence, waits = played(mine), played(mine[:2] + theirs)
    came = {(r.topic, r.partition, r.offset) for r in theirs}
    evidence.inputs |= {place: r for place, r in waits.inputs.items() if (topic_name(KINDS[place[0] - 1]), *place[1:]) in came}
    evidence.tables.documents += [d for d in waits.tables.documents if (topic_name(KINDS[d.kind - 1]), d.partition, d.kafka_offset) in came]
    evidence.ends |= {place: max(end, evidence.ends.get(place, 0)) for place, end in waits.ends.items()}
    evidence.tables.consumed = [c for c in evidence.tables.consumed if c.topic == topic_name("registry")]
    evidence.tables.consumed += [Consumed(topic_name(KINDS[kind - 1]), partition, end, partition, KINDS[kind - 1]) for (kind, partition), end in evidence.ends.items()]
    return evidence


@pytest.mark.parametrize(("evidence", "wrong"), [
    (lambda: taken_anyway(0), True), (lambda: taken_anyway(1), False), (lambda: taken_anyway(0, sent("waybill", 9, ebpCode=OTHER)), False),
    (lambda: taken_anyway(0, sent("order", 2, ebpCode=OTHER, appType="3", appTime=YOUNGER)), False),
], ids=["in its lane", "in another lane", "it had its own", "it was deleted"])  # fmt: skip
def test_one_that_two_orders_could_have_taken(evidence: Callable[[], Evidence], wrong: bool) -> None:
    assert told(prove(evidence(), KEY), record_place(3, 0, 0), "use without ebpCode") == wrong


def test_an_order_that_came_after_it_was_taken() -> None:
    later = played([sent("order", 0), stray(0), sent("payment", 3)], [sent("order", 1, ebpCode=OTHER)])
    assert (prove(later, KEY).discrepancies, len(later.tables.manifests)) == ([], 1)


def test_one_that_came_late_and_another_order_could_have_taken() -> None:
    """Or that is of one of two orders that took such a waybill."""
    first, second = [sent("order", 0), sent("payment", 1), stray(0)], [sent("order", 1, ebpCode=OTHER), stray(9)]
    assert told(prove(refused_anyway(first, second), KEY), record_place(3, 0, 9), "fate without ebpCode")
    other = {"ebpCode": OTHER, "payTransactionId": "OTHER"}
    second = [sent("order", 1, **other), sent("payment", 2, **other), stray(4, logisticsNo="OTHER")]
    left = played(first, second, [stray(9)])
    assert (prove(left, KEY).discrepancies, len(left.tables.manifests), left.tables.fates) == ([], 2, [])
    assert told(prove(refused_anyway(first, second, [stray(9)]), KEY), record_place(3, 0, 9), "fate without ebpCode")
