"""The whole way of a batch on one screen: documents → attempts → manifests → judged → posted → decided.

`open_batch` and `conclude` are apart because the ledgers between them are PostgreSQL's.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline import attempts, ledgers
from pipeline import decide as deciding
from pipeline.attempts import Past
from pipeline.claims import Claims, claims
from pipeline.decide import Judged
from pipeline.documents import Documents
from pipeline.law import Law
from pipeline.manifests import Manifests, assemble, take
from pipeline.personal import Pseudonyms, with_keys
from pipeline.registry import Registry
from pipeline.sampling import Seed, Seeds, drawn, with_ids
from pipeline.tax import levied

LawOn = Callable[[date], Law]
NO_QUEUE = pl.lit("")
NO_DAY = date(2019, 1, 1)  # for a batch that completes nothing


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch before the ledgers: manifests judged by the rules, and the fates of documents passed over."""

    judged: Judged
    fates: pl.DataFrame
    claims: Claims


@dataclass(frozen=True, slots=True)
class Decided:
    """A batch as it will be stored. `heads` and `lines` by manifest number `m`; the rest as in ledgers.Posted."""

    heads: pl.DataFrame
    lines: pl.DataFrame
    tax: pl.DataFrame
    findings: pl.DataFrame
    fates: pl.DataFrame
    posted: ledgers.Posted


def open_batch(
    documents: Documents,
    past: Past,
    law_on: LawOn,
    registry: Registry,
    pseudonyms: Pseudonyms,
    quarantined: bool = False,
    seeds: Seeds | None = None,
) -> Opened:
    """Join, assemble and judge by the rules. `law_on` gives the law of an acceptance date; `registry`: as it is now;
    `seeds`: of the samples, None: none are drawn."""
    joined = attempts.join(documents, past)
    manifests = assemble(documents, joined.complete)
    if seeds is not None:
        manifests = Manifests(with_ids(manifests.heads, seeds), manifests.lines)

    def judge(some: Manifests, day: date) -> Judged:
        law = law_on(day)
        judged = deciding.judge(some, law, registry, quarantined)
        return judged if seeds is None else _sampled(judged, law, seeds.on(day))

    judged = _judge_by_day(manifests, judge)
    heads = with_keys(judged.manifests.heads, pseudonyms)
    judged = Judged(Manifests(heads, judged.manifests.lines), judged.findings)
    return Opened(judged, joined.fates, claims(judged.manifests))


def decide(opened: Opened, balances: ledgers.Balances, law: Law) -> Decided:
    """Post to the ledgers and conclude: for whoever has the ledgers to himself."""
    return conclude(opened, ledgers.post(opened.claims, balances), law)


def conclude(opened: Opened, posted: ledgers.Posted, law: Law) -> Decided:
    """Conclude with the refusals of the ledgers, levy the tax of what is not rejected."""
    found = opened.judged.findings
    heads = opened.judged.manifests.heads
    if len(posted.refusals):
        found = pl.concat([found, posted.refusals.with_columns(queue=NO_QUEUE)])
        heads = deciding.conclude(heads, found, law)
    lines = opened.judged.manifests.lines
    heads, tax = levied(Manifests(heads, lines))
    return Decided(heads, lines, tax, found, opened.fates, posted)


def _judge_by_day(manifests: Manifests, judge: Callable[[Manifests, date], Judged]) -> Judged:
    """Each acceptance date under its own law; a batch nearly always lies within one."""
    days = manifests.heads["accepted_on"]
    if days.n_unique() <= 1:
        return judge(manifests, days[0] if len(days) else NO_DAY)
    return merge_judged(
        judge(take(manifests, days == day), day)
        for day in days.unique().sort().to_list()
    )


def _sampled(judged: Judged, law: Law, seed: Seed | None) -> Judged:
    """With the samples among what would be released, and what becomes of these."""
    found = drawn(judged.manifests, law.samples, seed)
    if not len(found):
        return judged
    found = pl.concat([judged.findings, found])
    heads = deciding.conclude(judged.manifests.heads, found, law)
    return Judged(Manifests(heads, judged.manifests.lines), found)


def merge_judged(parts: Iterable[Judged]) -> Judged:
    """Several judged parts as one, manifests numbered on."""
    heads: list[pl.DataFrame] = []
    lines: list[pl.DataFrame] = []
    findings: list[pl.DataFrame] = []
    first = 0
    for part in parts:
        shift = (pl.col("m") + first).cast(pl.UInt32)
        heads.append(part.manifests.heads.with_columns(shift))
        lines.append(part.manifests.lines.with_columns(shift))
        findings.append(part.findings.with_columns(shift))
        first += len(part.manifests.heads)
    return Judged(Manifests(pl.concat(heads), pl.concat(lines)), pl.concat(findings))


def merge(parts: Sequence[Opened]) -> Opened:
    """Parts of a batch that were opened apart (disjoint order numbers) as one."""
    judged = merge_judged(part.judged for part in parts)
    return Opened(judged, pl.concat([p.fates for p in parts]), claims(judged.manifests))
