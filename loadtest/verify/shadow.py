"""What a rule set that was tried came to beside the live one, computed again and compared by version (decisions.md section 10)."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection

from loadtest.verify.documents import Document
from loadtest.verify.evidence import ManifestRow, ShadowRow
from loadtest.verify.judging import conclude, derive, rule_findings
from loadtest.verify.law import day_number
from loadtest.verify.proof import Report
from loadtest.verify.registry import Registry

WHOLE = 10_000
MARK = "shadow"
PLACES = ("both", "live alone", "tried alone")


def try_again(
    row: ManifestRow, read: tuple[Document, Document, Document], accepted_at: int, codes: Collection[str],
    refusals: Collection[str], registry: Registry, report: Report,
) -> None:  # fmt: skip
    """Count what the set tried at the manifest's version makes of it, if it is one of those it was tried on. `codes`: found by
    the live set, of them `refusals` of its ledgers. The lines are derived anew: nobody may need them any more."""
    trial = registry.rules.trial_at(row.registry_version)
    if trial is None or int.from_bytes(row.decision_id[:4], "big") * WHOLE >= trial[1] << 32:
        return
    order, payment, waybill = read
    day = trial[0].of_day(day_number(accepted_at))
    derived = derive(order, payment, waybill, accepted_at, day, registry, row.registry_version)
    theirs = rule_findings(order, payment, waybill, derived, day)
    outcome = conclude(theirs, trial[0], derived["tax_known"]).outcome
    if outcome != "REJECT" and refusals:  # all that ledgers refuse is rejected
        theirs, outcome = theirs | set(refusals), "REJECT"
    version = row.registry_version
    report.counts[f"{MARK} {version} manifests"] += 1
    report.counts[f"{MARK} {version} {row.outcome}>{outcome}"] += 1
    for code in {*codes, *theirs}:
        place = PLACES[0] if code in codes and code in theirs else PLACES[1] if code in codes else PLACES[2]
        report.counts[f"{MARK} {version} {code} {place}"] += 1


def check_shadow(rows: list[ShadowRow], report: Report) -> None:
    """Compare what was counted with the tables' sums, by version. Where a trial failed on a batch, only how many were chosen."""
    counted = {name: report.counts.pop(name) for name in list(report.counts) if name.startswith(MARK)}
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
        if name.endswith(" manifests") or not failed[version]:
            report.same(f"table shadow_batch, version {version}", name.split(" ", 2)[2], counted.get(name, 0), stored[name])
    if counted:
        report.counts["manifests_tried"] = sum(n for name, n in counted.items() if name.endswith(" manifests"))
