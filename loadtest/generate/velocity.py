"""Stories of many persons behind a phone or address, and of one person behind many, behind many orders, or behind the same
goods again and again.

What a counter says of a manifest depends on which ones came before it. So all of a story go to one lane, and their
documents come each kind in one order: whatever is read first, they are completed and accepted one after the other.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from loadtest.generate.cases import Case, Maker, decided, story
from loadtest.generate.control import self_use
from loadtest.generate.law import limit
from loadtest.generate.people import Person
from loadtest.generate.placing import partition_of
from loadtest.generate.trio import YUAN, Trio

BEER = "22030000"
MOST_BEER = self_use(BEER, "011")
DELAYS_MS = {"order": 0, "payment": 500, "waybill": 2_000}


def in_one_lane(m: Maker, people: Sequence[Person]) -> list[Trio]:
    """A clean trio of each, all on one platform and with keys of one partition."""
    platform = m.rng.randrange(100)
    trios = [m.trio(platform=platform, who=who) for who in people]
    lane = partition_of(_key(trios[0]))
    for t in trios[1:]:
        number = t.key[1]
        for n in count():
            if partition_of(_key(t)) == lane:
                break
            for document in (t.order, t.payment, t.waybill):
                document["orderNo"] = f"{number}V{n}"
    return trios


def _key(t: Trio) -> bytes:
    return "|".join(t.key).encode()


def one_after_another(m: Maker, trios: list[Trio], *codes: str) -> list[Case]:
    """The last is one too many."""
    return in_turn(m, trios, [*[()] * (len(trios) - 1), codes])


def in_turn(m: Maker, trios: list[Trio], found: Sequence[Sequence[str]]) -> list[Case]:
    """Completed one after the other; `found`: of each."""
    cases = [m.case(t, (decided(t, codes),)) for t, codes in zip(trios, found, strict=True)]
    for case in cases:
        for draft in case.drafts:
            draft.delay_ms = DELAYS_MS[draft.kind]
    return cases


def _people(m: Maker, size: int) -> list[Person]:
    """So many persons, in no trio yet."""
    return [m.person(n) for n in range(size)]


def _most(counter: str) -> int:
    return limit(f"{counter}_1h_most")


@story(size=_most("phone_persons") + 1)
def one_phone_for_many(m: Maker) -> list[Case]:
    """Goods of several persons to one phone within a minute."""
    people = _people(m, _most("phone_persons") + 1)
    return one_after_another(m, in_one_lane(m, [replace(who, phone=people[0].phone) for who in people]), "VEL-01")


@story(size=_most("address_persons") + 1)
def one_address_for_many(m: Maker) -> list[Case]:
    """The same to one address."""
    people = _people(m, _most("address_persons") + 1)
    return one_after_another(m, in_one_lane(m, [replace(who, address=people[0].address) for who in people]), "VEL-02")


@story(size=_most("person_phones") + 1)
def many_phones_of_one(m: Maker) -> list[Case]:
    """One person's goods to another phone each time."""
    first, *others = _people(m, _most("person_phones") + 1)
    return one_after_another(m, in_one_lane(m, [first, *(replace(first, phone=who.phone) for who in others)]), "VEL-03")


@story(size=_most("person_addresses") + 1)
def many_addresses_of_one(m: Maker) -> list[Case]:
    """One person's goods to another address each time."""
    first, *others = _people(m, _most("person_addresses") + 1)
    return one_after_another(m, in_one_lane(m, [first, *(replace(first, address=who.address) for who in others)]), "VEL-04")


@story(size=_most("person_orders") + 1)
def many_orders_of_one(m: Maker) -> list[Case]:
    """One person's orders within a minute, each in itself as it should be."""
    return one_after_another(m, in_one_lane(m, [m.person()] * (_most("person_orders") + 1)), "VEL-05")


OFTEN = limit("same_goods_orders_24h_most")


@story(size=OFTEN + 1)
def the_same_goods_of_one(m: Maker) -> list[Case]:
    """One person orders a bottle of beer again and again."""
    trios = in_one_lane(m, [m.person()] * (OFTEN + 1))
    for t in trios:
        _beer(t, 1)
    orders = _most("person_orders")
    return in_turn(m, trios, [()] * orders + [("VEL-05",)] * (OFTEN - orders) + [("VEL-05", "VEL-06")])


@story(size=5)
def beer_every_time(m: Maker) -> list[Case]:
    """Each parcel is what one may have; of the day three are too many, of the month a bottle after four."""
    parcel = MOST_BEER["parcel"]
    trios = in_one_lane(m, [m.person()] * 5)
    for t, bottles in zip(trios, (parcel, MOST_BEER["day"] - parcel, parcel, MOST_BEER["month"] - MOST_BEER["day"] - parcel, 1), strict=True):
        _beer(t, bottles)
    return in_turn(m, trios, [(), (), ("GDS-11",), ("GDS-11",), ("GDS-11", "GDS-12")])


def _beer(t: Trio, bottles: int) -> None:
    t.waybill["billNo"] = "99912345678"
    t.only(t.shop.filed_as(BEER), bottles, 12 * YUAN)


def _one_address(m: Maker, size: int) -> list[Trio]:
    """Orders of so many persons to one address, each paid by the same firm."""
    people = _people(m, size)
    trios = in_one_lane(m, [replace(who, address=people[0].address) for who in people])
    for t in trios:
        paid_by(t, *m.market.payers[0])
    return trios


def paid_by(t: Trio, code: str, name: str) -> None:
    """Let another firm have paid."""
    t.payment |= {"payCode": code, "payName": name}
    t.order |= {"payCode": code, "payName": name}


@story(size=limit("one_pay_firm_persons"))
def all_paid_by_one_firm(m: Maker) -> list[Case]:
    """Many persons of one address, one payment firm, and the last parcel shipped before it was paid."""
    trios = _one_address(m, limit("one_pay_firm_persons"))
    trios[-1].waybill["appTime"] = trios[-1].payment["payTime"] - 1
    return one_after_another(m, trios, "RTY-03")


@story(size=limit("one_pay_firm_persons"))
def but_one_paid_by_one_firm(m: Maker) -> list[Case]:
    """The same, but one of them was paid by another firm: released."""
    trios = _one_address(m, limit("one_pay_firm_persons"))
    trios[-1].waybill["appTime"] = trios[-1].payment["payTime"] - 1
    paid_by(trios[0], *m.market.payers[1])
    return one_after_another(m, trios)
