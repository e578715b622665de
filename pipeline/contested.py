"""Order numbers with more than one document of a kind, a delete, a past or a waybill without platform.

Rare (a few in a hundred), so plain Python over one order number at a time; decisions.md sections 2 and 3.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.documents import KINDS

Place = tuple[int, int, int]  # kind, partition, offset
SECOND = ("DOC-04", "DOC-05", "DOC-06")
CHANGE, DELETE = "2", "3"
MOST_ATTEMPTS = 2**15 - 1  # they are numbered in 16 bits


@dataclass(frozen=True, slots=True)
class Doc:
    """One document. `receiver` is (consignee, telephone, address), of orders and waybills only."""

    kind: int
    index: int
    ebp_code: str
    partition: int
    offset: int
    log_time: datetime
    digest: bytes
    app_type: str
    app_time: datetime
    guid: str
    receiver: tuple[str, str, str] | None

    @property
    def place(self) -> Place:
        return self.kind, self.partition, self.offset

    @property
    def version(self) -> tuple[datetime, str, bytes]:
        return self.app_time, self.guid, self.digest

    @property
    def arrival(self) -> tuple[datetime, int, int, int]:
        return self.log_time, *self.place


@dataclass(frozen=True, slots=True)
class Attempt:
    """A decided attempt: the places and digests of its three documents, by kind."""

    number: int
    rejected: bool
    fault_kinds: int
    places: tuple[Place, Place, Place]
    digests: tuple[bytes, bytes, bytes]

    @property
    def is_last(self) -> bool:
        """Whether no other follows."""
        return not self.rejected or self.number == MOST_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Complete:
    """An attempt that is complete: the document to use of each kind."""

    ebp_code: str
    number: int
    documents: tuple[Doc, Doc, Doc]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a document that is not used; `by` did it, where there is one."""

    document: Doc
    ebp_code: str
    attempt: int
    fate: str
    code: str
    by: Place | None


@dataclass(slots=True)
class Settled:
    complete: list[Complete] = field(default_factory=lambda: list[Complete]())
    fates: list[Fate] = field(default_factory=lambda: list[Fate]())


def settle(
    docs: Iterable[Doc], pasts: Mapping[str, list[Attempt]], fated: set[Place]
) -> Settled:
    """Settle all documents of one orderNo (any platform). `pasts`: attempts by ebpCode, in order."""
    by_platform, everything = _free_documents(docs, pasts, fated)
    settled = Settled()
    for ebp_code, free in by_platform.items():  # waybills that nobody took, under '', are never complete
        _settle_one(ebp_code, free, pasts.get(ebp_code, []), everything, settled)
    return settled


@dataclass(frozen=True, slots=True)
class Open:
    """An attempt that waits: `missing` bits of the kinds without an effective document, `since` the first came."""

    ebp_code: str
    number: int
    missing: int
    since: datetime


def open_attempts(
    docs: Iterable[Doc], pasts: Mapping[str, list[Attempt]], fated: set[Place]
) -> list[Open]:
    """Attempts of one orderNo that have documents of their own and are not complete; waybills nobody took under ''."""
    by_platform, everything = _free_documents(docs, pasts, fated)
    waiting: list[Open] = []
    for ebp_code, free in by_platform.items():
        past = pasts.get(ebp_code, [])
        if past and past[-1].is_last:
            continue
        kept = _kept(past, everything)
        missing = sum(1 << kind for kind in range(len(KINDS)) if _effective(kind, free, kept) is None)
        if missing:
            number = past[-1].number + 1 if past else 1
            waiting.append(Open(ebp_code, number, missing, min(d.log_time for d in free)))
    return waiting


def _free_documents(
    docs: Iterable[Doc], pasts: Mapping[str, list[Attempt]], fated: set[Place]
) -> tuple[dict[str, list[Doc]], dict[Place, Doc]]:
    """Documents nobody used and no fate met, by platform; a stray waybill stands with the order that takes it."""
    everything = {d.place: d for d in docs if d.place not in fated}
    used = {place for past in pasts.values() for attempt in past for place in attempt.places}
    by_platform: dict[str, list[Doc]] = {}
    for doc in everything.values():
        if doc.place not in used:
            by_platform.setdefault(doc.ebp_code, []).append(doc)
    strays = by_platform.pop("", [])
    taker = _taker(by_platform, pasts, everything) if strays else None
    for stray in strays:
        home = taker.ebp_code if taker is not None and taker.receiver == stray.receiver else ""
        by_platform.setdefault(home, []).append(stray)
    return by_platform, everything


def _settle_one(
    ebp_code: str, free: list[Doc], past: list[Attempt], everything: Mapping[Place, Doc], out: Settled
) -> None:
    if past and past[-1].is_last:
        for doc in free:
            out.fates.append(_too_late(doc, ebp_code, past))
        return
    number = past[-1].number + 1 if past else 1
    fresh: list[Doc] = []
    for doc in free:
        if (twin := _used_twin(doc, past)) is not None:
            out.fates.append(Fate(doc, ebp_code, number - 1, "duplicate", "DOC-01", twin))
        else:
            fresh.append(doc)
    kept = _kept(past, everything)
    effective = [_effective(kind, fresh, kept) for kind in range(len(KINDS))]
    order, payment, waybill = effective
    if order is None or payment is None or waybill is None:
        return
    out.complete.append(Complete(ebp_code, number, (order, payment, waybill)))
    rivals = [_rivals(used, fresh, kept) for used in (order, payment, waybill)]
    out.fates += [
        _passed_over(doc, ebp_code, number, rivals[doc.kind]) for doc in fresh if doc is not effective[doc.kind]
    ]


def _effective(kind: int, fresh: list[Doc], kept: list[Doc]) -> Doc | None:
    """The highest version; of equal digests the first (a kept one before all); None when it is a delete."""
    candidates = [k for k in kept if k.kind == kind]
    candidates += sorted((d for d in fresh if d.kind == kind), key=lambda d: d.arrival)
    best = max(candidates, key=lambda d: d.version, default=None)  # max keeps the first of equals
    return None if best is None or best.app_type == DELETE else best


def _kept(past: list[Attempt], everything: Mapping[Place, Doc]) -> list[Doc]:
    if not past:
        return []
    last = past[-1]
    return [
        everything[place]
        for kind, place in enumerate(last.places)
        if not last.fault_kinds & (1 << kind) and place in everything
    ]


def _used_twin(doc: Doc, past: list[Attempt]) -> Place | None:
    for attempt in past:
        if attempt.digests[doc.kind] == doc.digest:
            return attempt.places[doc.kind]
    return None


def _too_late(doc: Doc, ebp_code: str, past: list[Attempt]) -> Fate:
    last = past[-1]
    if (twin := _used_twin(doc, past)) is not None:
        return Fate(doc, ebp_code, last.number, "duplicate", "DOC-01", twin)
    code = {CHANGE: "DOC-07", DELETE: "DOC-08"}.get(doc.app_type, SECOND[doc.kind])
    return Fate(doc, ebp_code, last.number, "refused", code, last.places[doc.kind])


@dataclass(frozen=True, slots=True)
class Rivals:
    """Of the candidates of a kind: the one that is used, the first to come of each digest, and the highest delete."""

    used: Doc
    first: Mapping[bytes, Doc]
    delete: Doc | None


def _rivals(used: Doc, fresh: list[Doc], kept: list[Doc]) -> Rivals:
    """What the fates of all candidates of a kind need, found once: there may be thousands of one order number."""
    candidates = [d for d in [*fresh, *kept] if d.kind == used.kind]
    latest_first = sorted(candidates, key=lambda d: d.arrival, reverse=True)
    deletes = (d for d in candidates if d.app_type == DELETE)
    return Rivals(used, {d.digest: d for d in latest_first}, max(deletes, key=lambda d: d.version, default=None))


def _passed_over(doc: Doc, ebp_code: str, number: int, rivals: Rivals) -> Fate:
    """The fate of a candidate that the complete attempt does not use."""
    if (first := rivals.first[doc.digest]) is not doc:
        return Fate(doc, ebp_code, number, "duplicate", "DOC-01", first.place)
    by = rivals.delete.place if rivals.delete is not None and rivals.delete.version > doc.version else None
    if doc.app_type == DELETE or by is not None:
        return Fate(doc, ebp_code, number, "deleted", "DOC-03", by)
    if CHANGE in (doc.app_type, rivals.used.app_type):
        return Fate(doc, ebp_code, number, "superseded", "DOC-02", rivals.used.place)
    return Fate(doc, ebp_code, number, "refused", SECOND[doc.kind], rivals.used.place)


def _taker(by_platform: Mapping[str, list[Doc]], pasts: Mapping[str, list[Attempt]], everything: Mapping[Place, Doc]) -> Doc | None:
    """The order that takes the waybills without ebpCode of its receiver, all of them: else a change or a delete that names no
    platform either would not find the one it is of. The only one that is open without a waybill of its own platform; where none
    is, the only one that is over and used a waybill without ebpCode: what comes now is of that, and too late."""
    open_ones: list[Doc] = []
    over: list[Doc] = []
    for ebp_code in {*by_platform, *pasts}:
        past = pasts.get(ebp_code, [])
        if past and past[-1].is_last:
            order, _, waybill = (everything.get(place) for place in past[-1].places)
            if order is not None and waybill is not None and not waybill.ebp_code:
                over.append(order)
            continue
        fresh = [d for d in by_platform.get(ebp_code, []) if _used_twin(d, past) is None]
        kept = _kept(past, everything)
        order, own = _effective(0, fresh, kept), _effective(2, fresh, [k for k in kept if k.ebp_code])
        if order is not None and own is None:
            open_ones.append(order)
    found = open_ones or over
    return found[0] if len(found) == 1 else None
