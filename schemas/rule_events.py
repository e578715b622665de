"""Events of the rules topic: what one says, and why it is refused. What comes of them: docs/decisions.md section 10."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.codec import DecodeError, decode, encode
from schemas.filings import REVISIONS

LIVE, SHADOW = "live", "shadow"
PARTS = (LIVE, SHADOW)
WHOLE = 10_000  # a share in 10^-4
LONGEST_BY = 100
RULE_SET = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class RuleEvent:
    """`rule_set` is live from now on, or is tried on `share` (10^-4) of the manifests; empty: none is tried."""

    part: str
    revision: int
    rule_set: str
    share: int = 0
    by: str = ""

    @property
    def key(self) -> str:
        """The record key: of this event alone, so that compaction keeps them all."""
        return f"{self.part}|{self.revision}"


def written(event: RuleEvent) -> bytes:
    """The framed value of an event."""
    return encode("rules-1", {
        "revision": event.revision, "part": event.part, "ruleSet": event.rule_set, "share": event.share, "by": event.by,
    })  # fmt: skip


def read(key: bytes | None, value: bytes) -> RuleEvent:
    """The event of a record; DecodeError with DL-01, DL-02, DL-04 (key) or DL-05 (content), and a reason without values."""
    record = decode("rules", value)
    event = RuleEvent(record["part"], record["revision"], record["ruleSet"], record["share"], record["by"])
    if key != event.key.encode():
        raise DecodeError("DL-04", "the record key is not the one of the event")
    if why := next(_unfit(event), None):
        raise DecodeError("DL-05", why)
    return event


def _unfit(event: RuleEvent) -> Iterator[str]:
    if event.part not in PARTS:
        yield f"part is not one of {', '.join(PARTS)}"
    if event.revision not in REVISIONS:
        yield "revision is out of range"
    if not RULE_SET.fullmatch(event.rule_set) and (event.part, event.rule_set) != (SHADOW, ""):
        yield "ruleSet is no hash of 32 hex digits"
    if event.share not in (range(1, WHOLE + 1) if event.part == SHADOW and event.rule_set else (0,)):
        yield "share is out of range"
    if len(event.by) > LONGEST_BY:
        yield "by is too long"
