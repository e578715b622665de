"""Damage to rule sets, to the events that make them live, and to what decisions say of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtest.verify import Evidence, Proof
from loadtest.verify.evidence import Consumed, DeadLetterRow, Record, RegistryState, RuleEventRow, RuleSetRow
from schemas import law_pack
from schemas.contracts import topic_name
from schemas.lawbook import FILES
from schemas.rule_events import RuleEvent, written
from tests.conftest import folder as law_folder
from tests.ops.test_law import added
from tests.pipeline.memory import BASE_MS
from tests.verify.test_damage import told

__all__ = ["law_folder"]
Prove = Callable[[], Proof]
UNKNOWN = "no rule set of this hash is kept: store it with tidegate law activate"
PLACE = f"{topic_name('rules')}[0]@0"


@pytest.fixture
def ruled(evidence: Evidence, law_folder: Path) -> Evidence:
    """Another set became live with the last batch of lane 0."""
    added(law_folder)
    content = law_pack.of_folder(law_folder, FILES)
    name, tables = law_pack.version_of(content), evidence.tables
    event = RuleEvent("live", 7, name, 0, "an officer")
    evidence.rulings[0, 0] = Record(BASE_MS, event.key.encode(), written(event))
    tables.rule_sets.append(RuleSetRow(name, content))
    last = next(lane.batch_seq for lane in tables.lanes if lane.lane == 0)
    tables.rule_events.append(RuleEventRow(0, 7, 2, "live", name, 0, "an officer", BASE_MS, 0, last))
    tables.registry_state[:] = [RegistryState(2)]
    tables.consumed.append(Consumed(topic_name("rules"), 0, 1, 0, "rules"))
    return evidence


def test_an_activation_is_proved(ruled: Evidence, proved: Prove) -> None:
    proof = proved()
    assert proof.verified, proof.discrepancies[:5]
    assert proof.counts["rule_events"] == 1


def test_a_decision_that_names_another_set(ruled: Evidence, proved: Prove) -> None:
    manifests, name = ruled.tables.manifests, ruled.tables.rule_sets[1].rule_set
    manifests[0] = manifests[0]._replace(rule_set=name)
    assert "rule_set" in {d.what for d in proved().discrepancies if "manifest" in d.place}


def test_a_decision_by_a_set_that_was_not_live_yet(ruled: Evidence, proved: Prove) -> None:
    """Made live with an earlier batch of the lane, but what followed was judged by the set before."""
    events = ruled.tables.rule_events
    first = min(m.batch_seq for m in ruled.tables.manifests if m.lane == 0)
    events[1] = events[1]._replace(batch_seq=first)
    assert {d.what for d in proved().discrepancies} == {"registry_version"}


def test_an_event_that_is_nowhere(ruled: Evidence, proved: Prove) -> None:
    ruled.tables.rule_events.pop()
    ruled.tables.registry_state[:] = [RegistryState(1)]
    assert told(proved(), PLACE, "row of rule_event")


def test_an_event_nobody_sent(ruled: Evidence, proved: Prove) -> None:
    ruled.rulings.clear()
    assert told(proved(), PLACE, "row of rule_event")


def test_an_event_that_says_something_else(ruled: Evidence, proved: Prove) -> None:
    ruled.tables.rule_events[1] = ruled.tables.rule_events[1]._replace(by="nobody")
    assert told(proved(), PLACE, "row of rule_event")


def test_an_older_event_that_was_taken(ruled: Evidence, proved: Prove) -> None:
    event = RuleEvent("live", 7, ruled.tables.rule_sets[0].rule_set)
    ruled.rulings[0, 1] = Record(BASE_MS, event.key.encode(), written(event))
    ruled.tables.rule_events.append(ruled.tables.rule_events[1]._replace(kafka_offset=1, rule_set=event.rule_set, by=""))
    ruled.tables.consumed[-1] = Consumed(topic_name("rules"), 0, 2, 0, "rules")
    assert told(proved(), PLACE.replace("@0", "@1"), "dead-letter code")


@pytest.mark.parametrize("n", [0, 1])
def test_content_that_is_not_what_its_hash_says(ruled: Evidence, proved: Prove, n: int) -> None:
    kept = ruled.tables.rule_sets
    kept[n] = kept[n]._replace(content=kept[n].content.replace(b"TAX-02", b"TAX-03"))
    assert told(proved(), f"rule_set {kept[n].rule_set}", "hash of its content")


def refused(ruled: Evidence, content: bytes | None, reason: str) -> None:
    """The event is a dead letter DL-07 instead; `content`: of its set, None where it is not kept."""
    tables, event = ruled.tables, ruled.tables.rule_events.pop()
    tables.rule_sets.pop()
    name = law_pack.version_of(content) if content is not None else event.rule_set
    said = RuleEvent("live", 7, name, 0, "an officer")
    ruled.rulings[0, 0] = record = Record(BASE_MS, said.key.encode(), written(said))
    if content is not None:
        tables.rule_sets.append(RuleSetRow(name, content))
    tables.registry_state[:] = [RegistryState(1)]
    tables.dead_letters.append(
        DeadLetterRow(topic_name("rules"), 0, 0, BASE_MS, record.key, record.value, "[]", "DL-07", reason, 0, event.batch_seq)
    )


@pytest.mark.parametrize(("mistake", "reason", "right"), [
    (False, "it was refused", False), (True, "it was refused", True), (False, UNKNOWN, True), (None, UNKNOWN, True), (None, "it was refused", False),
])  # fmt: skip
def test_whether_a_refused_set_could_be_used(ruled: Evidence, proved: Prove, law_folder: Path, mistake: bool | None, reason: str, right: bool) -> None:
    if mistake:
        added(law_folder, 'law = "none"', 'law = ""')
    content = None if mistake is None else law_pack.of_folder(law_folder, FILES)
    refused(ruled, content, reason)
    proof = proved()
    assert told(proof, PLACE, "its rule set") != right
    assert proof.counts["rule_sets_refused"] == 1


def test_a_set_that_is_said_not_to_be_kept_and_was(ruled: Evidence, proved: Prove) -> None:
    """It was live when the first worker started."""
    refused(ruled, None, UNKNOWN)
    event = RuleEvent("shadow", 7, ruled.tables.rule_sets[0].rule_set, 10)
    dead_letter(ruled, event)
    assert told(proved(), PLACE, "its rule set")


def test_the_end_of_a_trial_cannot_be_refused(ruled: Evidence, proved: Prove) -> None:
    refused(ruled, None, UNKNOWN)
    dead_letter(ruled, RuleEvent("shadow", 7, ""))
    assert told(proved(), PLACE, "its rule set")


def dead_letter(ruled: Evidence, event: RuleEvent) -> None:
    """The refused event was this one."""
    letters = ruled.tables.dead_letters
    ruled.rulings[0, 0] = record = Record(BASE_MS, event.key.encode(), written(event))
    letters[-1] = letters[-1]._replace(record_key=record.key, record_value=record.value)


@pytest.mark.parametrize("changes", [
    {"log_time": 5}, {"record_key": b"x"}, {"record_value": b"x"}, {"headers": '[["a", "00"]]'}, {"lane": 3}, {"reason": ""}, {"reason": UNKNOWN + " now"},
])  # fmt: skip
def test_a_refused_event_that_is_kept_otherwise(ruled: Evidence, proved: Prove, changes: dict[str, Any]) -> None:
    refused(ruled, None, UNKNOWN)
    assert not told(proved(), PLACE, "of its dead letter")
    ruled.tables.dead_letters[-1] = ruled.tables.dead_letters[-1]._replace(**changes)
    assert told(proved(), PLACE, "of its dead letter")


def test_a_set_that_was_taken_and_cannot_be_used(ruled: Evidence, proved: Prove, law_folder: Path) -> None:
    added(law_folder, 'law = "none"', 'law = ""')
    content = law_pack.of_folder(law_folder, FILES)
    name, tables = law_pack.version_of(content), ruled.tables
    tables.rule_sets[-1] = RuleSetRow(name, content)
    tables.rule_events[-1] = tables.rule_events[-1]._replace(rule_set=name)
    event = RuleEvent("live", 7, name, 0, "an officer")
    ruled.rulings[0, 0] = Record(BASE_MS, event.key.encode(), written(event))
    assert told(proved(), PLACE, "its rule set")
