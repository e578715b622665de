"""Stories about risk: signs that are nothing alone, and what they come to together."""

from collections.abc import Callable

from loadtest.generate.cases import STORIES, Case, Maker, decided
from loadtest.generate.law import Item, limit, tolerance
from loadtest.generate.trio import FEN, YUAN, Trio, order_line

Change = Callable[[Trio], None]


def _told(name: str, change: Change, *codes: str, shop: str = "") -> None:
    """A story, of a shop of a class if it matters."""

    def told(m: Maker) -> list[Case]:
        trio = m.trio(shop=m.market.shop_of(shop) if shop else None)
        change(trio)
        return [m.case(trio, (decided(trio, codes),))]

    STORIES[name] = (1, told)


def _heavy(t: Trio) -> Item:
    """An item whose mass is filed."""
    return next(i for i in (*t.shop.bonded, *t.shop.direct) if i.measure == "mass")


def _bought(t: Trio, item: Item, qty: int, price_fen: int) -> None:
    """Nothing but so many of an item, their gross weight what they weigh."""
    t.waybill |= {"billNo": "99912345678", "weight": 1}
    t.only_lines([order_line(1, item, qty * YUAN, price_fen * FEN)])


def _low(item: Item) -> int:
    return item.price_e5 // FEN * 7 // 10  # as it is filed


def _high(item: Item) -> int:
    return item.price_e5 // FEN * 13 // 10


def _bought_at(share: str, qty: int = 3) -> Change:
    def change(t: Trio) -> None:
        item = _heavy(t)
        price = {"low": _low(item) - 1, "lowest": _low(item), "high": _high(item) + 1, "highest": _high(item), "usual": item.price_e5 // FEN}
        _bought(t, item, qty, price[share])

    return change


def _light(per_10000: int, more: int = 0) -> Change:
    """The parcel weighs so much less than its goods."""

    def change(t: Trio) -> None:
        item = _heavy(t)
        net = t.lines[0]["qty"] * item.content // (10 * YUAN)
        t.waybill["weight"] = -(-net * (10_000 - per_10000) // 10_000) - more

    return change


def _shipped_unpaid(t: Trio) -> None:
    t.waybill["appTime"] = t.payment["payTime"] - 1


def _reported_unpaid(t: Trio) -> None:
    t.payment["appTime"] = t.payment["payTime"] - 1


def _all(*changes: Change) -> Change:
    def change(t: Trio) -> None:
        for one in changes:
            one(t)

    return change


def _near_the_limit(t: Trio) -> None:
    """So many of an item at a low price that they come to CNY 5,000, but for the rest of a division."""
    item, most = _heavy(t), limit("single_limit_fen")
    pieces = most // _low(item) + 1
    _bought(t, item, pieces, most // pieces)


def _priced(per_10000: int, less_fen: int = 0) -> Change:
    """Pieces of an item at about its usual price that come to this share of the limit of one purchase."""

    def change(t: Trio) -> None:
        item, total = _heavy(t), limit("single_limit_fen") * per_10000 // 10_000 - less_fen
        pieces = total // (item.price_e5 // FEN)
        price, dearer = divmod(total, pieces)
        t.waybill |= {"billNo": "99912345678", "weight": 1}
        parts = ((pieces - dearer, price), (dearer, price + 1))
        t.only_lines([order_line(n, item, qty * YUAN, fen * FEN) for n, (qty, fen) in enumerate(parts, start=1) if qty])

    return change


BORNE, TRUSTED = (tolerance("weight_tolerance_1e4", class_) for class_ in ("general", "aeo"))
_told("cheap_goods", _bought_at("low"))
_told("light_parcel", _all(_bought_at("usual"), _light(9_000)))
_told("cheap_goods_in_a_light_parcel", _all(_bought_at("low"), _light(9_000)), "RTY-01", shop="general")
_told("cheap_goods_of_a_dishonest_firm", _all(_bought_at("low"), _light(0, 1)), "RTY-01", shop="dishonest")
_told("low_goods_in_a_light_parcel", _all(_bought_at("lowest"), _light(9_000)))
_told("cheap_goods_light_within_tolerance", _all(_bought_at("low"), _light(BORNE)), shop="general")
_told("cheap_goods_light_beyond_tolerance", _all(_bought_at("low"), _light(BORNE, 1)), "RTY-01", shop="general")
_told("cheap_goods_light_of_a_trusted_firm", _all(_bought_at("low"), _light(TRUSTED)), shop="aeo")
_told("cheap_goods_too_light_of_a_trusted_firm", _all(_bought_at("low"), _light(TRUSTED, 1)), "RTY-01", shop="aeo")
_told("cheap_goods_near_the_limit", _near_the_limit, "RTY-01")
_told("cheap_light_and_near_the_limit", _all(_near_the_limit, _light(9_000)), "RTY-02", "RTY-03")
_told("new_and_near_the_limit_shipped_unpaid", _all(_priced(limit("new_person_share_1e4")), _shipped_unpaid), "RTY-03")
_told("new_and_not_near_the_limit_shipped_unpaid", _all(_priced(limit("new_person_share_1e4"), 1), _shipped_unpaid))
_told("shipped_before_paid", _all(_bought_at("usual"), _shipped_unpaid))
_told("shipped_and_reported_before_paid", _all(_bought_at("usual"), _shipped_unpaid, _reported_unpaid), "RTY-03")
_told("dear_goods_shipped_before_paid", _all(_bought_at("high"), _shipped_unpaid), "RTY-03")
_told("high_goods_shipped_before_paid", _all(_bought_at("highest"), _shipped_unpaid))
_told("nothing_shipped_for_nobody", _all(_bought_at("usual"), _light(9_000), _shipped_unpaid, _reported_unpaid), "RTY-04")
_told("every_sign", _all(_near_the_limit, _light(9_000), _shipped_unpaid, _reported_unpaid), "RTY-02", "RTY-04")
