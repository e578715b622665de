"""Attempts and fates of contested order numbers: there has to be an order of commits that leads to them.

What the tables say of that order: a fate that carries lane and batch of a decision was given by it; within a lane,
batches follow each other, so a document stored up to a batch was seen by it. Of commits in other lanes nothing is
known.
"""

from collections.abc import Sequence

from loadtest.verify.documents import order_hash
from loadtest.verify.evidence import FateRow, ManifestRow, Place, manifest_place, record_place, used_places
from loadtest.verify.orders import CHANGE, DELETE, Candidate, Order, effective, may_follow
from loadtest.verify.proof import Report

SECOND = {1: "DOC-04", 2: "DOC-05", 3: "DOC-06"}
FATE_OF = {"DOC-01": "duplicate", "DOC-02": "superseded", "DOC-03": "deleted"}


def check_order(order: Order, report: Report) -> None:
    """Check every attempt and every fate of an order number."""
    report.counts["contested_order_numbers"] += 1
    for place, uses in order.used_in.items():
        if len({ebp_code for ebp_code, _ in uses}) > 1:
            report.differs(record_place(*place), "use", "by one order", "by orders of several platforms")
    for attempts in order.attempts.values():
        for n, row in enumerate(attempts, start=1):
            report.same(manifest_place(row), "number of its attempt", n, row.attempt)
            _check_lane(order, manifest_place(row), row, report)
            _check_attempt(order, row, attempts[n - 2] if n > 1 else None, report)
            _check_nothing_missed(order, row, report)
    for place, fate in order.fates.items():
        _check_lane(order, record_place(*place), fate, report)
        _check_fate(order, place, fate, report)


def _check_lane(order: Order, place: str, row: ManifestRow | FateRow, report: Report) -> None:
    """Whoever decides has a document of the order number, if only a duplicate: its lane is asked whose it is."""
    if not any(d.lane == row.lane and d.batch_seq <= row.batch_seq for d in order.documents.values()):
        report.differs(place, "lane", "one by which a document of its order number had come", f"{row.lane} in batch {row.batch_seq}")


def _check_attempt(order: Order, row: ManifestRow, previous: ManifestRow | None, report: Report) -> None:
    place = manifest_place(row)
    if previous is not None:
        if not may_follow(previous):
            report.differs(place, "a further attempt", "only after a REJECT, and not the last", f"after a {previous.outcome}")
        if previous.lane == row.lane and previous.batch_seq >= row.batch_seq:
            report.differs(place, "batch_seq", f"after {previous.batch_seq}", row.batch_seq)
    kept = order.kept(previous)
    kept_places = {d.place for d in kept}
    for where in used_places(row):
        earlier = [n for ebp_code, n in order.used_in[where] if ebp_code == row.ebp_code and n < row.attempt]
        if earlier and where not in kept_places:
            report.differs(record_place(*where), "use", "once, unless kept after a REJECT", f"{place} and {earlier}")
        candidates = _decided_with(order, row, where, kept)
        best = effective(where[0], candidates, [k for k in kept if k.place[0] == where[0]])
        if best is None or best.place != where:
            better = record_place(*best.place) if best is not None else "none: a delete is the highest"
            report.differs(place, f"effective document of kind {where[0]}", better, record_place(*where))


def _decided_with(order: Order, row: ManifestRow, used: Place, kept: Sequence[Candidate]) -> list[Candidate]:
    """Candidates of a kind that were not kept: the used one and those that got a fate with the decision."""
    kept_places = {d.place for d in kept}
    places = [p for p, f in order.fates.items() if p[0] == used[0] and given_by(f, row)]
    chosen = [order.documents[p] for p in [used, *places] if p in order.documents]
    return [d for d in chosen if d.place not in kept_places]


def given_by(fate: FateRow, row: ManifestRow) -> bool:
    """Whether the decision itself gave it."""
    theirs = (row.ebp_code, row.attempt, row.lane, row.batch_seq)
    return (fate.ebp_code, fate.attempt, fate.lane, fate.batch_seq) == theirs


def _check_nothing_missed(order: Order, row: ManifestRow, report: Report) -> None:
    """What the deciding lane had stored by then was used, has its fate, or was used before."""
    for place, d in order.documents.items():
        if not _is_of(order, d, row) or d.lane != row.lane or d.batch_seq > row.batch_seq:
            continue
        if any(n <= row.attempt for _, n in order.used_in.get(place, ())):
            continue
        fate = order.fates.get(place)
        if fate is None or (fate.lane == row.lane and fate.batch_seq > row.batch_seq):
            by_it = f"one by the decision of {manifest_place(row)}"
            report.differs(record_place(*place), "fate", by_it, "left over by it")


def _is_of(order: Order, document: Candidate, row: ManifestRow) -> bool:
    """Whether an attempt had it among its candidates once it was there: one that took a waybill without platform took all others
    without one that agree with its order."""
    if document.ebp_code:
        return document.ebp_code == row.ebp_code
    if (row.ebp_code, row.attempt) != min(order.used_in[used_places(row)[2]]):
        return False  # one that was kept says nothing of what else it could have taken
    return order.stray_receiver(row) == document.receiver


def _check_fate(order: Order, place: Place, fate: FateRow, report: Report) -> None:
    where = record_place(*place)
    document = order.documents.get(place)
    attempts = order.attempts.get(fate.ebp_code, [])
    if document is None:
        report.differs(where, "fate", "a document", "none under this order number")
        return
    if document.ebp_code not in (fate.ebp_code, ""):
        report.differs(where, "fate", "one under its own platform", "one under another")
    if not 1 <= fate.attempt <= len(attempts):
        report.differs(where, "attempt of its fate", f"1 to {len(attempts)}", fate.attempt)
        return
    if not document.ebp_code and not _can_be_of(order, document, attempts[: fate.attempt]):
        report.differs(where, "fate", "none by an order of another receiver, or whose waybill named its platform", fate.code)
    row = attempts[fate.attempt - 1]
    given = given_by(fate, row)
    expected = _by_decision(order, document, row, attempts) if given else _too_late(document, row, attempts)
    if fate.code != expected:
        report.differs(where, "fate", expected or "none: a candidate of the next attempt", fate.code)
    if not given and fate.lane == row.lane and fate.batch_seq <= row.batch_seq:
        report.differs(where, "batch_seq of its fate", f"after {row.batch_seq}", fate.batch_seq)
    report.same(where, "order_hash of its fate", order_hash(order.order_no), fate.order_hash)
    report.same(where, "name of its fate", FATE_OF.get(fate.code, "refused"), fate.fate)
    _check_cause(order, document, fate, report)


def _can_be_of(order: Order, document: Candidate, attempts: Sequence[ManifestRow]) -> bool:
    """Whether a waybill without platform could be one of an order: some attempt used one such, and some order had its receiver."""
    orders = [d for d in order.documents.values() if d.place[0] == 1 and d.ebp_code == attempts[0].ebp_code]
    used_one = any(order.stray_receiver(row) is not None for row in attempts)
    return used_one and any(d.receiver == document.receiver for d in orders)


def _by_decision(order: Order, document: Candidate, row: ManifestRow, attempts: list[ManifestRow]) -> str:
    """The code of a candidate that a complete attempt does not use: the first line of the table that fits."""
    kind = document.place[0]
    used = used_places(row)[kind - 1]
    kept = order.kept(attempts[row.attempt - 2] if row.attempt > 1 else None)
    mine = [d for d in kept if d.place[0] == kind]
    rivals = [d for d in _decided_with(order, row, used, kept) if d.place != document.place]
    before = [*mine, *(d for d in rivals if d.arrival < document.arrival)]
    if any(d.digest == document.digest for d in before):
        return "DOC-01"
    deleted = any(d.app_type == DELETE and d.version > document.version for d in [*mine, *rivals])
    if document.app_type == DELETE or deleted:
        return "DOC-03"
    chosen = order.documents.get(used)
    if document.app_type == CHANGE or (chosen is not None and chosen.app_type == CHANGE):
        return "DOC-02"
    return SECOND[kind]


def _too_late(document: Candidate, row: ManifestRow, attempts: list[ManifestRow]) -> str | None:
    """The code of a document that came after an attempt was decided; None when it is a candidate of the next."""
    kind = document.place[0]
    for earlier in attempts[: row.attempt]:
        if document.digest == (earlier.order_digest, earlier.payment_digest, earlier.waybill_digest)[kind - 1]:
            return "DOC-01"
    if may_follow(row):
        return None
    return {CHANGE: "DOC-07", DELETE: "DOC-08"}.get(document.app_type, SECOND[kind])


def _check_cause(order: Order, document: Candidate, fate: FateRow, report: Report) -> None:
    """The document that did it is one of the same kind under this order number; a duplicate's is its twin."""
    if fate.by_partition is None or fate.by_offset is None:
        return
    cause = order.documents.get((fate.kind, fate.by_partition, fate.by_offset))
    if cause is None or cause is document or (fate.code == "DOC-01" and cause.digest != document.digest):
        where = record_place(*document.place)
        found = f"{fate.by_partition}@{fate.by_offset}"
        report.differs(where, "document that did it", "one of this order number that fits", found)
