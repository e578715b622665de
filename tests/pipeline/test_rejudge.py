"""Judging again over whole tables comes to what was decided one by one, for every story of a generated set."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest

from loadtest.generate import GeneratedSet, profile
from pipeline import flow, rules
from pipeline.decide import Judged
from pipeline.flow import Decided
from pipeline.law import Law
from pipeline.manifests import Manifests
from pipeline.rejudge import rejudge
from tests.pipeline.memory import MemoryStore, as_records, registry

LEDGERS = ("PAY-03", "WAY-06", "LIM-03", "LIM-04", "GUA-01", "GUA-02", "STK-01", "STK-02")


Batch = tuple[Manifests, Decided, Law]


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> list[Batch]:
    """A set with every story, decided in memory: manifests as they were counted, and what came of them, day by day."""
    documents = GeneratedSet.write(tmp_path_factory.mktemp("set"), profile("small"), 1_600, 4, processes=1)
    store, records = MemoryStore(), as_records(documents.documents())
    made: list[Batch] = []
    assembled: list[Manifests] = []

    def kept(*arguments: Any) -> flow.Gathered:
        gathered = count(*arguments)
        assembled.append(gathered.manifests)
        return gathered

    count = flow.count
    with patch.object(flow, "count", kept):
        for n in range(0, len(records), 400):
            decided = store.process(records[n : n + 400])
            if decided.heads["accepted_on"].n_unique() == 1:
                made.append((assembled[-1], decided, store.lawbook.on(decided.heads["accepted_on"][0])))
    return made


def then(decided: Decided, *codes: str) -> pl.DataFrame:
    return decided.findings.filter(pl.col("code").is_in(codes)).select("m", "code")


def sets(frame: pl.DataFrame) -> set[tuple[int, str]]:
    return set(frame.select("m", "code").iter_rows())


def test_the_same_rules_come_to_the_same(batches: list[Batch]) -> None:
    codes: set[str] = set()
    for assembled, decided, law in batches:
        now, found = rejudge(assembled, then(decided, *LEDGERS), law, registry())
        assert sets(found) == sets(decided.findings)
        was = decided.heads.select("m", "outcome", "queue", tax_fen=pl.sum_horizontal("tariff_fen", "consumption_fen", "vat_fen"))
        assert now.to_dicts() == was.to_dicts()
        codes |= {code for _, code in sets(found)}
    assert len(codes) > 40 and {*LEDGERS, "SYS-01"} <= codes


def test_codes_are_those_of_the_findings(batches: list[Batch]) -> None:
    for _, decided, law in batches:
        manifests = Manifests(decided.heads, decided.lines)
        found = rules.findings(manifests, law)
        assert rules.codes(manifests, law).sort("m", "code").rows() == found.select(*rules.CODES).sort("m", "code").rows()


def test_what_a_ledger_refused_counts_only_where_the_rules_let_through(batches: list[Batch]) -> None:
    assembled, decided, law = next(x for x in batches if len(then(x[1], "LIM-03")))
    refused = then(decided, *LEDGERS)
    everything = replace(law, rules=tuple(replace(r, condition=pl.col(r.reads[0]).is_not_null()) for r in law.rules if r.code == "AMT-01"), indicators={})
    now, found = rejudge(assembled, refused, everything, registry())
    assert now["outcome"].unique().to_list() == ["REJECT"] and set(found["code"]) == {"AMT-01"}
    nothing = replace(law, rules=(), indicators={})
    now, found = rejudge(assembled, refused, nothing, registry())
    assert sets(found) == sets(refused)
    assert set(now.filter(pl.col("outcome") == "REJECT")["m"]) == set(refused.filter(~pl.col("code").str.starts_with("GUA"))["m"])


def test_a_sample_counts_only_where_the_rules_would_release(batches: list[Batch]) -> None:
    outcomes: set[str] = set()
    for assembled, decided, law in batches:
        plain, _ = rejudge(assembled, then(decided), law, registry())
        outcomes.update(plain["outcome"])
        released = set(plain.filter(pl.col("outcome") == "RELEASE")["m"])
        for sample in ("SMP-01", "SMP-02"):
            now, found = rejudge(assembled, plain.select("m", pl.lit(sample).alias("code")), law, registry())
            assert {m for m, code in sets(found) if code == sample} == released
            assert set(now.filter(pl.col("outcome") == "RELEASE")["m"]) == set()
    assert outcomes == {"RELEASE", "HOLD", "REJECT"}


def test_every_rule_is_looked_at_once_a_manifest_or_line(batches: list[Batch]) -> None:
    _, decided, law = batches[0]
    judged = Judged(Manifests(decided.heads.head(3), decided.lines.filter(pl.col("m") < 3)), decided.findings)
    looked = list(rules.looked_at(judged.manifests, law))
    of = {scope: sum(r.scope == scope for r in (*law.rules, *law.indicators.values())) for scope in ("manifest", "line")}
    assert len(looked) == 3 * of["manifest"] + len(judged.manifests.lines) * of["line"]
    true = {(x.m, x.rule.code) for x in looked if x.verdict and x.rule.code not in law.indicators}
    assert true == {f for f in sets(decided.findings.filter(pl.col("m") < 3)) if f[1] not in {*LEDGERS, "SYS-01", *(code for t in law.typologies for _, code in t.bands)}}
