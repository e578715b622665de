"""What the generator knows of its own set, held against what became of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from loadtest.generate import GeneratedSet
from loadtest.generate.documents import Planned
from loadtest.verify import Discrepancy, Evidence, KnownAnswers, prove
from loadtest.verify.evidence import KINDS, record_place
from tests.pipeline.memory import KEY

Sent = list[Planned]
Compare = Callable[[Sent], list[Discrepancy]]


@pytest.fixture
def sent(known: GeneratedSet) -> Sent:
    return list(known.documents())


@pytest.fixture
def compare(evidence: Evidence, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    """What differs when these are the documents that had been sent."""

    def differing(documents: Sent) -> list[Discrepancy]:
        monkeypatch.setattr(GeneratedSet, "documents", lambda _: iter(documents))
        return prove(evidence, KEY, answers=KnownAnswers(folder)).discrepancies

    return differing


def last_of_its_partition(sent: Sent, n: int) -> tuple[int, str]:
    """Where document `n` of the set lies, when all were sent in order; it has to be the last there. (sequence, place)"""
    kind, partition = sent[n].kind, sent[n].partition
    before = sum((d.kind, d.partition) == (kind, partition) for d in sent[:n])
    return n, record_place(KINDS.index(kind) + 1, partition, before)


def ends(sent: Sent) -> Iterator[int]:
    """The last document of each topic-partition."""
    yield from {(d.kind, d.partition): n for n, d in enumerate(sent)}.values()


def test_a_document_of_another_content(sent: Sent, compare: Compare) -> None:
    n, place = last_of_its_partition(sent, next(ends(sent)))
    sent[n] = sent[n]._replace(value=sent[n].value + b"x")
    assert compare(sent) == [Discrepancy(place, "value", f"document {n} of the set", "something else")]


def test_a_document_that_did_not_arrive(sent: Sent, compare: Compare) -> None:
    one = sent[next(ends(sent))]
    told = Discrepancy(f"document {len(sent)} of the set", "record", f"one in partition {one.partition} of {one.kind}", "none")
    assert compare([*sent, one]) == [told]


def test_a_document_that_nobody_sent(sent: Sent, compare: Compare) -> None:
    n, place = last_of_its_partition(sent, max(ends(sent)))
    sent.pop(n)
    assert Discrepancy(place, "record", "a document of the set", "one more") in compare(sent)


def test_a_topic_partition_to_which_nothing_was_sent(sent: Sent, compare: Compare) -> None:
    n = min(ends(sent))  # of the shortest: no more differences are written out than are looked at
    kind, partition = sent[n].kind, sent[n].partition
    found = compare([d for d in sent if (d.kind, d.partition) != (kind, partition)])
    more = {d.place for d in found if d.found == "one more"}
    assert more == {record_place(KINDS.index(kind) + 1, partition, offset) for offset in range(len(more))}
    assert more


def test_documents_that_became_something_else(
    known: GeneratedSet, sent: Sent, compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = known.fates()
    monkeypatch.setattr(GeneratedSet, "fates", lambda _: fates.clear())
    found = compare(sent)
    assert {d.what for d in found} == {"what became of it"}
    assert sum("used" not in told for told in fates["fates"]) <= len(found) <= len(fates)  # some may as well be used
    assert all((d.expected, d.found) != ("['used']", "used") for d in found)


def test_a_document_that_became_nothing_unusual(
    known: GeneratedSet, sent: Sent, compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = known.fates()
    n = next(n for n, _ in enumerate(sent) if n not in fates["sequence"].to_list())
    never_used = fates.filter(~pl.col("fates").list.contains("used"))
    one = never_used[:1].with_columns(sequence=pl.lit(n, pl.Int64))
    monkeypatch.setattr(GeneratedSet, "fates", lambda _: fates.vstack(one))
    (told,) = compare(sent)
    assert (told.what, told.expected, told.found) == ("what became of it", repr(never_used["fates"][0].to_list()), "used")
