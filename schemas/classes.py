"""What differs by the class of an enterprise, by day (schemas/law/classes.toml)."""

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ClassBook:
    """`entries` by kind, as in classes.toml."""

    entries: dict[str, list[Entry]]

    def outcomes_on(self, day: date) -> dict[tuple[str, str], tuple[str, str]]:
        """(code, class) → (outcome, queue) of findings that differ from rules.toml on a day."""
        return {(x["code"], x["class"]): (x["outcome"], x.get("queue", "")) for x in self._now("outcome", day)}

    def parameters_on(self, day: date, limits: dict[str, int]) -> dict[str, str]:
        """What stands for {name} in a condition on a day: the limit, or SQL that chooses it by class."""
        found = {name: str(value) for name, value in limits.items()}
        for name in {x["name"] for x in self._now("tolerance", day)}:
            cases = [f"WHEN {x['of']}_class = '{x['class']}' THEN {x['value']}" for x in self._now("tolerance", day) if x["name"] == name]
            found[name] = f"(CASE {' '.join(cases)} ELSE {limits[name]} END)"
        return found

    def begins(self) -> set[date]:
        """Every day on which an entry begins to be in force."""
        return {x["from"] for entries in self.entries.values() for x in entries}

    def _now(self, kind: str, day: date) -> list[Entry]:
        return [x for x in self.entries.get(kind, ()) if x["from"] <= day <= x["to"]]


def read(folder: Path) -> ClassBook:
    """The entries of a folder that law_check has found sound."""
    return ClassBook(tomllib.loads((folder / "classes.toml").read_text()))
