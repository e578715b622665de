"""Damage to sightings, to what a batch says it counted on, and to findings on counters."""

import json
from collections.abc import Callable, Iterator

import pytest

from loadtest.verify import Evidence, Proof, prove
from loadtest.verify.evidence import FindingRow, ManifestRow, manifest_place
from loadtest.verify.ledger_rows import DroppedRow, SightingReadRow
from tests.pipeline.memory import KEY
from tests.verify.histories import history
from tests.verify.test_clock_damage import a_month_later
from tests.verify.test_damage import told
from tests.verify.test_simulation import played

Prove = Callable[[], Proof]
CODES = [*(f"VEL-0{n}" for n in range(1, 7)), "GDS-11", "GDS-12", "RTY-03"]


def held(evidence: Evidence, code: str) -> tuple[int, FindingRow, ManifestRow]:
    """A finding of a code: its row number, itself and its manifest."""
    n, finding = next((n, f) for n, f in enumerate(evidence.tables.findings) if f.code == code)
    return n, finding, next(m for m in evidence.tables.manifests if m.manifest_id == finding.manifest_id)


def test_the_set_is_counted(proved: Prove) -> None:
    counts = proved().counts
    assert counts["sightings"] == counts["manifests"]
    assert counts["counted_with_others"] > 50
    assert all(counts[code] for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_finding_left_out(evidence: Evidence, proved: Prove, code: str) -> None:
    n, _, row = held(evidence, code)
    del evidence.tables.findings[n]
    assert told(proved(), manifest_place(row), "findings on counters")


def test_a_finding_too_many(evidence: Evidence, proved: Prove) -> None:
    _, finding, _ = held(evidence, "VEL-01")
    row = next(m for m in evidence.tables.manifests if m.outcome == "RELEASE")
    evidence.tables.findings.append(finding._replace(manifest_id=row.manifest_id))
    assert told(proved(), manifest_place(row), "findings on counters")


def test_a_finding_that_read_something_else(evidence: Evidence, proved: Prove) -> None:
    n, finding, row = held(evidence, "VEL-01")
    read = json.loads(finding.values_read)
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read | {"phone_persons_24h": "99"}))
    assert told(proved(), f"{manifest_place(row)} finding VEL-01", "values read")


@pytest.mark.parametrize(("column", "value"), [("score", "75"), ("indicators", "RSK-04"), ("address_pay_firms_24h", "2")])
def test_signs_that_are_not_what_was_counted(evidence: Evidence, proved: Prove, column: str, value: str) -> None:
    signs = [(n, f) for n, f in enumerate(evidence.tables.findings) if f.code == "RTY-03" and "RSK-08" in f.values_read]
    n, finding = signs[0]
    row = next(m for m in evidence.tables.manifests if m.manifest_id == finding.manifest_id)
    read = json.loads(finding.values_read)
    evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read | {column: value}))
    assert told(proved(), f"{manifest_place(row)} finding RTY-03", "values read")


def test_goods_before_that_were_not_had(evidence: Evidence, proved: Prove) -> None:
    """A hundred-thousandth more of what is kept behind the counters."""
    _, _, row = held(evidence, "GDS-11")
    kept = row.counters or b""
    changed = row._replace(counters=kept[:-1] + bytes([kept[-1] ^ 1]))
    evidence.tables.manifests[evidence.tables.manifests.index(row)] = changed
    assert told(proved(), manifest_place(row), "counters")


def test_a_sighting_that_is_missing_or_twice(evidence: Evidence, proved: Prove) -> None:
    sightings = evidence.tables.sightings
    row = next(m for m in evidence.tables.manifests if m.manifest_id == sightings[0].manifest_id)
    lost = sightings.pop(0)
    assert told(proved(), manifest_place(row), "row of sighting")
    sightings += [lost, lost]
    assert told(proved(), f"sighting of manifest_id {lost.manifest_id}", "manifest")


@pytest.mark.parametrize("column", ["accepted_at", "order_hash", "person", "phone", "address", "pay_firm"])
def test_a_sighting_of_something_else(evidence: Evidence, proved: Prove, column: str) -> None:
    row = evidence.tables.sightings[0]
    evidence.tables.sightings[0] = row._replace(**{column: getattr(row, column) + 1})
    manifest = next(m for m in evidence.tables.manifests if m.manifest_id == row.manifest_id)
    assert told(proved(), f"{manifest_place(manifest)} sighting", "who was seen where")


@pytest.mark.parametrize("column", ["of_person", "of_phone", "of_address"])
def test_a_sighting_that_is_not_found(evidence: Evidence, proved: Prove, column: str) -> None:
    row = evidence.tables.sightings[0]
    evidence.tables.sightings[0] = row._replace(**{column: False})
    manifest = next(m for m in evidence.tables.manifests if m.manifest_id == row.manifest_id)
    assert told(proved(), f"{manifest_place(manifest)} sighting", "found by")


def test_a_batch_that_says_nothing_of_what_it_read(evidence: Evidence, proved: Prove) -> None:
    lost = evidence.tables.sighting_reads.pop()
    proof = proved()  # it is missed by the lanes whose manifests came with it
    assert any(told(proof, f"lane {lane} batch {number}", "row of sighting_read") for lane, number in json.loads(lost.batch).items())


@pytest.mark.parametrize("more", [-1, 1])
def test_a_batch_that_counted_on_itself_or_not_on_its_lane(evidence: Evidence, proved: Prove, more: int) -> None:
    reads = evidence.tables.sighting_reads
    seen = {lane: number + more for lane, number in json.loads(reads[-1].seen).items()}
    reads[-1] = reads[-1]._replace(seen=json.dumps(seen))
    assert told(proved(), f"sightings read by lane {reads[-1].lane} batch {reads[-1].batch_seq}", "its own lanes")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": 1}', '{"0": {}}'])
def test_a_batch_that_says_it_badly(evidence: Evidence, proved: Prove, text: str) -> None:
    row = evidence.tables.sighting_reads[-1]
    evidence.tables.sighting_reads[-1] = row._replace(batch=text)
    assert not proved().verified


def test_what_was_dropped_is_not_missing(evidence: Evidence, proved: Prove) -> None:
    """But what is younger is, and what can be recounted no more is said."""
    tables = evidence.tables
    since = sorted(row.accepted_at for row in tables.sightings)[len(tables.sightings) // 2]
    tables.sightings[:] = [row for row in tables.sightings if row.accepted_at >= since]
    old = {(m.lane, m.batch_seq) for m in tables.manifests} - {(m.lane, m.batch_seq) for m in tables.manifests if m.accepted_at >= since}
    tables.sighting_reads[:] = [row for row in tables.sighting_reads if (row.lane, row.batch_seq) not in old]
    assert old and not proved().verified
    tables.dropped.append(DroppedRow("sighting", since))
    a_month_later(evidence)  # which leaves orders that should have been closed
    proof = proved()
    assert {d.what for d in proof.discrepancies} == {"report of its open order"}
    assert 0 < proof.counts["counters_not_recounted"] == proof.counts["sightings"] < proof.counts["manifests"]
    lost = tables.sightings.pop()
    assert told(proved(), manifest_place(next(m for m in tables.manifests if m.manifest_id == lost.manifest_id)), "row of sighting")


def test_what_was_dropped_too_early(evidence: Evidence, proved: Prove) -> None:
    """Nobody may say so of what the counters of a lane still have to count."""
    tables = evidence.tables
    tables.dropped.append(DroppedRow("sighting", min(row.accepted_at for row in tables.sightings) + 1))
    assert told(proved(), "table dropped", "before")


def test_a_lane_left_out_of_what_a_batch_saw(evidence: Evidence, proved: Prove) -> None:
    reads = evidence.tables.sighting_reads
    seen = json.loads(reads[-1].seen)
    del seen[max(seen, key=int)]
    reads[-1] = reads[-1]._replace(seen=json.dumps(seen))
    assert told(proved(), f"sightings read by lane {reads[-1].lane} batch {reads[-1].batch_seq}", "lanes it saw")


def test_a_batch_that_saw_less_than_one_it_saw() -> None:
    """As it saw that one, it saw all that one had: by way of another lane, for of its own it says no less."""
    simulation, proof = played(3)
    reads, records = simulation.tables.sighting_reads, history(8, 3)
    assert proof.verified
    n, lane, less = next(by_another_lane(reads))
    seen = json.loads(reads[n].seen) | {lane: less}
    former, reads[n] = reads[n], reads[n]._replace(seen=json.dumps(seen))
    damaged = prove(simulation.evidence(records), KEY)
    reads[n] = former
    assert told(damaged, f"sightings read by lane {former.lane} batch {former.batch_seq}", f"lane {lane}")


def by_another_lane(reads: list[SightingReadRow]) -> Iterator[tuple[int, str, int]]:
    """Rows, a lane, and what it could say that it saw of it by the rows of its own lanes alone."""
    rows = [(json.loads(row.batch), json.loads(row.seen)) for row in reads]
    for n, (batch, seen) in enumerate(rows):
        for lane in seen.keys() - batch.keys():
            least = max([s[lane] for b, s in rows if any(b.get(own, seen[own] + 1) <= seen[own] for own in batch)], default=0)
            others = [(b, s[lane]) for b, s in rows if lane not in b]
            met = max([low for b, low in others if any(x not in batch and number <= seen[x] for x, number in b.items())], default=0)
            if least < met:
                yield n, lane, least
