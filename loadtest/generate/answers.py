"""What must come out of a generated set: of every order number, and of every document that is not simply used."""

from dataclasses import dataclass

USED, OPEN = "used", "open"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One decided attempt: RELEASE, HOLD or REJECT, its finding codes, and the tax in fen (0 when not taxed)."""

    outcome: str
    codes: frozenset[str] = frozenset()
    tax_fen: int = 0


History = tuple[Attempt, ...]
"""The decided attempts of one order number in their order; empty while it stays open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What must be decided for one order number.

    `histories`: every right sequence of attempts. More than one when it depends on which commit comes first.
    `group` and `accepted`: of all order numbers of a group, exactly so many are released or held ("" and 0: no group).
    """

    ebp_code: str
    order_no: str
    story: str
    histories: tuple[History, ...]
    group: str = ""
    accepted: int = 0

    @property
    def either(self) -> bool:
        """Whether several histories are right."""
        return len(self.histories) > 1

    @property
    def last(self) -> Attempt | None:
        """The last attempt of the first history; None when that one stays open."""
        return self.histories[0][-1] if self.histories[0] else None


@dataclass(frozen=True, slots=True)
class Fate:
    """What may become of one document: `used`, `open`, a DOC code or a DL code; one of `fates` must be it.

    `sequence`: its place in sending order, from 0. Documents without a Fate are used, and nothing else is right.
    """

    sequence: int
    kind: str
    ebp_code: str
    order_no: str
    fates: tuple[str, ...]
