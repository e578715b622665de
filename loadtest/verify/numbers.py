"""Numbers in use replayed in the order of their own uses (section 6)."""

import calendar
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from loadtest.verify.commits import Commits, Turn
from loadtest.verify.decided import Facts
from loadtest.verify.law import SHANGHAI_MS
from loadtest.verify.ledger_rows import UseRow
from loadtest.verify.proof import Report

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_numbers(uses: Sequence[UseRow], facts: Mapping[int, Facts], commits: Commits, report: Report) -> None:
    """Replay all numbers in use. `facts` by manifest_id."""
    numbers = _grouped_uses(uses)
    for number, of_it in numbers.items():
        _check_uses(number, of_it, facts, report)
    _check_taken_once(uses, facts, report)
    for one in facts.values():
        if one.asks and not one.accepted:
            _check_refusals(one, numbers, facts, commits, report)
            _check_none_missed(one, numbers, facts, commits, report)
    report.counts["numbers"] += len(numbers)
    report.counts["number_uses"] += len(uses)


def _grouped_uses(uses: Iterable[UseRow]) -> dict[str, list[UseRow]]:
    found: dict[str, list[UseRow]] = {}
    for use in sorted(uses, key=lambda u: u.use_no):
        found.setdefault(use.number, []).append(use)
    return found


def _check_uses(number: str, uses: list[UseRow], facts: Mapping[int, Facts], report: Report) -> None:
    previous: UseRow | None = None
    for count, use in enumerate(uses, start=1):
        one = facts.get(use.manifest_id)
        if one is None or not one.accepted:
            found = use.manifest_id if one is None else one.place
            report.same(_use_place(use), "running number", count, use.use_no)
            report.differs(_use_place(use), "manifest", "an accepted one", found)
            continue
        right = (count, one.number_p if number.startswith("P|") else one.number_w, one.holder, one.accepted_at, one.order_hash)
        stored = (use.use_no, number, f"{use.ebp_code}|{use.order_no}", use.accepted_at, use.order_hash)
        if right != stored:
            for what, want, have in zip(("running number", "number", "holder", "accepted_at", "order_hash"), right, stored, strict=True):
                report.same(_use_place(use), what, want, have)
        if previous is not None and _held_against(previous, one, number):
            holder = f"{previous.ebp_code}|{previous.order_no}, who still holds it"
            report.differs(_use_place(use), "holder", holder, one.holder)
        previous = use


def _use_place(use: UseRow) -> str:
    return f"number {use.number} use {use.use_no}"


def _check_taken_once(uses: Iterable[UseRow], facts: Mapping[int, Facts], report: Report) -> None:
    taken: dict[int, list[str]] = {}
    for use in uses:
        taken.setdefault(use.manifest_id, []).append(use.number)
    nothing: list[str] = []
    for one in facts.values():
        expected, found = [one.number_p, one.number_w] if one.accepted else nothing, taken.get(one.manifest_id, nothing)
        if expected != found:  # in that order nearly all are taken
            report.same(one.place, "numbers in use", sorted(expected), sorted(found))


def _held_against(use: UseRow, one: Facts, number: str) -> bool:
    """Whether a number in use by `use` has to be refused to another order."""
    if f"{use.ebp_code}|{use.order_no}" == one.holder:
        return False
    if number.startswith("P|"):
        return True
    earlier, later = sorted((use.accepted_at, one.accepted_at))
    return later < months_later(earlier, one.reuse_months)


def months_later(time_ms: int, months: int) -> int:
    """The same day and time so many calendar months later in Shanghai, or the last day of that month."""
    moment = EPOCH + timedelta(milliseconds=time_ms + SHANGHAI_MS)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return (moment.replace(year=year, month=month + 1, day=day) - EPOCH) // timedelta(milliseconds=1) - SHANGHAI_MS


def _check_refusals(
    one: Facts, numbers: Mapping[str, list[UseRow]], facts: Mapping[int, Facts], commits: Commits, report: Report
) -> None:
    """Each refusal for a number was right at the use that it stored."""
    for code, number in (("PAY-03", one.number_p), ("WAY-06", one.number_w)):
        if (read := one.refused.get(code)) is not None:
            report.counts[code] += 1
            uses = numbers.get(number, [])
            _check_number_refusal(one, code, read, number, uses, partial(_turn, facts, uses), commits, report)


def _turn(facts: Mapping[int, Facts], uses: Sequence[UseRow], n: int) -> Turn | None:
    """When the n-th was made; None when no manifest tells."""
    one = facts.get(uses[n].manifest_id)
    return one.turn if one is not None else None


def _check_number_refusal(
    one: Facts, code: str, read: Mapping[str, Any], number: str, uses: list[UseRow], turn: Callable[[int], Turn | None],
    commits: Commits, report: Report,
) -> None:  # fmt: skip
    place, at = f"{one.place} finding {code}", read.get("use_no")
    if not isinstance(at, int) or not 1 <= at <= len(uses):
        report.differs(place, "use_no it saw", f"1 to {len(uses)}", at)
        return
    commits.check_seen(place, at, len(uses), turn, one.turn, report)
    use = uses[at - 1]
    report.same(place, "use_no and held_by", {"use_no": at, "held_by": f"{use.ebp_code}|{use.order_no}"}, dict(read))
    if not _held_against(use, one, number):
        report.differs(place, "refusal", f"accepted: use {at} does not hold {number} against it", "refused")


def _check_none_missed(
    one: Facts, numbers: Mapping[str, list[UseRow]], facts: Mapping[int, Facts], commits: Commits, report: Report
) -> None:
    """What was refused for one thing has the finding of each number too that was in use by then, as its batch says itself."""
    for code, number in (("PAY-03", one.number_p), ("WAY-06", one.number_w)):
        uses = numbers.get(number, [])
        at = commits.last_there((_turn(facts, uses, n) for n in range(len(uses))), one.turn)
        if code not in one.refused and at and all(_held_against(use, one, number) for use in uses[at - 1 :]):
            report.differs(one.place, "findings", f"{code} too: {number} was in use", sorted(one.refused))
