"""What a trial came to is computed again, batch by batch."""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from loadtest.verify import Evidence, Proof
from loadtest.verify.commits import batches_read
from loadtest.verify.counting import Pending
from loadtest.verify.evidence import Consumed, ManifestRow, Record, RuleEventRow, ShadowRow
from loadtest.verify.proof import Report
from loadtest.verify.rule_sets import RuleSets
from loadtest.verify.shadow import Tried, check_shadow
from schemas.contracts import topic_name
from schemas.rule_events import RuleEvent, written
from tests.pipeline.memory import BASE_MS
from tests.verify.test_damage import told

NOTHING = frozenset[str]()
Prove = Callable[[], Proof]


@pytest.fixture
def tried(evidence: Evidence) -> Evidence:
    """The live set is tried on all manifests, since the batch that filed the registry: it agrees with itself."""
    tables = evidence.tables
    event = RuleEvent("shadow", 3, tables.rule_sets[0].rule_set, 10_000)
    evidence.rulings[0, 0] = Record(BASE_MS, event.key.encode(), written(event))
    tables.consumed.append(Consumed(topic_name("rules"), 0, 1, 0, "rules"))
    filed = tables.registry_entries[0]
    tables.rule_events.append(RuleEventRow(0, 3, 1, "shadow", event.rule_set, 10_000, "", BASE_MS, filed.lane, filed.batch_seq))
    together = batches_read(tables, Report())
    of: dict[tuple[int, int], list[ManifestRow]] = {}
    for m in tables.manifests:
        of.setdefault(together[m.lane, m.batch_seq].first, []).append(m)
    for batch, part in sorted(of.items(), key=lambda x: -len(x[1])):
        outcomes = Counter(f"{m.outcome}>{m.outcome}" for m in part)
        ids = {m.manifest_id for m in part}
        codes = Counter(f.code for f in tables.findings if f.manifest_id in ids)
        both = {code: [n, 0, 0] for code, n in codes.items()}
        tables.shadow_batches.append(ShadowRow(*batch, 1, len(part), 0, json.dumps(outcomes), json.dumps(both)))
    assert len(of) > 2
    return evidence


def place(row: ShadowRow) -> str:
    return f"table shadow_batch, version 1, lane {row.lane} batch {row.batch_seq}"


def test_a_trial_is_proved(tried: Evidence, proved: Prove) -> None:
    proof = proved()
    assert proof.verified, proof.discrepancies[:5]
    assert proof.counts["manifests_tried"] == proof.counts["manifests"] > 0
    assert not [name for name in proof.counts if name.startswith("shadow")]


def test_a_batch_that_was_not_counted(tried: Evidence, proved: Prove) -> None:
    lost = tried.tables.shadow_batches.pop()
    assert told(proved(), place(lost), "manifests")


@pytest.mark.parametrize(("before", "after"), [("RELEASE>RELEASE", "RELEASE>HOLD"), ("HOLD>HOLD", "RELEASE>HOLD")])
def test_an_outcome_that_was_another(tried: Evidence, proved: Prove, before: str, after: str) -> None:
    rows = tried.tables.shadow_batches
    rows[0] = rows[0]._replace(outcomes=rows[0].outcomes.replace(before, after))
    assert told(proved(), place(rows[0]), before)


def test_a_finding_of_one_alone(tried: Evidence, proved: Prove) -> None:
    rows = tried.tables.shadow_batches
    codes = json.loads(rows[0].codes)
    code = min(codes)
    codes[code] = [codes[code][0] - 1, 1, 0]
    rows[0] = rows[0]._replace(codes=json.dumps(codes))
    assert told(proved(), place(rows[0]), f"{code} live alone")


def failing(row: ShadowRow) -> ShadowRow:
    return row._replace(manifests=0, failed=row.manifests, outcomes="{}", codes="{}")


def test_a_batch_that_failed_counts_whom_it_had_chosen(tried: Evidence, proved: Prove) -> None:
    rows = tried.tables.shadow_batches
    rows[0] = failing(rows[0])
    assert proved().verified
    rows[0] = rows[0]._replace(failed=rows[0].failed - 1)
    assert told(proved(), place(rows[0]), "manifests")


def test_a_batch_that_failed_in_part(tried: Evidence, proved: Prove) -> None:
    rows = tried.tables.shadow_batches
    rows[0] = rows[0]._replace(manifests=rows[0].manifests - 1, failed=1)
    assert told(proved(), place(rows[0]), "what failed")


def test_a_batch_that_failed_leaves_the_others_checked(tried: Evidence, proved: Prove) -> None:
    rows = tried.tables.shadow_batches
    rows[0] = failing(rows[0])
    rows[1] = rows[1]._replace(outcomes=rows[1].outcomes.replace("RELEASE>RELEASE", "RELEASE>HOLD"))
    assert told(proved(), place(rows[1]), "RELEASE>HOLD")


def test_batches_that_count_for_each_other(tried: Evidence, proved: Prove) -> None:
    """Together they are right."""
    rows = tried.tables.shadow_batches
    rows[0], rows[1] = rows[0]._replace(failed=rows[1].failed, manifests=rows[0].manifests + 1), rows[1]._replace(manifests=rows[1].manifests - 1)
    assert all(told(proved(), place(row), "manifests") for row in rows[:2])


def test_where_batches_are_not_known_any_more_sums_count(tried: Evidence) -> None:
    tables = tried.tables
    trial, rows = {m.manifest_id: m for m in tables.manifests}, tables.shadow_batches
    report = Report()
    rules = RuleSets(tables.rule_sets, tables.rule_events)
    ones = {ident: Tried(1, 18_211, "RELEASE", True, "general", NOTHING, NOTHING, NOTHING, Pending(NOTHING, (), ())) for ident in trial}
    check_shadow([failing(row) for row in rows], ones, {}, (), {}, rules, report)
    assert report.total == 0
    check_shadow([failing(row) for row in rows[1:]], ones, {}, (), {}, rules, report)
    assert [(d.place, d.what) for d in report.discrepancies] == [("table shadow_batch, version 1", "manifests")]
