"""Every record of the document topics is accounted for exactly once, and table `document` holds what was decoded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from loadtest.verify import documents
from loadtest.verify.cases import Share
from loadtest.verify.documents import NoDocument
from loadtest.verify.evidence import (
    KINDS,
    DeadLetterRow,
    DocumentRow,
    Evidence,
    FateRow,
    Place,
    Record,
    Tables,
    record_place,
    used_places,
)  # fmt: skip
from loadtest.verify.homes import homes
from loadtest.verify.letters import check_kept
from loadtest.verify.proof import Report
from schemas.contracts import topic_name


@dataclass(slots=True)
class Whereabouts:
    """What became of each place. `open`: documents that neither a manifest, a fate nor a dead letter names; `lost`: records that
    nothing tells of, or that are unread."""

    rows: dict[Place, DocumentRow] = field(default_factory=lambda: dict[Place, DocumentRow]())
    used: set[Place] = field(default_factory=lambda: set[Place]())
    fates: dict[Place, FateRow] = field(default_factory=lambda: dict[Place, FateRow]())
    dead: dict[Place, DeadLetterRow] = field(default_factory=lambda: dict[Place, DeadLetterRow]())
    open: set[Place] = field(default_factory=lambda: set[Place]())
    lost: set[Place] = field(default_factory=lambda: set[Place]())


def account_for(evidence: Evidence, share: Share, complete: bool, report: Report) -> Whereabouts:
    """Look at every record of a share; `complete`: none may be left unread."""
    found = _gathered(evidence, share, report)
    following = _positions(evidence, share, report)
    latest: dict[tuple[int, int], int] = {}
    batch_of = {lane.lane: lane.batch_seq for lane in evidence.tables.lanes}
    rows = found.rows
    for place, record in evidence.inputs.items():
        where = place[:2]
        if place[2] >= following.get(where, 0):
            found.lost.add(place)
            _unread(place, found, complete, report)
            continue
        row = rows.get(place)
        if not _once(place, found, row, report) or row is None:
            continue
        _compare(place, row, record, report)
        if not latest.get(where, 0) <= row.batch_seq <= batch_of.get(row.lane, 0):
            what = "batch_seq of its document row"
            report.differs(record_place(*place), what, "batches in offset order", row.batch_seq)
        latest[where] = row.batch_seq
    for told in (found.rows, found.fates, found.dead):
        for place in sorted(told.keys() - evidence.inputs.keys()):
            report.differs(record_place(*place), "row of a table", "a record at this place", "none")
    _check_astray(evidence.inputs, found, report)
    _check_unused(evidence.inputs, found, report)
    report.counts["records"] += len(evidence.inputs)
    report.counts["documents_used"] += len(found.used)
    report.counts["dead_letters"] += len(found.dead)
    for fate in found.fates.values():
        report.counts[f"documents_{fate.fate}"] += 1
    return found


def _gathered(evidence: Evidence, share: Share, report: Report) -> Whereabouts:
    tables = evidence.tables
    found = Whereabouts()
    for row in tables.documents:
        place = (row.kind, row.partition, row.kafka_offset)
        if place in found.rows:
            report.differs(record_place(*place), "rows of table document", "one", "several")
        found.rows[place] = row
    for manifest in tables.manifests:
        places = used_places(manifest)
        found.used.update(places)
        for place in places:  # of what came by other lanes nothing is known
            if place[1] == manifest.lane and (row := found.rows.get(place)) is not None and row.batch_seq > manifest.batch_seq:
                report.differs(record_place(*place), "batch_seq of its document row", f"up to {manifest.batch_seq}, which used it", row.batch_seq)
    found.fates = {place: fate for place, fate in fates(tables).items() if share.has(place[1])}
    for fate in found.fates.values():
        _check_met(fate, found.rows, report)
    found.dead = {place: letter for place, letter in dead_documents(tables).items() if share.has(place[1])}
    return found


def _check_met(fate: FateRow, rows: Mapping[Place, DocumentRow], report: Report) -> None:
    """The lane that gave it had the document by then, and the one that did it."""
    for partition, offset in ((fate.partition, fate.kafka_offset), (fate.by_partition, fate.by_offset)):
        if partition is None or offset is None or partition != fate.lane:
            continue
        if (row := rows.get((fate.kind, partition, offset))) is not None and row.batch_seq > fate.batch_seq:
            place = record_place(fate.kind, fate.partition, fate.kafka_offset)
            report.differs(place, "batch_seq of its fate", f"from {row.batch_seq} on, which stored {record_place(fate.kind, partition, offset)}", fate.batch_seq)


def fates(tables: Tables) -> dict[Place, FateRow]:
    """By the place of the document that met it."""
    return {(fate.kind, fate.partition, fate.kafka_offset): fate for fate in tables.fates}


def dead_documents(tables: Tables) -> dict[Place, DeadLetterRow]:
    """Dead letters by place, those of the document topics."""
    kind_of = {topic_name(kind): number for number, kind in enumerate(KINDS, start=1)}
    others = topic_name("registry"), topic_name("rules")  # whose events are no documents
    return {(kind_of.get(d.topic, 0), d.partition, d.kafka_offset): d for d in tables.dead_letters if d.topic not in others}


def _positions(evidence: Evidence, share: Share, report: Report) -> dict[tuple[int, int], int]:
    """(kind, partition) → first offset that is not yet read."""
    kind_of = {topic_name(kind): number for number, kind in enumerate(KINDS, start=1)}
    following: dict[tuple[int, int], int] = {}
    for row in evidence.tables.consumed:
        if row.topic not in kind_of or not share.has(row.partition):
            continue
        where = kind_of[row.topic], row.partition
        following[where] = row.next_offset
        end = evidence.ends.get(where, 0)
        if row.next_offset > end:
            place = f"{row.topic}[{row.partition}]"
            report.differs(place, "position", f"not beyond the log end {end}", row.next_offset)
    return following


def _unread(place: Place, found: Whereabouts, complete: bool, report: Report) -> None:
    report.counts["unread"] += 1
    if place in found.rows or place in found.used or place in found.fates or place in found.dead:
        report.differs(record_place(*place), "rows about it", "none: it is beyond the position", "some")
    elif complete:
        report.differs(record_place(*place), "reading", "read", "not read")


def _once(place: Place, found: Whereabouts, row: DocumentRow | None, report: Report) -> bool:
    """Whether it is in exactly one state; notes the open ones."""
    if row is not None and place in found.used and place not in found.fates and place not in found.dead:
        return True  # nearly all
    states = [
        name
        for name, places in (("used", found.used), ("with a fate", found.fates), ("dead-lettered", found.dead))
        if place in places
    ]
    if len(states) > 1:
        report.differs(record_place(*place), "state", "exactly one", " and ".join(states))
        return False
    if row is None:
        if states != ["dead-lettered"]:
            found.lost.add(place)
            report.differs(record_place(*place), "state", "a document row or a dead letter", "not accounted for")
        return False
    if states == ["dead-lettered"]:
        report.differs(record_place(*place), "state", "a dead letter has no document row", "it has one")
        return False
    if not states:
        found.open.add(place)
    return True


def _compare(place: Place, row: DocumentRow, record: Record, report: Report) -> None:
    stored = (row.log_time, row.lane, row.value_sha256, row.order_hash, f"{row.ebp_code}|{row.order_no}".encode())
    right = (record.log_ms, place[1], sha256(record.value or b"").digest(), documents.order_hash(row.order_no), record.key)
    if stored != right:
        names = ("log_time", "lane", "value", "order_hash", "ebp_code and order_no")
        for name, want, have in zip(names, right, stored, strict=True):
            if want != have:
                what = f"{name} of its document row"
                report.differs(record_place(*place), what, "as in the record", "something else")


def _check_astray(inputs: Mapping[Place, Record], found: Whereabouts, report: Report) -> None:
    """Whether a document is looked for by those of other lanes: it lies where its key does not belong, or its key has no platform."""
    rows = [(place, row, record.key or b"") for place, row in found.rows.items() if (record := inputs.get(place)) is not None]
    for (place, row, key), home in zip(rows, homes([key for _, _, key in rows]), strict=True):
        if row.astray != (place[1] != home or key[:1] == b"|"):
            report.differs(record_place(*place), "astray of its document row", not row.astray, row.astray)


def _check_unused(inputs: Mapping[Place, Record], found: Whereabouts, report: Report) -> None:
    """Decode what no manifest uses (the others are decoded with their manifests) and judge the dead letters."""
    for place in [*found.fates, *found.open]:
        if (record := inputs.get(place)) is not None and (code := _dead_code(place, record)) is not None:
            report.differs(record_place(*place), "state", f"a dead letter {code}", "taken as a document")
    for place, row in found.dead.items():
        record = inputs.get(place)
        if record is None:
            continue
        report.same(record_place(*place), "dead-letter code", _dead_code(place, record), row.code)
        check_kept(record_place(*place), place[1], row, record, report)


def _dead_code(place: Place, record: Record) -> str | None:
    try:
        documents.read(documents.kind_name(place[0]), record.key, record.value)
    except NoDocument as e:
        return e.code
    return None
