"""What a batch publishes: decisions, receipts, dead letters and events of guarantees, encoded and grouped by lane for the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import polars as pl
import pyarrow as pa

from pipeline.documents import KINDS
from pipeline.flow import Decided
from pipeline.manifests import beside
from pipeline.tax import TAX
from schemas.contracts import topic, topic_name
from schemas.encode import encode_frame
from schemas.packed import Packed, as_frame
from sinks.batch import LaneState
from sinks.messages import packed_by_lane
from sinks.receipts import ID, KEY, receipts

OUTPUT = {"RELEASE": "release", "HOLD": "hold", "REJECT": "reject"}
# What decision_id is the hash of: key, attempt and step 1.
DECISION = pl.concat_str("ebp_code", "order_no", "attempt", pl.lit("1"), separator="|")
FIRST = pl.lit(1, pl.Int32).alias("revision")
DECISION_ID = pl.col("decision_id").bin.encode("hex").alias("decisionId")
LINES = pl.struct(
    gnum="line_gnum", hsCode="hs_code", dutiableFen="dutiable_fen",
    tariffFen="tariff_fen", consumptionTaxFen="consumption_fen", vatFen="vat_fen",
).alias("lines")  # fmt: skip
# the code of a receipt is one that decided, not one that was only noted
DECISIVE = pl.coalesce(pl.col("code").filter(pl.col("outcome") == outcome).first() for outcome in ("REJECT", "HOLD")).alias("code")
FINDINGS = (pl.struct("code", "outcome").alias("findings"), DECISIVE)
DEAD_LETTER = (pl.col("partition").alias("lane"), pl.col("message_key").alias("key"))
GUARANTEE_EVENT = [
    pl.col("lane", "what", "code", "manifests"),
    pl.col("guarantor_code").alias("guarantorCode"),
    pl.col("guarantor_code").cast(pl.Binary).alias("key"),
    pl.col("limit_fen").alias("limitFen"),
    pl.col("balance_fen").alias("balanceFen"),
    pl.col("entry_no").alias("entryNo"),
    pl.col("tax_fen").alias("taxFen"),
    pl.col("accepted_at").dt.epoch("ms").alias("acceptedAt"),
    pl.col("rule_set").alias("ruleSet"),
    pl.col("registry_version").alias("registryVersion"),
    pl.col("batch_seq").alias("batchSeq"),
]


@dataclass(slots=True)
class Mail:
    """Messages in the order they will be published: lane, topic index, key, value."""

    heads: list[pl.DataFrame] = field(default_factory=lambda: list[pl.DataFrame]())
    values: list[Packed] = field(default_factory=lambda: list[Packed]())

    def add(self, rows: pl.DataFrame, topics: pl.Expr, values: Packed) -> None:
        """One message a row, which has its lane and key; `topics` says which topic."""
        self.heads.append(rows.select("lane", topics, "key"))
        self.values.append(values)

    def by_lane(self) -> dict[int, tuple[int, bytes]]:
        """lane → how many messages, and all of them as one blob."""
        return packed_by_lane(pl.concat(self.heads), Packed.together(self.values)) if self.heads else {}


def _index(name: str) -> int:
    return topic(topic_name(name)).index


@cache
def _topic(name: str) -> pl.Expr:
    """The index of a topic, named without prefix."""
    return pl.lit(_index(name), pl.UInt8).alias("topic")


@cache
def _topic_of_outcome() -> pl.Expr:
    indices = {outcome: _index(name) for outcome, name in OUTPUT.items()}
    return pl.col("outcome").replace_strict(indices, return_dtype=pl.UInt8).alias("topic")


def decision_ids(heads: pl.DataFrame) -> pl.Series:
    """decision_id: BLAKE2b-128 of DECISION, one a manifest."""
    return ID.of(heads.select(DECISION).to_series()).alias("decision_id")


def with_details(decided: Decided) -> pl.DataFrame:
    """Heads beside what their messages say: `lines` and `findings` as lists of structs, the `code` of the first finding
    that decided, `decisionId` (hex), `revision` and `key`. Heads carry lane, batch_seq and decision_id (bytes)."""
    heads = decided.heads
    lines = decided.tax.group_by("m", maintain_order=True).agg(LINES)
    findings = decided.findings.sort("m", "code").group_by("m", maintain_order=True).agg(FINDINGS)
    names = heads.select(DECISION_ID, KEY, FIRST)
    return heads.hstack([*beside(heads, lines), *beside(heads, findings), *names.get_columns()])


def add_decisions(mail: Mail, manifests: pl.DataFrame) -> None:
    """The decision of each manifest; `manifests`: as with_details gives them."""
    if len(manifests):
        decisions = manifests.select(_decision(tuple(map(topic_name, KINDS))))
        mail.add(manifests, _topic_of_outcome(), encode_frame("decision-1", decisions))


@cache
def _decision(topics: tuple[str, ...]) -> list[pl.Expr]:
    """Fields of decision-1; `topics`: full names by kind."""
    documents = [_reference(kind, name) for kind, name in zip(KINDS, topics, strict=True)]
    fields = {
        "ebpCode": pl.col("ebp_code"),
        "orderNo": pl.col("order_no"),
        "returnStatus": pl.col("return_status").cast(pl.String),
        "tradeMode": pl.col("trade_mode"),
        "acceptedAt": pl.col("accepted_at").dt.epoch("ms"),
        "dutiableFen": pl.col("dutiable_fen"),
        "tariffFen": pl.col("tariff_fen"),
        "consumptionTaxFen": pl.col("consumption_fen"),
        "vatFen": pl.col("vat_fen"),
        "taxFen": TAX,
        "documents": pl.struct(documents),
        "ruleSet": pl.col("rule_set"),
        "registryVersion": pl.col("registry_version"),
        "guarantorCode": pl.col("guarantor_code"),
        "declarantCode": pl.col("declarant_code"),
        "warehouseCode": pl.col("warehouse_code"),
        "customsCode": pl.col("customs_code"),
        "batchSeq": pl.col("batch_seq"),
    }
    return [
        pl.col("decisionId", "attempt", "revision", "outcome", "queue", "taxed", "lane"),
        pl.col("lines", "findings").fill_null([]),
        *(value.alias(name) for name, value in fields.items()),
    ]


def _reference(kind: str, name: str) -> pl.Expr:
    return pl.struct(
        pl.lit(kind).alias("kind"),
        pl.lit(name).alias("topic"),
        pl.col(f"{kind}_partition").alias("partition"),
        pl.col(f"{kind}_offset").alias("offset"),
    ).alias(kind)


def add_receipts(
    mail: Mail, manifests: pl.DataFrame, fates: pl.DataFrame, reports: pl.DataFrame,
    statuses: Mapping[str, str], now_ms: Mapping[int, int],
) -> None:  # fmt: skip
    """What customs answers to each of them (receipts.receipts)."""
    if len(manifests) or len(fates) or len(reports):
        found = receipts(manifests, fates, reports, statuses, now_ms)
        mail.add(found, _topic("receipt"), encode_frame("receipt-1", found))


def add_dead_letters(mail: Mail, dead: pl.DataFrame) -> None:
    """The dead letters as they were encoded."""
    if len(dead):
        mail.add(dead.select(DEAD_LETTER), _topic("dead-letter"), Packed.of(dead["message"].to_list()))


def add_guarantee_events(mail: Mail, events: pl.DataFrame) -> None:
    """What is told of guarantors; `events`: guarantee_events.EVENT."""
    if len(events):
        told = events.select(GUARANTEE_EVENT)
        mail.add(told, _topic("guarantee-event"), encode_frame("guarantee-event-1", told))


def outbox(mail: Mail, after: Mapping[int, LaneState]) -> pl.DataFrame:
    """One row a lane, also where there is nothing to say: the relay counts batches without holes."""
    by_lane = mail.by_lane()
    lanes = sorted(after)
    said = [by_lane.get(lane, (0, b"")) for lane in lanes]
    return as_frame(
        {
            "lane": pa.array(lanes, pa.int16()),
            "batch_seq": pa.array([after[lane].batch_seq for lane in lanes], pa.int64()),
            "message_count": pa.array([count for count, _ in said], pa.int32()),
            "messages": Packed.of([blob for _, blob in said]).views(),
        }
    )
