"""What differs by the class of an enterprise: findings and tolerances (classes.toml)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

QUEUES = ("inspection", "orderer", "review", "stock", "guarantee")  # the first that a finding asks for
STATUS = {"": "800", "guarantee": "300", "stock": "300", "review": "300", "orderer": "300", "inspection": "500"}
REJECTED = "100"


@dataclass(frozen=True, slots=True)
class DayClasses:
    """`findings`: code → (outcome, queue), `special`: the same by (code, class); `tolerances`: by (limit, class); `limits`."""

    findings: dict[str, tuple[str, str]]
    special: dict[tuple[str, str], tuple[str, str]]
    tolerances: dict[tuple[str, str], int]
    limits: dict[str, int]

    def of(self, code: str, class_: str) -> tuple[str, str]:
        """Outcome and queue of a finding for a class."""
        return self.special.get((code, class_), self.findings[code])

    def tolerance(self, name: str, class_: str) -> int:
        """A limit for a class."""
        return self.tolerances.get((name, class_), self.limits[name])

    def conclude(self, codes: list[str], class_: str) -> tuple[str, str, str]:
        """Outcome, queue and returnStatus of findings."""
        if not codes:
            return "RELEASE", "", STATUS[""]
        found = [self.of(code, class_) for code in codes]
        if any([outcome == "REJECT" for outcome, _ in found]):
            return "REJECT", "", REJECTED
        queues = [queue for outcome, queue in found if outcome == "HOLD"]
        queue = min(queues, key=QUEUES.index) if queues else ""
        return "HOLD" if queue else "RELEASE", queue, STATUS[queue]


def classes_on(day: date, entries: dict[str, Any], findings: dict[str, tuple[str, str]], limits: dict[str, int]) -> DayClasses:
    """The entries of classes.toml of a day."""
    special = {(x["code"], x["class"]): (x["outcome"], x.get("queue", "")) for x in entries["outcome"] if x["from"] <= day <= x["to"]}
    tolerances = {(x["name"], x["class"]): x["value"] for x in entries["tolerance"] if x["from"] <= day <= x["to"]}
    return DayClasses(findings, special, tolerances, limits)
