"""The history judged again by another rule set or day's law, part by part, and what differs."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from history.parts import Covers, NoHistory, parts, read, registry_rows, revised
from pipeline import guarantees, stock
from pipeline.manifests import Manifests, take
from pipeline.registry import KEYS, SCHEMAS, Registry
from pipeline.rejudge import rejudge
from schemas.lawbook import Lawbook

Progress = Callable[[str, int, int], None]
QUARANTINE = "SYS-02"  # a rule raised: these stay as they were
NAMED = 10_000  # order numbers of each kind of difference: more nobody reads one by one
KEY = ["ebp_code", "order_no", "attempt"]
WAITED_FOR = [*guarantees.CODES, *stock.CODES]
# What stands of a manifest that was revised: one that was released lacks guarantee and stock no more.
STANDS = [
    pl.coalesce("revised", "then_outcome").alias("then_outcome"),
    pl.when(pl.col("revised") == "RELEASE").then(pl.col("then_codes").list.set_difference(WAITED_FOR)).otherwise("then_codes").alias("then_codes"),
]
AT_ONCE = 2  # parts: while one is read the other is judged


@dataclass(slots=True)
class Differences:
    """`outcomes`: (then, now) → manifests; `codes`: code → (only then, only now); `orders`: the first NAMED of each kind, as
    `then → now`, `- code` (only then), `+ code` (only now), `tax`; amounts in fen. `unasked`: rejected by the rules then
    and not now: what the ledgers would have said nobody knows."""

    manifests: int = 0
    as_they_were: int = 0  # quarantined, or their sample failed
    unasked: int = 0
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    codes: dict[str, tuple[int, int]] = field(default_factory=dict)
    tax_then_fen: int = 0
    tax_now_fen: int = 0
    tax_more: int = 0  # manifests that pay more now
    tax_less: int = 0
    orders: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        """How many manifests there are of a kind of `orders`, named or not."""
        if kind == "tax":
            return self.tax_more + self.tax_less
        sign, _, code = kind.partition(" ")
        if sign in ("-", "+"):
            return self.codes[code][sign == "+"]
        then, _, now = kind.partition(" → ")
        return self.outcomes[then, now]

    @property
    def differ(self) -> bool:
        return any(then != now for then, now in self.outcomes) or bool(self.codes) or self.tax_more + self.tax_less > 0

    def add(self, part: "Differences") -> None:
        """The figures of one more part."""
        for name in ("manifests", "as_they_were", "unasked", "tax_then_fen", "tax_now_fen", "tax_more", "tax_less"):
            setattr(self, name, getattr(self, name) + getattr(part, name))
        for kind, count in part.outcomes.items():
            self.outcomes[kind] = self.outcomes.get(kind, 0) + count
        for code, (then, now) in part.codes.items():
            before = self.codes.get(code, (0, 0))
            self.codes[code] = before[0] + then, before[1] + now
        for kind, orders in part.orders.items():
            named = self.orders.setdefault(kind, [])
            named += orders[: NAMED - len(named)]


class Registries:
    """The registry at any version, from what the history keeps; the last two are kept."""

    def __init__(self, rows: Mapping[str, pl.DataFrame]) -> None:
        self._rows = rows
        self._at: dict[int, Registry] = {}

    def at(self, version: int) -> Registry:
        """As it was at this version."""
        if (found := self._at.get(version)) is None:
            found = Registry(version, **{name: self._table(name, version) for name in SCHEMAS})
            self._at = {**dict(list(self._at.items())[-1:]), version: found}  # two of them: each is large
        return found

    def _table(self, name: str, version: int) -> pl.DataFrame:
        rows = self._rows[name].filter(pl.col("version") <= version).drop("version")
        return rows.unique(KEYS[name], keep="last", maintain_order=True)


def redecide(
    folder: Path, book: Lawbook, since: date | None = None, until: date | None = None, as_of: date | None = None,
    progress: Progress = lambda *_: None,
) -> Differences:  # fmt: skip
    """Judge again what was accepted from `since` to `until` by the rule set and the law of `as_of`, else of each day.

    NoHistory when the folder holds nothing of these days.
    """
    chosen = [(path, covers) for path, covers in parts(folder) if covers.meets(since, until)]
    if not chosen:
        raise NoHistory(f"{folder} holds no decision of these days: run `tidegate history build`")
    registries, later = Registries(registry_rows(folder)), revised(folder)
    total, found = sum(covers.manifests for _, covers in chosen), Differences()

    def one(part: tuple[Path, Covers]) -> tuple[int, Differences]:
        return part[1].manifests, of_part(*read(part[0]), later, book, registries, since, until, as_of)

    done = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for manifests, differences in pool.map(one, chosen):
            found.add(differences)
            done += manifests
            progress("judging again", done, total)
    return found


def of_part(
    heads: pl.DataFrame, lines: pl.DataFrame, later: pl.DataFrame, book: Lawbook, registries: Registries,
    since: date | None, until: date | None, as_of: date | None,
) -> Differences:  # fmt: skip
    """The differences of one part's tables; `later`: as parts.revised."""
    heads = heads.join(later, on="manifest_id", how="left", maintain_order="left")
    failed = heads.select((pl.col("revised") == "REJECT").fill_null(False)).to_series()
    heads = heads.with_columns(STANDS).drop("revised")
    manifests = Manifests(heads.with_row_index("m"), lines)
    day = pl.col("accepted_on")
    wanted = heads.select(pl.all_horizontal(pl.lit(True), *([day >= since] if since else []), *([day <= until] if until else []))).to_series()
    left = heads["then_codes"].list.contains(QUARANTINE) | failed
    found = Differences(as_they_were=int((wanted & left).sum()))
    manifests = take(manifests, wanted & ~left)
    for (on, version), _ in manifests.heads.group_by("accepted_on", "registry_version", maintain_order=True):
        chosen = manifests.heads.select((day == on) & (pl.col("registry_version") == version)).to_series()
        some = manifests if chosen.all() else take(manifests, chosen)
        found.add(_compare(some, book, registries.at(version), as_of or on))
    found.manifests += found.as_they_were
    return found


def _compare(manifests: Manifests, book: Lawbook, registry: Registry, day: date) -> Differences:
    heads = manifests.heads
    then = heads.select("m", pl.col("then_codes").alias("code")).explode("code").drop_nulls()
    given = list(book.codes_taken_as_stored())
    now, found = rejudge(manifests, then.filter(pl.col("code").is_in(given)), book.on(day), registry)
    both = heads.select(*KEY, "then_outcome", "then_tax_fen", "then_codes").hstack([now["outcome"], now["tax_fen"]])
    more, less = pl.col("tax_fen") > pl.col("then_tax_fen"), pl.col("tax_fen") < pl.col("then_tax_fen")
    by_rules = (pl.col("then_outcome") == "REJECT") & ~pl.col("then_codes").list.eval(pl.element().is_in(given)).list.any()
    sums = both.select(
        tax_then_fen=pl.col("then_tax_fen").sum(), tax_now_fen=pl.col("tax_fen").sum(), tax_more=more.sum(), tax_less=less.sum(),
        unasked=(by_rules & (pl.col("outcome") != "REJECT")).sum(),
    ).to_dicts()[0]  # fmt: skip
    outcomes = both.group_by("then_outcome", "outcome").len().rows()
    result = Differences(manifests=len(heads), outcomes={(a, b): n for a, b, n in outcomes}, **sums)
    changed = both.filter(pl.col("then_outcome") != pl.col("outcome"))
    for (a, b), rows in changed.group_by("then_outcome", "outcome", maintain_order=True):
        result.orders[f"{a} → {b}"] = rows.select(KEY).head(NAMED).rows()
    if taxed := both.filter(more | less).select(KEY).head(NAMED).rows():
        result.orders["tax"] = taxed
    _add_codes(result, heads, then, found.select("m", "code"))
    return result


def _add_codes(result: Differences, heads: pl.DataFrame, then: pl.DataFrame, now: pl.DataFrame) -> None:
    only_then, only_now = then.join(now, on=["m", "code"], how="anti"), now.join(then, on=["m", "code"], how="anti")
    counts = {sign: dict(rows["code"].value_counts().rows()) for sign, rows in (("-", only_then), ("+", only_now))}
    for code in sorted({*counts["-"], *counts["+"]}):
        result.codes[code] = counts["-"].get(code, 0), counts["+"].get(code, 0)
    for sign, rows in (("-", only_then), ("+", only_now)):
        for (code,), some in rows.sort("m").group_by("code", maintain_order=True):
            result.orders[f"{sign} {code}"] = heads.select(KEY)[some["m"].head(NAMED)].rows()
