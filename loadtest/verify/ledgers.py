"""The ledgers replayed in the order of their own entries: accounts of persons, and numbers in use (section 6)."""

import calendar
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from loadtest.verify.decided import LEDGER, Facts
from loadtest.verify.evidence import AccountRow, EntryRow, Tables, UseRow
from loadtest.verify.proof import Report

Account = tuple[bytes, int]
MOVEMENT = {"HOLD": ("reserve", "available", "reserved"), "RELEASE": ("confirm", "available", "used")}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_ledgers(tables: Tables, facts: Mapping[int, Facts], report: Report) -> None:
    """Replay all accounts and numbers. `facts` by manifest_id."""
    accounts = _grouped_entries(tables.entries)
    for account, entries in accounts.items():
        _replay(account, entries, facts, report)
    _check_accounts(tables.accounts, accounts, report)
    _check_posted_once(tables.entries, facts, report)
    numbers = _grouped_uses(tables.uses)
    for number, uses in numbers.items():
        _check_uses(number, uses, facts, report)
    _check_taken_once(tables.uses, facts, report)
    for one in facts.values():
        if one.refused:
            _check_refusals(one, accounts, numbers, report)
    report.counts["accounts"] += len(accounts)
    report.counts["ledger_entries"] += len(tables.entries)
    report.counts["numbers"] += len(numbers)
    report.counts["number_uses"] += len(tables.uses)


def _grouped_entries(entries: Iterable[EntryRow]) -> dict[Account, list[EntryRow]]:
    found: dict[Account, list[EntryRow]] = {}
    for entry in sorted(entries, key=lambda e: e.entry_no):
        found.setdefault((entry.person_key, entry.year), []).append(entry)
    return found


def _grouped_uses(uses: Iterable[UseRow]) -> dict[str, list[UseRow]]:
    found: dict[str, list[UseRow]] = {}
    for use in sorted(uses, key=lambda u: u.use_no):
        found.setdefault(use.number, []).append(use)
    return found


def account_place(account: Account) -> str:
    """The name of an account; the key is a pseudonym."""
    return f"account {account[0].hex()} {account[1]}"


def _replay(account: Account, entries: list[EntryRow], facts: Mapping[int, Facts], report: Report) -> None:
    reserved = used = 0
    latest: dict[tuple[int, int], tuple[int, int, int, int]] = {}
    for number, entry in enumerate(entries, start=1):
        place = f"{account_place(account)} entry {entry.entry_no}"
        report.same(place, "running number", number, entry.entry_no)
        one = facts.get(entry.manifest_id)
        if one is None or not one.accepted:
            report.differs(place, "manifest", "an accepted one", entry.manifest_id if one is None else one.place)
        else:
            _check_entry(place, account, entry, one, report)
            if latest.get(one.lane_batch, one.completing) > one.completing:
                report.differs(place, "order within its batch", "by completing document", one.place)
            latest[one.lane_batch] = one.completing
            if entry.reserved_after_fen + entry.used_after_fen > one.limit_fen:
                balance = entry.reserved_after_fen + entry.used_after_fen
                report.differs(place, "balance", f"at most the annual limit {one.limit_fen}", balance)
        reserved += entry.amount_fen if entry.credit == "reserved" else 0
        used += entry.amount_fen if entry.credit == "used" else 0
        after = (entry.reserved_after_fen, entry.used_after_fen)
        report.same(place, "reserved and used after it", (reserved, used), after)
        reserved, used = after  # so that one wrong entry is told once, not by all that follow it


def _check_entry(place: str, account: Account, entry: EntryRow, one: Facts, report: Report) -> None:
    report.same(place, f"account of {one.place}", account_place(one.account), account_place(account))
    report.same(place, "amount_fen", one.amount_fen, entry.amount_fen)
    movement = (entry.movement, entry.debit, entry.credit)
    report.same(place, "movement", MOVEMENT[one.outcome], movement)


def _check_accounts(rows: Iterable[AccountRow], accounts: Mapping[Account, list[EntryRow]], report: Report) -> None:
    seen: set[Account] = set()
    for row in rows:
        account = (row.person_key, row.year)
        seen.add(account)
        entries = accounts.get(account)
        # what was claimed and given back may leave an account open with nothing in it
        last = (0, 0, 0)
        if entries:
            last = (entries[-1].entry_no, entries[-1].reserved_after_fen, entries[-1].used_after_fen)
        stored = (row.entry_no, row.reserved_fen, row.used_fen)
        report.same(account_place(account), "last number, reserved, used", last, stored)
    for account in accounts.keys() - seen:
        report.differs(account_place(account), "row of quota_account", "one", "none")


def _check_posted_once(entries: Iterable[EntryRow], facts: Mapping[int, Facts], report: Report) -> None:
    posted: dict[int, int] = {}
    for entry in entries:
        posted[entry.manifest_id] = posted.get(entry.manifest_id, 0) + 1
    for one in facts.values():
        report.same(one.place, "ledger entries", int(one.accepted), posted.get(one.manifest_id, 0))


def _check_uses(number: str, uses: list[UseRow], facts: Mapping[int, Facts], report: Report) -> None:
    previous: UseRow | None = None
    for count, use in enumerate(uses, start=1):
        one = facts.get(use.manifest_id)
        if one is None or not one.accepted:
            found = use.manifest_id if one is None else one.place
            report.same(_use_place(use), "running number", count, use.use_no)
            report.differs(_use_place(use), "manifest", "an accepted one", found)
            continue
        right = (count, one.number_p if number.startswith("P|") else one.number_w, one.holder, one.accepted_at)
        stored = (use.use_no, number, f"{use.ebp_code}|{use.order_no}", use.accepted_at)
        if right != stored:
            for what, want, have in zip(("running number", "number", "holder", "accepted_at"), right, stored, strict=True):
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
        expected = sorted((one.number_p, one.number_w)) if one.accepted else nothing
        report.same(one.place, "numbers in use", expected, sorted(taken.get(one.manifest_id, nothing)))


def _held_against(use: UseRow, one: Facts, number: str) -> bool:
    """Whether a number in use by `use` has to be refused to another order."""
    if f"{use.ebp_code}|{use.order_no}" == one.holder:
        return False
    if number.startswith("P|"):
        return True
    earlier, later = sorted((use.accepted_at, one.accepted_at))
    return later < months_later(earlier, one.reuse_months)


def months_later(time_ms: int, months: int) -> int:
    """The same day and time so many calendar months later (UTC), or the last day of that month."""
    moment = EPOCH + timedelta(milliseconds=time_ms)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return (moment.replace(year=year, month=month + 1, day=day) - EPOCH) // timedelta(milliseconds=1)


def _check_refusals(
    one: Facts, accounts: Mapping[Account, list[EntryRow]], numbers: Mapping[str, list[UseRow]], report: Report
) -> None:
    """Each refusal was right at the entry or use that it stored: nobody was refused while there was room."""
    for code in LEDGER:
        if (read := one.refused.get(code)) is None:
            continue
        report.counts[code] += 1
        if code == "LIM-03":
            _check_limit_refusal(one, read, accounts.get(one.account, []), report)
        else:
            number = one.number_p if code == "PAY-03" else one.number_w
            _check_number_refusal(one, code, read, number, numbers.get(number, []), report)


def _check_limit_refusal(one: Facts, read: Mapping[str, Any], entries: list[EntryRow], report: Report) -> None:
    place, at = f"{one.place} finding LIM-03", read.get("entry_no")
    if not isinstance(at, int) or not 0 <= at <= len(entries):
        report.differs(place, "entry_no it saw", f"0 to {len(entries)}", at)
        return
    balance = entries[at - 1].reserved_after_fen + entries[at - 1].used_after_fen if at else 0
    expected = {"entry_no": at, "balance_fen": balance, "amount_fen": one.amount_fen}
    report.same(place, "what it saw", expected, dict(read))
    if balance + one.amount_fen <= one.limit_fen:
        room = f"accepted: {balance} and {one.amount_fen} are within {one.limit_fen}"
        report.differs(place, "refusal", room, "refused")


def _check_number_refusal(
    one: Facts, code: str, read: Mapping[str, Any], number: str, uses: list[UseRow], report: Report
) -> None:
    place, at = f"{one.place} finding {code}", read.get("use_no")
    if not isinstance(at, int) or not 1 <= at <= len(uses):
        report.differs(place, "use_no it saw", f"1 to {len(uses)}", at)
        return
    use = uses[at - 1]
    report.same(place, "held_by", f"{use.ebp_code}|{use.order_no}", read.get("held_by"))
    if not _held_against(use, one, number):
        report.differs(place, "refusal", f"accepted: use {at} does not hold {number} against it", "refused")
