"""The stock of account books replayed: what every manifest took, each once, within what was entered, and what was counted (section 15)."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from struct import iter_unpack
from typing import Any, NamedTuple

from loadtest.verify.commits import Commits, Kept
from loadtest.verify.decided import Facts
from loadtest.verify.evidence import Evidence, Tables
from loadtest.verify.proof import Report
from loadtest.verify.registry import Registry, stocked
from loadtest.verify.revisions import Revised

SHORT, NO_STOCK = "STK-01", "STK-02"
MOVEMENTS = ("reserve", "deduct", "restore")


class Entry(NamedTuple):
    """As stored; where `counted` is not negative, a stock-take. `after`: reserved, used and difference, where they are told."""

    entry_no: int
    manifest_id: int
    amount: int
    movement: str
    batch: tuple[int, int]
    counted: int = -1
    entered: int = 0
    after: tuple[int, int, int] | None = None


class Account(NamedTuple):
    """`taken`: reserved and used less the difference, before the first entry and after each; `ended`: as its table has it."""

    entries: list[Entry]
    taken: list[int]
    ended: tuple[int, ...]


NEVER = Account([], [0], (0, 0, 0, 0, 0))


def check_stock(
    evidence: Evidence, registry: Registry, facts: Mapping[int, Facts], revised: Mapping[int, Revised], commits: Commits, report: Report
) -> None:
    """Replay all items. `facts`, and those that were `revised`, by manifest_id."""
    tables = evidence.tables
    posted: dict[int, list[tuple[str, int, str]]] = {}
    kept = Kept(commits)
    accounts = {item: _replay(item, entries, registry, facts, revised, kept, report) for item, entries in _by_item(tables, report).items()}
    for item, account in accounts.items():
        for entry in account.entries:
            if entry.counted < 0:
                posted.setdefault(entry.manifest_id, []).append((item, entry.amount, entry.movement))
    stood = {a.book_item: (a.entry_no, a.reserved_e5, a.used_e5, a.difference_e5, a.counts) for a in tables.stock_accounts
             if any((a.entry_no, a.reserved_e5, a.used_e5, a.difference_e5, a.counts))}  # fmt: skip
    report.same("table stock_account", "last number and balances of each", {item: a.ended for item, a in accounts.items()}, stood)
    _check_counts(evidence, registry, report)
    for one in facts.values():
        wanted = sorted((item, asked.amount, movement) for item, asked in one.stock.items() for movement in _movements(one, revised.get(one.manifest_id)))
        report.same(one.place, "stock it took", wanted, sorted(posted.get(one.manifest_id, [])))
        if one.short:
            _check_refusal(one, accounts, facts, commits, report)
    for row in tables.held:
        if (one := facts.get(row.manifest_id)) is not None:
            waits = {f"S|{item}": asked.amount for item, asked in one.stock.items()} | {f"G|{one.secured.guarantor}": one.secured.amount}
            wanted = waits.get(row.waits_for), one.lane_batch[0], one.place, one.order_hash, one.accepted_at
            stored = row.amount, row.lane, f"manifest {row.ebp_code}|{row.order_no} attempt {row.attempt}", row.order_hash, row.accepted_at
            report.same(f"{one.place} held", "what it waits for, its lane, manifest, order_hash and accepted_at", wanted, stored)
    report.counts["stock_items"] += len(accounts)
    report.counts["stock_entries"] += sum(len(account.entries) for account in accounts.values())


def _movements(one: Facts, later: Revised | None) -> tuple[str, ...]:
    """Those of a manifest on every item it takes of."""
    outcome = later.outcome if later is not None else ""
    if outcome == "RELEASE" or (one.outcome == "RELEASE" and not (one.unsecured or one.short)):
        return ("deduct",)
    if not one.accepted or one.unsecured or one.short:
        return ()
    return ("reserve", "restore") if outcome == "REJECT" else ("reserve",)


def _by_item(tables: Tables, report: Report) -> dict[str, list[Entry]]:
    """Entries by item in their order, beside what the last one of a row says stood after it."""
    found: dict[str, list[Entry]] = {}
    for row in tables.stock_entries:
        moved = list(iter_unpack(">qqB", row.moved))
        place = f"stock entries of lane {row.lane} batch {row.batch_seq}"
        columns = (row.book_items, row.entry_nos, row.entries, row.reserved_after_e5, row.used_after_e5)
        if len({len(column) for column in columns}) > 1 or sum(row.entries) != len(moved) or list(row.book_items) != sorted(set(row.book_items)):
            report.differs(place, "row", f"{len(moved)} entries of items in their order", sum(row.entries))
            continue
        at = 0
        for item, last, count, reserved, used in zip(*columns, strict=True):
            for number, (ident, amount, deducted) in enumerate(moved[at : at + count], start=last - count + 1):
                after = (reserved, used, 0) if number == last else None
                movement = MOVEMENTS[deducted] if deducted < len(MOVEMENTS) else str(deducted)
                found.setdefault(item, []).append(Entry(number, ident, amount, movement, (row.lane, row.batch_seq), after=after))
            at += count
    for row in tables.stock_counts:
        after = (0, row.used_e5, row.difference_after_e5)
        raw = Entry(row.entry_no, 0, row.amount_e5, "count", (row.lane, row.batch_seq), row.counted_e5, row.entered_e5, after)
        found.setdefault(row.book_item, []).append(raw)
    return {item: sorted(entries) for item, entries in found.items()}


def _replay(
    item: str, entries: list[Entry], registry: Registry, facts: Mapping[int, Facts], revised: Mapping[int, Revised], kept: Kept,
    report: Report,
) -> Account:  # fmt: skip
    reserved = used = difference = counts = 0
    stood = [0]
    latest: dict[tuple[int, int], tuple[int, ...]] = {}
    reservers: set[int] = set()
    for number, entry in enumerate(entries, start=1):
        place = partial(_entry_place, item, entry)
        report.same(place, "running number", number, entry.entry_no)
        if entry.counted >= 0:
            right = entry.counted - (entry.entered - used)
            report.same(place, "difference it adds", right - difference, entry.amount)
            difference, counts = right, counts + 1
            assert entry.after is not None
            report.same(place, "used, difference after", (used, difference), entry.after[1:])
            stood.append(reserved + used - difference)
            continue
        given_back = entry.movement == "restore"
        reserved += {"reserve": entry.amount, "restore": -entry.amount}.get(entry.movement, 0)
        used += entry.amount if entry.movement == "deduct" else 0
        stood.append(reserved + used - difference)
        if entry.after is not None:
            report.same(place, "reserved, used after", (reserved, used), entry.after[:2])
        one = facts.get(entry.manifest_id)
        if one is None or not one.accepted or item not in one.stock:
            report.differs(place, "manifest", "an accepted one with this item", entry.manifest_id if one is None else one.place)
            continue
        later = revised.get(entry.manifest_id)
        released = later if later is not None and later.outcome == "RELEASE" else None
        asked = one.stock[item]
        limit = asked.entered if released is None else stocked(registry, released.version, item, released.day, asked.unit)
        if not given_back and (limit is None or stood[-1] > limit):
            report.differs(place, "balance", f"at most what was entered, {limit}", stood[-1])
        if given_back and entry.manifest_id not in reservers:
            report.differs(place, "movement", "given back after it was reserved", one.place)
        reservers.add(entry.manifest_id)
        turn = (one.accepted_at, one.manifest_id) if released is not None or given_back else one.completing
        if latest.get(entry.batch, turn) > turn:
            report.differs(place, "order within its batch", "by completing document, or acceptance", one.place)
        latest[entry.batch] = turn
        kept.check(place, entry.batch, later.batch if later is not None and (released or given_back) else one.lane_batch, report)
    return Account(entries, stood, (len(entries), reserved, used, difference, counts))


def _entry_place(item: str, entry: Entry) -> str:
    return f"stock {item} entry {entry.entry_no}"


def _check_counts(evidence: Evidence, registry: Registry, report: Report) -> None:
    """Each stock-take that was filed made one entry, the last of a version where there are several of an item, with the batch
    that took it."""
    filed = {row.kafka_offset: (row.lane, row.batch_seq) for row in evidence.tables.registry_entries}
    rows = {row.kafka_offset: row for row in evidence.tables.stock_counts}
    wanted: dict[tuple[int, str], tuple[int, str, int, int]] = {}
    for offset, version, content in registry.counts():
        item = f"{content['accountBook']}-{content['bookItem']}"
        entered = registry.entry(version, "stock", content["accountBook"], content["bookItem"]).get("enteredE5", 0)
        wanted[version, item] = (offset, content["status"], content["countedE5"], entered)
    right = {offset: (item, counted, entered, filed[offset]) for (_, item), (offset, status, counted, entered) in wanted.items() if status == "active"}
    stored = {offset: (row.book_item, row.counted_e5, row.entered_e5, (row.lane, row.batch_seq)) for offset, row in rows.items()}
    report.same("table stock_count", "item, counted and entered by event, lane and batch", right, stored)


def _check_refusal(
    one: Facts, accounts: Mapping[str, Account], facts: Mapping[int, Facts], commits: Commits, report: Report
) -> None:
    """Right on the balance after the entry that it stored and what its own batch had taken before it."""
    ((code, read),) = one.short.items() if len(one.short) == 1 else ((SHORT, dict[str, Any]()),)
    place, item = f"{one.place} finding {code}", str(read.get("book_item"))
    report.counts[code] += 1
    if (asked := one.stock.get(item)) is None:
        report.differs(place, "book_item", f"one of {sorted(one.stock)}", item)
        return
    report.same(place, "code", NO_STOCK if asked.entered is None else SHORT, code)
    saw = {"book_item": item, "amount_e5": asked.amount}
    if asked.entered is None:
        report.same(place, "what it saw", saw, read)
        return
    account = accounts.get(item, NEVER)
    at, batch = read.get("entry_no"), read.get("batch_e5")
    if not isinstance(at, int) or not 0 <= at <= len(account.entries) or not isinstance(batch, int):
        report.differs(place, "entry_no it saw", f"0 to {len(account.entries)}", at)
        return
    commits.check_read(place, at, len(account.entries), lambda n: account.entries[n].batch, one.lane_batch, report)
    saw |= {"entry_no": at, "taken_e5": account.taken[at], "batch_e5": batch, "entered_e5": asked.entered}
    report.same(place, "what it saw", saw, read)
    if batch and batch not in _taken_before(one, account.entries[at:], facts):
        report.differs(place, "what its batch took before it", "what some batch after that entry did", batch)
    taken = account.taken[at] + batch
    if taken + asked.amount <= asked.entered:
        report.differs(place, "refusal", f"granted: {taken} and {asked.amount} are within {asked.entered}", "held")


def _taken_before(one: Facts, entries: Iterable[Entry], facts: Mapping[int, Facts]) -> Iterator[int]:
    """What each batch took by manifests that were completed before this one; its own lane may not be the batch's first."""
    for (lane, _), found in groupby((e for e in entries if e.counted < 0 and e.movement != "restore"), key=lambda entry: entry.batch):
        if lane <= one.lane_batch[0]:
            yield sum(e.amount for e in found if e.manifest_id in facts and facts[e.manifest_id].completing < one.completing)
