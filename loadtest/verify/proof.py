"""What verification brings out: counts, and discrepancies that name their place and nobody's personal data."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Where = str | Callable[[], str]
"""A place, or what names it: most are never told, and to name each of them takes longer than to check what is there."""
KEPT = 100  # discrepancies written out in full; the rest are only counted


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """`place` such as 'manifest EBP|ORDER attempt 1 line 2' or 'cbec.order[3]@1234'; the rest as texts."""

    place: str
    what: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Proof:
    """`counts`: what was checked, by name; `discrepancies`: the first KEPT of `discrepancy_count`."""

    counts: dict[str, int]
    seconds: dict[str, float]
    discrepancies: list[Discrepancy]
    discrepancy_count: int

    @property
    def verified(self) -> bool:
        """Whether nothing at all differs."""
        return self.discrepancy_count == 0

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists, numbers and texts."""
        return {
            "verified": self.verified,
            "counts": dict(sorted(self.counts.items())),
            "seconds": self.seconds,
            "discrepancy_count": self.discrepancy_count,
            "discrepancies": [
                {"place": d.place, "what": d.what, "expected": d.expected, "found": d.found} for d in self.discrepancies
            ],
        }


@dataclass(slots=True)
class Report:
    """Gathers counts and discrepancies while the checks run."""

    counts: Counter[str] = field(default_factory=lambda: Counter[str]())
    discrepancies: list[Discrepancy] = field(default_factory=lambda: list[Discrepancy]())
    total: int = 0

    def differs(self, place: Where, what: str, expected: object, found: object) -> None:
        """Note one discrepancy."""
        self.total += 1
        if len(self.discrepancies) < KEPT:
            self.discrepancies.append(Discrepancy(place if isinstance(place, str) else place(), what, shown(expected), shown(found)))

    def same(self, place: Where, what: str, expected: object, found: object) -> None:
        """Note a discrepancy unless both are equal."""
        if expected != found:
            self.differs(place, what, expected, found)

    def add(self, discrepancies: Sequence[Discrepancy], total: int) -> None:
        """Add what was found elsewhere: `total` discrepancies, of which these come first."""
        self.total += total
        self.discrepancies += discrepancies[: max(0, KEPT - len(self.discrepancies))]

    def take(self, other: "Report") -> None:
        """Add all that another report gathered."""
        self.counts.update(other.counts)
        self.add(other.discrepancies, other.total)

    def proof(self, seconds: dict[str, float]) -> Proof:
        """The finished proof; `seconds` by stage."""
        return Proof(dict(self.counts), seconds, self.discrepancies, self.total)


def shown(value: object) -> str:
    """Bytes in hex, texts as they are, anything else as Python writes it."""
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str) else repr(value)
