"""Writes the history from PostgreSQL: reads what batches committed, holds one part in memory, blocks nobody."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from history.parts import FULL, REVISIONS, Content, Covers, drop_after, parts, write
from history.recall import recall
from pipeline.documents import KINDS
from pipeline.registry import SCHEMAS
from schemas.filings import stored
from sinks.store import Store

Progress = Callable[[str, int, int], None]
# What no rule can read: bookkeeping of documents, and what is worked out again from the rest.
LEFT_OUT = ("m", "completing", *(f"{kind}_{name}" for kind in KINDS for name in ("digest", "stored", "order_hash")))
DECIDED = {
    "manifest_id": pl.Int64, "lane": pl.Int16, "batch_seq": pl.Int64, "registry_version": pl.Int64, "outcome": pl.String, "queue": pl.String, "taxed": pl.Boolean,
    "tax_fen": pl.Int64, "rule_set": pl.String,
}  # fmt: skip
LANE_BITS, BATCH_BITS = 48, 16  # of manifest_id


@dataclass(frozen=True, slots=True)
class Window:
    """Batches first to last of each lane, and how many manifests they decided."""

    lanes: Mapping[int, tuple[int, int]]
    manifests: int


def windows(ends: Mapping[int, int], behind: Mapping[int, int], counts: Iterable[tuple[int, int, int]], full: int = FULL) -> list[Window]:
    """The batches after those `behind` up to the `ends` of the lanes, in windows of at least `full` manifests but the last.

    `counts`: (lane, batch_seq, manifests) of the batches that decided something. All lanes go up to one batch number.
    """
    by_batch: dict[int, int] = {}
    for _, seq, manifests in counts:
        by_batch[seq] = by_batch.get(seq, 0) + manifests
    found: list[Window] = []
    since, gathered = dict(behind), 0

    def close(upto: int) -> None:
        nonlocal gathered
        lanes = {lane: (since.get(lane, 0) + 1, min(upto, end)) for lane, end in ends.items() if min(upto, end) > since.get(lane, 0)}
        if lanes:
            found.append(Window(lanes, gathered))
            since.update({lane: last for lane, (_, last) in lanes.items()})
        gathered = 0

    for seq, manifests in sorted(by_batch.items()):
        gathered += manifests
        if gathered >= full:
            close(seq)
    close(max(ends.values(), default=0))
    return found


async def build(store: Store, folder: Path, personal: frozenset[str], anew: bool = False, progress: Progress = lambda *_: None) -> int:
    """Bring the history up to what is committed now; how many manifests were written. `anew`: from the first batch on.

    `personal`: the columns kept apart. recall.Incomplete when documents are not kept any more: then only what the
    history has already remains of them.
    """
    kept = [] if anew else parts(folder)
    if kept and not kept[-1][1].full:
        kept = kept[:-1]
    behind: dict[int, int] = {}
    for _, covers in kept:
        behind |= {lane: last for lane, (_, last) in covers.lanes.items()}
    after = kept[-1][1].registry[1] if kept else 0
    ends = {r["lane"]: r["batch_seq"] for r in await store.fetch("history_lanes")}
    (state,) = await store.fetch("registry_version")  # after the lanes: so no batch knows a newer one
    await store.fetch("history_summarize")
    lanes, lasts = list(ends), [behind.get(lane, 0) for lane in ends]
    counts = [tuple(r) for r in await store.fetch("history_counts", lanes, lasts, list(ends.values()), min(lasts, default=0))]
    todo = windows(ends, behind, counts)
    total, done = sum(w.manifests for w in todo), 0
    for number, window in enumerate(todo, start=len(kept) + 1):
        content = await _content(store, window)
        versions = content.manifests["registry_version"]
        # all that these manifests know of, and with the last part all there is
        upto = int(state["version"]) if window is todo[-1] else max([after, *versions.unique().to_list()])
        content = replace(content, registry=await _registry(store, after, upto))
        days = content.manifests["accepted_on"]
        write(folder, number, Covers(window.lanes, len(days), (after, upto), _day(days.min()), _day(days.max())), content, personal)
        after, done = upto, done + len(days)
        progress("history", done, total)
    drop_after(folder, len(kept) + len(todo))
    return done


async def build_anew(
    store: Store, folder: Path, personal: frozenset[str], since: date | None, until: date | None, progress: Progress = lambda *_: None
) -> int:
    """Make the parts anew that hold decisions accepted in these days, the same batches each; how many manifests were written."""
    chosen = [(number, covers) for number, (_, covers) in enumerate(parts(folder), start=1) if covers.meets(since, until)]
    total, done = sum(covers.manifests for _, covers in chosen), 0
    for number, covers in chosen:
        content = await _content(store, Window(covers.lanes, covers.manifests))
        content = replace(content, registry=await _registry(store, *covers.registry))
        write(folder, number, covers, content, personal)
        done += len(content.manifests)
        progress("history", done, total)
    return done


async def _content(store: Store, window: Window) -> Content:
    lanes, firsts, lasts = list(window.lanes), [f for f, _ in window.lanes.values()], [x for _, x in window.lanes.values()]
    rows = await store.fetch("history_manifests", lanes, firsts, lasts, min(firsts), max(lasts))
    found = [(lane << LANE_BITS) + (seq << BATCH_BITS) for lane, seq in zip(lanes, firsts, strict=True)]
    until = [(lane << LANE_BITS) + ((seq + 1) << BATCH_BITS) for lane, seq in zip(lanes, lasts, strict=True)]
    codes = await store.fetch("history_findings", found, until)
    recalled = await recall(store, rows)
    heads = recalled.manifests.heads.drop(LEFT_OUT)
    decided = [pl.Series(name, [row[name] for row in rows], dtype=kind).alias(_then(name)) for name, kind in DECIDED.items()]
    revisions = [tuple(r) for r in await store.fetch("history_revisions", lanes, firsts, lasts)]
    return Content(
        heads.hstack([*decided, _codes(rows, codes)]), recalled.manifests.lines, pl.DataFrame(revisions, schema=REVISIONS, orient="row"), {}
    )


def _then(name: str) -> str:
    """What was decided stands beside what is decided anew."""
    return name if name in ("manifest_id", "lane", "batch_seq", "registry_version") else f"then_{name}"


def _codes(rows: Sequence[Any], codes: Sequence[Any]) -> pl.Series:
    found: dict[int, list[str]] = {}
    for number, code in codes:
        found.setdefault(number, []).append(code)
    return pl.Series("then_codes", [sorted(found.get(row["manifest_id"], [])) for row in rows], dtype=pl.List(pl.String))


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None


async def _registry(store: Store, after: int, upto: int) -> dict[str, pl.DataFrame]:
    entries: dict[str, list[tuple[Any, ...]]] = {name: [] for name in SCHEMAS}
    if upto > after:
        for version, value in await store.fetch("registry_since", after, upto):
            filing = stored(value)
            entries[filing.table].append((*filing.row(), version))
    return {name: pl.DataFrame(entries[name], schema={**schema, "version": pl.Int64}, orient="row") for name, schema in SCHEMAS.items()}
