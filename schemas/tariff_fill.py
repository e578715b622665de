"""Lines that bring the tariff to the published size of the positive list. They are invented, and marked so.

Their HS8 codes begin with 98: no goods are classified there, so no manifest is ever taxed by an invented rate.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

CHAPTER = "98"
ITEMS = ("none", "none", "none", "none", "none", "none", "wine", "cosmetics", "spirits", "watches")
Line = tuple[str, str, str, str | None, str, str, str, str, str, str]


def lines(fill: Mapping[str, Any], written: int) -> list[Line]:
    """Rows of tariff.csv's columns for `fill` (lines, seed) beside `written` lines; the same seed gives the same."""
    rng = Random(fill["seed"])
    count = max(0, fill["lines"] - written)
    codes = rng.sample(range(10**6), count)
    return [
        (
            f"{CHAPTER}{code:06d}", "synthetic", str(rng.choice((0, 300, 500, 800, 1000, 1500, 2500))), None,
            rng.choice(("900", "1300", "1300", "1300")), rng.choice(ITEMS), "2019-04-01", "9999-12-31", "synthetic", "false",
        )
        for code in codes
    ]  # fmt: skip
