"""A dead letter keeps the record as it came, and says why it is none in words of the program's own."""

import json
import re
from functools import lru_cache

from loadtest.verify.evidence import DeadLetterRow, Record
from loadtest.verify.proof import Report
from schemas.contracts import avro, newest

REPEATED = 900_000  # most bytes of a record that its dead letter repeats (docs/decisions.md section 1)
HEADER = 3  # bytes of a header beside its name and value
NOT_REPEATED = "; too large to be repeated in a message"
UNDECODABLE = (
    "the value is empty", "the framing is neither Confluent nor single-object", "the value is larger than a document may be", "a time is out of range",
    "a number is wider than its type", r"a text holds U\+0000", "more lines than can be numbered", "bytes are left over after the document",
    r"the payload does not decode \((?:[A-Z][A-Za-z]{0,30})?(?:[Ee]rror|Exception|Operation)\)",
)  # fmt: skip
NO_EVENT = (
    "events of the (registry|rules) belong into partition 0", r"\d of {parts} are given, not exactly one", "(revision|share|attempt|{field}) is out of range",
    "(status|role|class|kind|part) is not one of {words}", r"{field} is empty( or holds a \|)?", r"{field} is too long(, or holds U\+0000)?",
    "hsCode is not ten digits", "hsCode lies in chapter 98, which is kept for the fill", "content and contentUnit belong together",
    "contentUnit is unknown, or content out of range", "priceLowFen to priceHighFen is no range", "customsCode is not four digits",
    "amountFen or useOrder is out of range", "validFrom to validTo are no days, written as 2019-01-01, one not after the other",
    "decisionId is not that of ebpCode, orderNo and attempt", "bookItem is no number", "countedOn is no day, written as 2019-01-01",
    "ruleSet is no hash of 32 hex digits",
)  # fmt: skip
REASONS = {
    "DL-01": UNDECODABLE,
    "DL-02": ("the schema id is not one of this topic", "the schema fingerprint is not one of this topic"),
    "DL-03": (r"orderNo or ebpCode is empty or too long, or ebpCode holds a \|",),
    "DL-04": (r"the record key is not <ebpCode>\|<orderNo> of the document", "the record key is not the one of the (entry|event)"),
    "DL-05": NO_EVENT,
    "DL-06": ("the revision is not higher than that of the event before",),
    "DL-07": ("no rule set of this hash is kept: store it with tidegate law activate", "(?!no rule set of this hash)(.|\n)+"),
}
"""By code, as patterns. Of DL-07 all but one are what the check of the law says, of rule sets alone."""
WORDS = (
    "platform", "ecommerce", "payment", "carrier", "declarant", "warehouse", "guarantor", "aeo", "general", "dishonest", "active", "suspended", "revoked",
    "recalled", "failed", "cash", "letter", "insurance", "live", "shadow",
)  # fmt: skip


def check_kept(place: str, partition: int, row: DeadLetterRow, record: Record, report: Report) -> None:
    """The row against the record. What a sender wrote may be personal: it is said that it differs, not how."""
    headers = [[name, None if value is None else value.hex()] for name, value in record.headers]
    same = (row.log_time == record.log_ms, row.record_key == record.key, row.record_value == record.value,
            json.loads(row.headers) == headers, row.lane == partition)  # fmt: skip
    for name, right in zip(("log time", "key", "value", "headers", "lane"), same, strict=True):
        if not right:
            report.differs(place, f"{name} of its dead letter", "as in the record", "something else")
    check_reason(place, row, report)


def check_reason(place: str, row: DeadLetterRow, report: Report) -> None:
    """It is one of those that the program has for the code, and says whether the message repeats the record. It may be personal where
    it is another."""
    reason = row.reason.removesuffix(NOT_REPEATED)
    if (reason != row.reason) == repeats(row):
        report.differs(place, "reason of its dead letter", "whether the record is too large to be repeated", "the reverse")
    if row.code in REASONS and not _pattern(row.code).fullmatch(reason):
        report.differs(place, "reason of its dead letter", f"one of those of {row.code}", "something else")


def repeats(row: DeadLetterRow) -> bool:
    """Whether the message of a dead letter repeats its record."""
    headers = sum(HEADER + len(name.encode()) + len(value or "") // 2 for name, value in json.loads(row.headers))
    return 2 * len(row.record_key or b"") + len(row.record_value or b"") + headers <= REPEATED


@lru_cache
def _pattern(code: str) -> re.Pattern[str]:
    parts = [f["type"][1] for f in avro(newest("filing"))["fields"] if isinstance(f["type"], list)]
    fields = {field["name"] for part in parts for field in part["fields"]} | {f["name"] for f in avro(newest("rules"))["fields"]}
    names = {
        "{parts}": ", ".join(f["name"] for f in avro(newest("filing"))["fields"] if isinstance(f["type"], list)),
        "{field}": f"({'|'.join(sorted(fields))})", "{words}": f"({'|'.join(WORDS)})(, ({'|'.join(WORDS)}))*",
    }  # fmt: skip
    patterns = "|".join(f"({pattern})" for pattern in REASONS[code])
    for name, text in names.items():
        patterns = patterns.replace(name, text)
    return re.compile(patterns)
