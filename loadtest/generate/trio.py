"""A clean order with its payment and waybill: dicts by field name, amounts as integers in 10⁻⁵, times in ms."""

from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

from loadtest.generate.firms import Market, Shop
from loadtest.generate.law import Item, limit
from loadtest.generate.people import AREA, Person
from loadtest.generate.tax import line_tax_fen, shares

FEN = 1000
YUAN = 100_000
MOST_WEIGHT = 10**14  # whatever the goods: the bound of a weight
Document = dict[str, Any]


@dataclass(slots=True)
class Trio:
    """Three documents of one order number; the lines are `order["orderList"]`."""

    order: Document
    payment: Document
    waybill: Document
    shop: Shop
    direct: bool

    @property
    def key(self) -> tuple[str, str]:
        """(ebpCode, orderNo)."""
        return self.order["ebpCode"], self.order["orderNo"]

    @property
    def lines(self) -> list[Document]:
        """The order's lines."""
        return self.order["orderList"]

    def tax_fen(self) -> int | None:
        """Tax of the documents as they are, in fen; None where the law knows none (decisions.md, section 7)."""
        totals = [line["totalPrice"] // FEN for line in self.lines]
        fee = (self.order["freight"] + self.waybill["insuredFee"]) // FEN
        dutiable = sum(totals) + fee
        full = dutiable > limit("single_limit_fen")
        one = len(totals) == 1 and self.lines[0]["qty"] == YUAN
        if not totals or (full and not (one and dutiable <= limit("annual_limit_fen"))):
            return None
        tax = 0
        for line, total, share in zip(self.lines, totals, shares(totals, fee), strict=True):
            item = self.shop.items.get(line["itemNo"])
            if item is None or item.rates is None or not item.taxable:
                return None
            if item.rates.item.by_quantity and (line["unit"] != item.unit or line["qty"] <= 0):
                return None
            quantity = Fraction(line["qty"] * item.content, YUAN) if item.content else Fraction(0)
            tax += line_tax_fen(total + share, item.rates, quantity, item.measure, full)
        return tax

    def recount(self) -> None:
        """Make the order's sums, the tax withheld and the payment right after lines or fees were changed."""
        o = self.order
        o["goodsValue"] = sum(line["totalPrice"] for line in self.lines)
        if (tax := self.tax_fen()) is not None:
            o["taxTotal"] = tax * FEN
        self.weigh()
        self.pay()

    def weigh(self) -> None:
        """Let the parcel weigh no less than what is filed of its goods."""
        net = 0
        for line in self.lines:
            item = self.shop.items.get(line["itemNo"])
            if item is not None and item.measure == "mass" and item.unit == line["unit"]:
                net += line["qty"] * item.content
        self.waybill["weight"] = max(self.waybill["weight"], min(-(-net // (10 * YUAN)), MOST_WEIGHT))

    def pay(self) -> None:
        """Make what was paid follow from the order's parts."""
        o = self.order
        o["actualPaid"] = o["goodsValue"] + o["freight"] + o["taxTotal"] - o["discount"]
        self.payment["amountPaid"] = o["actualPaid"]

    def only(self, item: Item, qty: int, price_e5: int) -> None:
        """Put one line of `qty` pieces at `price_e5` in the order, no fees, and count again."""
        self.only_lines([order_line(1, item, qty * YUAN, price_e5)])

    def only_lines(self, lines: list[Document]) -> None:
        """Put these lines in the order, no fees, and count again."""
        self.order["orderList"] = lines
        self.order |= {"freight": 0, "discount": 0, "taxTotal": 0}
        self.waybill["insuredFee"] = 0
        self.recount()

    def goods(self) -> tuple[Item, ...]:
        """Items of the shop that suit the trio's mode."""
        return self.shop.direct if self.direct else self.shop.bonded


def guid(rng: Random) -> str:
    """36 upper-case characters in 8-4-4-4-12."""
    h = f"{rng.getrandbits(128):032X}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def order_line(position: int, item: Item, qty_e5: int, price_e5: int) -> Document:
    """A line; its total is price × quantity, half up to the fen."""
    total = (2 * price_e5 * qty_e5 + YUAN * FEN) // (2 * YUAN * FEN) * FEN
    return {
        "gnum": position, "itemNo": item.item_no, "itemName": f"海外直采 {item.name}",
        "gmodel": f"{item.name}|品牌:样例牌|规格:800克/件|适用:家用", "itemDescribe": "跨境商品，详见平台商品页",
        "barCode": f"6900000{item.item_no[-6:]}", "unit": item.unit, "qty": qty_e5, "price": price_e5, "totalPrice": total,
        "currency": "142", "country": item.country, "note": "",
    }  # fmt: skip


def clean(
    rng: Random, market: Market, shop: Shop, who: Person, number: str, unique: str, at_ms: int, direct: bool
) -> Trio:
    """A manifest that is released: ordered at `at_ms`, waybill up to 25 minutes later, dutiable below CNY 5,000.

    `unique` tells payment transaction and waybill number from all others of the set.
    """
    items = shop.direct if direct else shop.bonded
    lines = [
        order_line(n + 1, item, rng.choices((1, 2, 3), (80, 15, 5))[0] * YUAN, item.price_e5)
        for n, item in enumerate(rng.choices(items, k=rng.choices((1, 2, 3), (40, 40, 20))[0]))
    ]
    if sum(line["totalPrice"] for line in lines) > 4900 * YUAN:
        lines = [order_line(1, items[0], YUAN, min(items[0].price_e5, 4900 * YUAN))]
    pay_code, pay_name = rng.choice(market.payers)
    carrier, carrier_name = rng.choice(market.carriers)
    transaction = f"{at_ms}{unique}"
    paid_ms = at_ms + rng.randrange(1_000, 60_000)
    head = {"appType": "1", "appStatus": "2"}
    place = {"consignee": who.name, "consigneeTelephone": who.phone, "consigneeAddress": who.address}
    order: Document = {
        **head, **place, "guid": guid(rng), "appTime": at_ms, "orderType": "I", "orderNo": number, "ebpCode": shop.ebp_code,
        "ebpName": shop.ebp_name, "ebcCode": shop.ebc_code, "ebcName": shop.ebc_name,
        "freight": rng.choice((0, 0, 0, 10 * YUAN, 1250 * FEN)), "discount": rng.choice((0, 0, 0, 500 * FEN)),
        "taxTotal": 0, "currency": "142", "buyerRegNo": f"user{rng.randrange(10**9):09d}", "buyerName": who.name,
        "buyerTelephone": who.phone, "buyerIdType": "1", "buyerIdNumber": who.id_number, "payCode": pay_code,
        "payName": pay_name, "payTransactionId": transaction, "batchNumbers": f"B{unique[-8:]}",
        "consigneeDistrict": AREA, "note": "请工作日送货", "orderList": lines,
    }  # fmt: skip
    payment: Document = {
        **head, "guid": guid(rng), "appTime": paid_ms + 1_000, "payCode": pay_code, "payName": pay_name,
        "payTransactionId": transaction, "orderNo": number, "ebpCode": shop.ebp_code, "ebpName": shop.ebp_name,
        "payerIdType": "1", "payerIdNumber": who.id_number, "payerName": who.name, "telephone": who.phone,
        "amountPaid": 0, "currency": "142", "payTime": paid_ms, "note": "跨境电子商务货款",
    }  # fmt: skip
    waybill: Document = {
        **head, **place, "guid": guid(rng), "appTime": at_ms + rng.randrange(300_000, 1_500_000), "logisticsCode": carrier,
        "logisticsName": carrier_name, "logisticsNo": f"YL{unique}", "billNo": f"999{unique[-8:]}" if direct else "",
        "orderNo": number, "ebpCode": shop.ebp_code, "freight": 600 * FEN, "insuredFee": rng.choice((0, 0, 0, 200 * FEN)),
        "currency": "142", "weight": rng.randrange(20_000, 500_000), "packNo": 1,
        "goodsInfo": f"跨境商品{len(lines)}项，含{lines[0]['itemName'][:60]}", "note": "",
    }  # fmt: skip
    trio = Trio(order, payment, waybill, shop, direct)
    trio.recount()
    return trio
