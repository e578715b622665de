"""Stories about goods of which a person may buy only so much by weight in a year: sugar by the bag of 100 g, rice of 5 kg."""

from random import Random

from loadtest.generate.cases import Case, Maker, decided, story
from loadtest.generate.faults import fault
from loadtest.generate.law import weight_caps
from loadtest.generate.rivals import platforms, rivals
from loadtest.generate.trio import YUAN, Document, Trio, order_line

SUGAR, RICE = "sugar", "rice"


def _put(t: Trio, *lines: Document) -> None:
    """Nothing but these lines; a master bill, should one be of a direct item."""
    t.waybill["billNo"] = "99912345678"
    t.only_lines(list(lines))


def _line(t: Trio, group: str, mg: int, position: int = 1) -> Document:
    """So much of the shop's item of a group."""
    item = t.shop.of_group(group)
    qty_e5, rest = divmod(mg * YUAN, item.content)
    assert not rest, "the item is sold by parts of 10^-5"
    return order_line(position, item, qty_e5, item.price_e5)


def _cap(group: str) -> int:
    return weight_caps()[group][0]


@story()
def sugar_for_a_year(m: Maker) -> list[Case]:
    """Two kilograms to the milligram, on two lines."""
    t = m.trio()
    _put(t, _line(t, SUGAR, _cap(SUGAR) - 1), _line(t, SUGAR, 1, 2))
    return [m.case(t)]


@fault("LIM-04")
def a_milligram_of_sugar_too_much(_rng: Random, t: Trio) -> None:
    """Two kilograms and 0.00001 of a bag of 100 g."""
    _put(t, _line(t, SUGAR, _cap(SUGAR) + 1))


@fault("LIM-04")
def far_too_much_rice(_rng: Random, t: Trio) -> None:
    """A gift of a billion bags beside a bag of sugar, which there is room for."""
    _put(t, order_line(1, t.shop.of_group(RICE), 10**9 * YUAN, 0), _line(t, SUGAR, 100_000, 2))


@fault("LIM-05")
def sugar_by_the_piece(_rng: Random, t: Trio) -> None:
    """Cubes whose weight is not filed, beside all the sugar there may be: what cannot be weighed is not counted."""
    cubes = t.shop.of_group(SUGAR, "piece")
    _put(t, _line(t, SUGAR, _cap(SUGAR)), order_line(2, cubes, YUAN, cubes.price_e5))


@fault("LIM-05")
def rice_in_another_unit(_rng: Random, t: Trio) -> None:
    """Rice by the kilogram, where a bag of 5 kg is filed."""
    _put(t, _line(t, RICE, _cap(RICE)))
    t.lines[0]["unit"] = "035"


@story()
def both_groups_to_the_limit(m: Maker) -> list[Case]:
    """Sugar and rice have a cap each."""
    t = m.trio()
    _put(t, _line(t, SUGAR, _cap(SUGAR)), _line(t, RICE, _cap(RICE), 2))
    return [m.case(t)]


@story(size=5)
def rice_of_one_person(m: Maker) -> list[Case]:
    """Five bags of 5 kg on five platforms: four fit."""
    trios = platforms(m, 5, m.person())
    for t in trios:
        _put(t, _line(t, RICE, 5_000_000))
    return rivals(m, "rice", trios, 4, "LIM-04")


@story(size=4)
def sugar_of_one_person_on_hold(m: Maker) -> list[Case]:
    """Four times 600 g, each held for its address: three fit, and what is held counts."""
    trios = platforms(m, 4, m.person())
    for t in trios:
        _put(t, _line(t, SUGAR, 600_000))
        t.waybill["consigneeAddress"] += "旁"
    return rivals(m, "sugar", trios, 3, "LIM-04", ("WAY-03",))


@story(size=3)
def rejected_rice_is_not_counted(m: Maker) -> list[Case]:
    """All the rice of a year fits beside what the rules reject and what the money limit refuses."""
    fits, wrong, dear = platforms(m, 3, m.person())
    _put(fits, _line(fits, RICE, _cap(RICE)))
    _put(wrong, _line(wrong, RICE, _cap(RICE)))
    wrong.order["currency"] = "502"
    bag = dear.shop.of_group(RICE)
    _put(dear, order_line(1, bag, YUAN, 26_001 * YUAN))
    dear_alone, dear_after = (decided(dear, codes) for codes in (["LIM-03"], ["LIM-03", "LIM-04"]))
    return [m.case(fits), m.case(wrong, (decided(wrong, ["CUR-01"]),)), m.case(dear, (dear_alone,), (dear_after,))]
