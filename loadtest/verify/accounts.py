"""Accounts with a limit replayed in the order of their own entries: of every ledger alike (decisions.md section 6)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from loadtest.verify.commits import Commits, Turn
from loadtest.verify.decided import Account, Facts
from loadtest.verify.evidence import Tables
from loadtest.verify.proof import Report, Where
from loadtest.verify.revisions import Revised

# Of what a hold reserved, by the outcome of its revision.
LATER = {"RELEASE": ("confirm", "reserved", "used"), "REJECT": ("restore", "reserved", "available")}
MOVEMENT = {"HOLD": ("reserve", "available", "reserved"), "RELEASE": ("confirm", "available", "used")}


class Entry(NamedTuple):
    """A row of a table of entries behind its account's key; amounts in the ledger's unit."""

    entry_no: int
    manifest_id: int
    movement: str
    debit: str
    credit: str
    amount: int
    reserved_after: int
    used_after: int


@dataclass(frozen=True, slots=True)
class Book:
    """One ledger. `unit`: of its amounts; `code`: its finding, which tells `told`, what the key has beside person and year;
    `needs`: account → (amount, limit) that a manifest needs; `stood`: how the accounts stand, as (number of the last entry,
    reserved, used)."""

    name: str
    unit: str
    code: str
    told: tuple[str, ...]
    needs: Callable[[Facts], Mapping[Account, tuple[int, int]]]
    stood: dict[Account, tuple[int, int, int]]
    entries: dict[Account, list[Entry]]

    def place(self, account: Account) -> str:
        """The name of an account; the key of the person is a pseudonym."""
        person, *rest = account
        return f"{self.name} account {person.hex()} {' '.join(map(str, rest))}"

    def entry_place(self, account: Account, entry: Entry) -> str:
        """The name of one of its entries."""
        return f"{self.place(account)} entry {entry.entry_no}"

    def saw(self, account: Account, at: int, balance: int, amount: int) -> dict[str, Any]:
        """What a refusal by this account stores."""
        told = dict(zip(self.told, account[2:], strict=True))
        return {**told, "entry_no": at, f"balance_{self.unit}": balance, f"amount_{self.unit}": amount}


def books(tables: Tables) -> tuple[Book, ...]:
    """The ledgers of the tables; the key of a quota account has two columns, that of a weight account three."""
    quota = (_stood(tables.accounts, 2), _grouped(tables.entries, 2))
    weight = (_stood(tables.weight_accounts, 3), _grouped(tables.weight_entries, 3))
    return (
        Book("quota", "fen", "LIM-03", (), lambda one: one.quota, *quota),
        Book("weight", "mg", "LIM-04", ("weight_group",), lambda one: one.weights, *weight),
    )


def check_used(tables: Tables, report: Report) -> None:
    """Entries that are packed lie with the lane and batch of their manifests, by which they are looked for."""
    for name, rows in (("quota", tables.quota_used), ("weight", tables.weight_used)):
        for row in rows:
            if {ident >> 16 for ident in row.manifest_ids} != {(row.lane << 32) + row.batch_seq}:
                report.differs(f"{name}_used_entries of lane {row.lane} batch {row.batch_seq}", "manifests", "its own", "others")


def _stood(rows: Iterable[tuple[Any, ...]], key: int) -> dict[Account, tuple[int, int, int]]:
    return {row[:key]: (row[key], row[key + 1], row[key + 2]) for row in rows}


def _grouped(rows: Iterable[tuple[Any, ...]], key: int) -> dict[Account, list[Entry]]:
    found: dict[Account, list[Entry]] = {}
    for row in sorted(rows, key=lambda row: row[key]):
        found.setdefault(row[:key], []).append(Entry._make(row[key:]))
    return found


def check_book(
    book: Book, facts: Mapping[int, Facts], revised: Mapping[int, Revised], commits: Commits, report: Report
) -> None:
    """Replay a ledger. `facts` by manifest_id; `revised`: those that were released or rejected later."""
    for account, entries in book.entries.items():
        _replay(book, account, entries, facts, revised, report)
    _check_standing(book, report)
    _check_posted_once(book, facts, revised, report)
    turn = partial(_turn, facts, revised)
    for one in facts.values():
        if (read := one.refused.get(book.code)) is not None:
            report.counts[book.code] += 1
            _check_refusal(book, one, read, turn, commits, report)
        elif one.asks and not one.accepted:
            _check_none_missed(book, one, turn, commits, report)
    report.counts["accounts"] += len(book.entries)
    report.counts["ledger_entries"] += sum(map(len, book.entries.values()))


def _replay(
    book: Book, account: Account, entries: list[Entry], facts: Mapping[int, Facts], revised: Mapping[int, Revised], report: Report
) -> None:
    reserving: set[int] = set()  # manifests whose revision has still to move what they reserved
    reserved = used = 0
    latest: dict[tuple[int, int], tuple[int, int, int, int]] = {}
    for number, entry in enumerate(entries, start=1):
        place = partial(book.entry_place, account, entry)
        report.same(place, "running number", number, entry.entry_no)
        one = facts.get(entry.manifest_id)
        if one is None or not one.accepted:
            report.differs(place, "manifest", "an accepted one", entry.manifest_id if one is None else one.place)
        elif entry.manifest_id in reserving:
            reserving.remove(entry.manifest_id)
            _check_entry(book, place, account, entry, one, LATER[revised[entry.manifest_id].outcome], report)
        else:
            reserving.update({entry.manifest_id} if entry.manifest_id in revised else ())
            _check_entry(book, place, account, entry, one, MOVEMENT[one.outcome], report)
            if latest.get(one.lane_batch, one.completing) > one.completing:
                report.differs(place, "order within its batch", "by completing document", one.place)
            latest[one.lane_batch] = one.completing
        reserved += entry.amount if entry.credit == "reserved" else -entry.amount if entry.debit == "reserved" else 0
        used += entry.amount if entry.credit == "used" else 0
        after = (entry.reserved_after, entry.used_after)
        report.same(place, "reserved and used after it", (reserved, used), after)
        reserved, used = after  # so that one wrong entry is told once, not by all that follow it


def _check_entry(
    book: Book, place: Where, account: Account, entry: Entry, one: Facts, movement: tuple[str, str, str], report: Report
) -> None:
    needed = book.needs(one).get(account)
    if needed is None:
        report.differs(place, "account", f"one that {one.place} needs", book.place(account))
        return
    amount, limit = needed
    report.same(place, f"amount_{book.unit}", amount, entry.amount)
    report.same(place, "movement", movement, (entry.movement, entry.debit, entry.credit))
    balance = entry.reserved_after + entry.used_after
    if balance > limit and movement[2] != "available":
        report.differs(place, "balance", f"at most the limit {limit}", balance)


def _check_standing(book: Book, report: Report) -> None:
    for account, stood in book.stood.items():
        entries = book.entries.get(account)
        # what was claimed and given back may leave an account open with nothing in it
        last = (entries[-1].entry_no, entries[-1].reserved_after, entries[-1].used_after) if entries else (0, 0, 0)
        report.same(book.place(account), "last number, reserved, used", last, stood)
    for account in book.entries.keys() - book.stood.keys():
        report.differs(book.place(account), f"row of {book.name}_account", "one", "none")


def _check_posted_once(book: Book, facts: Mapping[int, Facts], revised: Mapping[int, Revised], report: Report) -> None:
    """An accepted manifest has one entry on each account that it needs, one more when it was revised, and no other; any
    other manifest has none."""
    nothing: list[Account] = []
    posted: dict[int, list[Account]] = {}
    for account, entries in book.entries.items():
        for entry in entries:
            posted.setdefault(entry.manifest_id, []).append(account)
    for one in facts.values():
        needed = [*book.needs(one)] * (2 if one.manifest_id in revised else 1) if one.accepted else nothing
        found = posted.get(one.manifest_id, nothing)
        if needed != found and (needed := sorted(needed)) != (found := sorted(found)):
            want, have = ([book.place(account) for account in accounts] for accounts in (needed, found))
            report.differs(one.place, f"entries of the {book.name} ledger", want, have)


def _turn(facts: Mapping[int, Facts], revised: Mapping[int, Revised], entry: Entry) -> Turn | None:
    """When an entry was made; None when no manifest or revision tells."""
    if entry.debit == "reserved":  # by the revision of what had reserved
        return Turn(revised[entry.manifest_id].batch) if entry.manifest_id in revised else None
    return facts[entry.manifest_id].turn if entry.manifest_id in facts else None


def _check_refusal(
    book: Book, one: Facts, read: Mapping[str, Any], turn: Callable[[Entry], Turn | None], commits: Commits, report: Report
) -> None:
    """It was right at the entry that it stored: nobody was refused while there was room."""
    place, at = f"{one.place} finding {book.code}", read.get("entry_no")
    told = tuple(read.get(name) for name in book.told)
    needs = book.needs(one)
    account = next((account for account in needs if account[2:] == told), None)
    if account is None:
        report.differs(place, "account it saw", "one that the manifest needs", dict(read))
        return
    amount, limit = needs[account]
    entries = book.entries.get(account, [])
    if not isinstance(at, int) or not 0 <= at <= len(entries):
        report.differs(place, "entry_no it saw", f"0 to {len(entries)}", at)
        return
    commits.check_seen(place, at, len(entries), lambda n: turn(entries[n]), one.turn, report)
    balance = entries[at - 1].reserved_after + entries[at - 1].used_after if at else 0
    report.same(place, "what it saw", book.saw(account, at, balance, amount), dict(read))
    if balance + amount <= limit:
        report.differs(place, "refusal", f"accepted: {balance} and {amount} are within {limit}", "refused")


def _check_none_missed(book: Book, one: Facts, turn: Callable[[Entry], Turn | None], commits: Commits, report: Report) -> None:
    """What was refused for something else has this finding too where an account had no room by then, as its batch says itself, and was
    given back nothing later."""
    for account, (amount, limit) in book.needs(one).items():
        entries = book.entries.get(account, [])
        at = commits.last_there(map(turn, entries), one.turn)
        balance = entries[at - 1].reserved_after + entries[at - 1].used_after if at else 0
        if balance + amount > limit and all(entry.credit != "available" for entry in entries[at:]):
            report.differs(one.place, "findings", f"{book.code} too: {balance} and {amount} are over the limit {limit}", sorted(one.refused))
