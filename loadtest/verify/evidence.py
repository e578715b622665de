"""What a proof is made from: records of the topics and rows of the tables, as plain values.

All times are milliseconds since 1970 in UTC. Row types carry exactly the columns that are checked, under the names
of the tables (sinks/migrations); the PostgreSQL reader selects by them.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from loadtest.verify.ledger_rows import (
    AccountRow,
    DroppedRow,
    EntryRow,
    GuaranteeAccountRow,
    GuaranteeEntryRow,
    HeldRow,
    SightingReadRow,
    SightingRow,
    StockAccountRow,
    StockCountRow,
    StockEntryRow,
    UsedEntriesRow,
    UseRow,
    WeightAccountRow,
    WeightEntryRow,
)
from schemas.contracts import topic_name

KINDS = ("order", "payment", "waybill")
OUTPUTS = ("release", "hold", "reject", "receipt", "dead-letter", "guarantee-event")

Place = tuple[int, int, int]
"""Kind (1 order, 2 payment, 3 waybill), partition, offset."""


class Record(NamedTuple):
    """A record of a document topic; `log_ms` is its LogAppendTime."""

    log_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Message(NamedTuple):
    """A committed record of an output topic; `topic` without prefix."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes


class Lane(NamedTuple):
    lane: int
    batch_seq: int
    published_seq: int
    record_time: int | None
    swept_incomplete: int | None
    swept_closed: int | None


class Consumed(NamedTuple):
    topic: str
    partition: int
    next_offset: int
    lane: int
    topic_id: str


class DocumentRow(NamedTuple):
    """`value_sha256`: of the stored value, so that the value itself need not travel."""

    order_hash: int
    ebp_code: str
    order_no: str
    kind: int
    partition: int
    kafka_offset: int
    log_time: int
    lane: int
    batch_seq: int
    astray: bool
    waiting: bool
    value_sha256: bytes


class FateRow(NamedTuple):
    kind: int
    partition: int
    kafka_offset: int
    order_hash: int
    ebp_code: str
    order_no: str
    attempt: int
    fate: str
    code: str
    by_partition: int | None
    by_offset: int | None
    lane: int
    batch_seq: int


class OpenReport(NamedTuple):
    order_hash: int
    ebp_code: str
    order_no: str
    attempt: int
    code: str
    missing: int
    first_log_time: int
    reported_at: int
    lane: int
    batch_seq: int


class ManifestRow(NamedTuple):
    order_hash: int
    ebp_code: str
    order_no: str
    attempt: int
    manifest_id: int
    decision_id: bytes
    outcome: str
    queue: str
    return_status: int
    fault_kinds: int
    trade_mode: str
    accepted_at: int
    rule_set: str
    lane: int
    batch_seq: int
    registry_version: int
    guarantor_code: str
    declarant_code: str
    warehouse_code: str
    customs_code: str
    order_partition: int
    order_offset: int
    payment_partition: int
    payment_offset: int
    waybill_partition: int
    waybill_offset: int
    order_digest: bytes
    payment_digest: bytes
    waybill_digest: bytes
    taxed: bool
    dutiable_fen: int | None
    tariff_fen: int
    consumption_tax_fen: int
    vat_fen: int
    tax_fen: int
    ebc_code: str
    goods_value_e5: int | None
    freight_e5: int | None
    discount_e5: int | None
    tax_total_e5: int | None
    actual_paid_e5: int | None
    amount_paid_e5: int | None
    insured_fee_e5: int | None
    waybill_freight_e5: int | None
    weight_e5: int | None
    pack_no: int
    order_time: int
    payment_time: int
    pay_time: int
    waybill_time: int
    order_currency: str
    payment_currency: str
    waybill_currency: str
    pay_code: str
    pay_transaction_id: str
    logistics_code: str
    logistics_no: str
    bill_no: str
    person_key: bytes
    payer_key: bytes
    phone_key: bytes
    address_key: bytes
    counters: bytes | None


class LineRow(NamedTuple):
    manifest_id: int
    line_no: int
    gnum: int
    item_no: str
    hs_code: str
    account_book_item: str
    unit: str
    country: str
    currency: str
    qty_e5: int | None
    price_e5: int | None
    total_price_e5: int | None
    dutiable_fen: int | None
    tariff_fen: int | None
    consumption_tax_fen: int | None
    vat_fen: int | None


class FindingRow(NamedTuple):
    manifest_id: int
    code: str
    outcome: str
    values_read: str


class RevisionRow(NamedTuple):
    manifest_id: int
    revision: int
    decision_id: bytes
    outcome: str
    return_status: int
    registry_version: int
    revised_at: int
    lane: int
    batch_seq: int


class RegistryState(NamedTuple):
    version: int


class RegistryEntryRow(NamedTuple):
    kafka_offset: int
    key: str
    revision: int
    version: int
    lane: int
    batch_seq: int
    value: bytes


class RuleSetRow(NamedTuple):
    rule_set: str
    content: bytes


class RuleEventRow(NamedTuple):
    kafka_offset: int
    revision: int
    version: int
    part: str
    rule_set: str
    share_1e4: int
    by: str
    log_time: int
    lane: int
    batch_seq: int


class ShadowRow(NamedTuple):
    lane: int
    batch_seq: int
    version: int
    manifests: int
    failed: int
    outcomes: str
    codes: str


class DeadLetterRow(NamedTuple):
    topic: str
    partition: int
    kafka_offset: int
    log_time: int
    record_key: bytes | None
    record_value: bytes | None
    headers: str
    code: str
    reason: str
    lane: int
    batch_seq: int


@dataclass(slots=True)
class Tables:
    """Rows by table, one field a table; `uses` is number_use, `entries` quota_entry, `accounts` quota_account, `fates`
    document_fate; `weight_accounts` and `weight_entries` are weight_account and weight_entry, `sighting_reads` is
    sighting_read, and so on."""

    lanes: list[Lane] = field(default_factory=lambda: list[Lane]())
    consumed: list[Consumed] = field(default_factory=lambda: list[Consumed]())
    documents: list[DocumentRow] = field(default_factory=lambda: list[DocumentRow]())
    fates: list[FateRow] = field(default_factory=lambda: list[FateRow]())
    open_reports: list[OpenReport] = field(default_factory=lambda: list[OpenReport]())
    manifests: list[ManifestRow] = field(default_factory=lambda: list[ManifestRow]())
    lines: list[LineRow] = field(default_factory=lambda: list[LineRow]())
    findings: list[FindingRow] = field(default_factory=lambda: list[FindingRow]())
    accounts: list[AccountRow] = field(default_factory=lambda: list[AccountRow]())
    entries: list[EntryRow] = field(default_factory=lambda: list[EntryRow]())
    quota_used: list[UsedEntriesRow] = field(default_factory=lambda: list[UsedEntriesRow]())
    weight_accounts: list[WeightAccountRow] = field(default_factory=lambda: list[WeightAccountRow]())
    weight_entries: list[WeightEntryRow] = field(default_factory=lambda: list[WeightEntryRow]())
    weight_used: list[UsedEntriesRow] = field(default_factory=lambda: list[UsedEntriesRow]())
    guarantee_accounts: list[GuaranteeAccountRow] = field(default_factory=lambda: list[GuaranteeAccountRow]())
    guarantee_entries: list[GuaranteeEntryRow] = field(default_factory=lambda: list[GuaranteeEntryRow]())
    stock_accounts: list[StockAccountRow] = field(default_factory=lambda: list[StockAccountRow]())
    stock_entries: list[StockEntryRow] = field(default_factory=lambda: list[StockEntryRow]())
    stock_counts: list[StockCountRow] = field(default_factory=lambda: list[StockCountRow]())
    held: list[HeldRow] = field(default_factory=lambda: list[HeldRow]())
    revisions: list[RevisionRow] = field(default_factory=lambda: list[RevisionRow]())
    uses: list[UseRow] = field(default_factory=lambda: list[UseRow]())
    dead_letters: list[DeadLetterRow] = field(default_factory=lambda: list[DeadLetterRow]())
    sightings: list[SightingRow] = field(default_factory=lambda: list[SightingRow]())
    sighting_reads: list[SightingReadRow] = field(default_factory=lambda: list[SightingReadRow]())
    dropped: list[DroppedRow] = field(default_factory=lambda: list[DroppedRow]())
    registry_state: list[RegistryState] = field(default_factory=lambda: list[RegistryState]())
    registry_entries: list[RegistryEntryRow] = field(default_factory=lambda: list[RegistryEntryRow]())
    rule_sets: list[RuleSetRow] = field(default_factory=lambda: list[RuleSetRow]())
    rule_events: list[RuleEventRow] = field(default_factory=lambda: list[RuleEventRow]())
    shadow_batches: list[ShadowRow] = field(default_factory=lambda: list[ShadowRow]())


@dataclass(slots=True)
class Evidence:
    """`inputs`: every record of the document topics; `ends`: (kind, partition) → offset after the last one;
    `outputs`: what the output topics hold, in offset order within each partition; `filings`: every record of the registry
    topic by (partition, offset), `rulings`: of the rules topic, `ticks`: of the clock topic."""

    inputs: dict[Place, Record]
    ends: dict[tuple[int, int], int]
    outputs: list[Message]
    tables: Tables
    filings: dict[tuple[int, int], Record] = field(default_factory=lambda: dict[tuple[int, int], Record]())
    rulings: dict[tuple[int, int], Record] = field(default_factory=lambda: dict[tuple[int, int], Record]())
    ticks: dict[tuple[int, int], Record] = field(default_factory=lambda: dict[tuple[int, int], Record]())


def record_place(kind: int, partition: int, offset: int) -> str:
    """Where a record stands, as people write it: cbec.order[3]@1234."""
    return f"{topic_name(KINDS[kind - 1])}[{partition}]@{offset}"


def manifest_place(row: ManifestRow) -> str:
    """The name of a manifest."""
    return f"manifest {row.ebp_code}|{row.order_no} attempt {row.attempt}"


def used_places(row: ManifestRow) -> tuple[Place, Place, Place]:
    """Where the order, the payment and the waybill of a manifest stand."""
    return (
        (1, row.order_partition, row.order_offset),
        (2, row.payment_partition, row.payment_offset),
        (3, row.waybill_partition, row.waybill_offset),
    )
