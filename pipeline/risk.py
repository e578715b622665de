"""Risk: indicators give points to typologies, and points reach bands (decisions.md, section 12)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class Indicator:
    """A condition over the columns in `reads`; true gives `points` by typology, null makes SYS-01."""

    code: str
    scope: Literal["manifest", "line"]
    condition: pl.Expr
    reads: tuple[str, ...]
    points: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Typology:
    """`bands`: (points from which on it holds, code of its finding), the highest first."""

    name: str
    bands: tuple[tuple[int, str], ...]


def findings(
    shown: Mapping[str, Mapping[str, str | None]], indicators: Mapping[str, Indicator], typologies: tuple[Typology, ...]
) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Code of each band reached, and what it goes by: score, indicators and the values they read. `shown`: by the code of an
    indicator that is true of the manifest, the values it read."""
    for typology in typologies:
        parts = {code: indicators[code].points[typology.name] for code in sorted(shown) if typology.name in indicators[code].points}
        score = sum(parts.values())
        reached = next((code for least, code in typology.bands if score >= least), None)
        if reached is not None:
            read: dict[str, str | None] = {"score": str(score), "indicators": ",".join(parts)}
            yield reached, read | {name: value for code in parts for name, value in shown[code].items()}


def codes(true: pl.DataFrame, indicators: Mapping[str, Indicator], typologies: tuple[Typology, ...]) -> pl.DataFrame:
    """`m` and `code` of each band reached. `true`: `m` and `code` of the indicators that are true of a manifest, each once."""
    reached = [true.clear()]
    for typology in typologies if len(true) else ():
        points = {code: x.points[typology.name] for code, x in indicators.items() if typology.name in x.points}
        scores = true.group_by("m").agg(pl.col("code").replace_strict(points, default=0, return_dtype=pl.Int64).sum().alias("score"))
        band = pl.lit(None, pl.String)
        for least, code in reversed(typology.bands):  # the highest is asked first
            band = pl.when(pl.col("score") >= least).then(pl.lit(code)).otherwise(band)
        reached.append(scores.select("m", band.alias("code")).drop_nulls())
    return pl.concat(reached)
