"""Checks of one decided attempt: recompute it from its three documents, compare rows and published messages."""

import json
from collections.abc import Sequence, Set
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from loadtest.verify import documents, published, told
from loadtest.verify.commits import Turn
from loadtest.verify.counting import Pending, pending
from loadtest.verify.documents import Document, NoDocument
from loadtest.verify.evidence import (
    KINDS,
    FindingRow,
    LineRow,
    ManifestRow,
    Message,
    Record,
    manifest_place,
    record_place,
    used_places,
)
from loadtest.verify.goods import Goods, goods_of
from loadtest.verify.judging import QUARANTINED, UNKNOWN, Conclusion, conclude, derive, rule_findings, weights
from loadtest.verify.law import DayLaw, LawData, day_number
from loadtest.verify.proof import Report
from loadtest.verify.registry import Registry, guaranteed, stocked
from loadtest.verify.samples import CODES as SAMPLES
from loadtest.verify.samples import Seeds
from loadtest.verify.shadow import Tried, try_again

LEDGER = frozenset({"PAY-03", "WAY-06", "LIM-03", "LIM-04"})
GUARANTEE = frozenset({"GUA-01", "GUA-02"})
STOCK = frozenset({"STK-01", "STK-02"})
MOST_ASKED = 3 * 10**14
ASKED = LEDGER | GUARANTEE | STOCK
NOT_BY_RULES = ASKED.union(SAMPLES)
NONE = frozenset[str]()
Found = tuple[Document | NoDocument | None, ...]
"""Order, payment and waybill of a case; None where the place is empty."""
Taxes = list[tuple[int, int, int, int]]
UNTAXED = (None, None, None, None)
Account = tuple[Any, ...]
"""The key of an account, as its table has it: a person's pseudonym, a year, of weights also a group."""
ReadBy = dict[str, dict[str, Any]]
"""Values read by findings, by code."""
NOTHING_READ: ReadBy = {}


class Case(NamedTuple):
    """Everything about one decided attempt. `records`: of order, payment, waybill, None where the place is empty; the ids
    are those that its messages have to have."""

    row: ManifestRow
    lines: list[LineRow]
    findings: list[FindingRow]
    records: tuple[Record | None, Record | None, Record | None]
    decision: Message | None
    receipt: Message | None
    decision_id: bytes
    receipt_id: str


class Secured(NamedTuple):
    """What a manifest needs of its guarantor, in fen: 0 where nothing is due or known, or nobody guarantees."""

    guarantor: str
    amount: int
    limit: int


class Asked(NamedTuple):
    """What a manifest takes of an item of stock, in 10⁻⁵ of `unit` (empty: its lines have several), and what was entered of it
    that counts; None when nothing is."""

    amount: int
    unit: str
    entered: int | None


class Facts(NamedTuple):
    """What the ledgers have to know of an attempt. `asks`: the rules did not reject it; `accepted`: nothing
    did, and no number or account refused it, so it takes of the ledgers; `quota`, `weights`: account →
    (amount, limit) that it needs, in fen and mg; `completing`: (ms, kind, partition, offset) of the document that
    completed it; `refused`, `unsecured`: values read by its findings of ledgers and of guarantees, by code; `subjects`: the
    first eight bytes of the pseudonyms of person, phone and address, as a number; `pay_firm`: four bytes of the hash of the firm
    that paid; `version`: of registry and rule set; `counted`: values read by its findings that counters lead to, by code;
    `counters`: as its row keeps them; `waits`: what these findings go by besides; `tried`: what a rule set that is tried makes of it;
    `stock`: by item of an account book; `short`: values read by its finding of stock, by code."""

    manifest_id: int
    place: str
    holder: str
    asks: bool
    accepted: bool
    outcome: str
    accepted_at: int
    quota: dict[Account, tuple[int, int]]
    weights: dict[Account, tuple[int, int]]
    reuse_months: int
    number_p: str
    number_w: str
    completing: tuple[int, int, int, int]
    lane_batch: tuple[int, int]
    refused: ReadBy
    secured: Secured
    unsecured: ReadBy
    version: int
    order_hash: int
    subjects: tuple[int, int, int]
    rules_ran: bool
    counted: ReadBy
    counters: bytes | None
    pay_firm: int
    goods: Goods
    waits: Pending | None
    tried: Tried | None
    stock: dict[str, Asked]
    short: ReadBy

    @property
    def turn(self) -> Turn:
        """When it was decided."""
        return Turn(self.lane_batch, self.completing)


def check(
    case: Case, found: Found, law: LawData, registry: Registry, topics: Sequence[str], person_key: bytes, report: Report,
    seeds: Seeds = (),
) -> Facts | None:  # fmt: skip
    """Compare a case with what the law says of it and the registry at its version; None when its documents cannot be read.

    `found`: what its records hold; `topics`: full names of those of orders, payments and waybills.
    """
    place = manifest_place(case.row)
    read = _documents(case, found, place, report)
    if read is None:
        return None
    order, payment, waybill = read
    row = case.row
    completing = max([(record.log_ms, *where) for where, record in zip(used_places(row), case.records, strict=True) if record is not None])
    accepted_at = completing[0]
    day_no = day_number(accepted_at)
    day = law.of_day(day_no)
    derived = derive(order, payment, waybill, accepted_at, day, registry, row.registry_version)
    stored = frozenset([f.code for f in case.findings]) if case.findings else NONE
    class_, known = derived["ecommerce_class"], derived["tax_known"]
    waits = None
    true = rule_findings(order, payment, waybill, derived, day)
    if QUARANTINED in stored:  # a rule could not be run on it: it must be held, and is told, for here each could
        by_rules: Set[str] = {QUARANTINED}
        told.compare(f"{place} finding {QUARANTINED}", told.NOTHING_TOLD, _read_by(case.findings, by_rules)[QUARANTINED], report)
        report.counts["quarantined"] += 1
        report.differs(place, "quarantine", f"what the rules say: {sorted(true)}", QUARANTINED)
    else:
        waits = pending(true, order, payment, waybill, derived, day)
        by_rules, signs = day.risk.found(true)
        if stored:
            waits = _compare_told(case, stored & by_rules, signs, waits, read, derived, day, place, report)
        by_rules = by_rules - day.counter_codes | stored & day.counter_codes  # which are checked when all manifests are known
        if not by_rules or conclude(by_rules, law, day, class_, known).outcome == "RELEASE":
            codes_of = [line["hs_code"] for line in order["orderList"]]
            sample = day.samples.draw(case.decision_id, class_, codes_of, derived["trade_mode"], seeds)
            by_rules |= sample.keys()
            _compare_sample(case, sample, place, report)
    codes = by_rules | stored & ASKED
    verdict = conclude(codes, law, day, class_, known)
    outcomes = {code: day.classes.says(code, class_)[0] for code in codes} if codes else {}
    asks = (verdict if codes == by_rules else conclude(by_rules, law, day, class_, known)).outcome != "REJECT"
    taxed = derived["taxes"] if verdict.taxed else []
    expected = _row(case, read, derived, verdict, taxed, accepted_at, law.version, person_key)
    _compare_row(row, expected, place, report)
    _compare_findings(case, stored, outcomes, asks, law, place, report)
    _compare_lines(case, order, taxed, place, report)
    published.check_decision(case.decision, expected, order, taxed, outcomes, topics, place, report)
    published.check_manifest_receipt(case.receipt, expected, case.receipt_id, {c for c in codes if outcomes[c] == verdict.outcome != "RELEASE"}, place, report)
    _count(expected, order, report)
    due = derived["tax_due_fen"] if derived["guarantor_code"] and derived["tax_known"] and QUARANTINED not in stored else 0
    limit = guaranteed(registry, row.registry_version, derived["guarantor_code"], day_no) if due else 0
    if stored & GUARANTEE and (stored & LEDGER or not due):
        report.differs(place, "findings", "no guarantee is asked of what is refused or owes nothing", sorted(stored))
    stock = _stock(order["orderList"], registry, row.registry_version, day_no)
    if stored & STOCK and (not stock or stored & (LEDGER | GUARANTEE)):
        report.differs(place, "findings", "no stock is asked of what is refused or orders nothing bonded, and no guarantee after it", sorted(stored))
    secured = Secured(derived["guarantor_code"], due, limit)
    tried = try_again(row, read, accepted_at, codes, stored & NOT_BY_RULES, registry)
    return _facts(case, expected, order, completing, asks, day, place, secured, waits, tried, stock)


def _stock(lines: list[Document], registry: Registry, version: int, day: int) -> dict[str, Asked]:
    """What derived lines take, by item."""
    found: dict[str, tuple[int, str]] = {}
    for line in lines:
        item, qty_e5 = line["account_book_item"], line["qty_e5"]
        if item and qty_e5 is not None and qty_e5 > 0:
            amount, unit = found.get(item, (0, line["unit"]))
            found[item] = amount + qty_e5, unit if unit == line["unit"] else ""
    return {
        item: Asked(min(amount, MOST_ASKED), unit, stocked(registry, version, item, day, unit)) for item, (amount, unit) in found.items()
    }


def found_in(cases: Sequence[Case]) -> list[Found]:
    """What the records of some cases hold: read together, because many are read at little more than the price of one."""
    columns: list[list[Document | NoDocument | None]] = []
    for number, kind in enumerate(KINDS):
        records = [case.records[number] for case in cases]
        documents_found = iter(documents.read_all(kind, [record for record in records if record is not None]))
        columns.append([None if record is None else next(documents_found) for record in records])
    return list(zip(*columns, strict=True))


def _documents(
    case: Case, found: Found, place: str, report: Report
) -> tuple[Document, Document, Document] | None:
    read: list[Document] = []
    for number, (kind, document) in enumerate(zip(KINDS, found, strict=True)):
        if document is None:
            report.differs(place, f"its {kind}", "a record in the topic", "none at the place it names")
            continue
        if isinstance(document, NoDocument):
            report.differs(place, f"its {kind}", "a document", f"a dead letter {document.code}")
            continue
        if document["orderNo"] != case.row.order_no or document["ebpCode"] not in (case.row.ebp_code, ""):
            report.differs(place, f"its {kind}", "a document of this order number", "one of another")
        if document["appType"] == "3":
            where = record_place(*used_places(case.row)[number])
            report.differs(where, "use", "a delete is used by nobody", place)
        read.append(document)
    if len(read) < len(KINDS):
        return None
    order, payment, waybill = read
    receiver = ("consignee", "consigneeTelephone", "consigneeAddress")
    if waybill["ebpCode"] == "" and any(order[f] != waybill[f] for f in receiver):
        report.differs(place, "its waybill without ebpCode", "the receiver of the order", "another receiver")
    return order, payment, waybill


def _row(
    case: Case,
    read: tuple[Document, Document, Document],
    derived: Document,
    verdict: Conclusion,
    taxed: Taxes,
    accepted_at: int,
    rule_set: str,
    person_key: bytes,
) -> ManifestRow:
    """The row as it has to be; what only the pipeline can choose (lane, batch, number, places) is taken over, and what takes all
    manifests to know (counters)."""
    row = case.row
    order, payment, waybill = read
    digests = [documents.digest(record.value or b"") for record in case.records if record is not None]
    tariff, consumption, vat = [sum(column) for column in [*zip(*taxed, strict=True)][1:]] if taxed else (0, 0, 0)
    orderer, payer = order["buyerIdNumber"].upper(), payment["payerIdNumber"].upper()
    person = _pseudonym(orderer, person_key)
    return ManifestRow._make((
        documents.order_hash(row.order_no), row.ebp_code, row.order_no, row.attempt, row.manifest_id,
        case.decision_id, verdict.outcome, verdict.queue, verdict.return_status, verdict.fault_kinds,
        derived["trade_mode"], accepted_at, rule_set, row.lane, row.batch_seq, row.registry_version,
        derived["guarantor_code"], derived["declarant_code"], derived["warehouse_code"], derived["customs_code"],
        row.order_partition, row.order_offset, row.payment_partition, row.payment_offset, row.waybill_partition,
        row.waybill_offset, *digests, verdict.taxed, derived["dutiable_fen"], tariff, consumption, vat, tariff + consumption + vat,
        order["ebcCode"], order["goodsValue_e5"], order["freight_e5"], order["discount_e5"], order["taxTotal_e5"],
        order["actualPaid_e5"], payment["amountPaid_e5"], waybill["insuredFee_e5"], waybill["freight_e5"],
        waybill["weight_e5"], waybill["packNo"], order["appTime"], payment["appTime"], payment["payTime"],
        waybill["appTime"], order["currency"], payment["currency"], waybill["currency"], payment["payCode"],
        payment["payTransactionId"], waybill["logisticsCode"], waybill["logisticsNo"], waybill["billNo"],
        person, person if payer == orderer else _pseudonym(payer, person_key),
        _pseudonym(order["consigneeTelephone"], person_key), _pseudonym(order["consigneeAddress"], person_key), row.counters,
    ))  # fmt: skip


def decision_id(row: ManifestRow, revision: int = 1) -> bytes:
    """BLAKE2b-128 of key, attempt and revision."""
    return blake2b(f"{row.ebp_code}|{row.order_no}|{row.attempt}|{revision}".encode(), digest_size=16).digest()


def _pseudonym(text: str, key: bytes) -> bytes:
    return blake2b(text.encode(), digest_size=16, key=key).digest()


def _first(pseudonym: bytes) -> int:
    return int.from_bytes(pseudonym[:8], "big", signed=True)


def _compare_row(row: ManifestRow, expected: ManifestRow, place: str, report: Report) -> None:
    if row != expected:
        for name, want, have in zip(ManifestRow._fields, expected, row, strict=True):
            report.same(place, name, want, have)
    if row.manifest_id >> 16 != (row.lane << 32) + row.batch_seq:
        report.differs(place, "manifest_id", f"lane {row.lane} and batch {row.batch_seq} packed", row.manifest_id)


def _compare_findings(
    case: Case, stored: Set[str], outcomes: dict[str, str], asks: bool, law: LawData, place: str, report: Report
) -> None:
    """`stored`: codes; `outcomes`: of the codes that had to be found."""
    if stored != outcomes.keys():
        report.differs(place, "findings", sorted(outcomes), sorted(stored))
    if not asks and stored & ASKED:
        report.differs(place, "findings", "no ledger is asked when the rules reject", sorted(stored))
    for finding in case.findings:
        report.same(f"{place} finding {finding.code}", "outcome", outcomes.get(finding.code), finding.outcome)
        for column in told.unmasked(json.loads(finding.values_read), law.personal):
            report.differs(f"{place} finding {finding.code}", f"values read: {column}", "masked", "in the clear")


def _compare_told(
    case: Case, found: Set[str], signs: dict[str, tuple[int, tuple[str, ...]]], waits: Pending, read: tuple[Document, Document, Document],
    derived: Document, day: DayLaw, place: str, report: Report,
) -> Pending:  # fmt: skip
    """What the `found` of its findings tell; `signs`: score and indicators of those about risk. With what waits for the counters, should a
    finding rest on them."""
    records, lines = {**dict(zip(KINDS, read, strict=True)), "derived": derived}, read[0]["orderList"]
    for finding in case.findings:
        code, tells = finding.code, json.loads(finding.values_read)
        if code in day.counter_codes:
            shown = {sign: told.by_rule(sign, records, lines, day) for sign in waits.signs & day.risk.indicators.keys()}
            waits = waits._replace(shown=shown, unknown=tuple(told.by_unknown(records, lines, day)) if code == UNKNOWN else waits.unknown)
        elif code in found:
            if code == UNKNOWN:
                want = told.conditions(told.by_unknown(records, lines, day))
            elif code in signs:
                want = told.by_risk(*signs[code], lambda sign: told.by_rule(sign, records, lines, day))
            else:
                want = told.by_rule(code, records, lines, day)
            told.compare(f"{place} finding {code}", want, tells, report)
    return waits


def _compare_sample(case: Case, sample: dict[str, dict[str, str]], place: str, report: Report) -> None:
    """`sample`: what the finding that drew the manifest has to tell, by its code."""
    for finding in case.findings:
        if finding.code in sample:
            report.same(f"{place} finding {finding.code}", "the draw", sample[finding.code], json.loads(finding.values_read))


def _compare_lines(case: Case, order: Document, taxed: Taxes, place: str, report: Report) -> None:
    lines: list[Document] = order["orderList"]
    stored = sorted(case.lines, key=lambda x: x.line_no) if len(case.lines) > 1 else case.lines
    report.counts["lines"] += len(lines)
    if len(stored) != len(lines):
        report.differs(place, "number of lines", len(lines), len(stored))
    for n, (line, have) in enumerate(zip(lines, stored, strict=False)):
        want = (
            case.row.manifest_id, n + 1, line["gnum"], line["itemNo"], line["hs_code"], line["account_book_item"],
            line["unit"], line["country"], line["currency"], line["qty_e5"], line["price_e5"], line["totalPrice_e5"],
            *(taxed[n] if taxed else UNTAXED),
        )  # fmt: skip
        if want != have:
            for name, a, b in zip(LineRow._fields, want, have, strict=True):
                report.same(f"{place} line {n + 1}", name, a, b)


def _count(row: ManifestRow, order: Document, report: Report) -> None:
    report.counts["manifests"] += 1
    report.counts[row.outcome] += 1
    report.counts["taxed"] += row.taxed
    report.counts["tariff_fen"] += row.tariff_fen
    report.counts["consumption_tax_fen"] += row.consumption_tax_fen
    report.counts["vat_fen"] += row.vat_fen
    report.counts["tax_fen"] += row.tax_fen


def _number(letter: str, code: str, number: str) -> str:
    """A number in use: of code and number the first 100 characters count."""
    return f"{letter}|{code[:100]}|{number[:100]}"


def _facts(
    case: Case, expected: ManifestRow, order: Document, completing: tuple[int, int, int, int], asks: bool, day: DayLaw, place: str,
    secured: Secured, waits: Pending | None, tried: Tried | None, stock: dict[str, Asked],
) -> Facts:  # fmt: skip
    row, lines = case.row, order["orderList"]
    account = (expected.person_key, day.year)
    refused = _read_by(case.findings, LEDGER)
    return Facts(
        row.manifest_id, place, f"{row.ebp_code}|{row.order_no}", asks, expected.outcome != "REJECT" and not refused, expected.outcome,
        expected.accepted_at, {account: (expected.dutiable_fen or 0, day.annual_limit_fen)},
        {(*account, group): needed for group, needed in weights(lines).items()},
        day.waybill_reuse_months, _number("P", expected.pay_code, expected.pay_transaction_id),
        _number("W", expected.logistics_code, expected.logistics_no), completing, (row.lane, row.batch_seq),
        refused, secured, _read_by(case.findings, GUARANTEE), row.registry_version, expected.order_hash,
        (_first(expected.person_key), _first(expected.phone_key), _first(expected.address_key)),
        all([f.code != QUARANTINED for f in case.findings]), _read_by(case.findings, day.counter_codes), row.counters,
        _firm(expected.pay_code), goods_of(lines), waits, tried, stock, _read_by(case.findings, STOCK),
    )  # fmt: skip


def _read_by(findings: list[FindingRow], codes: Set[str]) -> ReadBy:
    return {f.code: json.loads(f.values_read) for f in findings if f.code in codes} if findings else NOTHING_READ


@lru_cache
def _firm(code: str) -> int:
    return int.from_bytes(blake2b(code.encode(), digest_size=4).digest(), "big", signed=True)
