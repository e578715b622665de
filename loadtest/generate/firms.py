"""Invented platforms, payment firms and carriers, and the e-commerce firms of schemas/law/goods.csv on them."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from random import Random

from loadtest.generate.law import Item, goods

PAYERS = tuple((f"330296Y{n:03d}", f"样例支付{n}号科技有限公司") for n in range(1, 7))
CARRIERS = tuple((f"330296W{n:03d}", f"样例速递{n}号供应链有限公司") for n in range(1, 10))
DIRECT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Shop:
    """An e-commerce firm on a platform, its items by number, and those a clean order may hold by mode."""

    ebp_code: str
    ebp_name: str
    ebc_code: str
    ebc_name: str
    items: dict[str, Item]
    bonded: tuple[Item, ...]
    direct: tuple[Item, ...]
    unmeasured: tuple[Item, ...]

    def taxed_as(self, hs8: str) -> Item:
        """An item of an HS8 line that a clean order may hold; StopIteration when the firm has none."""
        return next(i for i in (*self.bonded, *self.direct) if i.hs_code.startswith(hs8))

    def filed_as(self, hs: str, direct: bool | None = None) -> Item:
        """Its first item under an HS prefix, of one mode if it matters; StopIteration when it has none."""
        return next(i for i in self.items.values() if i.hs_code.startswith(hs) and (direct is None or i.bonded != direct))


@lru_cache
def platforms() -> tuple[tuple[Shop, ...], ...]:
    """The shops of each platform: as many platforms as e-commerce firms, and each firm on two of them."""
    firms = list(goods())
    count = len(firms)
    return tuple(tuple(_shop(n, firms[m]) for m in (n, (n + 7) % count)) for n in range(count))


def _shop(platform: int, firm: str) -> Shop:
    items = goods()[firm]
    return Shop(
        f"330296P{platform + 1:03d}",
        f"样例国际跨境购物平台{platform + 1}号有限公司",
        firm,
        f"样例进出口电子商务（{firm[-3:]}）有限公司",
        {i.item_no: i for i in items},
        tuple(i for i in items if i.bonded and i.taxable and not i.barred),
        tuple(i for i in items if not i.bonded and i.taxable and not i.barred),
        tuple(i for i in items if i.rates is not None and not i.taxable),
    )


@lru_cache
def _shares() -> tuple[float, ...]:
    return tuple(accumulate(1 / rank for rank in range(1, len(platforms()) + 1)))


def shop(rng: Random, platform: int | None = None) -> Shop:
    """A shop: its platform drawn by Zipf shares (exponent 1) unless given, then one of that platform's."""
    if platform is None:
        return rng.choice(rng.choices(platforms(), cum_weights=_shares())[0])
    return rng.choice(platforms()[platform % len(platforms())])
