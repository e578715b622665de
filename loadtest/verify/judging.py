"""What the law says of three documents: derived values, findings, outcome and tax (docs/decisions.md sections 5, 7)."""

import re
from collections.abc import Iterable, Mapping, Set
from datetime import date
from functools import lru_cache
from operator import mul
from typing import Any, NamedTuple

from loadtest.verify.classes import GRAVEST, STATUS
from loadtest.verify.documents import FEN_E5, Document
from loadtest.verify.evaluate import value
from loadtest.verify.law import DayLaw, LawData
from loadtest.verify.registry import Registry, behind
from loadtest.verify.tax import Content, Tax, Taxable, line_taxes

UNIT_E5 = 100_000
MG_E5_PER_NET = 10 * UNIT_E5  # a waybill counts in 10^-5 kg, which are 10 mg
MOST_NET = 10**14
SHAPE = re.compile(r"[0-9]{17}[0-9X]")
WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))  # GB 11643: 2^(i-1) mod 11, i counted from the right
ZEROS = ord("0") * sum(WEIGHTS)
CHECK = "10X98765432"
REJECTED = 100
QUARANTINED = "SYS-02"
UNKNOWN = "SYS-01"
NO_CONTENT = Content("", 0, "")
CAN_BE_NULL = ("line_total_sum_e5", "one_indivisible_item", "dutiable_fen", "tax_due_fen")
"""Of the derived columns: those of amounts."""


class Conclusion(NamedTuple):
    """What findings amount to."""

    outcome: str
    queue: str
    fault_kinds: int
    taxed: bool

    @property
    def return_status(self) -> int:
        """The customs code."""
        return REJECTED if self.outcome == "REJECT" else STATUS[self.queue]


def derive(
    order: Document, payment: Document, waybill: Document, accepted_at: int, day: DayLaw, registry: Registry, version: int
) -> Document:
    """The derived columns of a manifest at a version of the registry; its lines get theirs in place."""
    lines: list[Document] = order["orderList"]
    ebc = order["ebcCode"]
    total: int | None = 0
    net, numbered, modes = 0, True, set[str]()
    for n, line in enumerate(lines, start=1):
        _derive_line(line, registry.at(version, f"goods|{ebc}|{line['itemNo']}"), day)
        price = line["totalPrice_e5"]
        total = None if total is None or price is None else total + price
        net += line["net"]
        numbered = numbered and line["gnum"] == n
        if line["registered"]:
            modes.add("1210" if line["account_book_item"] else "9610")
    day.control.derive(lines)
    qty = lines[0]["qty_e5"] if len(lines) == 1 else 0
    one = None if qty is None else qty == UNIT_E5
    dutiable = _dutiable(order["goodsValue_e5"], order["freight_e5"], waybill["insuredFee_e5"])
    taxes = _taxes(order, waybill, dutiable, total, bool(one), day)
    ebp, carrier = order["ebpCode"], waybill["logisticsCode"]
    firms = registry.once(_of_firms, version, day, ebp, ebc)
    guarantor = firms["guarantor_code"]
    return {
        **firms,
        **registry.once(_payer_and_carrier, version, payment["payCode"], carrier),
        "guarantor_related": guarantor != "" and guarantor in (ebp, ebc, carrier),
        "line_count": len(lines),
        "line_total_sum_e5": total,
        "gnum_in_order": numbered,
        "one_indivisible_item": one,
        "dutiable_fen": dutiable,
        "tax_known": taxes is not None,
        "tax_due_fen": None if taxes is None else sum([tariff + consumption + vat for _, tariff, consumption, vat in taxes]),
        "taxes": taxes or [],
        "trade_mode": "mixed" if len(modes) > 1 else "".join(modes),
        "net_weight_e5": max(-MOST_NET, min(MOST_NET, net // MG_E5_PER_NET)),
        "accepted_at": accepted_at,
        "buyer_id_valid": identity_valid(order["buyerIdNumber"]),
        "payer_id_valid": identity_valid(payment["payerIdNumber"]),
    }


def _of_firms(registry: Registry, version: int, day: DayLaw, ebp: str, ebc: str) -> dict[str, Any]:
    """The columns that all orders of a firm on a platform have on a day, whatever their documents say."""
    filed = {role: registry.entry(version, "enterprise", role, code) for role, code in (("platform", ebp), ("ecommerce", ebc))}
    return {**behind(registry, version, ebp, ebc), **day.classes.columns(filed)}


def _payer_and_carrier(registry: Registry, version: int, payer: str, carrier: str) -> dict[str, Any]:
    return {
        "payment_firm_status": registry.status(version, "enterprise", "payment", payer),
        "carrier_status": registry.status(version, "enterprise", "carrier", carrier),
    }


def _derive_line(line: Document, filed: Mapping[str, Any], day: DayLaw) -> None:
    """`filed`: of its item; empty where nothing is."""
    hs_code: str = filed["hsCode"] if filed else ""
    code, content, unit = day.of_code(hs_code), _content(filed, day), line["unit"]
    as_filed = bool(filed) and unit == content.unit
    by_mass = as_filed and content.measure == "mass"
    price, qty = line["price_e5"], line["qty_e5"]
    # price × qty is in 10⁻¹⁰ yuan: a fen is 10⁸ of them
    product: int | None = None if price is None or qty is None else price * qty
    line |= {
        "registered": bool(filed), "item_status": filed["status"] if filed else "",
        "hs_code": hs_code, "account_book_item": filed["accountBookItem"] if filed else "",
        "origin": filed["country"] if filed else "", "brand": filed["brand"] if filed else "",
        "rate": code.rate, "rated": code.rate is not None, "content": content, "by_quantity": code.by_quantity,
        "measured": not code.by_quantity or (as_filed and code.rate is not None and code.rate.item.parts(content.measure) is not None),
        "price_low_fen": filed["priceLowFen"] if as_filed else 0, "price_high_fen": filed["priceHighFen"] if as_filed else 0,
        "net": qty * content.amount if by_mass and qty is not None else 0,
        "cap": code.cap, "weighed": code.cap is None or by_mass,
        "price_times_qty_e5": None if product is None else (2 * product + 10**8) // (2 * 10**8) * FEN_E5,
    }  # fmt: skip


def _content(filed: Mapping[str, Any], day: DayLaw) -> Content:
    if not filed:
        return NO_CONTENT
    measure, size = day.units.get(filed["contentUnit"], ("", 0))
    return Content(filed["unit"], filed["content"] * size, measure)


def weights(lines: Iterable[Document]) -> dict[str, tuple[int, int]]:
    """Group → (weight, cap) in mg, of derived lines with a yearly cap that can be weighed. A line counts in whole mg,
    rounded up."""
    found: dict[str, tuple[int, int]] = {}
    for line in lines:
        if line["cap"] is None or not line["weighed"] or (line["qty_e5"] or 0) <= 0:
            continue
        group, cap = line["cap"]
        mg = -(-line["qty_e5"] * line["content"].amount // UNIT_E5)
        found[group] = (found.get(group, (0, cap))[0] + mg, cap)
    return found


def _dutiable(*parts: int | None) -> int | None:
    known = [part for part in parts if part is not None and part % FEN_E5 == 0]
    return sum(known) // FEN_E5 if len(known) == len(parts) else None


@lru_cache(maxsize=4096)
def identity_valid(number: str) -> bool:
    """GB 11643: 17 digits and a check character around a date of birth from 1900 on."""
    if not SHAPE.fullmatch(number):
        return False
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(map(mul, number.encode(), WEIGHTS)) - ZEROS  # which has a weight for 17 of its 18 bytes
    return born.year >= 1900 and CHECK[total % 11] == number[17]


def rule_findings(order: Document, payment: Document, waybill: Document, derived: Document, day: DayLaw) -> set[str]:
    """The codes of the rules and of the indicators of risk that read no counters and fire, and SYS-01 when a condition is null."""
    lines: list[Document] = order["orderList"]
    if not has_null(order, payment, waybill, derived, lines):
        found = set(day.manifest_codes(order, payment, waybill, derived))
        for line in lines:
            found.update(day.line_codes(line))
        return found
    records: dict[str, Any] = {"order": order, "payment": payment, "waybill": waybill, "derived": derived}
    verdicts = [(code, value(node, records)) for code, node in day.manifest_rules]
    for line in lines:
        verdicts += [(code, value(node, {"line": line})) for code, node in day.line_rules]
    found = {code for code, verdict in verdicts if verdict}
    return found | {UNKNOWN} if any(verdict is None for _, verdict in verdicts) else found


def has_null(
    order: Document, payment: Document, waybill: Document, derived: Document, lines: Iterable[Document]
) -> bool:
    """Only amounts out of bounds, and what derives from amounts, can be null."""
    if order["amount_out"] or payment["amount_out"] or waybill["amount_out"]:
        return True
    for name in CAN_BE_NULL:
        if derived[name] is None:
            return True
    for line in lines:  # noqa: SIM110  a generator a manifest takes longer than all that is asked here
        if line["price_times_qty_e5"] is None:
            return True
    return False


def conclude(codes: Set[str], law: LawData, day: DayLaw, class_: str, tax_known: bool) -> Conclusion:
    """Outcome, queue, blamed kinds and whether it is taxed, from finding codes, the firm's class and whether the tax is known."""
    if not codes:
        return Conclusion("RELEASE", "", 0, tax_known)
    found = {code: day.classes.says(code, class_) for code in codes}
    rejecting = [code for code, (outcome, _) in found.items() if outcome == "REJECT"]
    queues = {queue for outcome, queue in found.values() if outcome == "HOLD"}
    outcome = "REJECT" if rejecting else "HOLD" if queues else "RELEASE"
    faults = 0
    for code in rejecting:
        faults |= law.blames[code]
    queue = next((q for q in GRAVEST if q in queues), "") if outcome == "HOLD" else ""
    # a manifest in quarantine is not taxed either: nobody knows whether its amounts are sound
    taxed = outcome != "REJECT" and tax_known and QUARANTINED not in found
    return Conclusion(outcome, queue, faults, taxed)


def _taxes(
    order: Document, waybill: Document, dutiable: int | None, total: int | None, one: bool, day: DayLaw
) -> list[Tax] | None:
    """(dutiable, tariff, consumption tax, VAT) in fen of each line; None while the tax cannot be known."""
    lines: list[Document] = order["orderList"]
    if dutiable is None or order["amount_fine"] or total is None or total != order["goodsValue_e5"] or not lines:
        return None
    full = dutiable > day.single_limit_fen
    if full and not (one and dutiable <= day.annual_limit_fen):
        return None
    taxable: list[Taxable] = []
    for line in lines:
        qty_e5 = line["qty_e5"] or 0
        if not (line["rated"] and line["measured"]) or (line["by_quantity"] and qty_e5 <= 0):
            return None
        taxable.append(Taxable(line["totalPrice_e5"] // FEN_E5, qty_e5, line["rate"], line["content"]))
    fee = (order["freight_e5"] + waybill["insuredFee_e5"]) // FEN_E5
    return line_taxes(fee, taxable, None if full else day.in_limit_share_1e4)
