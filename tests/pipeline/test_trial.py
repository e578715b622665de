"""A rule set tried beside the live one: the same set agrees in everything, another differs where it should."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pipeline.decide import Judged
from pipeline.flow import Decided
from pipeline.manifests import Manifests, underived
from pipeline.rules import FINDINGS, FOUND
from pipeline.trial import Agreement, Tried, agreement, tried
from tests.pipeline.memory import BASE_MS, MemoryStore, as_records, registry
from tests.verify.played import generated


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def decided(store: MemoryStore, tmp_path_factory: pytest.TempPathFactory) -> Decided:
    """A set with every story, in one batch around a midnight in Shanghai."""
    folder: Path = tmp_path_factory.mktemp("trial") / "set"
    planned = list(generated(folder, 400, 41).documents())
    midnight = BASE_MS + 86_400_000 - planned[len(planned) // 2].due_ms
    return store.process(as_records(planned, midnight))


def compared(store: MemoryStore, decided: Decided, chosen: pl.Series) -> Agreement:
    judged = Judged(Manifests(decided.heads, decided.lines), decided.findings)
    other = tried(judged, chosen, store.lawbook.on, registry())
    return agreement(other, decided.heads["outcome"], decided.findings, decided.posted.refusals)


def every(decided: Decided, n: int) -> pl.Series:
    return pl.Series([m % n == 0 for m in range(len(decided.heads))])


@pytest.mark.parametrize("n", [1, 3])
def test_the_live_set_agrees_with_itself(store: MemoryStore, decided: Decided, n: int) -> None:
    assert decided.heads["accepted_on"].n_unique() > 1 and len(decided.posted.refusals)
    chosen = every(decided, n)
    found = compared(store, decided, chosen)
    assert found.differing == []
    assert sum(found.outcomes.values()) == int(chosen.sum())
    assert {live for live, other in found.outcomes if live == other} == {"RELEASE", "HOLD", "REJECT"}
    assert all(live == other for live, other in found.outcomes)
    counts = decided.findings.filter(pl.col("m").is_in(chosen.arg_true().cast(pl.UInt32).implode()))["code"].value_counts()
    assert found.codes == {code: [count, 0, 0] for code, count in counts.iter_rows()}


def test_each_is_judged_by_the_law_of_its_day(store: MemoryStore, decided: Decided) -> None:
    days = decided.heads["accepted_on"]
    without = replace(store.lawbook.on(days.max()), rules=(), indicators={})  # type: ignore[arg-type]
    judged, chosen = Judged(Manifests(decided.heads, decided.lines), decided.findings), every(decided, 2)
    found = tried(judged, chosen, lambda day: without if day == days.max() else store.lawbook.on(day), registry()).found
    whole = tried(judged, chosen, store.lawbook.on, registry()).found
    earlier = set((chosen & (days != days.max())).arg_true().to_list())
    assert earlier.intersection(whole) not in (set(), set(whole))
    assert found == {m: codes for m, codes in whole.items() if m in earlier}


def test_of_those_that_differ_some_are_named(decided: Decided) -> None:
    """Beside a set that finds nothing."""
    other, refusals = Tried(list(range(len(decided.heads))), {}), decided.posted.refusals.clear()
    found = agreement(other, decided.heads["outcome"], decided.findings, refusals)
    assert sum(found.outcomes.values()) == len(decided.heads)
    assert sum(count for (live, tried_), count in found.outcomes.items() if live != tried_) > 20
    assert len(found.differing) == 20


def test_a_sample_counts_where_what_was_found_releases() -> None:
    findings = pl.DataFrame([(0, "X", "RELEASE", ""), (0, "SMP-01", "HOLD", "")], schema=FINDINGS, orient="row")
    found = agreement(Tried([0], {0: {"X": "RELEASE"}}), pl.Series(["HOLD"]), findings, findings.clear())
    assert found.outcomes == {("HOLD", "HOLD"): 1}
    assert found.codes == {"X": [1, 0, 0], "SMP-01": [1, 0, 0]}


def test_what_the_ledgers_refused_counts_unless_the_other_rejects() -> None:
    """Of three the first is rejected by the other set, the second released by both, the third held by the other alone."""
    findings = pl.DataFrame([(0, "GUA-01", "HOLD", ""), (2, "GUA-01", "HOLD", "")], schema=FINDINGS, orient="row")
    other = Tried([0, 1, 2], {0: {"A": "REJECT"}, 2: {"B": "HOLD"}})
    found = agreement(other, pl.Series(["HOLD", "RELEASE", "HOLD"]), findings, findings.select(*FOUND))
    assert found.outcomes == {("HOLD", "REJECT"): 1, ("RELEASE", "RELEASE"): 1, ("HOLD", "HOLD"): 1}
    assert found.codes == {"GUA-01": [1, 1, 0], "A": [0, 0, 1], "B": [0, 0, 1]}
    assert found.differing == [(0, "HOLD", "REJECT", ["GUA-01"], ["A"]), (2, "HOLD", "HOLD", [], ["B"])]


def test_nobody_chosen_is_nothing_tried(store: MemoryStore, decided: Decided) -> None:
    assert compared(store, decided, pl.Series([False] * len(decided.heads))) == Agreement()


def test_underived_ones_have_no_column_that_is_derived(decided: Decided) -> None:
    given = underived(Manifests(decided.heads, decided.lines))
    assert {"accepted_on", "completing", "attempt"} <= set(given.heads.columns)
    assert not {"dutiable_fen", "tax_known", "platform_status", "outcome"} & set(given.heads.columns)
    assert not {"registered", "line_price_times_qty_e5", "listed"} & set(given.lines.columns)
