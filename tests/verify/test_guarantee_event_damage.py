"""Damage to the events of guarantors: one that is missing, doubled, extra, altered or astray is named."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from loadtest.verify import Evidence, Proof, processes, prove
from loadtest.verify.decided import Facts, Secured
from loadtest.verify.evidence import Message
from loadtest.verify.guarantee_events import check_events
from loadtest.verify.proof import Report
from loadtest.verify.rule_sets import RuleSets
from schemas.codec import decode_output, encode
from schemas.contracts import PARTITIONS, topic_name
from tests.pipeline.memory import KEY
from tests.verify.test_damage import told

Prove = Callable[[], Proof]
NAME = "guarantee-event-1"
FIELDS = ["what", "limitFen", "balanceFen", "entryNo", "manifests", "taxFen", "acceptedAt", "ruleSet", "registryVersion"]
OF = ["guarantorCode", "code", "lane", "batchSeq"]


def last(evidence: Evidence) -> tuple[int, Message, dict[str, Any]]:
    """The last event: where it stands, and what it says."""
    found = [(n, m) for n, m in enumerate(evidence.outputs) if m.topic == "guarantee-event"]
    assert len(found) > 3
    return *found[-1], decode_output(NAME, found[-1][1].value)


def place(said: dict[str, Any]) -> str:
    return f"guarantee event {said['guarantorCode']} {said['code']} lane {said['lane']} batch {said['batchSeq']}"


def where(message: Message) -> str:
    return f"{topic_name('guarantee-event')}[{message.partition}]@{message.offset}"


def otherwise(evidence: Evidence, field: str) -> dict[str, Any]:
    """The last event says otherwise; what it said."""
    n, message, said = last(evidence)
    more = 1 if isinstance(said[field], int) else "X"
    value = said[field] + more if field != "acceptedAt" else int(said[field].timestamp() * 1000) + 1
    evidence.outputs[n] = message._replace(value=encode(NAME, said | {field: value}))
    return said


def test_all_are_compared(evidence: Evidence, proved: Prove) -> None:
    _, _, said = last(evidence)
    assert sorted(said) == sorted([*FIELDS, *OF])
    count = sum(m.topic == "guarantee-event" for m in evidence.outputs)
    assert proved().counts["messages_guarantee event"] == count


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_missing_one(evidence: Evidence, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ALONE", 0)
    n, _, said = last(evidence)
    del evidence.outputs[n]
    proof = prove(evidence, KEY, processes=count)
    assert told(proof, place(said), "its guarantee event") and proof.discrepancy_count == 1


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("elsewhere", [0, 1])
def test_a_doubled_one(evidence: Evidence, count: int, elsewhere: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ALONE", 0)
    _, message, said = last(evidence)
    evidence.outputs.append(message._replace(partition=(message.partition + elsewhere) % PARTITIONS, offset=99_999))
    proof = prove(evidence, KEY, processes=count)
    assert told(proof, place(said), "its guarantee event")
    assert proof.discrepancies[0].found == "published 2 times"


def test_one_that_nobody_made(evidence: Evidence, proved: Prove) -> None:
    _, message, said = last(evidence)
    extra = message._replace(offset=99_999, value=encode(NAME, said | {"batchSeq": said["batchSeq"] + 1}))
    evidence.outputs.append(extra)
    proof = proved()
    assert told(proof, where(extra), "guarantee event") and proof.discrepancy_count == 1


def test_several_that_nobody_made_are_told_in_the_same_order(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    """From however many shares."""
    monkeypatch.setattr(processes, "ALONE", 0)
    _, message, said = last(evidence)
    for lane in reversed(range(4)):
        evidence.outputs.append(message._replace(partition=lane, offset=99_999, value=encode(NAME, said | {"lane": lane, "batchSeq": 99})))
    alone, several = (prove(evidence, KEY, processes=count) for count in (1, 2))
    assert alone.discrepancies == several.discrepancies and len(alone.discrepancies) == 4


def test_of_several_manifests() -> None:
    """Their taxes together, and the limit on the date of the last."""
    rules, report, one = RuleSets([], []), Report(), Facts(*[None] * len(Facts._fields))  # type: ignore[arg-type]
    read = {"entry_no": 3, "balance_fen": 90}
    held = {
        n: one._replace(lane_batch=(2, 7), accepted_at=at, secured=Secured("G", 10 + n, limit), unsecured={"GUA-01": read}, version=1)
        for n, at, limit in ((1, 500, 95), (2, 900, 92), (3, 700, 95))
    }
    others = {4: one._replace(unsecured={})}
    said = {
        "guarantorCode": "G", "what": "EXHAUSTED", "code": "GUA-01", "limitFen": 92, "balanceFen": 90, "entryNo": 3, "manifests": 3,
        "taxFen": 36, "acceptedAt": 900, "ruleSet": rules.at(1).version, "registryVersion": 1, "lane": 2, "batchSeq": 7,
    }  # fmt: skip
    check_events([Message("guarantee-event", 2, 0, b"G", encode(NAME, said))], held | others, rules, report)
    assert (report.discrepancies, report.counts["messages_guarantee event"]) == ([], 1)


def test_one_in_another_partition(evidence: Evidence, proved: Prove) -> None:
    n, message, said = last(evidence)
    evidence.outputs[n] = message._replace(partition=(message.partition + 1) % PARTITIONS)
    assert told(proved(), place(said), "partition of its guarantee event")


def test_one_under_another_key(evidence: Evidence, proved: Prove) -> None:
    n, message, said = last(evidence)
    evidence.outputs[n] = message._replace(key=b"another")
    assert told(proved(), place(said), "key of its guarantee event")


@pytest.mark.parametrize("field", FIELDS)
def test_one_that_says_otherwise(evidence: Evidence, proved: Prove, field: str) -> None:
    said = otherwise(evidence, field)
    proof = proved()
    assert told(proof, place(said), f"{field} of its guarantee event") and proof.discrepancy_count == 1


@pytest.mark.parametrize("field", OF)
def test_one_of_something_else(evidence: Evidence, proved: Prove, field: str) -> None:
    n, _, _ = last(evidence)
    said = otherwise(evidence, field)
    proof = proved()
    assert told(proof, place(said), "its guarantee event")
    assert told(proof, where(evidence.outputs[n]), "guarantee event")


def test_one_that_does_not_decode(evidence: Evidence, proved: Prove) -> None:
    n, message, said = last(evidence)
    evidence.outputs[n] = message._replace(value=message.value + b"\0")
    proof = proved()
    assert told(proof, where(message), "message") and told(proof, place(said), "its guarantee event")


def test_batches_out_of_order(evidence: Evidence, proved: Prove) -> None:
    """Two of a lane, the later batch first."""
    found = {n: decode_output(NAME, m.value) for n, m in enumerate(evidence.outputs) if m.topic == "guarantee-event"}
    one, other = next(
        (n, m) for n, m in combinations(found, 2) if found[n]["lane"] == found[m]["lane"] and found[n]["batchSeq"] != found[m]["batchSeq"]
    )
    swapped = evidence.outputs[one].offset, evidence.outputs[other].offset
    for n, offset in zip((one, other), reversed(swapped), strict=True):
        evidence.outputs[n] = evidence.outputs[n]._replace(offset=offset)
    assert told(proved(), where(evidence.outputs[one]), "batch order")


def test_a_manifest_that_is_not_held_for_it(evidence: Evidence, proved: Prove) -> None:
    """Its finding is gone: the event is of nothing."""
    n = next(n for n, f in enumerate(evidence.tables.findings) if f.code == "GUA-02")
    gone = evidence.tables.findings.pop(n)
    lane, batch = gone.manifest_id >> 48, gone.manifest_id >> 16 & 0xFFFF_FFFF
    assert any(d.what == "guarantee event" and f"lane {lane} batch {batch}" in d.found for d in proved().discrepancies)
