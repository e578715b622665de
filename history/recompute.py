"""One decision made anew from what is stored, by the same way as the first time (pipeline/flow.py), and how it differs."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from history.recall import Recalled
from pipeline import decide as deciding
from pipeline import flow, guarantees
from pipeline.attempts import NO_FATES
from pipeline.claims import Claims
from pipeline.ledgers import USES, Posted
from pipeline.registry import Registry
from pipeline.rules import FOUND
from schemas.lawbook import Lawbook
from sinks.rows import manifest_frames

QUARANTINE = "SYS-02"
# Named when the row is made: keys of persons take the secret, numbers and places say where the decision is kept.
GIVEN = (
    "manifest_id", "decision_id", "lane", "batch_seq", "person_key", "payer_key", "phone_key", "address_key", "counters",
)  # fmt: skip
TYPES = {
    name: pl.Int64 if name in ("manifest_id", "batch_seq") else pl.Int16 if name == "lane" else pl.Binary for name in GIVEN
}


@dataclass(frozen=True, slots=True)
class Recomputed:
    """`judged`: after the rules, with every derived column; `decided`: after the stored samples and refusals of the ledgers."""

    judged: deciding.Judged
    decided: flow.Decided


@dataclass(frozen=True, slots=True)
class Difference:
    """`what`: table and column, or a code; as stored and as recomputed. None: it is not there."""

    what: str
    stored: str | None
    recomputed: str | None


def recompute(recalled: Recalled, book: Lawbook, registry: Registry, findings: Sequence[Mapping[str, Any]]) -> Recomputed:
    """The decision of one manifest, by the law of its day and the registry it was decided by.

    `findings`: those stored of it. Of ledgers and samples they are taken as they are: neither balances nor seeds are in the
    documents.
    """
    day = recalled.manifests.heads["accepted_on"].item()
    law = book.on(day)
    kept = {entry["code"] for entry in findings}
    judged = deciding.judge(recalled.manifests, law, day, registry, quarantined=QUARANTINE in kept)
    refused = [x for x in findings if x["code"] in book.codes_taken_as_stored()]
    refusals = pl.DataFrame([(0, x["code"], x["values_read"]) for x in refused], schema=FOUND, orient="row")
    posted = Posted(refusals, {}, pl.DataFrame(schema=USES), guarantees.NOTHING)
    return Recomputed(judged, flow.conclude(flow.Opened(judged, NO_FATES, NO_CLAIMS, {}), posted, law))


def differences(
    recomputed: Recomputed, row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], findings: Sequence[Mapping[str, Any]]
) -> list[Difference]:
    """Where the rows that the decision would write are not those stored: tables manifest, manifest_line and finding."""
    given = [pl.Series(name, [row[name]], dtype=TYPES[name]) for name in GIVEN]
    decided = recomputed.decided
    frames = manifest_frames(replace(decided, heads=decided.heads.with_columns(given)))
    found = [*_unlike("", frames["manifest"].to_dicts()[0], row)]
    again = {x["line_no"]: x for x in frames["manifest_line"].to_dicts()}
    for number, there in _side_by_side(again, {x["line_no"]: x for x in lines}):
        found += _one_or_both(f"line {number} ", *there)
    codes = {x["code"]: x for x in frames["finding"].to_dicts()}
    for code, there in _side_by_side(codes, {x["code"]: x for x in findings}):
        found += _one_or_both(f"finding {code} ", *there)
    return found


def _side_by_side(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> Iterator[tuple[Any, tuple[Any, Any]]]:
    for key in sorted({*one, *other}):
        yield key, (one.get(key), other.get(key))


def _one_or_both(what: str, again: Mapping[str, Any] | None, stored: Mapping[str, Any] | None) -> Iterable[Difference]:
    if again is None or stored is None:
        return [Difference(what.strip(), "there" if stored else None, "there" if again else None)]
    return _unlike(what, again, stored)


def _unlike(what: str, again: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in again.items():
        kept, made = _read(name, stored[name]), _read(name, value)
        if kept != made:
            yield Difference(what + name, _told(kept), _told(made))


def _read(name: str, value: Any) -> Any:
    return json.loads(value) if name == "values_read" and isinstance(value, str) else value


def _told(value: Any) -> str | None:
    return None if value is None else value.hex() if isinstance(value, bytes) else str(value)


NO_CLAIMS = Claims(pl.DataFrame(), {}, guarantees.NO_CLAIMS)
