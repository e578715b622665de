"""The goods control of schemas/law, by day: control.toml and, for the positive list, the lines of the tariff."""

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.control import Control, Footnote

Entry = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ControlBook:
    """`entries` by kind, as in control.toml; `struck`: hs8 of the positive list → the last day it is on it."""

    entries: dict[str, list[Entry]]
    struck: dict[str, date]

    def on(self, day: date) -> Control:
        """The lists in force on a day."""
        now = {kind: [x for x in entries if x["from"] <= day <= x["to"]] for kind, entries in self.entries.items()}
        return Control(
            listed=frozenset(hs8 for hs8, last in self.struck.items() if day <= last),
            footnotes=tuple(
                Footnote(x["hs"], *(tuple(x.get(part, ())) for part in ("modes", "names", "excluded")))
                for x in now.get("positive", ())
            ),
            negative=tuple(x["hs"] for x in now.get("negative", ())),
            waste=tuple(x["hs"] for x in now.get("waste", ())),
            watched=tuple(x["hs"] for x in now.get("watch", ())),
            stops=tuple((x["hs"], x["country"]) for x in now.get("stop", ())),
            self_use=tuple((x["hs"], x["parcel"]) for x in now.get("self_use", ())),
            self_use_time=tuple(
                (x["hs"], x.get("day", {}), x.get("month", {})) for x in now.get("self_use", ()) if "day" in x or "month" in x
            ),
            brands=tuple(x["name"] for x in now.get("brand", ())),
        )

    def begins(self) -> set[date]:
        """Every day on which an entry begins to be in force."""
        return {x["from"] for entries in self.entries.values() for x in entries}


def read(folder: Path, lines: pl.DataFrame) -> ControlBook:
    """The goods control of a folder that law_check has found sound. `lines` as schemas.tariff.Tariff has them."""
    last = lines.group_by("hs8").agg(pl.col("to").max())
    return ControlBook(tomllib.loads((folder / "control.toml").read_text()), dict(last.iter_rows()))
