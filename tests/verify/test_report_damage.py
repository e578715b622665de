"""Damage to what reports on open orders say: what is missing, and since when it is waited for."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from loadtest.verify import Evidence, Proof, prove
from loadtest.verify.open_orders import report_place
from schemas.codec import decode_output, encode
from tests.pipeline.memory import BASE_MS, KEY, Rec
from tests.pipeline.trios import HOUR_MS, example, rec
from tests.verify.played import Play
from tests.verify.test_damage import told

Prove = Callable[[], Proof]
KINDS = ("order", "payment", "waybill")
EARLIER, LATER = ("2019-11-11T00:10:00+08:00", "2019-11-11T00:30:00+08:00")


def sent(kind: str, offset: int, partition: int = 0, **changes: Any) -> Rec:
    return rec(kind, example()[kind] | changes, offset, BASE_MS + HOUR_MS + 1000 * offset, partition)


def waiting(*batches: list[Rec]) -> Evidence:
    """Swept at the end, when the lane has seen everything."""
    game = Play()
    for batch in batches:
        game.batch(batch)
    game.sweep()
    return game.evidence([r for batch in batches for r in batch])


def says(evidence: Evidence, **changes: int) -> str:
    """The first report says otherwise, in its row and in its receipt. The place of it."""
    rows, outputs = evidence.tables.open_reports, evidence.outputs
    rows[0] = row = rows[0]._replace(**changes)
    answers = {n: decode_output("receipt-1", m.value) for n, m in enumerate(outputs) if m.topic == "receipt"}
    n = next(n for n, r in answers.items() if (r["subject"], r["ebpCode"], r["orderNo"]) == ("open-order", row.ebp_code, row.order_no))
    statuses = {f"{kind}Status": "" if row.missing & 1 << bit else "120" for bit, kind in enumerate(KINDS)}
    outputs[n] = outputs[n]._replace(value=encode("receipt-1", answers[n] | statuses))
    return report_place(row)


def times(evidence: Evidence) -> Mapping[str, int]:
    return {KINDS[kind - 1]: record.log_ms for (kind, _, _), record in evidence.inputs.items()}


@pytest.mark.parametrize("missing", range(1, 8))
def test_what_is_missing(missing: int) -> None:
    evidence = waiting([sent("order", 0), sent("waybill", 1)])
    place = says(evidence, missing=missing)
    assert told(prove(evidence, KEY), place, "missing kinds") == (missing != 2)


def test_what_reports_of_the_set_miss(evidence: Evidence, proved: Prove) -> None:
    reports = evidence.tables.open_reports
    reports[:10] = [row._replace(missing=row.missing ^ 7 or 6) for row in reports[:10]]
    wrong = {d.place for d in proved().discrepancies if d.what == "missing kinds"}
    assert wrong == {report_place(row) for row in reports[:10]}


@pytest.mark.parametrize("kind", ["order", "waybill"])
def test_since_when_it_is_waited_for(kind: str) -> None:
    evidence = waiting([sent("order", 0), sent("waybill", 1)])
    place = says(evidence, first_log_time=times(evidence)[kind])
    assert told(prove(evidence, KEY), place, "first_log_time") == (kind == "waybill")


def test_what_was_deleted_is_missing() -> None:
    evidence = waiting([sent("order", 0), sent("waybill", 1)], [sent("waybill", 2, appType="3", appTime=LATER)])
    assert (prove(evidence, KEY).discrepancies, evidence.tables.open_reports[0].missing) == ([], 6)
    place = says(evidence, missing=2)
    assert told(prove(evidence, KEY), place, "missing kinds")


def test_what_was_deleted_before_is_there() -> None:
    evidence = waiting([sent("order", 0), sent("waybill", 1, appType="3", appTime=EARLIER)], [sent("waybill", 2)])
    assert (prove(evidence, KEY).discrepancies, evidence.tables.open_reports[0].missing) == ([], 2)
    place = says(evidence, missing=6)
    assert told(prove(evidence, KEY), place, "missing kinds")


@pytest.mark.parametrize(("missing", "right"), [(6, True), (2, True), (4, False), (3, False), (7, False)])
def test_what_lies_in_another_lane_may_have_been_seen_or_not(missing: int, right: bool) -> None:
    evidence = waiting([sent("order", 0), sent("waybill", 1, 1)])
    place = says(evidence, missing=missing)
    assert told(prove(evidence, KEY), place, "missing kinds") != right


def test_what_is_waited_for_in_another_lane_was_seen() -> None:
    """Its time is the first, so it was there."""
    evidence = waiting([sent("order", 1), sent("waybill", 0, 1)])
    assert (prove(evidence, KEY).discrepancies, evidence.tables.open_reports[0].lane) == ([], 0)
    place = says(evidence, missing=6)
    assert told(prove(evidence, KEY), place, "missing kinds")
    says(evidence, missing=6, first_log_time=times(evidence)["order"])
    assert prove(evidence, KEY).discrepancies == []


@pytest.mark.parametrize("missing", range(1, 8))
def test_what_was_kept_of_a_rejected_attempt(missing: int) -> None:
    evidence = waiting([sent("order", 0), sent("payment", 1), sent("waybill", 2, packNo=2)], [sent("payment", 3, appType="2", appTime=LATER)])
    assert [m.outcome for m in evidence.tables.manifests] == ["REJECT"]
    place = says(evidence, missing=missing)
    assert told(prove(evidence, KEY), place, "missing kinds") == (missing != 4)


@pytest.mark.parametrize("missing", range(1, 8))
def test_a_waybill_that_nobody_took(missing: int) -> None:
    evidence = waiting([sent("waybill", 1, ebpCode="")])
    place = says(evidence, missing=missing)
    assert told(prove(evidence, KEY), place, "missing kinds") == (missing != 3)


def test_a_waybill_without_platform_that_an_order_took() -> None:
    evidence = waiting([sent("order", 0), sent("waybill", 1, ebpCode="")])
    assert ([r.missing for r in evidence.tables.open_reports], prove(evidence, KEY).discrepancies) == ([2], [])
    place = says(evidence, missing=4)
    assert told(prove(evidence, KEY), place, "missing kinds")
