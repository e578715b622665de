"""The invented firms of a market: platforms with their shops, payment firms, carriers, and who stands behind them.

Two sizes: `small` for tests, `full` with 500 enterprises and 100,000 items. What they filed: generate/filings.py.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from random import Random

from loadtest.generate.law import Item, goods

DIRECT_SHARE = 0.3
NEIGHBOUR = 7  # a shop of platform n is on platform n - 7 too


@dataclass(frozen=True, slots=True)
class Size:
    """How many enterprises of each role there are, and items in all; guarantors are the platforms and some shops."""

    platforms: int
    shops: int
    payers: int
    carriers: int
    declarants: int
    warehouses: int
    guaranteeing_shops: int
    items: int


# `full` with those of the stories about firms that may not trade and guarantees that do not suffice: some 500 enterprises
# and 100,000 items.
SIZES = {"small": Size(24, 24, 6, 9, 5, 4, 4, 1_128), "full": Size(50, 279, 12, 20, 29, 29, 20, 100_000)}


@dataclass(frozen=True, slots=True)
class Shop:
    """An e-commerce firm on a platform, its items by number, and those a clean order may hold by mode: none whose weight is
    limited, or two clean orders of a person might be too many."""

    ebp_code: str
    ebp_name: str
    ebc_code: str
    ebc_name: str
    items: dict[str, Item]
    bonded: tuple[Item, ...]
    direct: tuple[Item, ...]
    unmeasured: tuple[Item, ...]
    capped: tuple[Item, ...]

    def of_group(self, weight_group: str, measure: str = "mass") -> Item:
        """An item of a group with a yearly weight cap whose content is filed in this measure."""
        return next(i for i in self.capped if (i.weight_group, i.measure) == (weight_group, measure))

    def taxed_as(self, hs8: str) -> Item:
        """An item of an HS8 line that a clean order may hold; StopIteration when the firm has none."""
        return next(i for i in (*self.bonded, *self.direct) if i.hs_code.startswith(hs8))

    def filed_as(self, hs: str, direct: bool | None = None) -> Item:
        """Its first item under an HS prefix, of one mode if it matters; StopIteration when it has none."""
        return next(i for i in self.items.values() if i.hs_code.startswith(hs) and (direct is None or i.bonded != direct))

    def on(self, platform: str) -> "Shop":
        """The same firm on another platform, given by its code."""
        return replace(self, ebp_code=platform, ebp_name=platform_name(platform))


@dataclass(frozen=True, slots=True)
class Market:
    """`platforms`: the shops of each; `payers`, `carriers`: (code, name) of those that may trade; `goods`: by firm."""

    size: Size
    platforms: tuple[tuple[Shop, ...], ...]
    shares: tuple[float, ...]
    payers: tuple[tuple[str, str], ...]
    carriers: tuple[tuple[str, str], ...]
    goods: dict[str, tuple[Item, ...]]

    @property
    def secured_by_first(self) -> tuple[Shop, ...]:
        """The shops on the first platform that do not guarantee for themselves: it does."""
        return tuple(shop for shop in self.platforms[0] if int(shop.ebc_code[-3:]) > self.size.guaranteeing_shops)

    def shop_of(self, class_: str, platform_class: str = "general") -> Shop:
        """The first shop of a class on a platform of a class; StopIteration when there is none."""
        of = (class_, platform_class)
        return next(s for shops in self.platforms for s in shops if (class_of(s.ebc_code), class_of(s.ebp_code)) == of)

    def shop(self, rng: Random, platform: int | None = None) -> Shop:
        """A shop: its platform drawn by Zipf shares (exponent 1) unless given, then one of that platform's."""
        if platform is None:
            return rng.choice(rng.choices(self.platforms, cum_weights=self.shares)[0])
        return rng.choice(self.platforms[platform % len(self.platforms)])


def code(letter: str, number: int) -> str:
    """The customs registration of an invented firm: P platform, T shop, Y payment firm, W carrier, D declarant, A warehouse."""
    return f"330296{letter}{number:03d}"


def class_of(firm: str) -> str:
    """The class that an invented firm is filed with, in whatever role."""
    number = int(firm[-3:])
    return "aeo" if number % 10 == 7 else "dishonest" if number % 40 == 13 else "general"


def platform_name(platform: str) -> str:
    return f"样例国际跨境购物平台{int(platform[-3:])}号有限公司"


def shop_name(firm: str) -> str:
    return f"样例进出口电子商务（{firm[-3:]}）有限公司"


@lru_cache
def market(name: str) -> Market:
    """The market of a size of SIZES."""
    size = SIZES[name]
    stock = _stock(size)
    firms = list(stock)
    platforms = tuple(
        tuple(_shop(code("P", n + 1), firm, stock[firm]) for firm in _firms_of(n, firms, size.platforms))
        for n in range(size.platforms)
    )
    return Market(
        size,
        platforms,
        tuple(accumulate(1 / rank for rank in range(1, len(platforms) + 1))),
        tuple((code("Y", n), f"样例支付{n}号科技有限公司") for n in range(1, size.payers + 1)),
        tuple((code("W", n), f"样例速递{n}号供应链有限公司") for n in range(1, size.carriers + 1)),
        stock,
    )


def _firms_of(platform: int, firms: list[str], platforms: int) -> list[str]:
    """Its own shops, then those of the neighbour whose shops it has too."""
    own = [firm for n, firm in enumerate(firms) if n % platforms == platform]
    return own + [firm for n, firm in enumerate(firms) if n % platforms == (platform + NEIGHBOUR) % platforms]


def _stock(size: Size) -> dict[str, tuple[Item, ...]]:
    """The items of each shop: those of goods.csv, and further firms and items made of them up to the size."""
    templates = list(goods().values())
    stock: dict[str, tuple[Item, ...]] = {}
    left = size.items
    for n in range(size.shops):
        first = templates[n % len(templates)]
        share = min(left, -(-left // (size.shops - n)))
        left -= share
        stock[code("T", n + 1)] = tuple(_item(n, m, first) for m in range(share))
    return stock


def _item(shop: int, place: int, templates: tuple[Item, ...]) -> Item:
    template = templates[place % len(templates)]
    if shop < len(goods()) and place < len(templates):
        return template
    # cheaper and dearer than the item it is made of by up to a tenth, whole fen
    price = template.price_e5 * (90 + (shop * 31 + place * 17) % 21) // 100 // 1000 * 1000
    book_item = f"T3105W{shop + 1:03d}-{place + 1}" if template.bonded else ""
    return replace(template, item_no=f"SKU{shop + 1:03d}{place + 1:05d}", price_e5=price, book_item=book_item)


def _shop(platform: str, firm: str, items: tuple[Item, ...]) -> Shop:
    return Shop(
        platform,
        platform_name(platform),
        firm,
        shop_name(firm),
        {i.item_no: i for i in items},
        tuple(i for i in items if i.bonded and i.taxable and not i.weight_group and not i.barred),
        tuple(i for i in items if not i.bonded and i.taxable and not i.weight_group and not i.barred),
        tuple(i for i in items if i.rates is not None and not i.taxable),
        tuple(i for i in items if i.weight_group),
    )
