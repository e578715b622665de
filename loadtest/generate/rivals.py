"""Stories of several order numbers that want the same thing: a payment, a waybill number, a person's yearly limit.

They are on different platforms, so mostly in different lanes: who wins depends on which commit comes first, but how
many win does not.
"""

from dataclasses import replace

from loadtest.generate.cases import Case, Maker, decided, story
from loadtest.generate.people import Person
from loadtest.generate.trio import FEN, YUAN, Trio


def rivals(m: Maker, name: str, trios: list[Trio], accepted: int, code: str, codes: tuple[str, ...] = ()) -> list[Case]:
    """Of these trios exactly `accepted` are decided by `codes` alone, the others get `code` besides."""
    group = m.group(name)
    cases = [m.case(t, (decided(t, codes),), (decided(t, (*codes, code)),)) for t in trios]
    for case in cases:
        case.group, case.accepted = group, accepted
    return cases


def platforms(m: Maker, count: int, who: Person | None = None) -> list[Trio]:
    """Clean trios on so many platforms, of one person if `who`."""
    start = m.rng.randrange(100)
    return [m.trio(platform=start + n, who=who) for n in range(count)]


@story(size=2)
def one_payment_two_orders(m: Maker) -> list[Case]:
    """Two orders share a payment transaction: one of them is refused."""
    first, second = platforms(m, 2)
    for name in ("payCode", "payName", "payTransactionId"):
        second.order[name] = second.payment[name] = first.order[name]
    return rivals(m, "payment", [first, second], 1, "PAY-03")


@story(size=2)
def waybill_number_twice(m: Maker) -> list[Case]:
    """A carrier uses a number for two parcels: one of them is refused."""
    first, second = platforms(m, 2)
    for name in ("logisticsCode", "logisticsName", "logisticsNo"):
        second.waybill[name] = first.waybill[name]
    return rivals(m, "waybill", [first, second], 1, "WAY-06")


@story(size=2)
def same_number_other_firm(m: Maker) -> list[Case]:
    """The same transaction and waybill number at another payment firm and carrier is another one: both released."""
    first, second = platforms(m, 2)
    for t, (payer, name), (carrier, _) in zip((first, second), m.market.payers, m.market.carriers, strict=False):
        firm = {"payCode": payer, "payName": name}
        t.order |= firm | {"payTransactionId": first.order["payTransactionId"]}
        t.payment |= firm | {"payTransactionId": first.order["payTransactionId"]}
        t.waybill |= {"logisticsCode": carrier, "logisticsNo": first.waybill["logisticsNo"]}
    return [m.case(first), m.case(second)]


@story(size=6)
def person_over_the_limit(m: Maker) -> list[Case]:
    """Six orders of CNY 4,600 by one person: five fit into 26,000."""
    trios = platforms(m, 6, m.person())
    for t in trios:
        t.only(t.goods()[0], 2, 2300 * YUAN)
    return rivals(m, "person", trios, 5, "LIM-03")


@story(size=6)
def person_over_the_limit_on_hold(m: Maker) -> list[Case]:
    """The same where each is held for its address: what is held counts against the limit too."""
    trios = platforms(m, 6, m.person())
    for t in trios:
        t.only(t.goods()[0], 2, 2300 * YUAN)
        t.waybill["consigneeAddress"] += "旁"
    return rivals(m, "person", trios, 5, "LIM-03", ("WAY-03",))


@story(size=7)
def person_at_the_limit(m: Maker) -> list[Case]:
    """CNY 26,000.00 to the fen fit; an order the rules reject takes nothing from the limit."""
    trios = platforms(m, 7, m.person())
    for t, price in zip(trios, (5000, 5000, 5000, 5000, 5000, 1000), strict=False):
        t.only(t.goods()[0], 2, price * YUAN // 2)
    trios[6].only(trios[6].goods()[0], 2, 2000 * YUAN)
    trios[6].order["currency"] = "502"
    return [*(m.case(t) for t in trios[:6]), m.case(trios[6], (decided(trios[6], ["CUR-01"]),))]


@story(size=6)
def passport_in_two_spellings(m: Maker) -> list[Case]:
    """One person by a passport number in upper and lower case: five of six orders fit, by a fen."""
    who = replace(m.person(), id_number=f"G{m.index:08d}X")
    trios = platforms(m, 6, who)
    for n, t in enumerate(trios):
        number = who.id_number if n % 2 else who.id_number.lower()
        t.order |= {"buyerIdType": "2", "buyerIdNumber": number}
        t.payment |= {"payerIdType": "2", "payerIdNumber": number}
        t.only(t.goods()[0], 1, 4333 * YUAN + 34 * FEN)  # six of them are CNY 26,000.04
    return rivals(m, "person", trios, 5, "LIM-03")


@story(size=6)
def identity_card_as_other_paper(m: Maker) -> list[Case]:
    """The same number as an identity card and as another paper is one person: five of six orders fit, by a fen."""
    trios = platforms(m, 6, m.person())
    for n, t in enumerate(trios):
        t.order["buyerIdType"] = t.payment["payerIdType"] = str(1 + n % 2)
        t.only(t.goods()[0], 1, 4333 * YUAN + 34 * FEN)
    return rivals(m, "person", trios, 5, "LIM-03")


@story(size=3)
def regular_customer(m: Maker) -> list[Case]:
    """A person's three orders of a day, far below the limit: all released."""
    return [m.case(t) for t in platforms(m, 3, m.person())]


@story(size=2)
def one_number_twoplatforms(m: Maker) -> list[Case]:
    """An order number belongs to its platform: the same one at another platform is another order."""
    first = m.trio(platform=m.index)
    second = m.trio(platform=m.index, number=first.key[1])
    return [m.case(first), m.case(second)]
