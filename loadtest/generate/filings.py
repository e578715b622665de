"""What a market filed, as events of the registry topic: enterprises, goods, relations, guarantees, stock, and a few that are none."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from loadtest.generate import guaranteed, stocked
from loadtest.generate import registrations as barred
from loadtest.generate.firms import Market, class_of, code, market, platform_name, shop_name
from loadtest.generate.guaranteed import Instrument
from loadtest.generate.law import Item
from loadtest.generate.registrations import Relation
from loadtest.generate.stocked import Count, Stock
from schemas.filings import Filing, written

ACTIVE = "active"
OFFICES = ("3105", "3116", "8015")
CONTENT_UNITS = {"volume": ("ml", 1000), "mass": ("g", 1000), "sheet": ("sheet", 1), "piece": ("piece", 1)}


class Event(NamedTuple):
    """A record of the registry topic, to be sent to partition 0."""

    key: bytes
    value: bytes


@lru_cache
def filings(size: str) -> tuple[Filing, ...]:
    """Everything that holds at the end, each entry once."""
    trade = market(size)
    found = [*_enterprises(trade, size), *_goods(trade, size)]
    relations = [*_relations(trade), *barred.relations(size), *_answering_for_themselves(size)]
    found += [_relation(n, r) for n, r in enumerate(relations)]
    found += [_guarantee(one) for one in _instruments(relations)]
    found += [_stock(one, trade.size.warehouses) if isinstance(one, Stock) else _count(one) for one in stocked.filed(size)]
    return tuple(found)


def events(size: str) -> Iterator[Event]:
    """Events that bring it about."""
    for filing in filings(size):
        yield Event(filing.key.encode(), written(filing))


def top_ups() -> Iterator[Event]:
    """Events that release whatever a set has that is held for its guarantee or for stock alone."""
    for filing in (*map(_guarantee, guaranteed.TOP_UPS), *(_stock(one, 1, revision=2) for one in stocked.top_ups())):
        yield Event(filing.key.encode(), written(filing))


def odd_events(size: str) -> Iterator[Event]:
    """Events after those that are old, repeated or no events: they change nothing."""
    first = filings(size)[0]
    yield Event(first.key.encode(), written(first))  # repeated: DL-06
    shop = next(f for f in filings(size) if f.part == "enterprise" and f.content["code"] == barred.SHOP)
    older = Filing(shop.part, shop.revision - 1, {**shop.content, "status": ACTIVE})
    yield Event(older.key.encode(), written(older))  # out of order: DL-06
    unheard = Filing(first.part, 9, {**first.content, "status": "paused"})
    yield Event(unheard.key.encode(), written(unheard))  # DL-05
    yield Event(b"enterprise|platform", written(Filing(first.part, 9, first.content)))  # DL-04
    yield Event(first.key.encode(), written(first)[:-3])  # DL-01
    yield Event(first.key.encode(), b"\0\0\0\0\1" + written(first)[5:])  # DL-02


def _enterprises(trade: Market, size: str) -> Iterator[Filing]:
    n = trade.size
    yield from (_enterprise("platform", code("P", i + 1), platform_name(code("P", i + 1))) for i in range(n.platforms))
    yield from (_enterprise("ecommerce", firm, shop_name(firm)) for firm in trade.goods)
    yield from (_enterprise("payment", payer, name) for payer, name in trade.payers)
    yield from (_enterprise("carrier", carrier, name) for carrier, name in trade.carriers)
    yield from (_enterprise("declarant", code("D", i + 1), f"样例报关{i + 1}号有限公司") for i in range(n.declarants))
    yield from (_enterprise("warehouse", code("A", i + 1), f"样例保税仓{i + 1}号有限公司") for i in range(n.warehouses))
    guarantors = [code("P", i + 1) for i in range(n.platforms)] + [code("T", i + 1) for i in range(n.guaranteeing_shops)]
    yield from (_enterprise("guarantor", guarantor, f"样例担保人{guarantor[-4:]}") for guarantor in guarantors)
    for platform in barred.PLATFORMS:
        status = barred.SUSPENDED if platform == barred.PLATFORM_SUSPENDED else ACTIVE
        yield _enterprise("platform", platform, platform_name(platform), status)
    for platform in guaranteed.GUARANTORS:
        yield _enterprise("platform", platform, platform_name(platform))
        yield _enterprise("guarantor", platform, f"样例担保人{platform[-4:]}")
    yield _enterprise("ecommerce", barred.SHOP, shop_name(barred.SHOP), barred.SUSPENDED, revision=2)
    yield _enterprise("payment", barred.PAYER, "样例支付901号科技有限公司", barred.SUSPENDED)
    yield _enterprise("carrier", barred.CARRIER, "样例速递901号供应链有限公司", barred.REVOKED)
    yield _enterprise("declarant", barred.DECLARANT, "样例报关901号有限公司", barred.SUSPENDED)
    yield _enterprise("guarantor", barred.GUARANTOR_SUSPENDED, "样例担保人P905", barred.SUSPENDED)


def _enterprise(role: str, firm: str, name: str, status: str = ACTIVE, revision: int = 1) -> Filing:
    content = {"role": role, "code": firm, "name": name, "class": class_of(firm), "status": status}
    return Filing("enterprise", revision, content)


def _goods(trade: Market, size: str) -> Iterator[Filing]:
    for firm, items in trade.goods.items():
        yield from (_item(firm, item) for item in items)
    yield from (_item(barred.SHOP, item) for item in trade.goods[barred.shop(size).ebc_code])
    yield _item(barred.shop(size).ebc_code, barred.suspended_item(size), barred.SUSPENDED)
    yield _item(barred.shop(size).ebc_code, barred.recalled_item(size), barred.RECALLED)
    yield _item(barred.shop(size).ebc_code, barred.branded_item(size), brand=barred.WATCHED_BRAND)
    yield _item(barred.shop(size).ebc_code, barred.stopped_item(size))
    yield from (_item(barred.shop(size).ebc_code, item) for item in stocked.items(size))


def _item(firm: str, item: Item, status: str = ACTIVE, brand: str = "样例牌") -> Filing:
    unit, smallest = CONTENT_UNITS.get(item.measure, ("", 1))
    price = item.price_e5 // 1000
    content: dict[str, Any] = {
        "ebcCode": firm, "itemNo": item.item_no, "itemName": item.name, "hsCode": item.hs_code, "unit": item.unit,
        "content": item.content // smallest, "contentUnit": unit, "country": item.country,
        "accountBookItem": item.book_item, "priceLowFen": price * 7 // 10, "priceHighFen": price * 13 // 10,
        "category": item.hs_code[:4], "brand": brand, "status": status,
    }  # fmt: skip
    return Filing("goods", 1, content)


def _relations(trade: Market) -> Iterator[Relation]:
    """Of each shop on each of its platforms: a shop that guarantees does so for itself, on its first platform alone."""
    guaranteeing = {code("T", n + 1) for n in range(trade.size.guaranteeing_shops)}
    seen: set[str] = set()
    for shops in trade.platforms:
        for shop in shops:
            number = int(shop.ebc_code[-3:])
            itself = shop.ebc_code in guaranteeing and shop.ebc_code not in seen
            seen.add(shop.ebc_code)
            yield Relation(
                shop.ebp_code,
                shop.ebc_code,
                shop.ebc_code if itself else shop.ebp_code,
                code("D", number % trade.size.declarants + 1),
                code("A", number % trade.size.warehouses + 1),
            )


def _answering_for_themselves(size: str) -> Iterator[Relation]:
    firm = barred.shop(size).ebc_code
    yield from (Relation(platform, firm, platform, code("D", 1), code("A", 1)) for platform in guaranteed.GUARANTORS)


def _instruments(relations: list[Relation]) -> Iterator[Instrument]:
    """Plenty for every guarantor that is in no story of its own."""
    others = dict.fromkeys(r.guarantor for r in relations if r.guarantor not in guaranteed.GUARANTORS)
    yield from (one for guarantor in others for one in guaranteed.plenty(guarantor))
    yield from guaranteed.INSTRUMENTS


def _guarantee(one: Instrument) -> Filing:
    content = {
        "guarantorCode": one.guarantor, "instrumentNo": one.number, "kind": one.kind, "amountFen": one.amount_fen,
        "validFrom": one.first, "validTo": one.last, "useOrder": one.use_order, "status": one.status,
    }  # fmt: skip
    return Filing("guarantee", 1, content)


def _stock(one: Stock, warehouses: int, revision: int = 1) -> Filing:
    book, number = one.book_item.rsplit("-", 1)
    content = {
        "accountBook": book, "bookItem": number, "warehouseCode": stocked.warehouse(one.book_item, warehouses), "unit": one.unit,
        "enteredE5": one.entered_e5, "validFrom": one.first, "validTo": one.last, "status": one.status,
    }  # fmt: skip
    return Filing("stock", revision, content)


def _count(one: Count) -> Filing:
    book, number = one.book_item.rsplit("-", 1)
    content = {"accountBook": book, "bookItem": number, "countedE5": one.counted_e5, "countedOn": "2019-11-01", "status": ACTIVE}
    return Filing("count", 1, content)


def _relation(number: int, r: Relation) -> Filing:
    content = {
        "ebpCode": r.platform, "ebcCode": r.shop, "guarantorCode": r.guarantor, "declarantCode": r.declarant,
        "warehouseCode": r.warehouse, "customsCode": OFFICES[number % len(OFFICES)], "status": ACTIVE,
    }  # fmt: skip
    return Filing("relation", 1, content)
