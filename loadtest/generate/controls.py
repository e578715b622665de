"""Stories about goods control: each list stops what it is for, and only just lets through what it is not."""

from random import Random

from loadtest.generate.cases import Case, Maker, story
from loadtest.generate.faults import fault
from loadtest.generate.trio import YUAN, Trio, order_line

UNLISTED, SHRIMPS, INK, RIFLES, WASTE, GOLD = "99990000", "03061790", "32151900", "9304", "3915", "7113"
BAGS, BEER = "42022100", "22030000"
RECALLED_FROM = "331"
MOST_BEER = 24


def _only(t: Trio, hs: str, *, direct: bool | None = None) -> None:
    """One piece of an item of these codes, of a mode if it matters; a master bill, should it be a direct one."""
    t.waybill["billNo"] = "99912345678"
    t.only(t.shop.filed_as(hs, direct), 1, 100 * YUAN)


def _beer(t: Trio, *quantities: int) -> None:
    t.waybill["billNo"] = "99912345678"
    beer = t.shop.filed_as(BEER)
    t.only_lines([order_line(n + 1, beer, qty, 12 * YUAN) for n, qty in enumerate(quantities)])


@fault("GDS-01")
def not_on_the_list(_rng: Random, t: Trio) -> None:
    """A registered item on no line of the positive list."""
    _only(t, UNLISTED)


@fault("GDS-02")
def shrimps_bought_directly(_rng: Random, t: Trio) -> None:
    """Seafood comes bonded only."""
    _only(t, SHRIMPS, direct=True)


@story()
def shrimps_from_the_zone(m: Maker) -> list[Case]:
    """The same bonded: released."""
    t = m.trio()
    _only(t, SHRIMPS, direct=False)
    return [m.case(t)]


@fault("GDS-03")
def ink_for_a_press(_rng: Random, t: Trio) -> None:
    """Of printing ink only that of household printers is on the list."""
    _only(t, INK)
    t.lines[0] |= {"itemName": "offset printing ink", "gmodel": "household|printer ink"}


@story()
def ink_named_in_the_model(m: Maker) -> list[Case]:
    """The name stands in the model alone, in capitals: released."""
    t = m.trio()
    _only(t, INK)
    t.lines[0] |= {"itemName": "墨盒", "gmodel": "HOUSEHOLD PRINTER INK|1盒"}
    return [m.case(t)]


@fault("GDS-03")
def bag_of_crocodile(_rng: Random, t: Trio) -> None:
    """A leather bag is on the list, one of an endangered species is not."""
    _only(t, BAGS)
    t.lines[0]["gmodel"] += "|材质:鳄鱼皮"


@fault("GDS-01", "GDS-04")
def air_rifle(_rng: Random, t: Trio) -> None:
    """Arms: on the negative list, and of course not on the positive one."""
    _only(t, RIFLES)


@fault("GDS-01", "GDS-05")
def waste_of_plastics(_rng: Random, t: Trio) -> None:
    """Waste that may not be imported."""
    _only(t, WASTE)


@fault("GDS-06")
def recalled_beer(_rng: Random, t: Trio) -> None:
    """Beer of the origin that a recall is about."""
    _beer(t, YUAN)
    t.lines[0]["country"] = RECALLED_FROM


@story()
def other_goods_of_that_origin(m: Maker) -> list[Case]:
    """Shrimps of that origin are not recalled: released."""
    t = m.trio()
    _only(t, SHRIMPS, direct=False)
    t.lines[0]["country"] = RECALLED_FROM
    return [m.case(t)]


@fault("GDS-07")
def gold_necklace(_rng: Random, t: Trio) -> None:
    """Key goods: an officer looks at them."""
    _only(t, GOLD)


@fault("GDS-08")
def a_party(_rng: Random, t: Trio) -> None:
    """Two lines of beer, each fit for one person: together a hundred-thousandth of a bottle too much."""
    _beer(t, MOST_BEER // 2 * YUAN, MOST_BEER // 2 * YUAN + 1)


@story()
def a_small_party(m: Maker) -> list[Case]:
    """The most a parcel may hold, on two lines: released."""
    t = m.trio()
    _beer(t, (MOST_BEER - 1) * YUAN, YUAN)
    return [m.case(t)]


@fault("GDS-08", "TAX-01")
def beer_by_the_barrel(_rng: Random, t: Trio) -> None:
    """A unit that nobody can count bottles in, nor tax."""
    _beer(t, YUAN)
    t.lines[0]["unit"] = "122"


@fault("GDS-09")
def watched_brand(_rng: Random, t: Trio) -> None:
    """A brand whose owner asked for protection, in the model and in small letters."""
    t.lines[-1]["gmodel"] = "样品|品牌:exemplar noble|规格:1件"


@fault("GDS-09", "REG-01")
def watched_brand_not_filed(_rng: Random, t: Trio) -> None:
    """Brands are looked for in items nobody filed, too."""
    t.lines[0] |= {"itemNo": "SKU-UNKNOWN", "itemName": "示例名品"}


@fault("GDS-06", "GDS-08", "WAY-03")
def much_recalled_beer(_rng: Random, t: Trio) -> None:
    """Lists do not hide each other."""
    _beer(t, (MOST_BEER + 1) * YUAN)
    t.lines[0]["country"] = RECALLED_FROM
    t.waybill["consigneeAddress"] += "旁"
