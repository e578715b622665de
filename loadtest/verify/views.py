"""What a batch could see of an order number, and what of that it has to say when it reports on it (docs/decisions.md section 4).

Of its own lane it saw all that was stored by then; of what other lanes stored, and of fates that they gave, nothing is known.
"""

from typing import NamedTuple

from loadtest.verify.evidence import OpenReport, used_places
from loadtest.verify.fates import given_by
from loadtest.verify.orders import DELETE, Candidate, Order, effective
from loadtest.verify.proof import Report


class Moment(NamedTuple):
    """A batch looks at an attempt that is open."""

    ebp_code: str
    attempt: int
    lane: int
    batch_seq: int


class View(NamedTuple):
    """Documents that no attempt had used and no fate had met: those that were `there`, and those that `perhaps` were. `kept`: of the
    attempt before."""

    there: list[Candidate]
    perhaps: list[Candidate]
    kept: list[Candidate]


def check_view(order: Order, row: OpenReport, place: str, report: Report) -> None:
    """Since when, and what for, a report says that the order waits."""
    view = seen_at(order, Moment(row.ebp_code, row.attempt, row.lane, row.batch_seq))
    times = {d.log_ms for d in (*view.there, *view.perhaps)}
    latest = min((d.log_ms for d in view.there), default=max(times, default=0))
    if row.first_log_time not in times or row.first_log_time > latest:
        report.differs(place, "first_log_time", f"the lowest log time of its documents, of {sorted(t for t in times if t <= latest)}", row.first_log_time)
        return
    view = _since(view, row.first_log_time)
    for kind in (1, 2, 3):
        may_be = may_be_missing(kind, view)
        if (row.missing & 1 << (kind - 1) != 0) not in may_be:
            report.differs(place, "missing kinds", f"{'with' if True in may_be else 'without'} kind {kind}", row.missing)


def seen_at(order: Order, at: Moment) -> View:
    """What was free for the attempt then."""
    before = order.attempts.get(at.ebp_code, [])[: at.attempt - 1]
    used = {place for attempt in before for place in used_places(attempt)}
    found = View([], [], order.kept(before[-1]) if before else [])
    for place, d in order.documents.items():
        if place not in used and (was_there := _both(_stood_with(order, at, d), _both(_seen(at, d), _free(order, at, d)))) is not False:
            (found.there if was_there else found.perhaps).append(d)
    return found


def _stood_with(order: Order, at: Moment, document: Candidate) -> bool | None:
    """A waybill without platform stands with the order of its receiver that takes it, else by itself."""
    if document.ebp_code:
        return document.ebp_code == at.ebp_code
    receivers = {d.receiver for d in order.documents.values() if d.place[0] == 1 and at.ebp_code in (d.ebp_code, "")}
    return (None if document.receiver in receivers else False) if at.ebp_code or document.receiver in receivers else True


def _seen(at: Moment, document: Candidate) -> bool | None:
    return document.batch_seq <= at.batch_seq if document.lane == at.lane else None


def _free(order: Order, at: Moment, document: Candidate) -> bool | None:
    """No fate had met it. One that an attempt decided before gave it had; the batch that reports sees its own fates not yet."""
    fate = order.fates.get(document.place)
    if fate is None or fate.ebp_code != at.ebp_code or fate.attempt >= at.attempt:
        return True
    if any(given_by(fate, row) for row in order.attempts.get(at.ebp_code, ())):
        return False
    return fate.batch_seq >= at.batch_seq if fate.lane == at.lane else None


def _both(one: bool | None, other: bool | None) -> bool | None:
    return False if False in (one, other) else None if None in (one, other) else True


def _since(view: View, first: int) -> View:
    """When the first of them came at that time: what came before was not there, and the only one that came then was."""
    perhaps = [d for d in view.perhaps if d.log_ms >= first]
    then = [d for d in perhaps if d.log_ms == first]
    if len(then) > 1 or any(d.log_ms == first for d in view.there):
        return view._replace(perhaps=perhaps)
    return view._replace(there=[*view.there, *then], perhaps=[d for d in perhaps if d not in then])


def may_be_missing(kind: int, view: View) -> set[bool]:
    """Whether it was missing: what may be, as more or less of `perhaps` was there."""
    there, perhaps, kept = ([d for d in of if d.place[0] == kind] for of in view)
    surely = max((d.version for d in (*there, *kept)), default=None)
    may_be = {effective(kind, there, kept) is None}
    return may_be | {d.app_type == DELETE for d in perhaps if surely is None or d.version >= surely}
