"""Three documents → outcome, finding codes and tax; the decision that is published."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import fastavro

from loadtest.plain_faust.counters import count
from loadtest.plain_faust.law import rule_set
from loadtest.plain_faust.ledgers import Ledgers
from loadtest.plain_faust.manifest import Manifest, TaxLine, assemble
from loadtest.plain_faust.reading import Document
from loadtest.plain_faust.registry import Registry
from loadtest.plain_faust.rules import findings
from loadtest.plain_faust.tax import tax_lines
from schemas.contracts import id_of, parsed
from schemas.framing import frame

KINDS = ("order", "payment", "waybill")
_HEAD = frame(id_of("decision-1"), b"")


class Place(NamedTuple):
    """Where a document stands on the wire."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Decision:
    """`codes`: findings in rule order, then those of the ledgers; `lines` is empty when no tax was computed."""

    manifest: Manifest
    outcome: str
    queue: str
    return_status: str
    codes: tuple[str, ...]
    taxed: bool
    lines: list[TaxLine]

    @property
    def tax_fen(self) -> int:
        """Tariff, consumption tax and VAT of all lines."""
        return sum(line.tariff_fen + line.consumption_fen + line.vat_fen for line in self.lines)


def decide(
    order: Document, payment: Document, waybill: Document, accepted_ms: int, ledgers: Ledgers, registry: Registry
) -> Decision:
    """Decide a manifest and, unless it is rejected, post it to the ledgers."""
    m = assemble(order, payment, waybill, accepted_ms, registry)
    m.tax = tax_lines(m)
    m.counted = count(m, ledgers.seen, ledgers.key)
    codes = findings(m)
    outcome, queue, status = m.law.classes.conclude(codes, m.shop_class)
    if outcome == "RELEASE":
        number = f"{order['ebpCode']}|{order['orderNo']}|1|1".encode()
        hs_codes = [item.hs_code for item in m.goods if item]
        if drawn := m.law.samples.drawn(blake2b(number, digest_size=16).digest(), m.shop_class, hs_codes, m.trade_mode == "1210"):
            codes += drawn
            outcome, queue, status = m.law.classes.conclude(codes, m.shop_class)
    if outcome != "REJECT" and (refusals := ledgers.post(m, f"{order['ebpCode']}|{order['orderNo']}", outcome)):
        codes += refusals
        outcome, queue, status = m.law.classes.conclude(codes, m.shop_class)
    lines = m.tax if outcome != "REJECT" else None
    return Decision(m, outcome, queue, status, tuple(codes), lines is not None, lines or [])


def encode(decision: Decision, places: Sequence[Place]) -> bytes:
    """The framed `decision-1` record; `places` of order, payment and waybill."""
    m, lines = decision.manifest, decision.lines
    ebp_code, order_no = m.order["ebpCode"], m.order["orderNo"]
    tariff = sum(x.tariff_fen for x in lines)
    consumption, vat = sum(x.consumption_fen for x in lines), sum(x.vat_fen for x in lines)
    record: dict[str, Any] = {
        "decisionId": blake2b(f"{ebp_code}|{order_no}|1|1".encode(), digest_size=16).hexdigest(),
        "ebpCode": ebp_code, "orderNo": order_no, "attempt": 1, "revision": 1, "outcome": decision.outcome, "queue": decision.queue,
        "returnStatus": decision.return_status, "tradeMode": m.trade_mode, "acceptedAt": m.accepted_ms,
        "dutiableFen": m.dutiable_fen, "taxed": decision.taxed, "tariffFen": tariff,
        "consumptionTaxFen": consumption, "vatFen": vat, "taxFen": tariff + consumption + vat,
        "lines": [
            {"gnum": x.gnum, "hsCode": x.hs_code, "dutiableFen": x.dutiable_fen,
             "tariffFen": x.tariff_fen, "consumptionTaxFen": x.consumption_fen, "vatFen": x.vat_fen}
            for x in lines
        ],
        "findings": [{"code": code, "outcome": m.law.classes.of(code, m.shop_class)[0]} for code in decision.codes],
        "documents": [{"kind": kind, **place._asdict()} for kind, place in zip(KINDS, places, strict=True)],
        "ruleSet": rule_set(), "registryVersion": 0, "guarantorCode": m.relation.get("guarantorCode", ""),
        "declarantCode": m.relation.get("declarantCode", ""), "warehouseCode": m.relation.get("warehouseCode", ""),
        "customsCode": m.relation.get("customsCode", ""), "lane": places[0].partition, "batchSeq": 0,
    }  # fmt: skip
    out = io.BytesIO(_HEAD)
    out.seek(len(_HEAD))
    fastavro.schemaless_writer(out, parsed("decision-1"), record)
    return out.getvalue()
