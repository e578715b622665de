"""Documents for tests of the core: an example of schemas/examples with changes, as records of the three topics."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from loadtest.generate import stocked
from loadtest.generate.law import goods, limit
from loadtest.generate.tax import line_tax_fen, shares
from schemas.codec import encode
from schemas.contracts import HERE, newest, topic_name
from schemas.documents_json import from_json
from tests.pipeline.memory import BASE_MS, Rec

KINDS = ("order", "payment", "waybill")
HOUR_MS = 3_600_000
FEN = Decimal("0.01")


@lru_cache
def _example(kind: str) -> str:
    return (HERE / "examples" / "release" / f"{kind}.json").read_text()


def example() -> dict[str, Any]:
    """The released example: kind → its JSON form."""
    return {kind: json.loads(_example(kind)) for kind in KINDS}


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The released example with changes in the language of tests/golden/rules.toml."""
    trio = example()
    lines = trio["order"]["orderList"]
    if "lines" in changes:
        lines = trio["order"]["orderList"] = [{**lines[0], "gnum": n + 1} for n in range(changes["lines"])]
    for path, value in changes.items():
        kind, _, field = path.partition(".")
        if not field:
            continue
        text, star, times = str(value).partition("*")
        value = text * int(times) if star else value
        if kind in KINDS:
            trio[kind][field] = value
        elif kind == "line1" and "lines" in changes:
            for line in lines:
                line[field] = value
        else:
            lines[int(kind.removeprefix("line")) - 1][field] = value
    if changes.get("recount"):
        recount(trio, {p for p in changes if p.endswith("totalPrice")})
    return trio


def recount(trio: dict[str, Any], kept: set[str]) -> None:
    """Line totals (but those in `kept`), goodsValue, taxTotal, actualPaid and amountPaid as they must be."""
    order = trio["order"]
    for n, line in enumerate(order["orderList"], start=1):
        if f"line{n}.totalPrice" not in kept:
            total = Decimal(line["price"]) * Decimal(line["qty"])
            line["totalPrice"] = str(total.quantize(FEN, ROUND_HALF_UP))
    goods = sum(Decimal(line["totalPrice"]) for line in order["orderList"])
    if (tax := tax_due(trio)) is not None:
        order["taxTotal"] = str(tax)
    paid = goods + Decimal(order["freight"]) + Decimal(order["taxTotal"]) - Decimal(order["discount"])
    order["goodsValue"], order["actualPaid"], trio["payment"]["amountPaid"] = str(goods), str(paid), str(paid)


def tax_due(trio: dict[str, Any]) -> Decimal | None:
    """The tax by the generator's reckoning; None where an item is not registered or cannot be taxed."""
    order, waybill = trio["order"], trio["waybill"]
    items = {item.item_no: item for item in (*goods().get(order["ebcCode"], ()), *stocked.items("small"))}
    chosen = [items.get(line["itemNo"]) for line in order["orderList"]]
    totals = [int(Decimal(line["totalPrice"]) * 100) for line in order["orderList"]]
    fee = int((Decimal(order["freight"]) + Decimal(waybill["insuredFee"])) * 100)
    full = sum(totals) + fee > limit("single_limit_fen")
    tax = 0
    for line, item, total, share in zip(order["orderList"], chosen, totals, shares(totals, fee), strict=True):
        if item is None or item.rates is None or not item.taxable:
            return None
        if item.rates.item.by_quantity and item.unit != line["unit"]:
            return None
        tax += line_tax_fen(total + share, item.rates, Fraction(line["qty"]) * item.content, item.measure, full)
    return Decimal(tax) / 100


def log_ms(changes: Mapping[str, Any]) -> int:
    """Log time of the documents of a vector."""
    at = changes.get("at")
    return int(datetime.fromisoformat(at).timestamp() * 1000) if at else BASE_MS + HOUR_MS


def rec(kind: str, document: dict[str, Any], offset: int, at_ms: int = BASE_MS + HOUR_MS, partition: int = 0, key: str | None = None) -> Rec:
    """A document in JSON form as a record."""
    record = from_json(kind, document)
    sent = key if key is not None else f"{record['ebpCode']}|{record['orderNo']}"
    return Rec(topic_name(kind), partition, offset, at_ms, sent.encode(), encode(newest(kind), record))


def records(trio: Mapping[str, Any], offset: int = 0, at_ms: int = BASE_MS + HOUR_MS) -> list[Rec]:
    """Order, payment, waybill as records, all at one offset of partition 0."""
    return [rec(kind, trio[kind], offset, at_ms) for kind in KINDS]


def numbered(n: int, person: str = "", **fields: Any) -> dict[str, Any]:
    """Another manifest: order number, transaction and waybill number end in `n`; `fields`: as in `changed`."""
    trio = changed(fields)
    for kind in KINDS:
        trio[kind]["orderNo"] = f"EXAMPLE-{n}"
    for kind in ("order", "payment"):
        trio[kind]["payTransactionId"] = f"EXAMPLE-PAY-{n}"
    trio["waybill"]["logisticsNo"] = f"EXAMPLE-WAY-{n}"
    if person:
        trio["order"]["buyerIdNumber"] = trio["payment"]["payerIdNumber"] = person
    return trio
