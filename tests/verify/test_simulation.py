"""Whatever the order in which workers read, commit, die and take each other's lanes: the verifier agrees."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from loadtest.generate import GeneratedSet, profile
from loadtest.verify import KnownAnswers, Proof, prove
from tests.pipeline.memory import KEY, as_records
from tests.verify.histories import history
from tests.verify.simulated import Reporting, Simulation

SEEDS = range(16)


@cache
def played(seed: int) -> tuple[Simulation, Proof]:
    """A random history of a few order numbers, played in a random order, and what the verifier says of it."""
    records = history(8, seed)
    simulation = Simulation(records, seed)
    simulation.run()
    return simulation, prove(simulation.proof_of(records), KEY)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_histories(seed: int) -> None:
    assert played(seed)[1].discrepancies == []


@pytest.mark.parametrize("seed", SEEDS)
def test_reports_on_the_way(seed: int) -> None:
    records = history(8, seed)
    simulation = Reporting(records, seed)
    simulation.run()
    assert prove(simulation.proof_of(records), KEY).discrepancies == []
    assert simulation.happened["reported on the way"] > 0


def test_known_answers(tmp_path: Path) -> None:
    known = GeneratedSet.write(tmp_path, profile("small"), 60, 3, processes=1)
    records = as_records(known.documents())
    simulation = Simulation(records, 3, cuts=(0, 2, 5, 9))
    simulation.run()
    proof = prove(simulation.proof_of(records), KEY, answers=KnownAnswers(tmp_path))
    assert (proof.discrepancies, proof.counts["answers"]) == ([], 60)


def test_everything_happens() -> None:
    """The seeds above meet every crash point, every way of colliding, and every fate and ledger there is."""
    happened: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for seed in SEEDS:
        simulation, _ = played(seed)
        happened += simulation.happened
        codes.update(row.code for row in [*simulation.tables.fates, *simulation.tables.findings])
    expected = ("fenced", "repeated", "died before its commit", "died after its commit", "lane moved")
    assert [name for name in expected if not happened[name]] == []
    assert {*(f"DOC-0{n}" for n in range(1, 9)), "LIM-03", "LIM-04", "PAY-03", "WAY-06"} - set(codes) == set()
