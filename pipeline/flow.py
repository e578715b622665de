"""The whole way of a batch on one screen: documents → attempts → manifests → counted → judged → posted → decided.

`gather`, `open_batch` and `conclude` are apart because sightings and ledgers between them are PostgreSQL's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import polars as pl

from pipeline import attempts, ledgers, stock
from pipeline import decide as deciding
from pipeline.attempts import Past
from pipeline.claims import Claims, claims
from pipeline.decide import Judged
from pipeline.documents import Documents
from pipeline.law import Law
from pipeline.manifests import Manifests, assemble, goods_of, take
from pipeline.personal import Pseudonyms, with_keys
from pipeline.registry import Registry
from pipeline.rules import QUEUED, with_consequences
from pipeline.sampling import Seed, Seeds, drawn, with_ids
from pipeline.sightings import Seen, counted, with_hashes
from pipeline.tax import levied

LawOn = Callable[[date], Law]
NO_DAY = date(2019, 1, 1)  # for a batch that completes nothing


@dataclass(frozen=True, slots=True)
class Gathered:
    """A batch before the rules: what was complete, with the keys of its persons, and the fates of documents passed over.
    `seen`: lane → batch_seq up to which its manifests were counted on."""

    manifests: Manifests
    fates: pl.DataFrame
    seen: Mapping[int, int]

    def halves(self) -> list["Gathered"]:
        """Manifests in two parts; the fates are in the first."""
        row = self.manifests.heads["m"]
        first = row < len(row) // 2
        parts = (take(self.manifests, first), self.fates), (take(self.manifests, ~first), self.fates.clear())
        return [Gathered(manifests, fates, self.seen) for manifests, fates in parts]


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch before the ledgers: manifests judged by the rules, and the fates of documents passed over; `seen`: as gathered."""

    judged: Judged
    fates: pl.DataFrame
    claims: Claims
    seen: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Decided:
    """A batch as it will be stored. `heads` and `lines` by manifest number `m`; `seen` as gathered, the rest as in
    ledgers.Posted."""

    heads: pl.DataFrame
    lines: pl.DataFrame
    tax: pl.DataFrame
    findings: pl.DataFrame
    fates: pl.DataFrame
    posted: ledgers.Posted
    seen: Mapping[int, int]


def gather(documents: Documents, past: Past, pseudonyms: Pseudonyms) -> Gathered:
    """Join and assemble; nothing is counted yet."""
    joined = attempts.join(documents, past)
    manifests = assemble(documents, joined.complete)
    heads = with_hashes(with_keys(manifests.heads, pseudonyms))
    return Gathered(Manifests(heads, manifests.lines), joined.fates, {})


def count(gathered: Gathered, seen: Seen, registry: Registry) -> Gathered:
    """Count the manifests on what was stored before them; `registry`: says what their goods are."""
    manifests = gathered.manifests
    heads = counted(manifests.heads, seen, partial(goods_of, manifests, registry))
    return replace(gathered, manifests=replace(manifests, heads=heads), seen=seen.lanes)


def open_batch(
    gathered: Gathered, law_on: LawOn, registry: Registry, quarantined: bool, seeds: Seeds | None = None
) -> Opened:
    """Judge counted manifests by the rules. `law_on` gives the law of an acceptance date; `registry`: as it is now;
    `seeds`: of the samples, None: none are drawn."""
    manifests = gathered.manifests
    if seeds is not None:
        manifests = replace(manifests, heads=with_ids(manifests.heads, seeds))

    def judge(some: Manifests, day: date) -> Judged:
        law = law_on(day)
        judged = deciding.judge(some, law, day, registry, quarantined)
        return judged if seeds is None else _sampled(judged, law, seeds.on(day))

    judged = _judge_by_day(manifests, judge)
    return Opened(judged, gathered.fates, claims(judged.manifests), gathered.seen)


def decide(opened: Opened, balances: ledgers.Balances, law: Law) -> Decided:
    """Post to the ledgers and conclude: for whoever has the ledgers to himself."""
    return conclude(opened, ledgers.post(opened.claims, balances, law.rejecting(stock.CODES)), law)


def conclude(opened: Opened, posted: ledgers.Posted, law: Law) -> Decided:
    """Conclude with the refusals of the ledgers, levy the tax of what is not rejected."""
    found = opened.judged.findings
    heads = opened.judged.manifests.heads
    if len(posted.refusals):
        found = pl.concat([found, with_consequences(posted.refusals, law).select(*QUEUED)])
        heads = deciding.conclude(heads, found, law)
    lines = opened.judged.manifests.lines
    heads, tax = levied(Manifests(heads, lines))
    return Decided(heads, lines, tax, found, opened.fates, posted, opened.seen)


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
    found = pl.concat([judged.findings, with_consequences(found, law).select(*QUEUED)])
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
    """Parts of a batch that were counted together and opened apart as one."""
    judged = merge_judged(part.judged for part in parts)
    return Opened(judged, pl.concat([p.fates for p in parts]), claims(judged.manifests), parts[0].seen)
