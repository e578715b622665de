"""Rates of samples by day (schemas/law/samples.toml), and the seeds that draw them."""

import hashlib
import secrets
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.rates import Rates
from pipeline.sampling import Seed
from schemas.blake2b import Blake2b
from schemas.packed import Packed

SEED_BYTES = 32
FIRST = date(2019, 1, 1)  # from when on the first seed holds
NUMBER = ">u8"  # the first eight bytes of a digest, which are all it has
ID = Blake2b(16)


@dataclass(frozen=True, eq=False)
class SampleBook:
    """`entries` by kind, as in samples.toml."""

    entries: dict[str, list[dict[str, Any]]]

    def on(self, day: date) -> Rates:
        """The rates in force on a day."""
        categories = self.entries["category"]
        rates = {
            (x["class"], x["category"], mode == "bonded"): (x[mode]["inspection_1e6"], x[mode]["review_1e6"])
            for x in self.entries["rate"]
            if x["from"] <= day <= x["to"]
            for mode in ("bonded", "direct")
        }
        chapters = {chapter: place for place, x in enumerate(categories) for chapter in x["chapters"]}
        return Rates(chapters, tuple(x["name"] for x in categories), rates)

    def begins(self) -> set[date]:
        """Every day on which a rate begins to be in force."""
        return {x["from"] for x in self.entries["rate"]}


def read(folder: Path) -> SampleBook:
    """The entries of a folder that law_check has found sound."""
    return SampleBook(tomllib.loads((folder / "samples.toml").read_text()))


@dataclass(frozen=True, slots=True)
class SecretSeeds:
    """Seeds by the day they hold from, in that order (a pipeline.sampling.Seeds)."""

    periods: Sequence[tuple[date, bytes]]

    def on(self, day: date) -> Seed | None:
        """See pipeline.sampling.Seeds."""
        held = [seed for begins, seed in self.periods if begins <= day]
        return _seed(held[-1]) if held else None

    def decision_ids(self, texts: pl.Series) -> pl.Series:
        """See pipeline.sampling.Seeds."""
        return ID.of(texts)


@cache
def _seed(seed: bytes) -> Seed:
    hashed = Blake2b(8, seed)

    def numbers(ids: pl.Series) -> pl.Series:
        return pl.Series(hashed.digests(Packed.of_column(ids)).reshape(-1).view(NUMBER).astype("u8"))

    return Seed(version_of(seed), numbers)


def version_of(seed: bytes) -> str:
    """What may be told of a seed: 16 hex digits of its hash."""
    return hashlib.blake2b(b"seed|" + seed, digest_size=8).hexdigest()


def fresh_seeds() -> str:
    """What a file of seeds holds at first: one that was drawn just now, for every day."""
    return f"{FIRST} {secrets.token_hex(SEED_BYTES)}\n"


def seeds(text: str) -> SecretSeeds:
    """Lines of a day (ISO) and 64 hex digits, the seed that holds from then on. ValueError, beginning with the line's number, when one is none."""
    found: list[tuple[date, bytes]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            day, digits = line.split()
            found.append((date.fromisoformat(day), bytes.fromhex(digits)))
        except ValueError:
            raise ValueError(f"{number}: not a day and 64 hex digits") from None
        if len(found[-1][1]) != SEED_BYTES:
            raise ValueError(f"{number}: a seed has 64 hex digits")
    return SecretSeeds(sorted(found))
