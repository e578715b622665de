"""Guarantors whose account is small or not valid, and the stories of the orders they answer for."""

from typing import NamedTuple

from loadtest.generate.cases import Case, Maker, decided, story
from loadtest.generate.firms import Shop, code
from loadtest.generate.registrations import shop
from loadtest.generate.trio import FEN, YUAN, Trio

FIRST_DAY, LAST_DAY = "2019-01-01", "2099-12-31"


class Instrument(NamedTuple):
    """What a guarantor filed; the days as ISO texts."""

    guarantor: str
    number: str
    kind: str
    amount_fen: int
    first: str = FIRST_DAY
    last: str = LAST_DAY
    use_order: int = 1
    status: str = "active"


A_FEN, RUNS_OUT, EXPIRED, NONE, RENEWED = (code("P", n) for n in range(911, 916))
GUARANTORS = (A_FEN, RUNS_OUT, EXPIRED, NONE, RENEWED)  # platforms that answer for themselves
INSTRUMENTS = (
    Instrument(A_FEN, "CASH-1", "cash", 1),
    Instrument(A_FEN, "LETTER-0", "letter", 10**12, "2018-01-01", "2018-12-31", 2),
    Instrument(A_FEN, "POLICY-0", "insurance", 10**12, "2098-01-01", LAST_DAY, 3),
    Instrument(A_FEN, "POLICY-1", "insurance", 10**12, status="revoked"),
    Instrument(RUNS_OUT, "LETTER-1", "letter", 20_000),
    Instrument(RUNS_OUT, "CASH-1", "cash", 10_000, use_order=0),
    Instrument(EXPIRED, "LETTER-1", "letter", 10**12, last="2019-11-10"),
    Instrument(RENEWED, "LETTER-1", "letter", 10**12, last="2019-11-10"),
    Instrument(RENEWED, "LETTER-2", "letter", 10**12, first="2019-11-11"),
)


# Filed later, they make room for every manifest of the stories that is held for its guarantee alone.
TOP_UPS = tuple(Instrument(guarantor, "MORE-1", "insurance", 10**12, use_order=9) for guarantor in (A_FEN, RUNS_OUT, EXPIRED, NONE))


def plenty(guarantor: str) -> tuple[Instrument, ...]:
    """What is more than enough for any set: a deposit and, after it, a bank's letter."""
    return Instrument(guarantor, "CASH-1", "cash", 10_000_000), Instrument(guarantor, "LETTER-1", "letter", 10**12, use_order=2)


def _shop(m: Maker, guarantor: str) -> Shop:
    return shop(m.profile.market).on(guarantor)


def _trio(m: Maker, guarantor: str) -> Trio:
    """CNY 100 of one item: some taxed yuan."""
    trio = m.trio(direct=False, shop=_shop(m, guarantor))
    trio.only(trio.goods()[0], 1, 100 * YUAN)
    return trio


@story()
def guarantee_of_a_fen(m: Maker) -> list[Case]:
    """More tax than the account ever had room for: other instruments are not valid that day, or revoked."""
    trio = _trio(m, A_FEN)
    return [m.case(trio, (decided(trio, ["GUA-01"]),))]


@story()
def guarantee_of_a_fen_in_review(m: Maker) -> list[Case]:
    """Held for its address as well: an officer looks at it."""
    trio = _trio(m, A_FEN)
    trio.waybill["consigneeAddress"] += "旁"
    return [m.case(trio, (decided(trio, ["GUA-01", "WAY-03"]),))]


@story(size=3)
def guarantee_runs_out(m: Maker) -> list[Case]:
    """CNY 300 for all such orders of a set: for one that owes CNY 182 and a dozen that owe less. Which of them it is enough
    for depends on which commit comes first."""
    trios = [_trio(m, RUNS_OUT) for _ in range(3)]
    for t in trios[:2]:
        t.only(t.goods()[0], 1, 2000 * YUAN)
    return [m.case(t, (decided(t),), (decided(t, ["GUA-01"]),)) for t in trios]


@story()
def guarantee_expired(m: Maker) -> list[Case]:
    """The letter was valid to the day before the base day of a set."""
    trio = _trio(m, EXPIRED)
    return [m.case(trio, (decided(trio, ["GUA-02"]),))]


@story()
def guarantee_not_filed(m: Maker) -> list[Case]:
    """A guarantor that filed no instrument."""
    trio = _trio(m, NONE)
    return [m.case(trio, (decided(trio, ["GUA-02"]),))]


@story()
def guarantee_renewed(m: Maker) -> list[Case]:
    """After the letter that expired another one."""
    return [m.case(_trio(m, RENEWED))]


@story()
def nothing_to_guarantee(m: Maker) -> list[Case]:
    """Goods of four fen: no tax is due, and no guarantee asked for."""
    trio = _trio(m, NONE)
    trio.only(trio.goods()[0], 1, 4 * FEN)
    return [m.case(trio)]


@story()
def tax_not_known_asks_no_guarantee(m: Maker) -> list[Case]:
    """Nobody knows what to freeze before an officer has looked: a price without a rate in force."""
    trio = _trio(m, NONE)
    trio.waybill["billNo"] = "99912345678"
    trio.only(trio.shop.filed_as("99990001"), 1, 100 * YUAN)
    return [m.case(trio, (decided(trio, ["REG-02"]),))]


@story(size=2)
def rejected_asks_no_guarantee(m: Maker) -> list[Case]:
    """What the rules or another ledger reject freezes nothing, and is not told of the guarantee."""
    by_rule, by_weight = _trio(m, EXPIRED), _trio(m, EXPIRED)
    by_rule.order["currency"] = "502"
    bags = by_weight.shop.of_group("sugar")
    by_weight.waybill["billNo"] = "99912345678"
    by_weight.only(bags, 1000, bags.price_e5 // 100 // FEN * FEN)
    return [m.case(by_rule, (decided(by_rule, ["CUR-01"]),)), m.case(by_weight, (decided(by_weight, ["LIM-04"]),))]
