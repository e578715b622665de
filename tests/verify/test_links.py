"""Damage to what ties rows to others: the keys they are looked up by, the lane they lie in, the record they were made of."""

from collections.abc import Callable
from typing import Any

import pytest

from loadtest.verify import Evidence, Proof
from loadtest.verify.commits import Commits, Kept, Read
from loadtest.verify.evidence import StockAccountRow, manifest_place, record_place
from loadtest.verify.open_orders import report_place
from loadtest.verify.proof import Report
from schemas.contracts import topic_name
from tests.verify.test_damage import told
from tests.verify.test_stock_damage import manifest_of

Prove = Callable[[], Proof]


def first_of(table: list[Any], **changes: Any) -> Any:
    """Change the first row of a table."""
    table[0] = table[0]._replace(**changes)
    return table[0]


def test_the_hash_of_a_fate(evidence: Evidence, proved: Prove) -> None:
    fate = first_of(evidence.tables.fates, order_hash=1)
    assert told(proved(), record_place(fate.kind, fate.partition, fate.kafka_offset), "order_hash of its fate")


def test_a_fate_that_a_document_did_itself(evidence: Evidence, proved: Prove) -> None:
    fates = evidence.tables.fates
    n = next(n for n, f in enumerate(fates) if f.by_offset is not None)
    fates[n] = fates[n]._replace(by_partition=fates[n].partition, by_offset=fates[n].kafka_offset)
    assert told(proved(), record_place(fates[n].kind, fates[n].partition, fates[n].kafka_offset), "document that did it")


def test_the_hash_of_a_number_in_use(evidence: Evidence, proved: Prove) -> None:
    use = first_of(evidence.tables.uses, order_hash=1)
    assert told(proved(), f"number {use.number} use {use.use_no}", "order_hash")


def test_the_hash_of_a_report(evidence: Evidence, proved: Prove) -> None:
    row = first_of(evidence.tables.open_reports, order_hash=1)
    assert told(proved(), report_place(row), "order_hash")


@pytest.mark.parametrize("attempt", [1, 2], ids=["after it was decided", "after a release"])
def test_a_report_of_what_is_not_open(evidence: Evidence, proved: Prove, attempt: int) -> None:
    m = next(m for m in evidence.tables.manifests if m.outcome == "RELEASE")
    reports = evidence.tables.open_reports
    reports.append(reports[0]._replace(
        order_hash=m.order_hash, ebp_code=m.ebp_code, order_no=m.order_no, attempt=attempt, lane=m.lane, batch_seq=m.batch_seq + 1,
    ))  # fmt: skip
    assert told(proved(), report_place(reports[-1]), "attempt")


def test_a_report_of_a_platform_without_documents(evidence: Evidence, proved: Prove) -> None:
    row = first_of(evidence.tables.open_reports, ebp_code="NOSUCH")
    assert told(proved(), report_place(row), "attempt")


@pytest.mark.parametrize("changes", [{"lane": 99}, {"accepted_at": 5}, {"order_hash": 1}, {"order_no": "X"}, {"ebp_code": "X"}, {"amount": 1}])
def test_what_is_held_is_looked_up_by(evidence: Evidence, proved: Prove, changes: dict[str, Any]) -> None:
    held = first_of(evidence.tables.held, **changes)
    place = manifest_place(manifest_of(evidence, held.manifest_id))
    assert told(proved(), f"{place} held", "what it waits for")


def test_an_account_of_stock_that_nothing_made(evidence: Evidence, proved: Prove) -> None:
    evidence.tables.stock_accounts.append(StockAccountRow("NOBOOK-1", 0, 500, 700, -30, 4))
    assert told(proved(), "table stock_account", "balances")


@pytest.mark.parametrize("changes", [{"record_value": b"x"}, {"log_time": 5}, {"kafka_offset": 99_999}])
def test_a_dead_letter_of_the_registry(evidence: Evidence, proved: Prove, changes: dict[str, Any]) -> None:
    letters = evidence.tables.dead_letters
    n = next(n for n, x in enumerate(letters) if x.topic == topic_name("registry"))
    letters[n] = letters[n]._replace(**changes)
    assert told(proved(), f"{topic_name('registry')}[0]@{letters[n].kafka_offset}", "its dead letter")


def test_no_rule_set_was_ever_live(evidence: Evidence, proved: Prove) -> None:
    evidence.tables.rule_events.clear()
    assert told(proved(), "table rule_event", "first event")


OTHER_BATCHES: list[dict[str, int]] = [{"lane": 1}, {"batch_seq": 2}, {"batch_seq": 10**6}, {"lane": 99}]


@pytest.mark.parametrize("changes", OTHER_BATCHES)
def test_guarantee_entries_of_another_batch(evidence: Evidence, proved: Prove, changes: dict[str, int]) -> None:
    row = first_of(evidence.tables.guarantee_entries, **changes)
    assert told(proved(), f"guarantee account {row.guarantor_code} entry {row.entry_no}", "lane and batch")


@pytest.mark.parametrize("changes", OTHER_BATCHES)
def test_stock_entries_of_another_batch(evidence: Evidence, proved: Prove, changes: dict[str, int]) -> None:
    row = first_of(evidence.tables.stock_entries, **changes)
    assert told(proved(), f"stock {row.book_items[0]} entry {row.entry_nos[0]}", "lane and batch")


@pytest.mark.parametrize("changes", OTHER_BATCHES)
def test_a_stock_take_of_another_batch(evidence: Evidence, proved: Prove, changes: dict[str, int]) -> None:
    first_of(evidence.tables.stock_counts, **changes)
    assert told(proved(), "table stock_count", "lane and batch")


@pytest.mark.parametrize("table", ["document_fate", "open_report", "dead_letter"])
def test_rows_of_a_batch_that_its_lane_has_not_had(evidence: Evidence, proved: Prove, table: str) -> None:
    tables = {"document_fate": evidence.tables.fates, "open_report": evidence.tables.open_reports, "dead_letter": evidence.tables.dead_letters}
    tables[table][-1] = tables[table][-1]._replace(batch_seq=10**6)
    assert told(proved(), f"table {table}", "lane and batch")


READ = Read({1: 7, 3: 4}, {1: 6, 2: 9, 3: 3})


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        ([((1, 7), (1, 7)), ((1, 7), (3, 4))], [True, True]),
        ([((3, 4), (3, 4)), ((1, 6), (1, 7)), ((0, 1), (1, 7))], [False, False, False]),
        ([((5, 2), (5, 2)), ((5, 2), (6, 9)), ((5, 2), (5, 2))], [True, True, True]),  # of revisions in two lanes
        ([((5, 2), (6, 9)), ((5, 2), (6, 8))], [True, False]),  # a batch has one number in a lane
        ([((5, 2), (6, 9)), ((5, 3), (6, 9))], [True, False]),  # and one lowest lane
        ([((5, 2), (4, 1)), ((5, 3), (5, 2))], [False, False]),
        ([((1, 7), (6, 9))], [False]),  # that one decided manifests
    ],
)
def test_rows_by_the_lowest_lane_of_their_batch(rows: list[tuple[Any, Any]], right: list[bool]) -> None:
    kept, report = Kept(Commits({(1, 7): READ, (3, 4): READ}, {})), Report()
    found: list[bool] = []
    for row, of in rows:
        before = report.total
        kept.check("a row", row, of, report)
        found.append(report.total == before)
    assert found == right
