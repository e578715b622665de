"""Order numbers that wait: truly incomplete, and reported when their time was up and not before."""

from collections.abc import Sequence
from typing import Any

from loadtest.verify.clocks import DEADLINES, Looks, seconds
from loadtest.verify.documents import order_hash
from loadtest.verify.evidence import OpenReport, record_place
from loadtest.verify.orders import Candidate, Order, effective
from loadtest.verify.proof import Report
from loadtest.verify.views import check_view


def check_open(order: Order, report: Report) -> None:
    """No document waits that had to be decided or refused."""
    for ebp_code in sorted({d.ebp_code for d in order.free} | set(order.attempts)):
        if ebp_code == "":
            continue
        for d in (d for d in order.free if d.ebp_code == ebp_code):
            _check_waiting(order, d, report)
        if order.is_open(ebp_code) and not _missing(order, ebp_code):
            place = f"order {ebp_code}|{order.order_no}"
            report.differs(place, "state", "decided: all three documents are there", "open")
    _check_strays(order, [d for d in order.free if d.ebp_code == ""], report)
    _check_marks(order, report)


def _check_marks(order: Order, report: Report) -> None:
    """Of those that came together and are open the first is marked as waiting, or nobody would ask when its time is up; a
    waybill without platform may be of another order than the next."""
    together: dict[tuple[Any, ...], list[Candidate]] = {}
    for d in order.free:
        together.setdefault((d.ebp_code, d.lane, d.batch_seq, "" if d.ebp_code else d.place), []).append(d)
    for found in together.values():
        if not any(d.waiting for d in found if d.log_ms == found[0].log_ms):
            report.differs(record_place(*found[0].place), "waiting of its document row", True, False)


def _check_waiting(order: Order, document: Candidate, report: Report) -> None:
    where = record_place(*document.place)
    kind = document.place[0]
    if not order.is_open(document.ebp_code):
        report.differs(where, "state", "a fate: its order was decided", "open")
    for row in order.attempts.get(document.ebp_code, ()):
        if document.digest == (row.order_digest, row.payment_digest, row.waybill_digest)[kind - 1]:
            report.differs(where, "state", "DOC-01: the same document was used", "open")


def _candidates(order: Order, ebp_code: str) -> tuple[list[Candidate], list[Candidate]]:
    return [d for d in order.free if d.ebp_code == ebp_code], order.kept(order.last(ebp_code))


def _missing(order: Order, ebp_code: str) -> int:
    """Bits of the kinds without an effective document."""
    fresh, kept = _candidates(order, ebp_code)
    return sum(1 << (kind - 1) for kind in (1, 2, 3) if effective(kind, fresh, kept) is None)


def _check_strays(order: Order, strays: Sequence[Candidate], report: Report) -> None:
    """Waybills without ebpCode wait unless exactly one open order can take those of its receiver and would be complete with them,
    or none can and exactly one that was accepted used another without."""
    platforms = sorted({d.ebp_code for d in order.documents.values()} - {""})
    takers = [ebp_code for ebp_code in platforms if order.is_open(ebp_code) and _can_take(order, ebp_code)]
    if takers:
        if len(takers) == 1:
            _check_left_to_open(order, strays, takers[0], report)
        return
    last = [row for e in platforms if not order.is_open(e) and (row := order.last(e)) is not None]
    receivers = [receiver for row in last if (receiver := order.stray_receiver(row)) is not None]
    for stray in strays:
        if [stray.receiver] == receivers:
            report.differs(record_place(*stray.place), "state", "a fate: its order was decided", "open")


def _check_left_to_open(order: Order, strays: Sequence[Candidate], taker: str, report: Report) -> None:
    fresh, kept = _candidates(order, taker)
    taken = effective(1, fresh, kept)
    joining = [d for d in strays if taken is not None and d.receiver == taken.receiver]
    used = {row.waybill_digest for row in order.attempts.get(taker, ())}
    for stray in joining:
        if stray.digest in used:
            report.differs(record_place(*stray.place), "state", "DOC-01: the same document was used", "open")
    if effective(3, [*fresh, *joining], kept) is not None and not _missing(order, taker) & 2:
        for stray in joining:
            report.differs(record_place(*stray.place), "state", f"a waybill of {taker}|{order.order_no}", "open")


def _can_take(order: Order, ebp_code: str) -> bool:
    """Whether it has an effective order and no effective waybill that names its platform."""
    fresh, kept = _candidates(order, ebp_code)
    return effective(1, fresh, kept) is not None and effective(3, fresh, [d for d in kept if d.ebp_code]) is None


def check_reports(order: Order, reports: list[OpenReport], looks: Looks, report: Report) -> None:
    """Reports of one order number are plausible, and none is lacking that was due. A report does not say which rule set it was made
    under, so none may come before the shortest of their deadlines."""
    for row in reports:
        place = report_place(row)
        report.counts[row.code] += 1
        if row.code not in DEADLINES:
            report.differs(place, "code", sorted(DEADLINES), row.code)
            continue
        deadline = row.first_log_time + 1000 * min(seconds(law, row.code, row.reported_at) for law in looks.laws)
        clock = looks.lanes[row.lane].record_time if row.lane in looks.lanes else None
        if row.reported_at < deadline or clock is None or row.reported_at > clock:
            report.differs(place, "time of the report", f"from {deadline} to the lane's clock {clock}", row.reported_at)
        if not any(d.lane == row.lane and d.batch_seq <= row.batch_seq for d in order.documents.values()):
            report.differs(place, "lane", "one by which a document of its order number had come", f"{row.lane} in batch {row.batch_seq}")
        report.same(place, "order_hash", order_hash(order.order_no), row.order_hash)
        if not _was_open(order, row):
            report.differs(place, "attempt", "one that was open then", row.attempt)
        elif not 0 < row.missing <= 7:  # all three: a lone delete
            report.differs(place, "missing kinds", "1 to 7", row.missing)
        else:
            check_view(order, row, place, report)
    _check_due(order, reports, looks, report)


def _was_open(order: Order, row: OpenReport) -> bool:
    """Whether the attempt could be open when it was reported: the platform has documents of the number, the attempt before was
    rejected, and by that lane it was not decided before."""
    attempts = order.attempts.get(row.ebp_code, ())
    known = any(d.ebp_code == row.ebp_code for d in order.documents.values())
    if not known or not 1 <= row.attempt <= len(attempts) + 1:
        return False
    if row.attempt == len(attempts) + 1:
        return order.is_open(row.ebp_code)
    decided = attempts[row.attempt - 1]
    return decided.lane != row.lane or row.batch_seq < decided.batch_seq


def report_place(row: OpenReport) -> str:
    """The name of a report."""
    return f"open report {row.ebp_code}|{row.order_no} attempt {row.attempt} {row.code}"


def _check_due(order: Order, reports: list[OpenReport], looks: Looks, report: Report) -> None:
    """A document still open that its lane had to look at when its time was up must have been reported."""
    reported = {(r.ebp_code, r.attempt, r.code) for r in reports}
    for d in order.free:
        if d.ebp_code == "":  # may have stood with an order when it was looked at
            continue
        attempt = len(order.attempts.get(d.ebp_code, ())) + 1
        for code in DEADLINES:
            if (d.ebp_code, attempt, code) not in reported and d.log_ms <= looks.upto(code, d.lane):
                report.differs(record_place(*d.place), "report of its open order", f"{code} of attempt {attempt}", "none")
