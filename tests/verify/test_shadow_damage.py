"""What a trial came to is computed again, in sums by version."""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from loadtest.verify import Evidence, Proof
from loadtest.verify.evidence import Consumed, Record, RuleEventRow, ShadowRow
from schemas.contracts import topic_name
from schemas.rule_events import RuleEvent, written
from tests.pipeline.memory import BASE_MS
from tests.verify.test_damage import told

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
    half = len(tables.manifests) // 2
    for part in (tables.manifests[:half], tables.manifests[half:]):
        outcomes = Counter(f"{m.outcome}>{m.outcome}" for m in part)
        ids = {m.manifest_id for m in part}
        codes = Counter(f.code for f in tables.findings if f.manifest_id in ids)
        both = {code: [n, 0, 0] for code, n in codes.items()}
        tables.shadow_batches.append(ShadowRow(1, len(part), 0, json.dumps(outcomes), json.dumps(both)))
    return evidence


def test_a_trial_is_proved(tried: Evidence, proved: Prove) -> None:
    proof = proved()
    assert proof.verified, proof.discrepancies[:5]
    assert proof.counts["manifests_tried"] == proof.counts["manifests"] > 0
    assert not [name for name in proof.counts if name.startswith("shadow")]


def test_a_batch_that_was_not_counted(tried: Evidence, proved: Prove) -> None:
    tried.tables.shadow_batches.pop()
    assert told(proved(), "table shadow_batch, version 1", "manifests")


@pytest.mark.parametrize(("before", "after"), [("RELEASE>RELEASE", "RELEASE>HOLD"), ("HOLD>HOLD", "RELEASE>HOLD")])
def test_an_outcome_that_was_another(tried: Evidence, proved: Prove, before: str, after: str) -> None:
    rows = tried.tables.shadow_batches
    rows[0] = rows[0]._replace(outcomes=rows[0].outcomes.replace(before, after))
    assert told(proved(), "table shadow_batch, version 1", before)


def test_a_finding_of_one_alone(tried: Evidence, proved: Prove) -> None:
    rows = tried.tables.shadow_batches
    codes = json.loads(rows[0].codes)
    code = min(codes)
    codes[code] = [codes[code][0] - 1, 1, 0]
    rows[0] = rows[0]._replace(codes=json.dumps(codes))
    assert told(proved(), "table shadow_batch, version 1", f"{code} live alone")


def test_a_batch_that_failed_counts_whom_it_had_chosen(tried: Evidence, proved: Prove) -> None:
    rows = tried.tables.shadow_batches
    rows[0] = rows[0]._replace(manifests=0, failed=rows[0].manifests, outcomes="{}", codes="{}")
    assert proved().verified
    rows[0] = rows[0]._replace(failed=rows[0].failed - 1)
    assert told(proved(), "table shadow_batch, version 1", "manifests")
