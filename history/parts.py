"""How the history lies in its folder: numbered parts, each some batches of every lane in columns.

    00000001/covers.json            which batches, how many manifests, from which to which day
    00000001/manifests.parquet      what the three documents said, and what was decided
    00000001/lines.parquet          the order lines
    00000001/revisions.parquet      what was revised in these batches, of whatever part
    00000001/personal/…             the personal columns of both, row by row: as guarded as table document
    00000001/registry/…             what the registry took up to then, since the part before

A part is written beside its place and moved there whole. The last one is made anew until it is full.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pipeline.registry import SCHEMAS

FULL = 25_000  # manifests from which on a part stays as it is: some 10 MB, and a few hundred milliseconds to judge
TABLES = ("manifests", "lines")
COVERS = "covers.json"
REVISIONS = {
    "manifest_id": pl.Int64, "revision": pl.Int16, "outcome": pl.String, "registry_version": pl.Int64, "lane": pl.Int16, "batch_seq": pl.Int64,
}  # fmt: skip


class NoHistory(RuntimeError):
    """There is none in the folder, or it is not whole."""


@dataclass(frozen=True, slots=True)
class Covers:
    """Batches `first` to `last` of each lane. `registry`: versions after the first up to the second; days of acceptance,
    None when there is no manifest."""

    lanes: Mapping[int, tuple[int, int]]
    manifests: int
    registry: tuple[int, int]
    first_day: date | None
    last_day: date | None

    @property
    def full(self) -> bool:
        return self.manifests >= FULL

    def meets(self, since: date | None, until: date | None) -> bool:
        """Whether some manifest of it may have been accepted in these days."""
        return self.first_day is not None and self.last_day is not None and (
            (since is None or self.last_day >= since) and (until is None or self.first_day <= until)
        )


@dataclass(frozen=True, slots=True)
class Content:
    """What a part holds. `manifests` and `lines`: with their personal columns; `revisions`: REVISIONS; `registry`: rows by table, with `version`."""

    manifests: pl.DataFrame
    lines: pl.DataFrame
    revisions: pl.DataFrame
    registry: Mapping[str, pl.DataFrame]


def parts(folder: Path) -> list[tuple[Path, Covers]]:
    """Every part in its order. NoHistory when a number is missing."""
    found = sorted(path for path in folder.glob("[0-9]*") if path.is_dir() and path.name.isdigit())
    if [int(path.name) for path in found] != list(range(1, len(found) + 1)):
        raise NoHistory(f"{folder}: a part is missing; build it anew")
    return [(path, _read_covers(path)) for path in found]


def write(folder: Path, number: int, covers: Covers, content: Content, personal: frozenset[str]) -> None:
    """Put a part in its place, instead of what may be there. `personal`: columns that go into files of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    place, beside = folder / f"{number:08d}", folder / f".{number:08d}"
    shutil.rmtree(beside, ignore_errors=True)
    (beside / "registry").mkdir(parents=True)
    (beside / "personal").mkdir(mode=0o700)
    for name, table in zip(TABLES, (content.manifests, content.lines), strict=True):
        private = [column for column in table.columns if column in personal]
        table.drop(private).write_parquet(beside / f"{name}.parquet", compression="zstd", compression_level=3)
        guarded = beside / "personal" / f"{name}.parquet"
        guarded.touch(mode=0o600)
        table.select(private).write_parquet(guarded, compression="zstd", compression_level=3)
    content.revisions.write_parquet(beside / "revisions.parquet", compression="zstd")
    for name, table in content.registry.items():
        table.write_parquet(beside / "registry" / f"{name}.parquet", compression="zstd")
    (beside / COVERS).write_text(json.dumps(_as_json(covers)) + "\n")
    shutil.rmtree(place, ignore_errors=True)
    beside.replace(place)


def drop_after(folder: Path, number: int) -> None:
    """Remove the parts behind this one: all was written anew, and came to fewer."""
    for path, _ in parts(folder)[number:]:
        shutil.rmtree(path)


def read(part: Path, manifests: Iterable[str] | None = None, lines: Iterable[str] | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables of a part with their personal columns; those columns alone that are named, all by default."""
    return _table(part, "manifests", manifests), _table(part, "lines", lines)


def revised(folder: Path) -> pl.DataFrame:
    """`manifest_id` and `revised`: what the latest revision of each came to, of all that were revised."""
    found = pl.concat([pl.DataFrame(schema=REVISIONS), *(pl.read_parquet(path / "revisions.parquet") for path, _ in parts(folder))])
    return found.sort("revision").unique("manifest_id", keep="last").select("manifest_id", pl.col("outcome").alias("revised"))


def registry_rows(folder: Path) -> dict[str, pl.DataFrame]:
    """Everything the registry took, by table, in its order, with the `version` each row holds from."""
    found: dict[str, pl.DataFrame] = {}
    for name, schema in SCHEMAS.items():
        tables = [pl.read_parquet(path / "registry" / f"{name}.parquet") for path, _ in parts(folder)]
        found[name] = pl.concat([pl.DataFrame(schema={**schema, "version": pl.Int64}), *tables])
    return found


def _table(part: Path, name: str, wanted: Iterable[str] | None) -> pl.DataFrame:
    names = None if wanted is None else set(wanted)
    return pl.concat(list(_halves(part, name, names)), how="horizontal")


def _halves(part: Path, name: str, wanted: set[str] | None) -> Iterator[pl.DataFrame]:
    for path in (part / f"{name}.parquet", part / "personal" / f"{name}.parquet"):
        there = list(pl.read_parquet_schema(path))
        chosen = [column for column in there if wanted is None or column in wanted]
        if chosen:
            yield pl.read_parquet(path, columns=chosen)


def _as_json(covers: Covers) -> dict[str, object]:
    days = {name: day and day.isoformat() for name, day in (("first_day", covers.first_day), ("last_day", covers.last_day))}
    return {**asdict(covers), "lanes": [[lane, *batches] for lane, batches in sorted(covers.lanes.items())], **days}


def _read_covers(part: Path) -> Covers:
    told = json.loads((part / COVERS).read_text())
    days = [told[name] and date.fromisoformat(told[name]) for name in ("first_day", "last_day")]
    after, upto = told["registry"]
    return Covers({lane: (first, last) for lane, first, last in told["lanes"]}, told["manifests"], (after, upto), *days)
