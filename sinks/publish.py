"""What a batch publishes: decisions and receipts, encoded and grouped by lane for the outbox."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import polars as pl

from pipeline.documents import BIT, KINDS
from pipeline.flow import Decided
from schemas.contracts import topic, topic_name
from schemas.encode import encode_records
from sinks.messages import packed

OUTPUT = {"RELEASE": "release", "HOLD": "hold", "REJECT": "reject"}
FILED, REJECTED = "120", "100"  # returnStatus of one document


@dataclass(slots=True)
class Mail:
    """Packed messages by lane, in the order they will be published."""

    by_lane: dict[int, list[bytes]] = field(default_factory=lambda: dict[int, list[bytes]]())

    def add(self, lanes: Iterable[int], names: Iterable[str], keys: Iterable[bytes], values: Iterable[bytes]) -> None:
        indexes = {name: topic(topic_name(name)).index for name in ("release", "hold", "reject", "receipt", "dead-letter")}
        by_lane = self.by_lane
        for lane, name, key, value in zip(lanes, names, keys, values, strict=True):
            if lane not in by_lane:
                by_lane[lane] = []
            by_lane[lane].append(packed(indexes[name], key, value))


def hex_id(*parts: object) -> str:
    """BLAKE2b-128 of the parts joined by '|', in hex."""
    return blake2b("|".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def decision_ids(heads: pl.DataFrame) -> list[bytes]:
    """BLAKE2b-128 of key, attempt and step 1, one a manifest."""
    texts = heads.select(t=pl.concat_str("ebp_code", pl.lit("|"), "order_no", pl.lit("|"), "attempt", pl.lit("|1")))["t"]
    return [blake2b(t.encode(), digest_size=16).digest() for t in texts.to_list()]


def _keys(frame: pl.DataFrame) -> list[bytes]:
    keys = frame.select(key=pl.concat_str("ebp_code", pl.lit("|"), "order_no"))["key"]
    return [key.encode() for key in keys.to_list()]


def _grouped(frame: pl.DataFrame, count: int, columns: Sequence[str]) -> list[list[tuple[Any, ...]]]:
    """Rows by manifest number `m`: one list a manifest, in the order of the frame."""
    groups: list[list[tuple[Any, ...]]] = [[] for _ in range(count)]
    for m, row in zip(frame["m"].to_list(), frame.select(columns).rows(), strict=True):
        groups[m].append(row)
    return groups


def _milliseconds(frame: pl.DataFrame, column: str) -> list[int]:
    return frame[column].dt.epoch("ms").to_list()


def add_decisions(mail: Mail, decided: Decided) -> None:
    """The decision of each manifest; heads carry lane, batch_seq and decision_id (bytes)."""
    heads = decided.heads
    count = len(heads)
    if not count:
        return
    h = {c: heads[c].to_list() for c in (
        "ebp_code", "order_no", "attempt", "outcome", "queue", "trade_mode", "dutiable_fen", "taxed",
        "consumption_fen", "vat_fen", "lane", "batch_seq", "rule_set", "return_status",
    )}  # fmt: skip
    places = [
        heads.select(pl.lit(kind), pl.lit(name).alias("topic"), f"{kind}_partition", f"{kind}_offset").rows()
        for kind, name in ((kind, topic_name(kind)) for kind in KINDS)
    ]
    columns: dict[str, list[Any]] = {
        "decisionId": [d.hex() for d in heads["decision_id"].to_list()],
        "ebpCode": h["ebp_code"],
        "orderNo": h["order_no"],
        "attempt": h["attempt"],
        "outcome": h["outcome"],
        "queue": h["queue"],
        "returnStatus": [str(s) for s in h["return_status"]],
        "tradeMode": h["trade_mode"],
        "acceptedAt": _milliseconds(heads, "accepted_at"),
        "dutiableFen": h["dutiable_fen"],
        "taxed": h["taxed"],
        "consumptionTaxFen": h["consumption_fen"],
        "vatFen": h["vat_fen"],
        "taxFen": [c + v for c, v in zip(h["consumption_fen"], h["vat_fen"], strict=True)],
        "lines": _grouped(
            decided.tax, count, ("line_gnum", "hs_code", "dutiable_fen", "consumption_fen", "vat_fen")
        ),
        "findings": _grouped(decided.findings, count, ("code", "outcome")),
        "documents": [list(three) for three in zip(*places, strict=True)],
        "ruleSet": h["rule_set"],
        "lane": h["lane"],
        "batchSeq": h["batch_seq"],
    }
    mail.add(h["lane"], [OUTPUT[o] for o in h["outcome"]], _keys(heads), encode_records("decision-1", columns))
    _add_manifest_receipts(mail, decided, columns)


def _add_manifest_receipts(mail: Mail, decided: Decided, decision: Mapping[str, list[Any]]) -> None:
    heads = decided.heads
    count = len(heads)
    first: list[str] = [""] * count
    for m, code in decided.findings.sort("m", "code").select("m", "code").iter_rows():
        first[m] = first[m] or code
    faults = heads["fault_kinds"].to_list()
    columns: dict[str, list[Any]] = {
        "receiptId": [hex_id("manifest", d) for d in decision["decisionId"]],
        "subject": ["manifest"] * count,
        "ebpCode": decision["ebpCode"],
        "orderNo": decision["orderNo"],
        "attempt": decision["attempt"],
        "kind": [""] * count,
        "topic": [""] * count,
        "partition": [-1] * count,
        "offset": [-1] * count,
        "code": first,
        "returnStatus": decision["returnStatus"],
        "returnTime": decision["acceptedAt"],
        "returnInfo": [f"[Code:{s};Desc:{c}]" for s, c in zip(decision["returnStatus"], first, strict=True)],
    }
    for kind in KINDS:
        columns[f"{kind}Status"] = [REJECTED if f & BIT[kind] else FILED for f in faults]
    mail.add(decision["lane"], ["receipt"] * count, _keys(heads), encode_records("receipt-1", columns))


def add_document_receipts(mail: Mail, fates: pl.DataFrame, statuses: Mapping[str, str], now_ms: Sequence[int]) -> None:
    """One receipt a document that met a fate. `statuses`: returnStatus by code; `now_ms`: clock of each row's lane."""
    rows = fates.to_dicts()
    columns = _receipts("document", rows, statuses, now_ms)
    for n, row in enumerate(rows):
        kind = KINDS[row["kind"] - 1]
        name = topic_name(kind)
        columns["receiptId"].append(hex_id("document", name, row["partition"], row["kafka_offset"]))
        columns["kind"].append(kind)
        columns["topic"].append(name)
        columns["partition"].append(row["partition"])
        columns["offset"].append(row["kafka_offset"])
        for other in KINDS:
            columns[f"{other}Status"].append(columns["returnStatus"][n] if other == kind else "")
    _send_receipts(mail, fates, columns)


def add_open_receipts(mail: Mail, reports: pl.DataFrame, statuses: Mapping[str, str], now_ms: Sequence[int]) -> None:
    """One receipt a report on an open order; a missing document has an empty status."""
    rows = reports.to_dicts()
    columns = _receipts("open-order", rows, statuses, now_ms)
    for row in rows:
        columns["receiptId"].append(hex_id("open", row["ebp_code"], row["order_no"], row["attempt"], row["code"]))
        columns["kind"].append("")
        columns["topic"].append("")
        columns["partition"].append(-1)
        columns["offset"].append(-1)
        for kind in KINDS:
            columns[f"{kind}Status"].append("" if row["missing"] & BIT[kind] else FILED)
    _send_receipts(mail, reports, columns)


def _receipts(
    subject: str, rows: Sequence[Mapping[str, Any]], statuses: Mapping[str, str], now_ms: Sequence[int]
) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "subject": [subject] * len(rows),
        "ebpCode": [r["ebp_code"] for r in rows],
        "orderNo": [r["order_no"] for r in rows],
        "attempt": [r["attempt"] for r in rows],
        "code": [r["code"] for r in rows],
        "returnStatus": [statuses[r["code"]] for r in rows],
        "returnTime": list(now_ms),
        "returnInfo": [f"[Code:{statuses[r['code']]};Desc:{r['code']}]" for r in rows],
    }
    rest = ("receiptId", "kind", "topic", "partition", "offset", "orderStatus", "paymentStatus", "waybillStatus")
    return columns | {name: [] for name in rest}


def _send_receipts(mail: Mail, frame: pl.DataFrame, columns: dict[str, list[Any]]) -> None:
    if len(frame):
        lanes = frame["lane"].to_list()
        mail.add(lanes, ["receipt"] * len(frame), _keys(frame), encode_records("receipt-1", columns))
