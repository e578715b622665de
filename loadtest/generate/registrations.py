"""Stories of firms and goods that may not trade: what is filed of them, and what comes of their orders."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from loadtest.generate.cases import STORIES, Case, Maker, decided, story
from loadtest.generate.firms import Shop, code, market, shop_name
from loadtest.generate.law import Item
from loadtest.generate.trio import Trio

SUSPENDED, REVOKED, RECALLED = "suspended", "revoked", "recalled"
UNKNOWN = code("P", 999)  # a platform that registered nowhere
PLATFORM_SUSPENDED, UNFILED, DECLARANT_SUSPENDED, GUARANTOR_UNRELATED, GUARANTOR_SUSPENDED, NO_WAREHOUSE = (
    code("P", n) for n in range(901, 907)
)
PLATFORMS = (PLATFORM_SUSPENDED, UNFILED, DECLARANT_SUSPENDED, GUARANTOR_UNRELATED, GUARANTOR_SUSPENDED, NO_WAREHOUSE)
SHOP, PAYER, CARRIER, DECLARANT = code("T", 901), code("Y", 901), code("W", 901), code("D", 901)
ITEM, RECALLED_ITEM, BRANDED_ITEM, STOPPED_ITEM = (f"SKU90190{n}" for n in range(1, 5))
WATCHED_BRAND, STOPPED_ORIGIN = "Exemplar Noble", "331"  # as control.toml has them, of beer


@dataclass(frozen=True, slots=True)
class Relation:
    """Who stands behind the orders of a firm on a platform; `warehouse` may be empty."""

    platform: str
    shop: str
    guarantor: str
    declarant: str
    warehouse: str


def shop(size: str) -> Shop:
    """The shop whose orders these are, where nothing else is said: the first of the first platform, a guarantor itself."""
    return market(size).platforms[0][0]


def suspended_item(size: str) -> Item:
    """An item of that shop whose filing is suspended."""
    return replace(shop(size).bonded[0], item_no=ITEM)


def recalled_item(size: str) -> Item:
    """An item of that shop of which a sample failed."""
    return replace(shop(size).bonded[0], item_no=RECALLED_ITEM)


def branded_item(size: str) -> Item:
    """An item of that shop that is filed under a watched brand, which its name does not tell."""
    return replace(shop(size).bonded[0], item_no=BRANDED_ITEM)


def stopped_item(size: str) -> Item:
    """Beer of that shop that is filed as of an origin under recall."""
    return replace(shop(size).filed_as("22030000"), item_no=STOPPED_ITEM, country=STOPPED_ORIGIN)


def relations(size: str) -> list[Relation]:
    """Of the platforms of this module, and of the suspended shop."""
    firm = shop(size).ebc_code
    return [
        Relation(PLATFORM_SUSPENDED, firm, firm, code("D", 1), code("A", 1)),
        Relation(DECLARANT_SUSPENDED, firm, firm, DECLARANT, code("A", 1)),
        Relation(GUARANTOR_UNRELATED, firm, code("P", 2), code("D", 1), code("A", 1)),
        Relation(GUARANTOR_SUSPENDED, firm, GUARANTOR_SUSPENDED, code("D", 1), code("A", 1)),
        Relation(NO_WAREHOUSE, firm, firm, code("D", 1), ""),
        Relation(code("P", 1), SHOP, code("P", 1), code("D", 1), code("A", 1)),
    ]


def _numbered_otherwise(name: str, item_no: str, found: str) -> None:
    """Goods of that shop under another number: held for what is filed of it, and taxed all the same."""

    def told(m: Maker) -> list[Case]:
        t = m.trio(direct=False, shop=shop(m.profile.market))
        t.only(t.goods()[0], 1, t.goods()[0].price_e5)
        answer = decided(t, [found])
        t.lines[0]["itemNo"] = item_no
        return [m.case(t, (answer,))]

    STORIES[name] = (1, told)


_numbered_otherwise("brand_told_by_the_filing", BRANDED_ITEM, "GDS-09")  # neither name nor model tells it


@story()
def origin_told_by_the_filing(m: Maker) -> list[Case]:
    """The order names another origin than the one under recall that the item is filed with."""
    t = m.trio(direct=True, shop=shop(m.profile.market))
    beer = shop(m.profile.market).filed_as("22030000")
    t.only(beer, 1, beer.price_e5)
    answer = decided(t, ["GDS-06"])
    t.lines[0]["itemNo"] = STOPPED_ITEM
    return [m.case(t, (answer,))]


def _on_platform(name: str, platform: str, *codes: str, direct: bool = False) -> None:
    def told(m: Maker) -> list[Case]:
        trio = m.trio(direct=direct, shop=shop(m.profile.market).on(platform))
        return [m.case(trio, (decided(trio, codes),))]

    STORIES[name] = (1, told)


def _changed(name: str, change: Callable[[Maker, Trio], None], found: str) -> None:
    def told(m: Maker) -> list[Case]:
        trio = m.trio(direct=False, shop=shop(m.profile.market))
        change(m, trio)
        return [m.case(trio, (decided(trio, (found,)),))]

    STORIES[name] = (1, told)


def _suspended_shop(m: Maker, t: Trio) -> None:
    t.order |= {"ebcCode": SHOP, "ebcName": shop_name(SHOP)}


def _suspended_item(m: Maker, t: Trio) -> None:
    t.only(t.goods()[0], 1, t.goods()[0].price_e5)
    t.lines[0]["itemNo"] = ITEM  # another number of the same goods


_numbered_otherwise("item_recalled", RECALLED_ITEM, "GDS-10")  # a sample of it failed


def _unknown_payer(m: Maker, t: Trio) -> None:
    t.order["payCode"] = t.payment["payCode"] = code("Y", 999)


def _suspended_payer(m: Maker, t: Trio) -> None:
    t.order["payCode"] = t.payment["payCode"] = PAYER


def _revoked_carrier(m: Maker, t: Trio) -> None:
    t.waybill["logisticsCode"] = CARRIER


_on_platform("platform_unknown", UNKNOWN, "REG-04")
_on_platform("platform_suspended", PLATFORM_SUSPENDED, "REG-04")
_on_platform("nothing_filed_together", UNFILED, "REG-08")
_on_platform("declarant_suspended", DECLARANT_SUSPENDED, "REG-08")
_on_platform("guarantor_of_others", GUARANTOR_UNRELATED, "REG-09")
_on_platform("guarantor_suspended", GUARANTOR_SUSPENDED, "REG-09")
_on_platform("bonded_without_warehouse", NO_WAREHOUSE, "REG-11")
_on_platform("direct_needs_no_warehouse", NO_WAREHOUSE, direct=True)
_changed("shop_suspended", _suspended_shop, "REG-05")
_changed("item_suspended", _suspended_item, "REG-10")
_changed("payment_firm_unknown", _unknown_payer, "REG-06")
_changed("payment_firm_suspended", _suspended_payer, "REG-06")
_changed("carrier_revoked", _revoked_carrier, "REG-07")

