"""A rule set tried beside the live one on some manifests, and how far the two agree (docs/decisions.md section 10)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from pipeline import decide as deciding
from pipeline import sampling
from pipeline.decide import Judged
from pipeline.law import Law
from pipeline.manifests import take, underived
from pipeline.registry import Registry

LISTED = 20  # differing manifests of one batch that are named
ORDER = ("RELEASE", "HOLD", "REJECT")  # the gravest of the findings decides


@dataclass(frozen=True, slots=True)
class Tried:
    """`chosen`: `m` of the manifests that were tried; `found`: code → outcome by `m`, of those that some rule of the
    candidate stops."""

    chosen: list[int]
    found: dict[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """`outcomes`: manifests by (live, tried) outcome; `codes`: code → manifests where both, the live and the tried alone
    found it; `differing`: (m, live outcome, tried outcome, codes of the live alone, of the tried alone), at most LISTED."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=lambda: Counter[tuple[str, str]]())
    codes: dict[str, list[int]] = field(default_factory=lambda: dict[str, list[int]]())
    differing: list[tuple[int, str, str, list[str], list[str]]] = field(default_factory=lambda: list[tuple[int, str, str, list[str], list[str]]]())


def tried(judged: Judged, chosen: pl.Series, law_on: Callable[[date], Law], registry: Registry) -> Tried:
    """Judge those manifests (`chosen`: Boolean, one a head) by the rules of another set, from their documents on."""
    given = underived(judged.manifests)
    numbers, days = given.heads["m"], given.heads["accepted_on"]
    found: dict[int, dict[str, str]] = {}
    for day in days.filter(chosen).unique().sort().to_list():
        these = chosen & (days == day)
        own = numbers.filter(these).to_list()
        by_rules = deciding.judge(take(given, these), law_on(day), day, registry, quarantined=False).findings
        for m, code, outcome in by_rules.select("m", "code", "outcome").iter_rows():
            found.setdefault(own[m], {})[code] = outcome
    return Tried(numbers.filter(chosen).to_list(), found)


def agreement(other: Tried, outcomes: pl.Series, findings: pl.DataFrame, refusals: pl.DataFrame) -> Agreement:
    """Compare with what was decided: `outcomes` by `m`, all `findings`, and which of them are `refusals` of the
    ledgers (`m`, `code`). A sample that was drawn counts for the tried set too where its own rules would release the manifest, and so does
    what the ledgers refused unless they reject it."""
    live = _by_manifest(findings, other.chosen)
    drawn = _by_manifest(findings.filter(pl.col("code").is_in(sampling.CODES)), other.chosen)
    refused = _by_manifest(findings.join(refusals, on=["m", "code"], how="semi"), other.chosen)
    made = Agreement()
    decided = outcomes.gather(other.chosen).to_list()
    for m, outcome in zip(other.chosen, decided, strict=True):
        ours, theirs = live.get(m, {}), other.found.get(m, {})
        if m in drawn and {"RELEASE"}.issuperset(theirs.values()):
            theirs = theirs | drawn[m]
        if m in refused and "REJECT" not in theirs.values():
            theirs = theirs | refused[m]
        verdict = max(theirs.values(), key=ORDER.index, default="RELEASE")
        made.outcomes[outcome, verdict] += 1
        for code in ours.keys() | theirs.keys():
            place = 0 if code in ours and code in theirs else 1 if code in ours else 2
            made.codes.setdefault(code, [0, 0, 0])[place] += 1
        if (outcome, ours.keys()) != (verdict, theirs.keys()) and len(made.differing) < LISTED:
            made.differing.append((m, outcome, verdict, sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())))
    return made


def _by_manifest(findings: pl.DataFrame, chosen: list[int]) -> dict[int, dict[str, str]]:
    """m → code → outcome, of the chosen alone."""
    wanted, found = set(chosen), dict[int, dict[str, str]]()
    for m, code, outcome in findings.select("m", "code", "outcome").iter_rows():
        if m in wanted:
            found.setdefault(m, {})[code] = outcome
    return found
