"""What findings tell of the values that were read (docs/decisions.md section 5)."""

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Any

from loadtest.verify.documents import Document
from loadtest.verify.evaluate import Records, value
from loadtest.verify.law import TIMES, DayLaw, ReadColumn
from loadtest.verify.proof import Report

Told = Mapping[str, str | None]
NOTHING_TOLD: Told = {}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONDITIONS = "conditions"  # under which SYS-01 names those that were null
MASK = "***"


def by_rule(code: str, records: Records, lines: Sequence[Document], day: DayLaw) -> Told:
    """By a rule or an indicator that is true of a manifest: the columns of its condition, of a rule of lines those of the first
    line that it is true of."""
    if (node := next((node for of, node in day.line_rules if of == code), None)) is not None:
        records = {"line": next((line for line in lines if value(node, {"line": line})), {})}
    return {column.name: _shown(column, records[column.record].get(column.field)) for column in day.reads[code]}


def by_risk(score: int, indicators: Sequence[str], by_indicator: Callable[[str], Told]) -> Told:
    """By a band; where two indicators read a column of several lines, the later one tells of it."""
    read = {name: shown for code in indicators for name, shown in by_indicator(code).items()}
    return {"score": str(score), "indicators": ",".join(indicators), **read}


def by_unknown(records: Records, lines: Sequence[Document], day: DayLaw) -> list[str]:
    """Codes of the conditions without counters that are null."""
    of_lines = [code for code, node in day.line_rules if any(value(node, {"line": line}) is None for line in lines)]
    return [*(code for code, node in day.manifest_rules if value(node, records) is None), *of_lines]


def conditions(codes: Sequence[str]) -> Told:
    """What SYS-01 tells; in any order."""
    return {CONDITIONS: ",".join(sorted(codes))}


def compare(place: str, want: Told, read: Mapping[str, Any], report: Report) -> None:
    """What is told may be personal, and unmasked: it is said of which columns it differs, not how."""
    if isinstance(codes := read.get(CONDITIONS), str):
        read = {**read, CONDITIONS: ",".join(sorted(codes.split(",")))}
    if want != read:
        wrong = [name for name, shown in want.items() if name not in read or read[name] != shown]
        more = len(read.keys() - want.keys())
        report.differs(place, "values read", f"of {', '.join(sorted(want))}", f"others of {', '.join(sorted(wrong))}; {more} more")


def unmasked(read: Mapping[str, Any], personal: Set[str]) -> list[str]:
    """The personal columns that stand in the clear."""
    return [name for name, shown in read.items() if name in personal and shown and not str(shown).startswith(MASK)]


def _shown(column: ReadColumn, found: Any) -> str | None:
    """As polars and Python write it; of a personal value how many characters that has."""
    if found is None:
        return None
    text = str(EPOCH + timedelta(milliseconds=found)) if column.name in TIMES else str(found)
    return f"{MASK}{len(text)}" if column.personal and found else "" if column.personal else text
