"""What a rule set that was tried came to beside the live one, computed again and compared batch by batch (decisions.md section 10)."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from loadtest.verify.counting import Lately, Pending, found, pending
from loadtest.verify.documents import Document
from loadtest.verify.evidence import ManifestRow, ShadowRow
from loadtest.verify.judging import conclude, derive, rule_findings
from loadtest.verify.law import LawData, day_number
from loadtest.verify.proof import Report
from loadtest.verify.registry import Registry
from loadtest.verify.rule_sets import RuleSets
from loadtest.verify.samples import CODES

WHOLE = 10_000
SAMPLES = frozenset(CODES)
MANIFESTS = "manifests"
PLACES = ("both", "live alone", "tried alone")
Batch = tuple[int, int]
"""The lowest lane of a transaction, and its number there."""


class Tried(NamedTuple):
    """A manifest on which a set was tried. `codes`: found by the live set, of them `given` of its ledgers and samples; `theirs`:
    found by the tried set but for what its rules on counters lead to, which need all manifests, and what they go by: `waits`.
    `day`: of acceptance, counted from 1970-01-01; `class_`: of its e-commerce firm."""

    version: int
    day: int
    outcome: str
    tax_known: bool
    class_: str
    codes: frozenset[str]
    given: frozenset[str]
    theirs: frozenset[str]
    waits: Pending


def try_again(
    row: ManifestRow, read: tuple[Document, Document, Document], accepted_at: int, codes: Collection[str],
    given: Collection[str], registry: Registry,
) -> Tried | None:  # fmt: skip
    """What the set tried at the manifest's version makes of it; None when it is not one of those it was tried on. The lines
    are derived anew: nobody may need them any more."""
    trial = registry.rules.trial_at(row.registry_version)
    if trial is None or int.from_bytes(row.decision_id[:4], "big") * WHOLE >= trial[1] << 32:
        return None
    order, payment, waybill = read
    number = day_number(accepted_at)
    day = trial[0].of_day(number)
    derived = derive(order, payment, waybill, accepted_at, day, registry, row.registry_version)
    true = rule_findings(order, payment, waybill, derived, day)
    theirs, _ = day.risk.found(true)
    return Tried(
        row.registry_version, number, row.outcome, derived["tax_known"], derived["ecommerce_class"], frozenset(codes),
        frozenset(given), frozenset(theirs - day.counter_codes), pending(true, order, payment, waybill, derived, day),
    )  # fmt: skip


def _counted(one: Tried, law: LawData, lately: Lately | None) -> Iterator[str]:
    """The names under which it counts."""
    day = law.of_day(one.day)
    theirs = one.theirs | found(day, one.waits, lately)[0]
    outcome = conclude(theirs, law, day, one.class_, one.tax_known).outcome
    for more, through in ((one.given & SAMPLES, ("RELEASE",)), (one.given - SAMPLES, ("RELEASE", "HOLD"))):
        if more and outcome in through:
            theirs |= more
            outcome = conclude(theirs, law, day, one.class_, one.tax_known).outcome
    yield MANIFESTS
    yield f"{one.outcome}>{outcome}"
    for code in one.codes | theirs:
        yield f"{code} {PLACES[0] if code in one.codes & theirs else PLACES[1] if code in one.codes else PLACES[2]}"


def check_shadow(
    rows: list[ShadowRow], tried: Mapping[int, Tried], counters: Mapping[int, Lately], uncounted: Collection[int],
    batches: Mapping[int, Batch], rules: RuleSets, report: Report,
) -> None:  # fmt: skip
    """Compare with what the tables say, batch by batch, or in sums of a version where it is not known any more what was a batch. Where the trial
    failed, only how many were chosen.

    `tried`, `counters`, `batches`: by manifest_id; what was counted of those manifests that share a person, phone or address with others;
    the batch of those of which it is known. `uncounted`: versions with manifests whose counters cannot be counted any more: only how many
    were chosen, too."""
    in_sums = {one.version for manifest_id, one in tried.items() if manifest_id not in batches}
    counted: defaultdict[tuple[int, Batch | None], Counter[str]] = defaultdict(Counter)
    for manifest_id, one in tried.items():
        if trial := rules.trial_at(one.version):
            place = one.version, None if one.version in in_sums else batches[manifest_id]
            counted[place].update(_counted(one, trial[0], counters.get(manifest_id)))
    stored: defaultdict[tuple[int, Batch | None], Counter[str]] = defaultdict(Counter)
    failed: Counter[tuple[int, Batch | None]] = Counter()
    for row in rows:
        place = row.version, None if row.version in in_sums else (row.lane, row.batch_seq)
        failed[place] += row.failed
        stored[place].update(_stored(row))
        if row.failed and (row.manifests, json.loads(row.outcomes), json.loads(row.codes)) != (0, {}, {}):
            report.differs(_name(place), "what failed", "not one of its batch was tried", "some")
    for place in sorted(counted.keys() | stored.keys(), key=str):
        want, have = counted[place], stored[place]
        for name in sorted(want.keys() | have.keys()):
            if name == MANIFESTS or not (failed[place] or place[0] in uncounted):
                report.same(_name(place), name, want[name], have[name])
    if counted:
        report.counts["manifests_tried"] = sum(names[MANIFESTS] for names in counted.values())


def _name(place: tuple[int, Batch | None]) -> str:
    version, batch = place
    return f"table shadow_batch, version {version}" + (f", lane {batch[0]} batch {batch[1]}" if batch else "")


def _stored(row: ShadowRow) -> dict[str, int]:
    """By the names that `_counted` gives."""
    codes = {f"{code} {place}": n for code, numbers in json.loads(row.codes).items() for place, n in zip(PLACES, numbers, strict=True)}
    return {MANIFESTS: row.manifests + row.failed, **json.loads(row.outcomes), **codes}
