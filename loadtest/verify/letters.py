"""A dead letter keeps the record as it came."""

import json

from loadtest.verify.evidence import DeadLetterRow, Record
from loadtest.verify.proof import Report


def check_kept(place: str, partition: int, row: DeadLetterRow, record: Record, report: Report) -> None:
    """The row against the record. What a sender wrote may be personal: it is said that it differs, not how."""
    headers = [[name, None if value is None else value.hex()] for name, value in record.headers]
    same = (row.log_time == record.log_ms, row.record_key == record.key, row.record_value == record.value,
            json.loads(row.headers) == headers, row.lane == partition)  # fmt: skip
    for name, right in zip(("log time", "key", "value", "headers", "lane"), same, strict=True):
        if not right:
            report.differs(place, f"{name} of its dead letter", "as in the record", "something else")
