"""Waybills without ebpCode that an order took although another could have taken them too (docs/decisions.md section 3).

Only where the deciding lane surely knew: what other lanes stored and decided it may have seen or not.
"""

from collections.abc import Iterator

from loadtest.verify.evidence import Place, record_place, used_places
from loadtest.verify.orders import Order
from loadtest.verify.proof import Report
from loadtest.verify.views import Moment, may_be_missing, seen_at

ORDER, WAYBILL = 1, 3


def check_takers(order: Order, report: Report) -> None:
    """Nobody takes what several could take: it waits."""
    platforms = {d.ebp_code for d in order.documents.values()} - {""}
    if len(platforms) < 2:
        return
    for what, place, ebp_code, lane, batch_seq in _taken(order):
        others = [e for e in sorted(platforms - {ebp_code}) if _takes(order, e, lane, batch_seq) or (what == "fate" and _took(order, e, lane, batch_seq))]
        if others:
            report.differs(record_place(*place), f"{what} without ebpCode", f"to wait: {', '.join(others)} could take it too", f"{ebp_code} took it")


def _taken(order: Order) -> Iterator[tuple[str, Place, str, int, int]]:
    """Waybills without platform, who took them, and the lane and batch that said so."""
    for attempts in order.attempts.values():
        for row in attempts:
            place = used_places(row)[WAYBILL - 1]
            if order.stray_receiver(row) is not None and (row.ebp_code, row.attempt) == min(order.used_in[place]):
                yield "use", place, row.ebp_code, row.lane, row.batch_seq
    for place, fate in order.fates.items():
        if (document := order.documents.get(place)) is not None and not document.ebp_code:
            yield "fate", place, fate.ebp_code, fate.lane, fate.batch_seq


def _takes(order: Order, ebp_code: str, lane: int, batch_seq: int) -> bool:
    """Whether it was surely open with an order and without a waybill of its own platform, whatever of its attempts was known."""
    attempts = order.attempts.get(ebp_code, [])
    here = [n for n, row in enumerate(attempts, start=1) if row.lane == lane]
    known = max((n for n in here if attempts[n - 1].batch_seq < batch_seq), default=0)
    first_unknown = min((n for n in here if attempts[n - 1].batch_seq >= batch_seq), default=len(attempts) + 1)
    return all(_open_without(order, Moment(ebp_code, n + 1, lane, batch_seq)) for n in range(known, first_unknown))


def _open_without(order: Order, at: Moment) -> bool:
    before = order.attempts.get(at.ebp_code, [])[: at.attempt - 1]
    if before and before[-1].outcome != "REJECT":
        return False
    view = seen_at(order, at)
    twins = {digest for row in before for digest in (row.order_digest, row.payment_digest, row.waybill_digest)}
    there, perhaps = ([d for d in of if d.ebp_code and d.digest not in twins] for of in (view.there, view.perhaps))
    own = view._replace(there=there, perhaps=perhaps, kept=[d for d in view.kept if d.ebp_code])
    return may_be_missing(ORDER, own) == {False} and may_be_missing(WAYBILL, own) == {True}


def _took(order: Order, ebp_code: str, lane: int, batch_seq: int) -> bool:
    """Whether it was surely accepted with a waybill without ebpCode: of two such nobody knows whose a late one is."""
    last = order.last(ebp_code)
    if last is None or last.outcome == "REJECT" or order.stray_receiver(last) is None:
        return False
    return last.lane == lane and last.batch_seq < batch_seq
