"""One played set for all tests of the verifier; each test gets its own copy to damage."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from loadtest.generate import GeneratedSet
from loadtest.verify import Evidence, Proof, prove
from loadtest.verify.evidence import Tables
from tests.pipeline.memory import KEY
from tests.verify.played import generated, play, play_by_halves

MANIFESTS, SEED, BATCH = 460, 7, 100


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> GeneratedSet:
    return generated(tmp_path_factory.mktemp("set"), MANIFESTS, SEED)


@pytest.fixture(scope="session")
def folder(known: GeneratedSet) -> Path:
    return known.folder


@pytest.fixture(scope="session")
def intact(known: GeneratedSet) -> Evidence:
    return play(known.documents(), BATCH)


@pytest.fixture(scope="session")
def intact_by_halves(known: GeneratedSet) -> Evidence:
    return play_by_halves(known.documents(), BATCH)


@pytest.fixture
def evidence(intact: Evidence) -> Evidence:
    return copied(intact)


@pytest.fixture
def by_halves(intact_by_halves: Evidence) -> Evidence:
    """Several versions of the registry, and batches that follow each other in other lanes."""
    return copied(intact_by_halves)


def copied(intact: Evidence) -> Evidence:
    """Rows are immutable, so copies of the lists are enough."""
    tables = Tables(**{f.name: list(getattr(intact.tables, f.name)) for f in fields(Tables)})
    return Evidence(dict(intact.inputs), dict(intact.ends), list(intact.outputs), tables, dict(intact.filings), dict(intact.rulings), dict(intact.ticks))


@pytest.fixture
def proved(evidence: Evidence) -> Callable[[], Proof]:
    """The proof of the evidence as the test left it."""
    return lambda: prove(evidence, KEY)
