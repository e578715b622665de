"""The part of the proof that a share of the partitions and lanes makes by itself, and what it lays open for the rest.

Each decision is recomputed, each message belongs to a row and each record of the share is accounted for. What a share
cannot know by itself (ledgers, counters, order numbers with documents in several partitions) is proved by who asks.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from loadtest.verify import law as law_data
from loadtest.verify.cases import Cases, Share
from loadtest.verify.clocks import Heard, came_last, check_batch_clocks, heard_of_documents
from loadtest.verify.decided import Case, Facts, check, found_in
from loadtest.verify.evidence import (
    KINDS,
    DocumentRow,
    Evidence,
    ManifestRow,
    Message,
    Place,
    Record,
    manifest_place,
)
from loadtest.verify.open_orders import report_place
from loadtest.verify.orders import needing_a_look
from loadtest.verify.proof import Discrepancy, Report
from loadtest.verify.published import check_dead_letter, check_fate_receipt, check_open_receipt, sorted_out
from loadtest.verify.registry import Registry
from loadtest.verify.revisions import Revised, check_revisions
from loadtest.verify.samples import Seeds
from loadtest.verify.whereabouts import account_for
from schemas.contracts import topic_name

CHUNK = 1_000  # manifests between two reports
Attempt = tuple[str, str, int, str, frozenset[str], int]


class Checked(NamedTuple):
    """What came of some manifests. `differing`: with the manifest_id each belongs to, of `total` the first KEPT;
    `left`: cases with a record in a partition of another share, not checked."""

    manifests: int
    counts: Counter[str]
    total: int
    differing: list[tuple[int, Discrepancy]]
    facts: list[Facts]
    left: list[Case]


class Settled(NamedTuple):
    """What came of a share. `differing`: the first of `total`.

    `open`: its documents that no manifest of the share, no fate and no dead letter names; `lost`: its records that are nothing
    at all; `elsewhere`: what its manifests use in other shares; `numbers`: order numbers that need a closer look. `batches`:
    lane, batch and registry version of what was decided; `attempts`: ebpCode, orderNo, attempt, outcome, finding codes and tax in
    fen of each; `values`: by kind and partition the offsets of all records, and of each the SHA-256 of its value in a row;
    `events`: of guarantees, which take all manifests of their batches to check. `heard`, `came_last`: by lane, as in clocks.py.
    """

    counts: Counter[str]
    total: int
    differing: list[Discrepancy]
    revised: dict[int, Revised]
    open: set[Place]
    lost: set[Place]
    elsewhere: set[Place]
    numbers: set[str]
    batches: set[tuple[int, int, int]]
    attempts: list[Attempt]
    values: dict[tuple[int, int], tuple[list[int], bytes]]
    events: list[Message]
    heard: dict[int, Heard]
    came_last: dict[int, int]


class Given(NamedTuple):
    """What a share holds of some order numbers, and of some places."""

    documents: dict[Place, tuple[DocumentRow, Record]]
    manifests: list[ManifestRow]
    records: dict[Place, Record]


def check_all(cases: Sequence[Case], registry: Registry, person_key: bytes, seeds: Seeds, left: Sequence[Case] = ()) -> Checked:
    """Check some manifests against the rule sets that stood at their versions."""
    report = Report()
    topics = [topic_name(kind) for kind in KINDS]
    facts: list[Facts] = []
    differing: list[tuple[int, Discrepancy]] = []
    for case, documents in zip(cases, found_in(cases), strict=True):
        told = len(report.discrepancies)
        try:
            data = registry.rules.at(case.row.registry_version)
            found = check(case, documents, data, registry, topics, person_key, report, seeds)
        except Exception as e:  # a row that breaks the check is a discrepancy too; the others are still checked
            report.differs(manifest_place(case.row), "the check itself", "an end", type(e).__name__)
        else:
            if found is not None:
                facts.append(found)
        if len(report.discrepancies) > told:
            differing += [(case.row.manifest_id, d) for d in report.discrepancies[told:]]
    return Checked(len(cases), report.counts, report.total, differing, facts, list(left))


class Part:
    """The proof of one share."""

    def __init__(self, evidence: Evidence, share: Share, registry: Registry, person_key: bytes, seeds: Seeds, complete: bool) -> None:
        """`complete`: no record may be unread."""
        self._evidence, self._share, self._registry = evidence, share, registry
        self._key, self._seeds, self._complete = person_key, seeds, complete
        self._report = Report()
        self._decisions, self._receipts, self._dead, self._events = sorted_out(evidence.outputs, self._report)
        self._cases = Cases(evidence, self._decisions, self._receipts)
        self._rows: dict[Place, DocumentRow] = {}

    def checked(self) -> Iterator[Checked]:
        """All manifests, slice by slice."""
        yield self._without_manifest()
        for cases in self._cases.slices(CHUNK):
            left = [case for case in cases if not self._holds(case)]
            at_hand = [case for case in cases if self._holds(case)] if left else cases
            yield check_all(at_hand, self._registry, self._key, self._seeds, left)

    def settled(self) -> Settled:
        """Everything else. To be asked once, after all manifests were checked."""
        tables, report, share = self._evidence.tables, self._report, self._share
        if (different := len({m.manifest_id for m in tables.manifests})) != len(tables.manifests):
            report.differs("table manifest", "manifest_id", f"{len(tables.manifests)} different", f"{different}")
        found = account_for(self._evidence, share, self._complete, report)
        self._rows = found.rows
        revised = check_revisions(tables, share, self._cases, self._registry, self._decisions, self._receipts, report)
        self._take_messages()
        return Settled(
            report.counts, report.total, report.discrepancies, revised, found.open, found.lost,
            {place for place in found.used if not share.has(place[1])}, needing_a_look(tables.manifests, found),
            {(m.lane, m.batch_seq, m.registry_version) for m in tables.manifests}, list(self._attempts()), self._values(), self._events,
            heard_of_documents(self._evidence), came_last(tables, share),
        )  # fmt: skip

    def given(self, numbers: set[str], places: set[Place]) -> Given:
        """What the share holds of them."""
        inputs = self._evidence.inputs
        documents = {place: (row, inputs[place]) for place, row in self._rows.items() if row.order_no in numbers and place in inputs}
        manifests = [m for m in self._cases.rows if m.order_no in numbers]
        return Given(documents, manifests, {place: inputs[place] for place in places if place in inputs})

    def _holds(self, case: Case) -> bool:
        """Whether no other share has a record of it."""
        has, row = self._share.has, case.row
        if row.order_partition == row.payment_partition == row.waybill_partition:
            return has(row.order_partition)
        return has(row.order_partition) and has(row.payment_partition) and has(row.waybill_partition)

    def _without_manifest(self) -> Checked:
        report, found = Report(), self._cases.without_manifest()
        for ident, table in found:
            report.differs(f"manifest_id {ident}", f"rows of {table}", "of a manifest", "of none")
        differing = [(ident, d) for (ident, _), d in zip(found, report.discrepancies, strict=False)]
        return Checked(0, report.counts, report.total, differing, [], [])

    def _attempts(self) -> Iterator[Attempt]:
        for row in self._cases.rows:
            codes = frozenset(finding.code for finding in self._cases.findings.get(row.manifest_id, ()))
            yield row.ebp_code, row.order_no, row.attempt, row.outcome, codes, row.tax_fen

    def _values(self) -> dict[tuple[int, int], tuple[list[int], bytes]]:
        """A row that does not have the hash of its record is told of where the record is accounted for."""
        offsets: dict[tuple[int, int], list[int]] = {}
        for kind, partition, offset in sorted(self._evidence.inputs):
            offsets.setdefault((kind, partition), []).append(offset)
        return {where: (of, b"".join(self._sha256((*where, offset)) for offset in of)) for where, of in offsets.items()}

    def _sha256(self, place: Place) -> bytes:
        row = self._rows.get(place)
        return row.value_sha256 if row is not None else sha256(self._evidence.inputs[place].value or b"").digest()

    def _take_messages(self) -> None:
        """Each message of the share's lanes was published once, where it belongs, and there is no other."""
        tables, report, has = self._evidence.tables, self._report, self._share.has
        decisions, receipts, dead = self._decisions, self._receipts, self._dead
        for row, (_, ident, receipt_id) in zip(self._cases.rows, self._cases.ids, strict=True):
            place = partial(manifest_place, row)
            decisions.take(ident, place, row.lane, row.batch_seq, report)
            receipts.take(receipt_id, place, row.lane, row.batch_seq, report)
        law, lanes = law_data.load(), {lane.lane: lane for lane in tables.lanes}
        clocks = [(row.lane, row.batch_seq, row.revised_at) for row in tables.revisions if has(row.lane)]
        for fate in tables.fates:
            if has(fate.lane):
                at = check_fate_receipt(fate, receipts, law, lanes, self._rows, report)
                clocks += [(fate.lane, fate.batch_seq, at)] if at is not None else []
        for row in tables.open_reports:
            if has(row.lane):
                clocks.append((row.lane, row.batch_seq, row.reported_at))
                check_open_receipt(row, receipts, law, report_place(row), report)
        for letter in tables.dead_letters:
            if has(letter.lane):
                check_dead_letter(letter, dead, report)
        check_batch_clocks(clocks, report)
        for box in (decisions, receipts, dead):
            box.rest(report)
