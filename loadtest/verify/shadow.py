"""What a rule set that was tried came to beside the live one, computed again and compared by version (decisions.md section 10)."""

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
MARK = "shadow"
PLACES = ("both", "live alone", "tried alone")


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
    yield "manifests"
    yield f"{one.outcome}>{outcome}"
    for code in one.codes | theirs:
        yield f"{code} {PLACES[0] if code in one.codes & theirs else PLACES[1] if code in one.codes else PLACES[2]}"


def check_shadow(
    rows: list[ShadowRow], tried: Mapping[int, Tried], counters: Mapping[int, Lately], uncounted: Collection[int], rules: RuleSets,
    report: Report,
) -> None:  # fmt: skip
    """Compare with the tables' sums, by version. Where a trial failed on a batch, only how many were chosen.

    `tried`: by manifest_id; `counters`: what was counted of those manifests that share a person, phone or address with others;
    `uncounted`: versions with manifests whose counters cannot be counted any more: only how many were chosen, too."""
    counted: Counter[str] = Counter()
    for manifest_id, one in tried.items():
        if trial := rules.trial_at(one.version):
            names = _counted(one, trial[0], counters.get(manifest_id))
            counted.update(f"{MARK} {one.version} {name}" for name in names)
    stored: Counter[str] = Counter()
    failed: defaultdict[int, int] = defaultdict(int)
    for row in rows:
        failed[row.version] += row.failed
        stored[f"{MARK} {row.version} manifests"] += row.manifests + row.failed
        stored.update({f"{MARK} {row.version} {outcomes}": n for outcomes, n in json.loads(row.outcomes).items()})
        for code, numbers in json.loads(row.codes).items():
            stored.update({f"{MARK} {row.version} {code} {place}": n for place, n in zip(PLACES, numbers, strict=True)})
    for name in sorted(counted.keys() | stored.keys()):
        version = int(name.split()[1])
        if name.endswith(" manifests") or not (failed[version] or version in uncounted):
            report.same(f"table shadow_batch, version {version}", name.split(" ", 2)[2], counted.get(name, 0), stored[name])
    if counted:
        report.counts["manifests_tried"] = sum(n for name, n in counted.items() if name.endswith(" manifests"))
