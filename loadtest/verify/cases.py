"""Decided attempts with all that belongs to them, of the whole evidence or of one share of it.

A share is every `of`th partition and lane: a manifest belongs to that of the lane which its manifest_id names, and most
find their documents in it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from loadtest.verify.decided import Case, decision_id
from loadtest.verify.evidence import Evidence, FindingRow, LineRow, ManifestRow, Place, Record, Tables, used_places
from loadtest.verify.published import Box, manifest_receipt_id

LANE_BITS = 48  # manifest_id is lane, batch and number within it, packed


class Share(NamedTuple):
    """Share `number` of `of`; Share(0, 1) is everything."""

    number: int
    of: int

    def has(self, lane: int) -> bool:
        """Whether this lane, or partition, is in the share."""
        return lane % self.of == self.number

    def has_manifest(self, manifest_id: int) -> bool:
        """Whether it is of one of these lanes."""
        return self.has(manifest_id >> LANE_BITS)


EVERYTHING = Share(0, 1)
BY_PARTITION, BY_MANIFEST = ("documents",), ("manifests", "lines", "findings")
"""Tables of which a share has its rows alone, and nobody else any."""
ALL_NEED = ("lanes", "consumed", "fates", "open_reports", "held", "revisions", "dead_letters", "registry_state")
"""Tables that each share has whole, as has who proves the rest."""


def share_of(evidence: Evidence, share: Share) -> Evidence:
    """What a share is proved from: its records, messages, document rows and manifests, and every row of smaller tables."""
    if share == EVERYTHING:
        return evidence
    tables = evidence.tables
    part = Tables(
        documents=[d for d in tables.documents if share.has(d.partition)],
        manifests=[m for m in tables.manifests if share.has_manifest(m.manifest_id)],
        lines=[x for x in tables.lines if share.has_manifest(x.manifest_id)],
        findings=[f for f in tables.findings if share.has_manifest(f.manifest_id)],
        **{name: getattr(tables, name) for name in ALL_NEED},
    )
    inputs = {place: record for place, record in evidence.inputs.items() if share.has(place[1])}
    return Evidence(inputs, evidence.ends, [m for m in evidence.outputs if share.has(m.partition)], part)


class Cases:
    """The manifests of a share in the order of their manifest_id. `ids`: of each row the decisionId, in hex too, and the receiptId
    that its messages have to have."""

    def __init__(self, evidence: Evidence, decisions: Box, receipts: Box) -> None:
        self._inputs, self._decisions, self._receipts = evidence.inputs, decisions, receipts
        self.rows = sorted(evidence.tables.manifests, key=lambda m: m.manifest_id)
        self.ids = [(ident := decision_id(row), ident.hex(), manifest_receipt_id(ident)) for row in self.rows]
        self.lines: dict[int, list[LineRow]] = {}
        for line in evidence.tables.lines:
            self.lines.setdefault(line.manifest_id, []).append(line)
        self.findings: dict[int, list[FindingRow]] = {}
        for finding in evidence.tables.findings:
            self.findings.setdefault(finding.manifest_id, []).append(finding)

    def without_manifest(self) -> list[tuple[int, str]]:
        """(manifest_id, table) of rows whose manifest does not exist, in order."""
        known = {m.manifest_id for m in self.rows}
        tables = (("finding", self.findings), ("manifest_line", self.lines))
        return sorted((ident, name) for name, found in tables for ident in found.keys() - known)

    def slices(self, size: int) -> Iterator[list[Case]]:
        """All of them, `size` at a time."""
        for start in range(0, len(self.rows), size):
            yield [self._case(row, *ids) for row, ids in zip(self.rows[start : start + size], self.ids[start : start + size], strict=True)]

    def _case(self, row: ManifestRow, ident: bytes, hex_ident: str, receipt_id: str) -> Case:
        """With its records and messages; of several messages, one where it belongs."""
        order, payment, waybill = used_places(row)
        inputs, lane = self._inputs, row.lane
        return Case(
            row, self.lines.get(row.manifest_id, []), self.findings.get(row.manifest_id, []),
            (inputs.get(order), inputs.get(payment), inputs.get(waybill)),
            self._decisions.first(hex_ident, lane), self._receipts.first(receipt_id, lane), ident, receipt_id,
        )  # fmt: skip


def completed(case: Case, records: Mapping[Place, Record]) -> Case:
    """The case with what other shares hold of its records."""
    order, payment, waybill = (
        records.get(place) if record is None else record for place, record in zip(used_places(case.row), case.records, strict=True)
    )
    return case._replace(records=(order, payment, waybill))
