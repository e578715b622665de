"""Rules and indicators that read counters: what of a manifest is kept for them until all manifests are known, and which of them
find something."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from loadtest.verify.documents import Document
from loadtest.verify.evaluate import value
from loadtest.verify.goods import NOTHING_BEFORE, Before, Goods, columns
from loadtest.verify.judging import UNKNOWN, has_null
from loadtest.verify.law import COUNTED, WINDOWS_MS, DayLaw
from loadtest.verify.told import Told, by_risk, by_rule, conditions

ALONE = dict.fromkeys((f"{name}_{window}" for name in COUNTED for window in WINDOWS_MS), 1)
"""The counters of whom nobody and nothing was seen before."""
SEEN_ONCE: Mapping[str, int] = {**ALONE, **NOTHING_BEFORE}
NOBODY_ELSE = frozenset[str]()
NOTHING_SHOWN: Mapping[str, Told] = {}


class Pending(NamedTuple):
    """`signs`: indicators that read no counters and were true, and SYS-01 if a condition was null; `alone`: codes of those that
    read counters and are true (or null: SYS-01) of a manifest that shares nothing with others; `read`: what else they read, as
    in DayLaw.read_beside. `shown`, `unknown`: where a finding rests on counters, what the indicators among the signs tell, and codes of the
    conditions that were null."""

    signs: frozenset[str]
    alone: tuple[str, ...]
    read: tuple[Any, ...]
    shown: Mapping[str, Told] = NOTHING_SHOWN
    unknown: tuple[str, ...] = ()


class Lately(NamedTuple):
    """What was counted of a manifest that shares something with others."""

    counters: Mapping[str, int]
    before: Before
    goods: Goods

    def columns(self, day: DayLaw) -> Mapping[str, int]:
        """What conditions read of it by the law of a day."""
        return {**self.counters, **columns(self.goods, self.before, day.control)}


def pending(
    codes: set[str], order: Document, payment: Document, waybill: Document, derived: Document, day: DayLaw
) -> Pending:
    """`codes`: what the rules and indicators found that need no counters."""
    records = {"order": order, "payment": payment, "waybill": waybill, "derived": derived}
    if has_null(order, payment, waybill, derived, order["orderList"]):
        alone = _true(day, records, SEEN_ONCE)
    else:
        alone = tuple(day.codes_on_counters(order, payment, waybill, derived, SEEN_ONCE))
    signs = codes & day.counted_with
    return Pending(frozenset(signs) if signs else NOBODY_ELSE, alone, tuple([records[record][field] for record, field in day.read_beside]))


def found(day: DayLaw, waits: Pending, lately: Lately | None) -> tuple[set[str], dict[str, tuple[int, tuple[str, ...]]]]:
    """Codes among day.counter_codes that have to be found, and of those about risk score and indicators. `lately`: None of a
    manifest that shares nothing."""
    true = waits.alone if lately is None else _true(day, _beside(day, waits), lately.columns(day))
    if not (true or waits.signs):
        return set(), {}
    codes, told = day.risk.found({*waits.signs, *true})
    return codes & day.counter_codes, told


def tells(code: str, signs: Mapping[str, tuple[int, tuple[str, ...]]], day: DayLaw, waits: Pending, lately: Lately | None) -> Told:
    """What a finding that was found has to tell; `signs`: as `found` gives them."""
    records = {**_beside(day, waits), "counted": SEEN_ONCE if lately is None else lately.columns(day)}
    if code == UNKNOWN:
        return conditions([*waits.unknown, *(of for of, node in day.counter_rules if value(node, records) is None)])
    if code in signs:
        return by_risk(*signs[code], lambda sign: waits.shown[sign] if sign in waits.shown else by_rule(sign, records, (), day))
    return by_rule(code, records, (), day)


def _beside(day: DayLaw, waits: Pending) -> dict[str, Mapping[str, Any]]:
    records: dict[str, dict[str, Any]] = {}
    for (record, field), read in zip(day.read_beside, waits.read, strict=True):
        records.setdefault(record, {})[field] = read
    return {**records}


def _true(day: DayLaw, records: Mapping[str, Mapping[str, Any]], counted: Mapping[str, int]) -> tuple[str, ...]:
    verdicts = [(code, value(node, {**records, "counted": counted})) for code, node in day.counter_rules]
    unknown = [UNKNOWN] if any(verdict is None for _, verdict in verdicts) else []
    return tuple([*(code for code, verdict in verdicts if verdict), *unknown])
