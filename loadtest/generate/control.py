"""What the generator knows of goods control: which items no clean order may hold, whatever the day."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import schemas

FILE = Path(schemas.__file__).parent / "law" / "control.toml"


def barred(hs8: str, country: str, bonded: bool) -> bool:
    """Whether some list, on some day, keeps an item of this code, origin and mode from being released."""
    lists = _lists()
    if any(hs8.startswith(x["hs"]) for kind in ("negative", "waste", "watch") for x in lists.get(kind, ())):
        return True
    if any(hs8.startswith(x["hs"]) and country == x["country"] for x in lists.get("stop", ())):
        return True
    mode = "1210" if bonded else "9610"
    return any(hs8 == x["hs"] and mode not in x.get("modes", (mode,)) for x in lists.get("positive", ()))


def self_use(hs: str, unit: str) -> dict[str, int]:
    """What of a self-use entry may be had of a unit, by `parcel`, `day` and `month`; the generator takes entries that have
    never been otherwise."""
    (entry,) = (x for x in _lists()["self_use"] if x["hs"] == hs)
    return {time: entry[time][unit] for time in ("parcel", "day", "month")}


@lru_cache
def _lists() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(FILE.read_text())
