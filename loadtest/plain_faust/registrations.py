"""Rules about who and what is registered: none of them is ever unknown."""

from loadtest.plain_faust.manifest import Manifest
from loadtest.plain_faust.reading import blank

ACTIVE = "active"


def platform_not_active(m: Manifest) -> bool:
    return _not_active(m, "platform", m.order["ebpCode"])


def shop_not_active(m: Manifest) -> bool:
    return _not_active(m, "ecommerce", m.order["ebcCode"])


def payment_firm_not_active(m: Manifest) -> bool:
    return _not_active(m, "payment", m.payment["payCode"])


def carrier_not_active(m: Manifest) -> bool:
    return _not_active(m, "carrier", m.waybill["logisticsCode"])


def no_declarant(m: Manifest) -> bool:
    if m.registry.status("platform", m.order["ebpCode"]) != ACTIVE or m.registry.status("ecommerce", m.order["ebcCode"]) != ACTIVE:
        return False
    return m.relation.get("status") != ACTIVE or m.registry.status("declarant", m.relation["declarantCode"]) != ACTIVE


def no_guarantor(m: Manifest) -> bool:
    if m.relation.get("status") != ACTIVE:
        return False
    guarantor = m.relation["guarantorCode"]
    related = guarantor in (m.order["ebpCode"], m.order["ebcCode"], m.waybill["logisticsCode"])
    return not related or m.registry.status("guarantor", guarantor) != ACTIVE


def item_not_active(m: Manifest) -> bool:
    return any([item is not None and item.status not in (ACTIVE, "recalled") for item in m.goods])


def item_recalled(m: Manifest) -> bool:
    return any([item is not None and item.status == "recalled" for item in m.goods])


def no_warehouse(m: Manifest) -> bool:
    if m.relation.get("status") != ACTIVE or m.trade_mode != "1210":
        return False
    return m.registry.status("warehouse", m.relation["warehouseCode"]) != ACTIVE


def no_batch_of_a_dishonest_firm(m: Manifest) -> bool:
    return m.shop_class == "dishonest" and blank(m.order["batchNumbers"])


def no_contents_of_a_dishonest_firm(m: Manifest) -> bool:
    return m.shop_class == "dishonest" and blank(m.waybill["goodsInfo"])


def _not_active(m: Manifest, role: str, code: str) -> bool:
    return code != "" and m.registry.status(role, code) != ACTIVE


RULES = (
    ("REG-04", platform_not_active),
    ("REG-05", shop_not_active),
    ("REG-06", payment_firm_not_active),
    ("REG-07", carrier_not_active),
    ("REG-08", no_declarant),
    ("REG-09", no_guarantor),
    ("REG-10", item_not_active),
    ("REG-11", no_warehouse),
)
OF_A_CLASS = (("GDS-10", item_recalled), ("CLS-01", no_batch_of_a_dishonest_firm), ("CLS-02", no_contents_of_a_dishonest_firm))
