"""Damage to the versions that decisions name, and to the batches they were made in."""

from collections.abc import Collection
from typing import Any

import pytest

from loadtest.verify import Evidence, Proof, prove
from loadtest.verify.commits import Read, batches_read
from loadtest.verify.decided import decision_id
from loadtest.verify.evidence import Consumed, ManifestRow, Record, RegistryState, RevisionRow, RuleEventRow
from loadtest.verify.proof import Report
from schemas.codec import decode_output, encode
from schemas.contracts import topic_name
from schemas.rule_events import RuleEvent, written
from tests.pipeline.memory import BASE_MS, KEY
from tests.verify.test_damage import decision_of, told

LAST = 8  # version


def batches(evidence: Evidence) -> list[Read]:
    """Those with manifests, in the order they were committed in."""
    reads = batches_read(evidence.tables, Report())
    return sorted((read for own, read in reads.items() if own == read.first), key=lambda read: sum(read.seen.values()))


def made_in(evidence: Evidence, read: Read) -> list[ManifestRow]:
    return [m for m in evidence.tables.manifests if read.batch.get(m.lane) == m.batch_seq]


def say(evidence: Evidence, rows: Collection[ManifestRow], version: int) -> None:
    """These manifests, and their decisions, name this version: the filings between them change nothing that they read."""
    for row in rows:
        manifests, n = evidence.tables.manifests, decision_of(evidence, row)
        manifests[manifests.index(row)] = row._replace(registry_version=version)
        message = evidence.outputs[n]
        said = decode_output("decision-1", message.value) | {"registryVersion": version}
        evidence.outputs[n] = message._replace(value=encode("decision-1", said))


def places(proof: Proof, what: str = "registry_version") -> set[str]:
    return {d.place for d in proof.discrepancies if d.what == what}


def name(place: tuple[int, int]) -> str:
    return f"lane {place[0]} batch {place[1]}"


def decided_by(evidence: Evidence, version: int, half: int) -> list[Read]:
    """The batches of every second lane that were decided by a version."""
    return [read for read in batches(evidence) if half in read.batch and made_in(evidence, read)[0].registry_version == version]


def test_several_versions_are_proved(by_halves: Evidence) -> None:
    proof = prove(by_halves, KEY)
    assert proof.discrepancies == []
    assert {m.registry_version for m in by_halves.tables.manifests} == {2, 3, 4, 5, 6, 7, LAST}


def test_two_versions_in_one_lane_of_a_batch(by_halves: Evidence) -> None:
    rows = made_in(by_halves, decided_by(by_halves, 6, 1)[-1])
    lane = max(m.lane for m in rows)
    one, *others = [m for m in rows if m.lane == lane]
    say(by_halves, [one], 7)
    assert others and name((lane, one.batch_seq)) in places(prove(by_halves, KEY))


def test_two_versions_in_two_lanes_of_a_batch(by_halves: Evidence) -> None:
    rows = made_in(by_halves, decided_by(by_halves, 6, 1)[-1])
    lane = max(m.lane for m in rows)
    say(by_halves, [m for m in rows if m.lane == lane], 7)
    assert name((lane, rows[0].batch_seq)) in places(prove(by_halves, KEY))


@pytest.mark.parametrize("half", [0, 1])
def test_an_older_version_than_had_been_seen(by_halves: Evidence, half: int) -> None:
    read = decided_by(by_halves, 6, half)[0]
    say(by_halves, made_in(by_halves, read), 5)
    assert name(read.first) in places(prove(by_halves, KEY))


@pytest.mark.parametrize(("half", "told_of"), [(0, 0), (1, 1)])
def test_a_version_that_was_not_made_yet(by_halves: Evidence, half: int, told_of: int) -> None:
    """Of lane 0 it is known; of others by the next batch, which had seen them and was decided by the version before."""
    following = decided_by(by_halves, LAST - 1, 0)[told_of]
    for read in decided_by(by_halves, LAST - 1, half):
        say(by_halves, made_in(by_halves, read), LAST)
    assert name(following.first) in places(prove(by_halves, KEY))


def revision_of(evidence: Evidence, m: ManifestRow, **changes: Any) -> RevisionRow:
    """A release of it with a batch after all others of its lane, which the lane has."""
    lanes = evidence.tables.lanes
    n = next(n for n, lane in enumerate(lanes) if lane.lane == m.lane)
    last = lanes[n].batch_seq + 1
    lanes[n] = lanes[n]._replace(batch_seq=last, published_seq=last)
    return RevisionRow(m.manifest_id, 2, decision_id(m, 2), "RELEASE", 800, LAST, m.accepted_at, m.lane, last)._replace(**changes)


def held(evidence: Evidence, count: int = 1) -> list[ManifestRow]:
    """Some of one lane that wait for guarantee or stock alone."""
    ids = {row.manifest_id for row in evidence.tables.held}
    waiting = [m for m in evidence.tables.manifests if m.manifest_id in ids]
    lane = max({m.lane for m in waiting}, key=lambda lane: sum(m.lane == lane for m in waiting))
    return sorted((m for m in waiting if m.lane == lane), key=lambda m: m.registry_version)[:count]


def test_a_revision_by_an_older_version_than_its_lane_knew(by_halves: Evidence) -> None:
    (m,) = held(by_halves)
    assert m.registry_version < 7
    row = revision_of(by_halves, m, registry_version=m.registry_version)
    by_halves.tables.revisions.append(row)
    assert name((row.lane, row.batch_seq)) in places(prove(by_halves, KEY))


def test_revisions_of_one_batch_by_two_versions(by_halves: Evidence) -> None:
    one, other = held(by_halves, 2)
    row = revision_of(by_halves, one)
    by_halves.tables.revisions += [row, row._replace(manifest_id=other.manifest_id, decision_id=decision_id(other, 2), registry_version=LAST - 1)]
    assert name((row.lane, row.batch_seq)) in places(prove(by_halves, KEY))


def test_a_revision_in_a_batch_that_its_lane_has_not_had(by_halves: Evidence) -> None:
    row = revision_of(by_halves, held(by_halves)[0])
    by_halves.tables.revisions.append(row._replace(batch_seq=row.batch_seq + 1))
    assert name((row.lane, row.batch_seq + 1)) in places(prove(by_halves, KEY), "batch_seq")


def test_a_manifest_in_a_batch_that_its_lane_has_not_had(by_halves: Evidence) -> None:
    lanes = by_halves.tables.lanes
    m = max(by_halves.tables.manifests, key=lambda m: (m.lane, m.batch_seq))
    n = next(n for n, lane in enumerate(lanes) if lane.lane == m.lane)
    lanes[n] = lanes[n]._replace(batch_seq=m.batch_seq - 1, published_seq=m.batch_seq - 1)
    assert told(prove(by_halves, KEY), name((m.lane, m.batch_seq)), "batch_seq")


def exchanged(rows: list[Any], one: int, other: int, *columns: str) -> None:
    """Two rows have each other's values."""
    before = rows[one], rows[other]
    for n, having in ((one, before[1]), (other, before[0])):
        rows[n] = rows[n]._replace(**{column: getattr(having, column) for column in columns})


def registry_place(offset: int) -> str:
    return f"{topic_name('registry')}[0]@{offset}"


def test_filings_taken_out_of_their_order(by_halves: Evidence) -> None:
    rows = by_halves.tables.registry_entries
    exchanged(rows, -2, -1, "version", "batch_seq")
    assert told(prove(by_halves, KEY), registry_place(rows[-1].kafka_offset), "lane and batch")


def test_versions_out_of_their_order(by_halves: Evidence) -> None:
    exchanged(by_halves.tables.registry_entries, -2, -1, "version")
    assert told(prove(by_halves, KEY), "tables registry_entry and rule_event", "versions by batch")


def test_a_version_that_was_left_out(by_halves: Evidence) -> None:
    tables = by_halves.tables
    tables.registry_entries[-1] = tables.registry_entries[-1]._replace(version=LAST + 1)
    say(by_halves, [m for m in tables.manifests if m.registry_version == LAST], LAST + 1)
    tables.registry_state[:] = [RegistryState(LAST + 1)]
    assert told(prove(by_halves, KEY), "tables registry_entry and rule_event", "versions by batch")


def test_a_filing_that_another_lane_took(by_halves: Evidence) -> None:
    rows = by_halves.tables.registry_entries
    rows[-1] = rows[-1]._replace(lane=1)
    assert told(prove(by_halves, KEY), registry_place(rows[-1].kafka_offset), "lane and batch")


def test_a_dead_letter_among_later_filings(by_halves: Evidence) -> None:
    letters, rows = by_halves.tables.dead_letters, by_halves.tables.registry_entries
    n = next(n for n, letter in enumerate(letters) if letter.topic == topic_name("registry"))
    letters[n] = letters[n]._replace(batch_seq=rows[-2].batch_seq)
    assert told(prove(by_halves, KEY), registry_place(letters[n].kafka_offset + 1), "lane and batch")


def test_rule_events_taken_out_of_their_order(by_halves: Evidence) -> None:
    """The set that is live is made live twice more, each time with a batch that took filings as well."""
    tables = by_halves.tables
    for n, filed in enumerate(tables.registry_entries[-2:]):
        event = RuleEvent("live", 7 + n, tables.rule_sets[0].rule_set)
        by_halves.rulings[0, n] = Record(BASE_MS, event.key.encode(), written(event))
        tables.rule_events.append(RuleEventRow(n, 7 + n, filed.version, "live", event.rule_set, 0, "", BASE_MS, 0, filed.batch_seq))
    tables.consumed.append(Consumed(topic_name("rules"), 0, 2, 0, "rules"))
    assert prove(by_halves, KEY).verified
    exchanged(tables.rule_events, -2, -1, "version", "batch_seq")
    assert told(prove(by_halves, KEY), f"{topic_name('rules')}[0]@1", "lane and batch")
