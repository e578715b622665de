"""Over several processes the proof is the same, and none that lost a process is given."""

import os
import signal
from pathlib import Path

import pytest

from loadtest.generate.sets import NoSuchSet
from loadtest.verify import Evidence, Proof, part, processes, prove, verify_apart
from loadtest.verify.cases import LANE_BITS, Share
from loadtest.verify.decided import Case, decision_id
from loadtest.verify.evidence import ManifestRow, manifest_place
from loadtest.verify.messages import message_id
from loadtest.verify.proof import Report
from loadtest.verify.registry import Registry
from schemas.contracts import PARTITIONS, topic_name
from schemas.endpoints import Endpoints
from tests.pipeline.memory import KEY


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even so few manifests are spread, in several slices each."""
    monkeypatch.setattr(processes, "ALONE", 0)
    monkeypatch.setattr(part, "CHUNK", 20)


def spread(evidence: Evidence, count: int) -> Proof:
    return prove(evidence, KEY, processes=count)


def damage_every_lane(evidence: Evidence) -> list[ManifestRow]:
    """One more fen of tax in a manifest of each lane."""
    rows = evidence.tables.manifests
    first = {m.manifest_id >> LANE_BITS: n for n, m in reversed(list(enumerate(rows)))}
    for n in first.values():
        rows[n] = rows[n]._replace(tax_fen=rows[n].tax_fen + 1)
    return [rows[n] for n in first.values()]


@pytest.mark.parametrize("count", [2, 3])
def test_a_discrepancy_of_each_share_is_told(evidence: Evidence, count: int) -> None:
    damaged = damage_every_lane(evidence)
    assert {m.manifest_id >> LANE_BITS for m in damaged} == set(range(PARTITIONS))
    told = {d.place for d in spread(evidence, count).discrepancies if d.what == "tax_fen"}
    assert told == {manifest_place(m) for m in damaged}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_same_proof_in_the_same_order(evidence: Evidence, count: int) -> None:
    tables = evidence.tables
    damage_every_lane(evidence)
    evidence.outputs.pop(0)  # a manifest whose message is nowhere
    evidence.outputs.append(evidence.outputs[2])
    evidence.outputs[3] = evidence.outputs[3]._replace(value=b"")
    nowhere = (tables.manifests[3].order_partition + 1) % PARTITIONS, 10**6
    tables.manifests[3] = tables.manifests[3]._replace(order_partition=nowhere[0], order_offset=nowhere[1])
    tables.manifests[4] = tables.manifests[4]._replace(batch_seq=99)
    tables.lines.append(tables.lines[0]._replace(manifest_id=1))
    tables.findings.append(tables.findings[0]._replace(manifest_id=2))
    alone, several = spread(evidence, 1), spread(evidence, count)
    assert alone.discrepancy_count > PARTITIONS
    assert several.discrepancies == alone.discrepancies
    assert (several.counts, several.discrepancy_count) == (alone.counts, alone.discrepancy_count)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_what_stands_in_another_share_than_it_belongs_to_is_told(evidence: Evidence, count: int) -> None:
    tables, outputs = evidence.tables, evidence.outputs
    elsewhere, twice, lane, ident = (tables.manifests[n] for n in range(4))
    at = {message_id(m.topic, m.value): n for n, m in enumerate(outputs) if m.topic in ("release", "hold", "reject")}
    moved, doubled = (at[decision_id(row).hex()] for row in (elsewhere, twice))
    outputs[moved] = outputs[moved]._replace(partition=(elsewhere.lane + 1) % PARTITIONS)
    copy = outputs[doubled]._replace(partition=(twice.lane + 1) % PARTITIONS, offset=10**6)
    outputs.append(copy)
    tables.manifests[2:4] = [lane._replace(lane=99), ident._replace(manifest_id=-ident.manifest_id)]
    told = {d.place for d in spread(evidence, count).discrepancies}
    assert {manifest_place(row) for row in (elsewhere, lane, ident)} <= told
    assert {manifest_place(twice), f"{topic_name(copy.topic)}[{copy.partition}]@{copy.offset}"} & told


def test_more_discrepancies_than_are_written_out(evidence: Evidence) -> None:
    rows = evidence.tables.manifests
    rows[:] = [m._replace(tax_fen=m.tax_fen + 1) for m in rows]
    alone, several = spread(evidence, 1), spread(evidence, 3)
    assert alone.discrepancy_count >= len(rows) > len(alone.discrepancies)
    assert (several.discrepancies, several.discrepancy_count) == (alone.discrepancies, alone.discrepancy_count)


def test_documents_in_partitions_of_other_shares_are_found(evidence: Evidence) -> None:
    elsewhere = [m for m in evidence.tables.manifests if len({m.lane, m.order_partition, m.waybill_partition}) > 1]
    assert elsewhere
    assert spread(evidence, PARTITIONS).verified


def test_a_process_that_is_killed(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, check = os.getpid(), part.check

    def killed(case: Case, *rest: object) -> object:
        if os.getpid() != caller:
            os.kill(os.getpid(), signal.SIGKILL)
        return check(case, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(part, "check", killed)
    with pytest.raises(processes.ProcessLost):
        spread(evidence, 2)


def test_a_process_that_cannot_read_its_share(evidence: Evidence) -> None:
    def read(share: Share, _independent: object) -> Evidence:
        raise ConnectionError(f"secret of share {share.number}")

    parts = processes.Parts(read, Registry({}, []), KEY, 2)
    parts.wait_until_independent()  # nobody waits for what has failed
    with pytest.raises(processes.ProcessLost, match=r"ConnectionError$"):
        parts.finish(len(evidence.tables.manifests), Report(), lambda _: None)


def check_of(place: str) -> Report:
    report = Report()
    report.counts["looked at"] += 2
    report.differs(place, "y", 3, 4)
    return report


@pytest.mark.parametrize("alone", [False, True])
def test_what_is_made_beside_is_what_is_made_alone(alone: bool) -> None:
    report = check_of("before")
    report.take(processes.Beside(lambda: check_of("a place"), alone=alone).result())
    assert (report.counts, report.total) == ({"looked at": 4}, 2)
    assert [d.place for d in report.discrepancies] == ["before", "a place"]


def test_a_process_beside_that_comes_to_no_end() -> None:
    def fails() -> Report:
        raise ValueError("secret")

    with pytest.raises(processes.ProcessLost, match=r"ValueError$"):
        processes.Beside(fails, alone=False).result()
    with pytest.raises(processes.ProcessLost, match="ended"):
        processes.Beside(lambda: os.kill(os.getpid(), signal.SIGKILL), alone=False).result()


async def test_errors_of_a_new_process_come_through() -> None:
    nobody = Endpoints(kafka="127.0.0.1:1", postgres="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(ConnectionRefusedError):
        await verify_apart(nobody, person_key=KEY, seeds=(), answers=None, complete=True, progress=lambda *_: None)
    with pytest.raises(NoSuchSet, match="generate"):
        await verify_apart(nobody, person_key=KEY, seeds=(), answers=Path("nowhere"), complete=True, progress=lambda *_: None)
