"""The rules of schemas/law/rules.toml as plain Python predicates, in its order.

A predicate is true (the finding is made), false, or None: not known, which becomes SYS-01. Only amounts and what is computed
from them can be unknown. A test holds codes and order against rules.toml.
"""

import re
from collections.abc import Callable

from loadtest.plain_faust import counters, registrations
from loadtest.plain_faust.manifest import Manifest, identity_valid
from loadtest.plain_faust.reading import FEN_E5, Document, blank
from loadtest.plain_faust.signs import signs

Verdict = bool | None
Predicate = Callable[[Manifest], Verdict]
RULES: list[tuple[str, Predicate]] = []
CNY = "142"
_GUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")

ORDER_MANDATORY = (
    "orderNo", "guid", "appStatus", "orderType", "ebpName", "ebcCode", "ebcName", "buyerRegNo", "buyerName", "buyerTelephone",
    "buyerIdType", "buyerIdNumber", "consignee", "consigneeTelephone", "consigneeAddress",
)  # fmt: skip
PAYMENT_MANDATORY = ("guid", "appStatus", "payCode", "payName", "payTransactionId", "ebpName", "payerIdType", "payerIdNumber", "payerName")
WAYBILL_MANDATORY = ("guid", "appStatus", "logisticsCode", "logisticsName", "logisticsNo", "consignee", "consigneeAddress", "consigneeTelephone")
LINE_MANDATORY = ("itemName", "gmodel", "unit", "country")
ORDER_LENGTHS = (
    ("guid", 36), ("orderNo", 60), ("ebpCode", 18), ("ebpName", 100), ("ebcCode", 18), ("ebcName", 100),
    ("buyerRegNo", 60), ("buyerName", 60), ("buyerTelephone", 30), ("buyerIdNumber", 60), ("payCode", 18),
    ("payName", 100), ("payTransactionId", 60), ("batchNumbers", 100), ("consignee", 100), ("consigneeTelephone", 50),
    ("consigneeAddress", 200), ("consigneeDistrict", 6), ("note", 1000),
)  # fmt: skip
PAYMENT_LENGTHS = (
    ("guid", 36), ("payCode", 18), ("payName", 100), ("payTransactionId", 60), ("ebpName", 100), ("payerIdNumber", 60),
    ("payerName", 60), ("telephone", 30), ("note", 1000),
)  # fmt: skip
WAYBILL_LENGTHS = (
    ("guid", 36), ("logisticsCode", 18), ("logisticsName", 100), ("logisticsNo", 60), ("billNo", 37),
    ("goodsInfo", 200), ("consignee", 100), ("consigneeAddress", 200), ("consigneeTelephone", 50), ("note", 1000),
)  # fmt: skip
LINE_LENGTHS = (
    ("itemNo", 30), ("itemName", 250), ("gmodel", 510), ("itemDescribe", 1000), ("barCode", 50), ("unit", 3),
    ("country", 3), ("note", 1000),
)  # fmt: skip


def findings(m: Manifest) -> list[str]:
    """Codes of the rules that fire, in their order, and of risk; SYS-01 at the end when a condition is not known."""
    found: list[str] = []
    shown, unknown = signs(m)
    for code, predicate in RULES:
        verdict = predicate(m)
        if verdict:
            found.append(code)
        elif verdict is None:
            unknown = True
    found += m.law.risk.findings(shown)
    return [*found, "SYS-01"] if unknown else found


def rule(code: str) -> Callable[[Predicate], Predicate]:
    """Register a predicate over a manifest."""

    def add(predicate: Predicate) -> Predicate:
        RULES.append((code, predicate))
        return predicate

    return add


def _empty(document: Document, names: tuple[str, ...]) -> bool:
    for name in names:  # noqa: SIM110  a generator costs twice as much here
        if blank(document[name]):
            return True
    return False


def _long(document: Document, lengths: tuple[tuple[str, int], ...]) -> bool:
    for name, most in lengths:  # noqa: SIM110  as above
        if len(document[name]) > most:
            return True
    return False


def _differ(a: int | None, b: int | None) -> Verdict:
    return None if a is None or b is None else a != b


def _not_positive(amount: int | None) -> Verdict:
    return None if amount is None else amount <= 0


def _any(verdicts: list[Verdict]) -> Verdict:
    """True for any line counts before not known."""
    return True if True in verdicts else None if None in verdicts else False


@rule("FMT-01")
def order_field_empty(m: Manifest) -> Verdict:
    return _empty(m.order, ORDER_MANDATORY)


@rule("FMT-02")
def payment_field_empty(m: Manifest) -> Verdict:
    return _empty(m.payment, PAYMENT_MANDATORY)


@rule("FMT-03")
def waybill_field_empty(m: Manifest) -> Verdict:
    return _empty(m.waybill, WAYBILL_MANDATORY)


@rule("FMT-04")
def line_field_empty(m: Manifest) -> Verdict:
    return any([_empty(line, LINE_MANDATORY) for line in m.lines])


@rule("FMT-05")
def order_field_long(m: Manifest) -> Verdict:
    return _long(m.order, ORDER_LENGTHS)


@rule("FMT-06")
def payment_field_long(m: Manifest) -> Verdict:
    return _long(m.payment, PAYMENT_LENGTHS)


@rule("FMT-07")
def waybill_field_long(m: Manifest) -> Verdict:
    return _long(m.waybill, WAYBILL_LENGTHS)


@rule("FMT-08")
def line_field_long(m: Manifest) -> Verdict:
    return any([_long(line, LINE_LENGTHS) for line in m.lines])


@rule("FMT-09")
def order_code_unknown(m: Manifest) -> Verdict:
    o = m.order
    return o["orderType"] != "I" or _head_unknown(o) or o["buyerIdType"] not in ("1", "2")


@rule("FMT-10")
def payment_code_unknown(m: Manifest) -> Verdict:
    return _head_unknown(m.payment) or m.payment["payerIdType"] not in ("1", "2")


@rule("FMT-11")
def waybill_code_unknown(m: Manifest) -> Verdict:
    return _head_unknown(m.waybill)


def _head_unknown(document: Document) -> bool:
    return document["appStatus"] != "2" or document["appType"] not in ("1", "2", "3")


@rule("FMT-12")
def order_guid_wrong(m: Manifest) -> Verdict:
    return not _GUID.fullmatch(m.order["guid"])


@rule("FMT-13")
def payment_guid_wrong(m: Manifest) -> Verdict:
    return not _GUID.fullmatch(m.payment["guid"])


@rule("FMT-14")
def waybill_guid_wrong(m: Manifest) -> Verdict:
    return not _GUID.fullmatch(m.waybill["guid"])


@rule("FMT-15")
def buyer_identity_wrong(m: Manifest) -> Verdict:
    return m.order["buyerIdType"] == "1" and not identity_valid(m.order["buyerIdNumber"])


@rule("FMT-16")
def payer_identity_wrong(m: Manifest) -> Verdict:
    return m.payment["payerIdType"] == "1" and not identity_valid(m.payment["payerIdNumber"])


@rule("FMT-17")
def line_count_wrong(m: Manifest) -> Verdict:
    return not 1 <= len(m.lines) <= m.law.limits["max_lines"]


@rule("FMT-18")
def gnum_not_counting(m: Manifest) -> Verdict:
    return any([line["gnum"] != position for position, line in enumerate(m.lines, 1)])


@rule("AMT-01")
def order_amount_out(m: Manifest) -> Verdict:
    return m.order["amount_out"]


@rule("AMT-02")
def payment_amount_out(m: Manifest) -> Verdict:
    return m.payment["amount_out"]


@rule("AMT-03")
def waybill_amount_out(m: Manifest) -> Verdict:
    return m.waybill["amount_out"]


@rule("AMT-04")
def order_amount_fine(m: Manifest) -> Verdict:
    return m.order["amount_fine"]


@rule("AMT-05")
def payment_amount_fine(m: Manifest) -> Verdict:
    return m.payment["amount_fine"]


@rule("AMT-06")
def waybill_amount_fine(m: Manifest) -> Verdict:
    return m.waybill["amount_fine"]


@rule("CUR-01")
def order_currency(m: Manifest) -> Verdict:
    return m.order["currency"] != CNY


@rule("CUR-02")
def line_currency(m: Manifest) -> Verdict:
    return any([line["currency"] != CNY for line in m.lines])


@rule("CUR-03")
def payment_currency(m: Manifest) -> Verdict:
    return m.payment["currency"] != CNY


@rule("CUR-04")
def waybill_currency(m: Manifest) -> Verdict:
    return m.waybill["currency"] != CNY


@rule("SUM-01")
def paid_is_not_the_sum(m: Manifest) -> Verdict:
    o = m.order
    paid, goods, freight, tax, discount = (
        o["actualPaid"], o["goodsValue"], o["freight"], o["taxTotal"], o["discount"],
    )  # fmt: skip
    if paid is None or goods is None or freight is None or tax is None or discount is None:
        return None
    return paid != goods + freight + tax - discount


@rule("SUM-02")
def lines_are_not_goods_value(m: Manifest) -> Verdict:
    return _differ(m.line_total_sum_e5, m.order["goodsValue"])


@rule("SUM-03")
def line_is_not_price_times_qty(m: Manifest) -> Verdict:
    return _any([_differ(_product_e5(line["price"], line["qty"]), line["totalPrice"]) for line in m.lines])


def _product_e5(price: int | None, qty: int | None) -> int | None:
    # the product is in 10⁻¹⁰; half a fen there is 5 · 10⁷
    return None if price is None or qty is None else (2 * price * qty + 10**8) // (2 * 10**8) * FEN_E5


@rule("SUM-04")
def qty_not_positive(m: Manifest) -> Verdict:
    return _any([_not_positive(line["qty"]) for line in m.lines])


@rule("PAY-01")
def other_amount_paid(m: Manifest) -> Verdict:
    return _differ(m.payment["amountPaid"], m.order["actualPaid"])


@rule("PAY-02")
def other_payment_named(m: Manifest) -> Verdict:
    names = ("payCode", "payTransactionId")
    return any([m.order[name] != "" and m.order[name] != m.payment[name] for name in names])


@rule("PAY-04")
def payer_is_not_buyer(m: Manifest) -> Verdict:
    o, p = m.order, m.payment
    return p["payerIdNumber"] != o["buyerIdNumber"] or p["payerName"] != o["buyerName"]


@rule("WAY-01")
def other_consignee(m: Manifest) -> Verdict:
    return m.waybill["consignee"] != m.order["consignee"]


@rule("WAY-02")
def other_telephone(m: Manifest) -> Verdict:
    return m.waybill["consigneeTelephone"] != m.order["consigneeTelephone"]


@rule("WAY-03")
def other_address(m: Manifest) -> Verdict:
    return m.waybill["consigneeAddress"] != m.order["consigneeAddress"]


@rule("WAY-04")
def not_one_parcel(m: Manifest) -> Verdict:
    return m.waybill["packNo"] != 1


@rule("WAY-05")
def weight_not_positive(m: Manifest) -> Verdict:
    return _not_positive(m.waybill["weight"])


@rule("WAY-07")
def direct_without_bill(m: Manifest) -> Verdict:
    return m.trade_mode == "9610" and blank(m.waybill["billNo"])


@rule("TIM-01")
def paid_before_order(m: Manifest) -> Verdict:
    return m.payment["payTime"] < m.order["appTime"]


@rule("TIM-02")
def dated_after_acceptance(m: Manifest) -> Verdict:
    p = m.payment
    return m.accepted_ms < max(m.order["appTime"], p["appTime"], p["payTime"], m.waybill["appTime"])


@rule("REG-01")
def item_not_registered(m: Manifest) -> Verdict:
    return None in m.goods


@rule("REG-02")
def item_without_rate(m: Manifest) -> Verdict:
    listed = [item is not None and not c.unlisted for item, c in zip(m.goods, m.control, strict=True)]
    return any([here and rate is None for here, rate in zip(listed, m.rates, strict=True)])


@rule("REG-03")
def mixed_modes(m: Manifest) -> Verdict:
    return m.trade_mode == "mixed"


for _code, _rule in registrations.RULES:
    rule(_code)(_rule)


def _control(code: str, what: str) -> None:
    """A rule that fires when this is wrong with any line."""

    @rule(code)
    def wrong(m: Manifest) -> Verdict:
        return _any([getattr(c, what) for c in m.control])


for _code, _what in (
    ("GDS-01", "unlisted"), ("GDS-02", "mode_barred"), ("GDS-03", "misnamed"), ("GDS-04", "negative"), ("GDS-05", "waste"),
    ("GDS-06", "stopped"), ("GDS-07", "watched"), ("GDS-08", "too_many"), ("GDS-09", "branded"),
):  # fmt: skip
    _control(_code, _what)


for _code, _rule in registrations.OF_A_CLASS:
    rule(_code)(_rule)


@rule("LIM-02")
def dear_items(m: Manifest) -> Verdict:
    one = m.one_indivisible_item
    over = None if m.dutiable_fen is None else m.dutiable_fen > m.law.limits["single_limit_fen"]
    return None if over and one is None else over and not one


@rule("LIM-05")
def weight_not_filed(m: Manifest) -> Verdict:
    return not all([m.weighed(position) for position in range(len(m.lines))])


@rule("TAX-01")
def content_not_filed(m: Manifest) -> Verdict:
    return not all([m.measured(position) for position in range(len(m.lines))])


@rule("TAX-02")
def other_tax_withheld(m: Manifest) -> Verdict:
    due, withheld = m.tax_due_fen, m.order["taxTotal"]
    if due is None or withheld is None:
        return False if due is None else None
    borne = m.law.classes.tolerance("tax_tolerance_fen", m.registry.firm_class("platform", m.order["ebpCode"]))
    return abs(withheld - due * FEN_E5) > borne * len(m.lines) * FEN_E5


for _code, _rule in counters.RULES:
    rule(_code)(_rule)
