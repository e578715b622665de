"""Items of account books of which there is little or nothing, and the stories of orders for them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from loadtest.generate.cases import STORIES, Case, Maker, decided, story
from loadtest.generate.firms import Shop, code, market
from loadtest.generate.guaranteed import EXPIRED as WITHOUT_GUARANTEE
from loadtest.generate.guaranteed import FIRST_DAY, LAST_DAY
from loadtest.generate.law import Item
from loadtest.generate.registrations import shop
from loadtest.generate.trio import Trio, order_line

BOOK = "T3105W901"
UNIT_E5 = 100_000
PLENTY_E5 = 10**13


class Stock(NamedTuple):
    """What was entered of an item of an account book, in 10⁻⁵ units; the days as ISO texts."""

    book_item: str
    unit: str
    entered_e5: int
    first: str = FIRST_DAY
    last: str = LAST_DAY
    status: str = "active"


class Count(NamedTuple):
    """What a stock-take found."""

    book_item: str
    counted_e5: int


# number in the book → units entered, on which days, and with which status; what was counted before the first order
ENTERED = {
    1: (2, FIRST_DAY, LAST_DAY, "active"), 2: (10, FIRST_DAY, LAST_DAY, "active"), 4: (1000, "2019-01-01", "2019-11-10", "active"),
    5: (1000, FIRST_DAY, LAST_DAY, "active"), 6: (1, FIRST_DAY, LAST_DAY, "active"), 7: (1000, FIRST_DAY, LAST_DAY, "revoked"),
}  # fmt: skip
TWO, RUNS_OUT, NOT_FILED, EXPIRED, COUNTED_SHORT, COUNTED_MORE, REVOKED = range(1, 8)
COUNTED_E5 = {COUNTED_SHORT: UNIT_E5, COUNTED_MORE: PLENTY_E5}


def item(size: str, number: int) -> Item:
    """The item of that number in the book of these stories, sold by their shop."""
    return replace(shop(size).bonded[0], item_no=f"SKU9030{number:02d}", book_item=f"{BOOK}-{number}")


def items(size: str) -> list[Item]:
    """All of them."""
    return [item(size, number) for number in range(TWO, REVOKED + 1)]


def filed(size: str) -> Iterator[Stock | Count]:
    """Plenty of every item of the market, and what the stories are about."""
    of_market = {x.book_item: x.unit for goods in market(size).goods.values() for x in goods if x.bonded}
    yield from (Stock(book_item, unit, PLENTY_E5) for book_item, unit in of_market.items())
    for number, (entered, *rest) in ENTERED.items():
        one = item(size, number)
        yield Stock(one.book_item, one.unit, entered * UNIT_E5, *rest)
    yield from (Count(item(size, number).book_item, counted_e5) for number, counted_e5 in COUNTED_E5.items())


def top_ups(size: str = "small") -> Iterator[Stock]:
    """Filed later, they make room for every manifest of the stories that is held for stock alone."""
    return (Stock(x.book_item, x.unit, PLENTY_E5) for x in items(size))


def warehouse(book_item: str, warehouses: int) -> str:
    """Whose account book it is: each of so many warehouses has some, the first that of the stories too."""
    book = book_item.split("-")[0]
    return code("A", 1 if book == BOOK else (int(book[-3:]) - 1) % warehouses + 1)


def _trio(m: Maker, number: int, qty: int, on: Shop | None = None) -> Trio:
    """So many of an item, at its usual price."""
    trio = m.trio(direct=False, shop=on or _shop(m.profile.market))
    one = item(m.profile.market, number)
    trio.only(one, qty, one.price_e5)
    return trio


@lru_cache
def _shop(size: str) -> Shop:
    """The shop with the items of these stories."""
    of_market = shop(size)
    return replace(of_market, items={**of_market.items, **{x.item_no: x for x in items(size)}})


def _one(name: str, number: int, qty: int, *codes: str) -> None:
    def stock_story(m: Maker) -> list[Case]:
        trio = _trio(m, number, qty)
        return [m.case(trio, (decided(trio, codes),))]

    STORIES[name] = (1, stock_story)


_one("stock_short", TWO, 3, "STK-01")
_one("stock_not_filed", NOT_FILED, 1, "STK-02")
_one("stock_expired", EXPIRED, 1, "STK-02")
_one("stock_revoked", REVOKED, 1, "STK-02")
_one("stock_counted_short", COUNTED_SHORT, 2, "STK-01")
_one("stock_counted_more", COUNTED_MORE, 2)


@story(size=3)
def stock_runs_out(m: Maker) -> list[Case]:
    """Ten for all such orders of a set: which of them it is enough for depends on which commit comes first."""
    trios = [_trio(m, RUNS_OUT, qty) for qty in (4, 4, 1)]
    return [m.case(t, (decided(t),), (decided(t, ["STK-01"]),)) for t in trios]


@story()
def stock_short_in_review(m: Maker) -> list[Case]:
    """Held for its address as well: an officer looks at it."""
    trio = _trio(m, TWO, 3)
    trio.waybill["consigneeAddress"] += "旁"
    return [m.case(trio, (decided(trio, ["STK-01", "WAY-03"]),))]


@story()
def stock_in_review(m: Maker) -> list[Case]:
    """Held for its address, it keeps what it needs of an item that others take as well."""
    trio = _trio(m, COUNTED_MORE, 2)
    trio.waybill["consigneeAddress"] += "旁"
    return [m.case(trio, (decided(trio, ["WAY-03"]),))]


@story()
def stock_of_one_item_short(m: Maker) -> list[Case]:
    """Of two items one is short: nothing is taken of the other."""
    trio = _trio(m, COUNTED_MORE, 1)
    other = item(m.profile.market, TWO)
    trio.only_lines([*trio.lines, order_line(2, other, 3 * UNIT_E5, other.price_e5)])
    return [m.case(trio, (decided(trio, ["STK-01"]),))]


@story()
def stock_short_asks_no_guarantee(m: Maker) -> list[Case]:
    """Its guarantor has no valid guarantee either, and is not asked."""
    trio = _trio(m, TWO, 3, _shop(m.profile.market).on(WITHOUT_GUARANTEE))
    return [m.case(trio, (decided(trio, ["STK-01"]),))]


@story()
def rejected_asks_no_stock(m: Maker) -> list[Case]:
    """What the rules reject takes nothing."""
    trio = _trio(m, NOT_FILED, 1)
    trio.order["currency"] = "502"
    return [m.case(trio, (decided(trio, ["CUR-01"]),))]
