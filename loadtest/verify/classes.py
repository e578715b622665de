"""Classes of enterprises as the verifier reads them from classes.toml (docs/decisions.md section 12)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Entry = Mapping[str, Any]
GENERAL = "general"
STATUS = {"": 800, "guarantee": 300, "stock": 300, "review": 300, "orderer": 300, "inspection": 500}
GRAVEST = ("inspection", "orderer", "review", "stock", "guarantee")


@dataclass(frozen=True, slots=True)
class DayClasses:
    """What is in force on a day. `usual`: code → (outcome, queue) of rules.toml; `special`: (code, class) → the same for that
    class; `tolerances`: name of a limit → (role whose class counts, class → value, value for the others)."""

    usual: Mapping[str, tuple[str, str]]
    special: Mapping[tuple[str, str], tuple[str, str]]
    tolerances: Mapping[str, tuple[str, Mapping[str, int], int]]

    def says(self, code: str, class_: str) -> tuple[str, str]:
        """Outcome and queue of a finding about a firm of a class."""
        return self.special.get((code, class_)) or self.usual[code]

    def columns(self, filed: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The classes of a manifest's two firms, and the tolerances that follow from them under the names of the limits.
        `filed`: role → what is filed of the firm, empty where nothing is."""
        found: dict[str, Any] = {f"{role}_class": firm.get("class", GENERAL) for role, firm in filed.items()}
        for name, (role, by_class, usual) in self.tolerances.items():
            found[name] = by_class.get(found[f"{role}_class"], usual)
        return found


def on(day: date, entries: Mapping[str, Sequence[Entry]], usual: Mapping[str, tuple[str, str]], limits: Mapping[str, int]) -> DayClasses:
    """The entries of classes.toml in force on a day; `limits`: name → value on that day."""
    now = {kind: [x for x in kept if x["from"] <= day <= x["to"]] for kind, kept in entries.items()}
    special = {(x["code"], x["class"]): (x["outcome"], x.get("queue", "")) for x in now.get("outcome", ())}
    tolerances: dict[str, tuple[str, dict[str, int], int]] = {}
    for x in now.get("tolerance", ()):
        tolerances.setdefault(x["name"], (x["of"], {}, limits[x["name"]]))[1][x["class"]] = x["value"]
    return DayClasses(usual, special, tolerances)
