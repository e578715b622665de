"""One fault for each finding that one manifest's documents can cause; each says exactly which codes it leads to."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from loadtest.generate.answers import Attempt
from loadtest.generate.cases import STORIES, Case, Maker, decided
from loadtest.generate.trio import FEN, YUAN, Trio, order_line

Damage = Callable[[Random, Trio], None]
FUTURE_MS = 4_070_908_800_000  # 2099-01-01, after any acceptance


def fault(*codes: str) -> Callable[[Damage], Damage]:
    """Register a damage that leads to exactly these codes, as a story of one order number."""

    def add(damage: Damage) -> Damage:
        _register(damage.__name__, codes, damage)
        return damage

    return add


def _register(name: str, codes: tuple[str, ...], damage: Damage) -> None:
    def told(m: Maker) -> list[Case]:
        trio = m.trio()
        damage(m.rng, trio)
        return [m.case(trio, (_with_stock(trio, decided(trio, codes)),))]

    STORIES[name] = (1, told)


def _with_stock(trio: Trio, answer: Attempt) -> Attempt:
    """Bonded goods in another unit than the account book's cannot be taken from it: found besides, unless it is rejected."""
    filed = ((line, trio.shop.items.get(line["itemNo"])) for line in trio.lines)
    other = any(item is not None and item.bonded and item.unit != line["unit"] and line["qty"] > 0 for line, item in filed)
    return replace(answer, codes=answer.codes | {"STK-02"}) if other and answer.outcome == "HOLD" else answer


def _set(name: str, codes: str, kind: str, field: str, value: Any) -> None:
    def change(_rng: Random, t: Trio) -> None:
        target = t.lines[0] if kind == "line" else getattr(t, kind)
        target[field] = value(target[field]) if callable(value) else value

    _register(name, tuple(codes.split()), change)


for _row in (
    ("order_field_empty", "FMT-01", "order", "buyerRegNo", ""),
    ("order_field_blank", "FMT-01", "order", "buyerTelephone", " "),
    ("payment_field_blank", "FMT-02", "payment", "payName", "\t"),
    ("waybill_field_blank", "FMT-03", "waybill", "logisticsName", "\u3000\u3000"),
    ("line_field_blank", "FMT-04", "line", "itemName", " \u3000"),
    ("order_guid_empty", "FMT-01 FMT-12", "order", "guid", ""),
    ("payment_field_empty", "FMT-02", "payment", "payName", ""),
    ("payment_id_empty", "FMT-02 PAY-02", "payment", "payTransactionId", ""),
    ("waybill_field_empty", "FMT-03", "waybill", "logisticsName", ""),
    ("line_field_empty", "FMT-04", "line", "gmodel", ""),
    ("order_field_long", "FMT-05", "order", "ebcName", "长" * 101),
    ("payment_field_long", "FMT-06", "payment", "note", "注" * 1001),
    ("waybill_field_long", "FMT-07", "waybill", "goodsInfo", "货" * 201),
    ("line_field_long", "FMT-08", "line", "itemName", "名" * 251),
    ("order_status_unknown", "FMT-09", "order", "appStatus", "1"),
    ("order_app_type_unknown", "FMT-09", "order", "appType", "4"),
    ("payment_status_unknown", "FMT-10", "payment", "appStatus", "3"),
    ("waybill_status_unknown", "FMT-11", "waybill", "appStatus", "9"),
    ("order_guid_lower", "FMT-12", "order", "guid", str.lower),
    ("payment_guid_odd", "FMT-13", "payment", "guid", lambda g: g[:-1] + "-"),
    ("waybill_guid_short", "FMT-14", "waybill", "guid", lambda g: g[:-1]),
    ("gnum_wrong", "FMT-18", "line", "gnum", 2),
    ("order_currency", "CUR-01", "order", "currency", "502"),
    ("line_currency", "CUR-02", "line", "currency", "300"),
    ("payment_currency", "CUR-03", "payment", "currency", "CNY"),
    ("waybill_currency", "CUR-04", "waybill", "currency", ""),
    ("amount_paid_differs", "PAY-01", "payment", "amountPaid", lambda a: a + FEN),
    ("other_payment_named", "PAY-02", "order", "payTransactionId", lambda t: t[:-1] + "X"),
    ("other_consignee", "WAY-01", "waybill", "consignee", lambda c: c + "代"),
    ("other_phone", "WAY-02", "waybill", "consigneeTelephone", "10000000000"),
    ("other_address", "WAY-03", "waybill", "consigneeAddress", lambda a: a + "旁"),
    ("two_parcels", "WAY-04", "waybill", "packNo", 2),
    ("no_weight", "WAY-05", "waybill", "weight", 0),
    ("weight_negative", "WAY-05", "waybill", "weight", -1),
    ("paid_before_order", "TIM-01", "payment", "payTime", lambda t: t - 3_600_000),
    ("dated_in_future", "TIM-02", "waybill", "appTime", FUTURE_MS),
    ("item_unknown", "REG-01", "line", "itemNo", "SKU-UNKNOWN"),
    ("discount_negative", "AMT-01 SYS-01", "order", "discount", -FEN),
    ("goods_value_absurd", "AMT-01 SYS-01", "order", "goodsValue", 10**19),
    ("goods_value_unreadable", "AMT-01 SYS-01", "order", "goodsValue", 10**60),
    ("price_absurd", "AMT-01 SYS-01", "line", "price", 10**14 + 1),
    ("quantity_absurd", "AMT-01 SYS-01", "line", "qty", -(10**18)),
    ("amount_paid_negative", "AMT-02 SYS-01", "payment", "amountPaid", -FEN),
    ("insurance_negative", "AMT-03 SYS-01", "waybill", "insuredFee", -FEN),
    ("waybill_freight_absurd", "AMT-03", "waybill", "freight", 10**18),
    ("amount_paid_fine", "AMT-05 PAY-01", "payment", "amountPaid", lambda a: a + 1),
    ("insurance_fine", "AMT-06 SYS-01", "waybill", "insuredFee", 100),
    ("waybill_freight_fine", "AMT-06", "waybill", "freight", 12_345),
):  # fmt: skip
    _set(*_row)


@fault("AMT-04")
def price_fine(_rng: Random, t: Trio) -> None:
    """CNY 12.345 a piece: two make a whole number of fen."""
    t.lines[0] |= {"price": 1_234_500, "qty": 2 * YUAN, "totalPrice": 2_469_000}
    t.recount()


@fault("AMT-04", "AMT-05")
def tax_fine(_rng: Random, t: Trio) -> None:
    """Half a fen of tax runs on into what was paid."""
    t.order["taxTotal"] += 500
    t.pay()


@fault("SUM-01")
def head_sum(_rng: Random, t: Trio) -> None:
    """Order and payment agree on an amount that the order's parts do not add up to."""
    t.order["actualPaid"] += FEN
    t.payment["amountPaid"] += FEN


@fault("SUM-02")
def lines_sum(_rng: Random, t: Trio) -> None:
    """goodsValue, and with it all that follows, is a fen more than the lines."""
    for document, name in ((t.order, "goodsValue"), (t.order, "actualPaid"), (t.payment, "amountPaid")):
        document[name] += FEN


@fault("SUM-03")
def line_product(_rng: Random, t: Trio) -> None:
    """A line's total is a fen more than price × quantity."""
    t.lines[0]["totalPrice"] += FEN
    t.recount()


@fault("SUM-04")
def no_quantity(_rng: Random, t: Trio) -> None:
    """Nothing bought, nothing paid for it."""
    t.lines[0] |= {"qty": 0, "totalPrice": 0}
    t.order["discount"] = 0
    t.recount()


@fault("REG-02")
def no_rate(_rng: Random, t: Trio) -> None:
    """A registered item on a line of the positive list whose rate is not in force yet."""
    t.waybill["billNo"] = "99912345678"
    t.only(t.shop.filed_as("99990001"), 1, 100 * YUAN)


@fault("REG-03")
def mixed_modes(_rng: Random, t: Trio) -> None:
    """A bonded and a direct item in one order."""
    t.waybill["billNo"] = "99912345678"
    t.order["orderList"] = [order_line(n + 1, i, YUAN, 9 * YUAN) for n, i in enumerate((t.shop.bonded[0], t.shop.direct[0]))]
    t.recount()


@fault("WAY-07")
def no_bill(_rng: Random, t: Trio) -> None:
    """Direct purchase without a master bill."""
    t.waybill["billNo"] = ""
    t.only(t.shop.direct[0], 1, 99 * YUAN)


@fault("LIM-02")
def dear_items(_rng: Random, t: Trio) -> None:
    """Over the limit of one purchase with two pieces."""
    t.only(t.goods()[0], 2, 2600 * YUAN)


@fault("CUR-01", "CUR-03", "CUR-04", "PAY-01", "WAY-03", "WAY-04")
def much_at_once(_rng: Random, t: Trio) -> None:
    """Findings of all three documents on one manifest."""
    for document in (t.order, t.payment, t.waybill):
        document["currency"] = "840"
    t.payment["amountPaid"] += 100 * FEN
    t.waybill |= {"packNo": 3, "consigneeAddress": "示例省虚构市另一处"}
