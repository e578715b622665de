"""Order numbers with more to them than one attempt of three documents: their documents, attempts and fates together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from loadtest.verify import documents
from loadtest.verify.documents import NoDocument
from loadtest.verify.evidence import DocumentRow, FateRow, ManifestRow, Place, Record, used_places
from loadtest.verify.whereabouts import Whereabouts

DELETE, CHANGE = "3", "2"
MOST_ATTEMPTS = 32_767
RECEIVER = ("consignee", "consigneeTelephone", "consigneeAddress")


class Candidate(NamedTuple):
    """A document as the join sees it. `receiver`: of orders and waybills; `lane`, `batch_seq`: that stored it; `waiting`: as stored."""

    place: Place
    ebp_code: str
    log_ms: int
    digest: bytes
    app_type: str
    app_time: int
    guid: str
    receiver: tuple[str, ...]
    lane: int
    batch_seq: int
    waiting: bool

    @property
    def version(self) -> tuple[int, str, bytes]:
        """The highest is the effective one."""
        return self.app_time, self.guid, self.digest

    @property
    def arrival(self) -> tuple[int, int, int, int]:
        """Log time, kind, partition, offset."""
        return self.log_ms, *self.place


def may_follow(row: ManifestRow) -> bool:
    """Whether an attempt leaves room for another."""
    return row.outcome == "REJECT" and row.attempt < MOST_ATTEMPTS


@dataclass
class Order:
    """Everything known under one order number, of any platform."""

    order_no: str
    documents: dict[Place, Candidate] = field(default_factory=lambda: dict[Place, Candidate]())
    attempts: dict[str, list[ManifestRow]] = field(default_factory=lambda: dict[str, list[ManifestRow]]())
    fates: dict[Place, FateRow] = field(default_factory=lambda: dict[Place, FateRow]())

    @cached_property
    def used_in(self) -> dict[Place, list[tuple[str, int]]]:
        """Place → (ebpCode, attempt) of the attempts that used it."""
        found: dict[Place, list[tuple[str, int]]] = {}
        for ebp_code, attempts in self.attempts.items():
            for row in attempts:
                for place in used_places(row):
                    found.setdefault(place, []).append((ebp_code, row.attempt))
        return found

    @cached_property
    def free(self) -> list[Candidate]:
        """Documents that no attempt used and no fate met, in arrival order."""
        left = (d for p, d in self.documents.items() if p not in self.used_in and p not in self.fates)
        return sorted(left, key=lambda d: d.arrival)

    def kept(self, last: ManifestRow | None) -> list[Candidate]:
        """Documents of a rejected attempt whose kind was not at fault: they stand for the next."""
        if last is None or last.outcome != "REJECT":
            return []
        places = (p for n, p in enumerate(used_places(last)) if not last.fault_kinds & (1 << n))
        return [self.documents[p] for p in places if p in self.documents]

    def last(self, ebp_code: str) -> ManifestRow | None:
        """The last attempt decided at a platform."""
        attempts = self.attempts.get(ebp_code)
        return attempts[-1] if attempts else None

    def stray_receiver(self, row: ManifestRow) -> tuple[str, ...] | None:
        """Whose waybill without ebpCode an attempt used: the receiver of its order; None when it used none such."""
        ordered, _, carried = (self.documents.get(place) for place in used_places(row))
        return ordered.receiver if ordered is not None and carried is not None and not carried.ebp_code else None

    def is_open(self, ebp_code: str) -> bool:
        """Whether nothing is decided yet, or another attempt may follow."""
        last = self.last(ebp_code)
        return last is None or may_follow(last)


def effective(kind: int, fresh: Iterable[Candidate], kept: Iterable[Candidate]) -> Candidate | None:
    """The candidate of a kind with the highest version, of equal digests the first; None when that is a delete."""
    ranked = [d for d in kept if d.place[0] == kind]
    ranked += sorted((d for d in fresh if d.place[0] == kind), key=lambda d: d.arrival)
    best = max(ranked, key=lambda d: d.version, default=None)  # of equals, max takes the first
    return best if best is not None and best.app_type != DELETE else None


def needing_a_look(manifests: Iterable[ManifestRow], found: Whereabouts) -> set[str]:
    """Order numbers with more to them than documents that one attempt used, all in its lane's partition; those with a fate or
    a report besides."""
    numbers = {found.rows[p].order_no for p in found.open}
    counts: dict[tuple[str, str], int] = {}
    for m in manifests:
        key = m.ebp_code, m.order_no
        counts[key] = counts.get(key, 0) + 1
        together = m.lane == m.order_partition == m.payment_partition == m.waybill_partition
        stray = found.rows.get((3, m.waybill_partition, m.waybill_offset))
        if counts[key] > 1 or m.attempt != 1 or not together or (stray is not None and stray.ebp_code == ""):
            numbers.add(m.order_no)
    return numbers


def orders_of(
    numbers: Iterable[str], documents_of: Mapping[Place, tuple[DocumentRow, Record]], manifests: Iterable[ManifestRow],
    fates: Mapping[Place, FateRow],
) -> list[Order]:  # fmt: skip
    """Orders of these numbers, with all documents, manifests and fates there are of them."""
    orders = {number: Order(number) for number in sorted(numbers)}
    for place, (row, record) in documents_of.items():
        if (candidate := _candidate(record, place, row)) is not None:
            orders[row.order_no].documents[place] = candidate
    for m in sorted(manifests, key=lambda m: m.attempt):
        orders[m.order_no].attempts.setdefault(m.ebp_code, []).append(m)
    for place, fate in fates.items():
        orders[fate.order_no].fates[place] = fate
    return list(orders.values())


def _candidate(record: Record, place: Place, row: DocumentRow) -> Candidate | None:
    try:
        document: dict[str, Any] = documents.read(documents.kind_name(place[0]), record.key, record.value)
    except NoDocument:
        return None  # reported where the record is accounted for
    return Candidate(
        place, document["ebpCode"], record.log_ms, documents.digest(record.value or b""), document["appType"],
        document["appTime"], document["guid"], tuple(document.get(f, "") for f in RECEIVER), row.lane, row.batch_seq, row.waiting,
    )  # fmt: skip
