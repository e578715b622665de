"""Damage to what ties rows to others: the keys they are looked up by, the lane they lie in, the record they were made of."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from loadtest.generate.placing import partition_of
from loadtest.verify import Evidence, Proof, prove
from loadtest.verify.commits import Commits, Kept, Read
from loadtest.verify.evidence import StockAccountRow, manifest_place, record_place, used_places
from loadtest.verify.homes import homes
from loadtest.verify.open_orders import report_place
from loadtest.verify.proof import Report
from schemas.contracts import topic_name
from tests.pipeline.memory import KEY
from tests.pipeline.trios import KINDS, numbered, rec
from tests.verify.played import Play, lane_of
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


@pytest.mark.parametrize("changes", [{"lane": 99}, {"accepted_at": 5}, {"order_hash": 1}, {"order_no": "X"}, {"ebp_code": "X"}, {"amount": 1}, {"attempt": 2}])
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


@pytest.mark.parametrize("changes", OTHER_BATCHES)
@pytest.mark.parametrize("name", ["quota", "weight"])
def test_packed_entries_of_another_batch(evidence: Evidence, proved: Prove, name: str, changes: dict[str, int]) -> None:
    row = first_of(getattr(evidence.tables, f"{name}_used"), **changes)
    assert told(proved(), f"{name}_used_entries of lane {row.lane} batch {row.batch_seq}", "manifests")


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


@pytest.mark.parametrize("changes", [{"lane": 5}, {"topic_id": "another"}])
def test_a_position_of_another_lane_or_topic(evidence: Evidence, proved: Prove, changes: dict[str, Any]) -> None:
    consumed = evidence.tables.consumed
    n = next(n for n, row in enumerate(consumed) if row.partition == 3)
    consumed[n] = consumed[n]._replace(**changes)
    assert any(d.what == "lane and topic_id" and d.place.endswith("]") for d in proved().discrepancies)


def decided_elsewhere(monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """A whole order, one that lacks its waybill and one that was decided before its twin came: all placed in the next lane."""
    monkeypatch.setattr("tests.verify.played.lane_of", lambda read: {h: lane + 1 for h, lane in lane_of(read).items()})
    whole, part = numbered(1), numbered(2)
    game = Play()
    monkeypatch.setattr(game, "_lanes_of", lambda hashes, _: dict.fromkeys(hashes, 1))
    sent = [rec(kind, whole[kind], 0) for kind in KINDS] + [rec(kind, part[kind], 1) for kind in KINDS[:2]]
    late = [rec("order", whole["order"], 2)]
    game.batch(sent)
    game.batch(late)
    game.sweep()
    return game.evidence([*sent, *late])


def test_what_is_decided_by_a_lane_without_its_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = decided_elsewhere(monkeypatch)
    proof, (manifest,), (fate,), (row,) = prove(evidence, KEY), evidence.tables.manifests, evidence.tables.fates, evidence.tables.open_reports
    places = manifest_place(manifest), record_place(fate.kind, fate.partition, fate.kafka_offset), report_place(row)
    assert [told(proof, place, "lane") for place in places] == [True, True, True]
    assert proof.discrepancy_count == 3


def test_a_document_that_was_stored_after_its_decision(evidence: Evidence, proved: Prove) -> None:
    """The last of its partition, so that its batch is in order."""
    rows = evidence.tables.documents
    used = {place: m for m in evidence.tables.manifests for place in used_places(m) if m.lane == place[1]}
    last = {(row.kind, row.partition): row for row in sorted(rows, key=lambda row: row.kafka_offset)}
    row = next(row for row in last.values() if (row.kind, row.partition, row.kafka_offset) in used)
    end = next(lane.batch_seq for lane in evidence.tables.lanes if lane.lane == row.lane)
    assert used[row.kind, row.partition, row.kafka_offset].batch_seq < end
    rows[rows.index(row)] = row._replace(batch_seq=end)
    assert told(proved(), record_place(row.kind, row.partition, row.kafka_offset), "batch_seq of its document row")


@pytest.mark.parametrize("astray", [True, False])
def test_a_document_that_is_not_looked_for(evidence: Evidence, proved: Prove, astray: bool) -> None:
    rows = evidence.tables.documents
    n = next(n for n, row in enumerate(rows) if row.astray == astray)
    rows[n] = rows[n]._replace(astray=not astray)
    assert told(proved(), record_place(rows[n].kind, rows[n].partition, rows[n].kafka_offset), "astray")


def test_where_keys_belong() -> None:
    chance = Random(3)
    keys = [chance.randbytes(chance.randrange(60)) for _ in range(2_000)]
    assert homes(keys) == [partition_of(key) for key in keys]
    assert homes([]) == []


def test_an_open_document_that_nobody_looks_at(evidence: Evidence, proved: Prove) -> None:
    """Its report is there: it would not be the next time."""
    rows, reported = evidence.tables.documents, evidence.tables.open_reports[0]
    mine = [n for n, row in enumerate(rows) if (row.ebp_code, row.order_no, row.waiting) == (reported.ebp_code, reported.order_no, True)]
    for n in mine:
        rows[n] = rows[n]._replace(waiting=False)
    assert mine and any(told(proved(), record_place(*rows[n][3:6]), "waiting") for n in mine)


def test_an_open_order_that_was_not_closed(evidence: Evidence, proved: Prove) -> None:
    """Its lane has looked at what is older than thirty days by then."""
    lanes = evidence.tables.lanes
    lanes[:] = [lane._replace(swept_closed=lane.swept_incomplete) for lane in lanes]
    proof = proved()
    assert any(d.what == "report of its open order" and d.expected.startswith("DOC-10") for d in proof.discrepancies)
    closed = [row._replace(code="DOC-10") for row in evidence.tables.open_reports]
    evidence.tables.open_reports += closed
    assert not any(d.what == "report of its open order" for d in proved().discrepancies)
