"""Counters of persons, phones and addresses recounted for every manifest, and the sightings they are counted from
(docs/decisions.md section 13)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from loadtest.verify.commits import Place, Read
from loadtest.verify.counting import ALONE, Lately, found, tells
from loadtest.verify.decided import Facts
from loadtest.verify.evidence import Tables
from loadtest.verify.goods import Before, had_before, packed
from loadtest.verify.law import COUNTED, WINDOWS_MS, day_number
from loadtest.verify.ledger_rows import DroppedRow, SightingRow
from loadtest.verify.proof import Report
from loadtest.verify.rule_sets import RuleSets
from loadtest.verify.told import compare

MOST = 100
HIGHEST = 255
SUBJECTS = ("person", "phone", "address")
LONGEST_MS = max(WINDOWS_MS.values())


class Sight(NamedTuple):
    """What a manifest leaves: who was seen where, and whether it is found by person, phone and address."""

    one: Facts
    left: tuple[bool, bool, bool]


def kept_from(tables: Tables) -> int:
    """From when on sightings are kept: what was seen before was dropped, as nobody counts it any more. Milliseconds since 1970."""
    return max((row.before for row in _dropped(tables)), default=0)


def _dropped(tables: Tables) -> list[DroppedRow]:
    return [row for row in tables.dropped if row.table_name in ("sighting", "sighting_read")]


def counted_from(tables: Tables) -> int:
    """From which acceptance on counters can be recounted: the longest window is kept."""
    since = kept_from(tables)
    return since + LONGEST_MS if since else 0


def check_counters(
    tables: Tables, facts: Mapping[int, Facts], reads: Mapping[Place, Read], rules: RuleSets, report: Report
) -> dict[int, Lately]:
    """Recount all counters whose longest window is kept. `facts` by manifest_id, as is what comes of it: of those that share something.
    `reads`: how far each batch counted."""
    since, countable = kept_from(tables), counted_from(tables)
    _check_dropped(tables, report)
    if since:
        facts = {manifest_id: one for manifest_id, one in facts.items() if one.accepted_at >= since}
    for missing in {one.lane_batch for one in facts.values()} - reads.keys():
        report.differs(f"lane {missing[0]} batch {missing[1]}", "row of sighting_read", "one", "none")
    sights = _sights(tables.sightings, facts, report)
    by_subject: dict[tuple[int, int], list[Sight]] = {}
    for sight in sights:
        for n, subject in enumerate(sight.one.subjects):
            by_subject.setdefault((n, subject), []).append(sight)
    counted: dict[int, Lately] = {}
    for sight in sights:
        one = sight.one
        if one.accepted_at < countable:
            report.counts["counters_not_recounted"] += 1
            continue
        met = [by_subject[n, subject] for n, subject in enumerate(one.subjects)]
        read = reads.get(one.lane_batch)
        if read is not None and any(len(of_it) > 1 for of_it in met):
            before = [list(_before(one, n, of_it, read)) for n, of_it in enumerate(met)]
            left = tuple(len(of_it) < MOST for of_it in before)
            others = [[other for other, counts in of_it if counts] for of_it in before]
            lately = Lately(_counters(one, others), _had_before(one, others[0]), one.goods)
            report.counts["counted_with_others"] += 1
            counted[one.manifest_id] = lately
        else:
            left, lately = (True, True, True), None
        if left != sight.left:
            report.differs(f"{one.place} sighting", "found by person, phone, address", left, sight.left)
        kept = None if lately is None or lately.counters == ALONE else bytes(lately.counters.values()) + packed(lately.before)
        report.same(one.place, "counters", kept, one.counters)
        _check_findings(one, lately, rules, report)
    report.counts["sightings"] += len(sights)
    return counted


def _check_dropped(tables: Tables, report: Report) -> None:
    """Nothing was that the lane furthest behind has still to count."""
    behind = min((lane.record_time for lane in tables.lanes if lane.record_time is not None), default=0)
    for row in _dropped(tables):
        if row.before > behind - LONGEST_MS:
            report.differs("table dropped", f"before, of {row.table_name}", f"at most {behind - LONGEST_MS}", row.before)


def _sights(rows: Iterable[SightingRow], facts: Mapping[int, Facts], report: Report) -> list[Sight]:
    """One a manifest, as its documents say."""
    left: dict[int, tuple[bool, bool, bool]] = {}
    for row in rows:
        one = facts.get(row.manifest_id)
        if one is None or row.manifest_id in left:
            report.differs(f"sighting of manifest_id {row.manifest_id}", "manifest", "one of its own", "none" if one is None else one.place)
            continue
        left[row.manifest_id] = (row.of_person, row.of_phone, row.of_address)
        have = (row.accepted_at, row.order_hash, row.person, row.phone, row.address, row.pay_firm)
        report.same(f"{one.place} sighting", "who was seen where", (one.accepted_at, one.order_hash, *one.subjects, one.pay_firm), have)
    for one in facts.values():
        if one.manifest_id not in left:
            report.differs(one.place, "row of sighting", "one", "none")
    return [Sight(one, left.get(one.manifest_id, (True, True, True))) for one in facts.values()]


def _before(one: Facts, n: int, others: Iterable[Sight], read: Read) -> Iterator[tuple[Facts, bool]]:
    """Of those with the same subject `n`: who came before it, and whether its counters count them. Of its own batch all
    do that completed before; of what was there, those that are found by it and within the longest window."""
    for other, left in others:
        lane, number = other.lane_batch
        found = left[n] and 0 <= one.accepted_at - other.accepted_at < LONGEST_MS
        if read.batch.get(lane) == number:
            if other.completing < one.completing:
                yield other, found
        elif found and read.seen.get(lane, 0) >= number:
            yield other, True


def _counters(one: Facts, counted: list[list[Facts]]) -> dict[str, int]:
    """Each counter: how many different ones, its own among them, up to HIGHEST. `counted`: by subject."""
    found: dict[str, int] = {}
    for name, (subject, what) in COUNTED.items():
        for window, length in WINDOWS_MS.items():
            within = [x for x in counted[SUBJECTS.index(subject)] if one.accepted_at - x.accepted_at < length]
            found[f"{name}_{window}"] = min(HIGHEST, len({_what(one, what), *(_what(x, what) for x in within)}))
    return found


def _what(one: Facts, what: str) -> int:
    return one.order_hash if what == "order" else one.pay_firm if what == "pay_firm" else one.subjects[SUBJECTS.index(what)]


def _had_before(one: Facts, others: Iterable[Facts]) -> Before:
    """`others`: of the same person, those that count."""
    return had_before(one.goods, [(one.accepted_at - x.accepted_at, x.order_hash, x.goods) for x in others if x.order_hash != one.order_hash])


def _check_findings(one: Facts, lately: Lately | None, rules: RuleSets, report: Report) -> None:
    """The findings that counters lead to; none of a manifest in quarantine, on which no rule was run."""
    if one.waits is None:
        report.same(one.place, "findings on counters", [], sorted(one.counted))
        return
    day = rules.at(one.version).of_day(day_number(one.accepted_at))
    codes, told = found(day, one.waits, lately)
    if codes or one.counted:
        report.same(one.place, "findings on counters", sorted(codes), sorted(one.counted))
    for code, read in one.counted.items():
        report.counts[code] += 1
        if code in codes:
            compare(f"{one.place} finding {code}", tells(code, told, day, one.waits, lately), read, report)
