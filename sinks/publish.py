"""What a batch publishes: decisions and receipts, encoded and grouped by lane for the outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import polars as pl

from pipeline.documents import BIT, KINDS
from pipeline.flow import Decided
from pipeline.manifests import beside
from schemas.blake2b import Blake2b
from schemas.contracts import topic, topic_name
from schemas.encode import encode_frame
from schemas.packed import Packed
from sinks.messages import packed_by_lane

OUTPUT = {"RELEASE": "release", "HOLD": "hold", "REJECT": "reject"}
FILED, REJECTED = "120", "100"  # returnStatus of one document
ID = Blake2b(16)
KEY = pl.concat_str("ebp_code", pl.lit("|"), "order_no").cast(pl.Binary)


@dataclass(slots=True)
class Mail:
    """Messages in the order they will be published: lane, topic index, key, value."""

    heads: list[pl.DataFrame] = field(default_factory=lambda: list[pl.DataFrame]())
    values: list[Packed] = field(default_factory=lambda: list[Packed]())

    def add(self, lane: pl.Series, topics: pl.Series | str, key: pl.Series, values: Packed) -> None:
        """One message a row; `topics` are names without prefix, or the one name of all rows."""
        if isinstance(topics, str):
            index = pl.Series([_index(topics)], dtype=pl.UInt8).new_from_index(0, len(lane))
        else:
            index = topics.replace_strict({name: _index(name) for name in topics.unique().to_list()}, return_dtype=pl.UInt8)
        self.heads.append(pl.DataFrame({"lane": lane, "topic": index, "key": key}))
        self.values.append(values)

    def by_lane(self) -> dict[int, tuple[int, bytes]]:
        """lane → how many messages, and all of them as one blob."""
        return packed_by_lane(pl.concat(self.heads), Packed.together(self.values)) if self.heads else {}


def _index(name: str) -> int:
    return topic(topic_name(name)).index


def hex_id(*parts: object) -> str:
    """BLAKE2b-128 of the parts joined by '|', in hex; for receipts of which a batch has few."""
    return blake2b("|".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def decision_ids(heads: pl.DataFrame) -> pl.Series:
    """decision_id: BLAKE2b-128 of key, attempt and step 1, one a manifest."""
    texts = pl.concat_str("ebp_code", pl.lit("|"), "order_no", pl.lit("|"), "attempt", pl.lit("|1"))
    return ID.of(heads.select(texts).to_series()).alias("decision_id")


def _lists(rows: pl.DataFrame, name: str, fields: Mapping[str, str], *besides: pl.Expr) -> pl.DataFrame:
    """`m` and, under `name`, the list of its rows as structs; `fields`: field → column."""
    return rows.group_by("m", maintain_order=True).agg(
        pl.struct(pl.col(column).alias(field) for field, column in fields.items()).alias(name), *besides
    )


def add_decisions(mail: Mail, decided: Decided) -> None:
    """The decision of each manifest and its receipt; heads carry lane, batch_seq and decision_id (bytes)."""
    heads = decided.heads
    if not len(heads):
        return
    findings = decided.findings.sort("m", "code")
    lines = {
        "gnum": "line_gnum", "hsCode": "hs_code", "dutiableFen": "dutiable_fen",
        "tariffFen": "tariff_fen", "consumptionTaxFen": "consumption_fen", "vatFen": "vat_fen",
    }  # fmt: skip
    rows = heads.hstack(
        [
            *beside(heads, _lists(decided.tax, "lines", lines)),
            *beside(heads, _lists(findings, "findings", {"code": "code", "outcome": "outcome"}, pl.col("code").first())),
            heads["decision_id"].bin.encode("hex").alias("decisionId"),
        ]
    )
    decisions = rows.select(
        "decisionId", "attempt", "outcome", "queue", "taxed", "lane",
        pl.col("lines", "findings").fill_null([]),
        ebpCode="ebp_code",
        orderNo="order_no",
        returnStatus=pl.col("return_status").cast(pl.String),
        tradeMode="trade_mode",
        acceptedAt=pl.col("accepted_at").dt.epoch("ms"),
        dutiableFen="dutiable_fen",
        tariffFen="tariff_fen",
        consumptionTaxFen="consumption_fen",
        vatFen="vat_fen",
        taxFen=pl.col("tariff_fen") + pl.col("consumption_fen") + pl.col("vat_fen"),
        documents=pl.struct(*map(_reference, KINDS)),
        ruleSet="rule_set",
        batchSeq="batch_seq",
    )  # fmt: skip
    lane, key = heads["lane"], heads.select(KEY).to_series()
    mail.add(lane, heads["outcome"].replace_strict(OUTPUT), key, encode_frame("decision-1", decisions))
    mail.add(lane, "receipt", key, encode_frame("receipt-1", _manifest_receipts(rows)))


def _reference(kind: str) -> pl.Expr:
    return pl.struct(
        pl.lit(kind).alias("kind"),
        pl.lit(topic_name(kind)).alias("topic"),
        pl.col(f"{kind}_partition").alias("partition"),
        pl.col(f"{kind}_offset").alias("offset"),
    ).alias(kind)


def _manifest_receipts(rows: pl.DataFrame) -> pl.DataFrame:
    code, status = pl.col("code").fill_null(""), pl.col("return_status").cast(pl.String)
    ids = ID.of(rows.select(pl.concat_str(pl.lit("manifest|"), "decisionId")).to_series())
    statuses = {
        f"{kind}Status": pl.when(pl.col("fault_kinds") & BIT[kind] != 0).then(pl.lit(REJECTED)).otherwise(pl.lit(FILED))
        for kind in KINDS
    }
    return rows.select(
        ids.alias("receiptId").bin.encode("hex"),
        "attempt",
        subject=pl.lit("manifest"),
        ebpCode="ebp_code",
        orderNo="order_no",
        kind=pl.lit(""),
        topic=pl.lit(""),
        partition=pl.lit(-1),
        offset=pl.lit(-1),
        code=code,
        returnStatus=status,
        returnTime=pl.col("accepted_at").dt.epoch("ms"),
        returnInfo=pl.concat_str(pl.lit("[Code:"), status, pl.lit(";Desc:"), code, pl.lit("]")),
        **statuses,
    )


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


def add_dead_letters(mail: Mail, dead: pl.DataFrame) -> None:
    """The dead letters as they were encoded."""
    if len(dead):
        mail.add(dead["partition"], "dead-letter", dead["record_key"].fill_null(b""), Packed.of(dead["message"].to_list()))


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
        key = frame.select(KEY).to_series()
        mail.add(frame["lane"], "receipt", key, encode_frame("receipt-1", pl.DataFrame(columns)))
