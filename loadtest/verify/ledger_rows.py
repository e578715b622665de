"""Rows of the ledgers and of what counters are counted from, as the tables have them (evidence.py)."""

from typing import NamedTuple


class AccountRow(NamedTuple):
    person_key: bytes
    year: int
    entry_no: int
    reserved_fen: int
    used_fen: int


class EntryRow(NamedTuple):
    person_key: bytes
    year: int
    entry_no: int
    manifest_id: int
    movement: str
    debit: str
    credit: str
    amount_fen: int
    reserved_after_fen: int
    used_after_fen: int


class UsedEntriesRow(NamedTuple):
    """Of entries that are packed: where they are looked for, and of which manifests they are."""

    lane: int
    batch_seq: int
    manifest_ids: list[int]


class WeightAccountRow(NamedTuple):
    person_key: bytes
    year: int
    weight_group: str
    entry_no: int
    reserved_mg: int
    used_mg: int


class WeightEntryRow(NamedTuple):
    person_key: bytes
    year: int
    weight_group: str
    entry_no: int
    manifest_id: int
    movement: str
    debit: str
    credit: str
    amount_mg: int
    reserved_after_mg: int
    used_after_mg: int


class UseRow(NamedTuple):
    number: str
    use_no: int
    order_hash: int
    ebp_code: str
    order_no: str
    manifest_id: int
    accepted_at: int


class GuaranteeAccountRow(NamedTuple):
    guarantor_code: str
    entry_no: int
    frozen_fen: int


class GuaranteeEntryRow(NamedTuple):
    """`moved`: (manifest_id, fen) of each of `entries`, packed."""

    guarantor_code: str
    entry_no: int
    entries: int
    frozen_after_fen: int
    moved: bytes
    lane: int
    batch_seq: int


class StockAccountRow(NamedTuple):
    book_item: str
    entry_no: int
    reserved_e5: int
    used_e5: int
    difference_e5: int
    counts: int


class StockEntryRow(NamedTuple):
    """`moved`: (manifest_id, quantity, number of its movement) of each entry, packed; the rest by item."""

    lane: int
    batch_seq: int
    book_items: list[str]
    entry_nos: list[int]
    entries: list[int]
    reserved_after_e5: list[int]
    used_after_e5: list[int]
    moved: bytes


class StockCountRow(NamedTuple):
    book_item: str
    entry_no: int
    kafka_offset: int
    counted_e5: int
    entered_e5: int
    used_e5: int
    amount_e5: int
    difference_after_e5: int
    lane: int
    batch_seq: int


class HeldRow(NamedTuple):
    manifest_id: int
    lane: int
    waits_for: str
    amount: int
    accepted_at: int
    order_hash: int
    ebp_code: str
    order_no: str
    attempt: int


class SightingRow(NamedTuple):
    manifest_id: int
    accepted_at: int
    order_hash: int
    person: int
    phone: int
    address: int
    pay_firm: int
    of_person: bool
    of_phone: bool
    of_address: bool


class SightingReadRow(NamedTuple):
    lane: int
    batch_seq: int
    batch: str
    seen: str


class DroppedRow(NamedTuple):
    table_name: str
    before: int
