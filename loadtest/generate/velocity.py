"""Stories of many persons behind a phone or address, and of one person behind many, or behind many orders.

What a counter says of a manifest depends on which ones came before it. So all of a story go to one lane, and their
documents come each kind in one order: whatever is read first, they are completed and accepted one after the other.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from loadtest.generate.cases import Case, Maker, decided, story
from loadtest.generate.law import limit
from loadtest.generate.people import Person
from loadtest.generate.placing import partition_of
from loadtest.generate.trio import Trio

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


def one_after_another(m: Maker, trios: list[Trio], code: str) -> list[Case]:
    """The last is one too many."""
    cases = [*(m.case(t) for t in trios[:-1]), m.case(trios[-1], (decided(trios[-1], [code]),))]
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
