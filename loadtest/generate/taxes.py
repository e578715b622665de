"""Stories about tax: every kind of consumption tax, prices at its thresholds, one dear item at full rates, and
platforms that withheld something else."""

from random import Random

from loadtest.generate.cases import Case, Maker, decided, story
from loadtest.generate.faults import fault
from loadtest.generate.firms import class_of
from loadtest.generate.law import limit, tolerance
from loadtest.generate.trio import FEN, YUAN, Trio, order_line

BEER, YELLOW_WINE, WHISKY, BRANDY = "22030000", "22060010", "22083000", "22082000"
WATCHES = ("91011100", "91021100")
COSMETICS = ("33030000", "33041000", "33042000", "33043000", "33049100", "33049900")


def _only(t: Trio, hs8: str, qty: int, price_e5: int) -> None:
    """Nothing but pieces of an item of this line; a master bill, should it be a direct one."""
    t.waybill["billNo"] = "99912345678"
    t.only(t.shop.taxed_as(hs8), qty, price_e5)


def _tolerance(t: Trio) -> int:
    """Fen a line that the platform may be wrong by."""
    return tolerance("tax_tolerance_fen", class_of(t.order["ebpCode"]))


def _any_of(t: Trio, lines: tuple[str, ...]) -> str:
    """The first of these HS8 lines that the shop has an item of."""
    return next(hs8 for hs8 in lines if any(i.hs_code.startswith(hs8) for i in (*t.shop.bonded, *t.shop.direct)))


def _threshold_e5(t: Trio, hs8: str) -> int:
    """The price of one piece at which it is high-end, in 10⁻⁵ yuan."""
    item = t.shop.taxed_as(hs8)
    assert item.rates is not None and item.rates.item.threshold is not None
    fen = item.rates.item.threshold[item.measure] * item.content
    assert fen.denominator == 1
    return int(fen) * FEN


@story()
def beer(m: Maker) -> list[Case]:
    """An amount by quantity, CNY 250 a tonne: six bottles."""
    t = m.trio()
    _only(t, BEER, 6, 12 * YUAN)
    return [m.case(t)]


@story()
def cheap_beer(m: Maker) -> list[Case]:
    """The lower amount, CNY 220 a tonne: a yuan a litre."""
    t = m.trio()
    _only(t, BEER, 24, YUAN // 2)
    return [m.case(t)]


@story()
def yellow_wine(m: Maker) -> list[Case]:
    """One amount by quantity, whatever the price."""
    t = m.trio()
    _only(t, YELLOW_WINE, 3, 45 * YUAN)
    return [m.case(t)]


@story()
def spirits(m: Maker) -> list[Case]:
    """Rate and amount together; by litres or by kilograms, with a fee beside the price."""
    t = m.trio()
    _only(t, m.rng.choice((WHISKY, BRANDY)), 2, m.rng.randrange(20_000, 100_000) * FEN)
    t.order["freight"] = 1_337_000
    t.recount()
    return [m.case(t)]


@story()
def part_of_a_bottle(m: Maker) -> list[Case]:
    """A quantity of 1.23457: the amount by quantity is exact, its product beyond 63 bits."""
    t = m.trio()
    t.waybill["billNo"] = "99912345678"
    t.only_lines([order_line(1, t.shop.taxed_as(WHISKY), 123_457, 300 * YUAN)])
    return [m.case(t)]


@story()
def cosmetics_at_the_threshold(m: Maker) -> list[Case]:
    """CNY 10 a ml or g, or 15 a sheet, to the fen: high-end, with consumption tax."""
    t = m.trio()
    hs8 = _any_of(t, COSMETICS)
    _only(t, hs8, 1, _threshold_e5(t, hs8))
    return [m.case(t)]


@story()
def cosmetics_below_the_threshold(m: Maker) -> list[Case]:
    """A fen below it: without."""
    t = m.trio()
    hs8 = _any_of(t, COSMETICS)
    _only(t, hs8, 1, _threshold_e5(t, hs8) - FEN)
    return [m.case(t)]


@story()
def freight_lifts_over_the_threshold(m: Maker) -> list[Case]:
    """Two pieces a fen each below it and two fen of freight: the dutiable price counts, so they are high-end."""
    t = m.trio()
    hs8 = _any_of(t, COSMETICS)
    _only(t, hs8, 2, _threshold_e5(t, hs8) - FEN)
    t.order["freight"] = 2 * FEN
    t.recount()
    return [m.case(t)]


@story()
def one_dear_item(m: Maker) -> list[Case]:
    """A fen over the limit of one purchase, but one piece: full rates, released."""
    t = m.trio()
    t.only(t.goods()[0], 1, limit("single_limit_fen") * FEN + FEN)
    return [m.case(t)]


@story()
def dear_by_its_freight(m: Maker) -> list[Case]:
    """CNY 5,000 for one piece and a fen of insurance: full rates."""
    t = m.trio()
    t.only(t.goods()[0], 1, limit("single_limit_fen") * FEN)
    t.waybill["insuredFee"] = FEN
    t.recount()
    return [m.case(t)]


@story()
def dear_whisky(m: Maker) -> list[Case]:
    """Tariff, rate and amount by quantity at full rates."""
    t = m.trio()
    _only(t, WHISKY, 1, 8_888 * YUAN)
    return [m.case(t)]


@story(size=2)
def dear_watch(m: Maker) -> list[Case]:
    """CNY 10,000.00 is a high-end watch, CNY 9,999.99 is none; both at full rates. Any firm without watches: brandy."""
    cases: list[Case] = []
    for price in (10_000 * YUAN, 10_000 * YUAN - FEN):
        t = m.trio()
        has = any(i.hs_code[:8] in WATCHES for i in (*t.shop.bonded, *t.shop.direct))
        _only(t, _any_of(t, WATCHES) if has else BRANDY, 1, price)
        cases.append(m.case(t))
    return cases


@story()
def one_item_for_a_year(m: Maker) -> list[Case]:
    """CNY 26,000.00 for one piece takes the whole year's limit."""
    t = m.trio()
    t.only(t.goods()[0], 1, limit("annual_limit_fen") * FEN)
    return [m.case(t)]


@fault("LIM-03")
def one_item_too_dear(_rng: Random, t: Trio) -> None:
    """A fen more than a year's limit: no tax of this channel is due, and the ledger refuses."""
    t.only(t.goods()[0], 1, limit("annual_limit_fen") * FEN + FEN)


@fault("TAX-01")
def content_not_filed(_rng: Random, t: Trio) -> None:
    """Cosmetics or whisky whose content the registry does not tell."""
    t.only(next(i for i in t.shop.unmeasured if i.bonded != t.direct), 1, 100 * YUAN)


@fault("TAX-01")
def other_unit_than_filed(_rng: Random, t: Trio) -> None:
    """Beer by the carton, where the content of a bottle is filed."""
    _only(t, BEER, 1, 90 * YUAN)
    t.lines[0]["unit"] = "140"


@fault("TAX-02")
def too_little_withheld(_rng: Random, t: Trio) -> None:
    """A fen more than the tolerance is missing."""
    _only(t, BEER, 6, 20 * YUAN)
    t.order["taxTotal"] -= (_tolerance(t) + 1) * FEN
    t.pay()


@fault("TAX-02")
def too_much_withheld(_rng: Random, t: Trio) -> None:
    """A fen more than the tolerance too much."""
    t.order["taxTotal"] += (len(t.lines) * _tolerance(t) + 1) * FEN
    t.pay()


@fault("TAX-02")
def dear_item_at_composite_rates(_rng: Random, t: Trio) -> None:
    """One dear whisky for which the platform withheld as if it were within the limit: 70 % and no tariff."""
    _only(t, WHISKY, 1, 4_999 * YUAN)
    withheld = t.order["taxTotal"]
    _only(t, WHISKY, 1, 5_001 * YUAN)
    t.order["taxTotal"] = withheld
    t.pay()


@fault("TAX-02", "WAY-03")
def two_reviews(_rng: Random, t: Trio) -> None:
    """Wrong tax and another address."""
    t.order["taxTotal"] += 100 * YUAN
    t.pay()
    t.waybill["consigneeAddress"] += "旁"


@story()
def withheld_within_tolerance(m: Maker) -> list[Case]:
    """A fen a line more or less, or what its class allows a platform, is how platforms round: released, at our tax."""
    t = m.trio()
    answer = decided(t)
    t.order["taxTotal"] += m.rng.choice((-1, 1)) * len(t.lines) * _tolerance(t) * FEN
    t.pay()
    return [m.case(t, (answer,))]


@story(size=6)
def person_with_dear_items(m: Maker) -> list[Case]:
    """Six dear items of CNY 5,200 by one person: five are CNY 26,000 to the fen, tariffs aside."""
    who, start = m.person(), m.rng.randrange(100)
    trios = [m.trio(platform=start + n, who=who) for n in range(6)]
    for t in trios:
        t.only(t.goods()[0], 1, 5_200 * YUAN)
    group = m.group("dear")
    cases = [m.case(t, (decided(t),), (decided(t, ["LIM-03"]),)) for t in trios]
    for case in cases:
        case.group, case.accepted = group, 5
    return cases
