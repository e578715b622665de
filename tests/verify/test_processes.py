"""Over several processes the proof is the same, and none that lost a process is given."""

import os
import signal

import pytest

from loadtest.verify import Evidence, chunks, prove
from loadtest.verify.decided import Case
from tests.pipeline.memory import KEY


def test_the_same_proof(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = evidence.tables.manifests
    for n in (0, len(rows) // 2, len(rows) - 1):
        rows[n] = rows[n]._replace(tax_fen=rows[n].tax_fen + 1)
    evidence.outputs.pop(0)
    alone = prove(evidence, KEY)
    monkeypatch.setattr(chunks, "ALONE", 0)
    monkeypatch.setattr(chunks, "CHUNK", 40)
    spread = prove(evidence, KEY, processes=3)
    assert alone.discrepancy_count >= 4
    assert (spread.counts, spread.discrepancy_count) == (alone.counts, alone.discrepancy_count)
    assert {(d.place, d.what) for d in spread.discrepancies} == {(d.place, d.what) for d in alone.discrepancies}


def test_a_process_that_is_killed(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, check = os.getpid(), chunks.check

    def killed(case: Case, *rest: object) -> object:
        if os.getpid() != caller and case.row is evidence.tables.manifests[-1]:
            os.kill(os.getpid(), signal.SIGKILL)
        return check(case, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(chunks, "check", killed)
    monkeypatch.setattr(chunks, "ALONE", 0)
    monkeypatch.setattr(chunks, "CHUNK", 40)
    with pytest.raises(chunks.ProcessLost):
        prove(evidence, KEY)
