"""Stories about who bought and who paid, and orders whose shape is at a limit."""

from random import Random

from loadtest.generate.cases import Case, Maker, story
from loadtest.generate.faults import fault
from loadtest.generate.people import identity_number, with_check
from loadtest.generate.trio import YUAN, Trio, order_line


def _both(t: Trio, number: str) -> None:
    t.order["buyerIdNumber"] = t.payment["payerIdNumber"] = number


@fault("FMT-15", "FMT-16")
def id_check_character(_rng: Random, t: Trio) -> None:
    """The last character is not the check character."""
    number = t.order["buyerIdNumber"]
    _both(t, number[:-1] + ("0" if number[-1] != "0" else "1"))


@fault("FMT-15", "FMT-16")
def id_without_birthday(_rng: Random, t: Trio) -> None:
    """Born on 30 February, check character right; somebody else each time, for persons are counted."""
    number = t.order["buyerIdNumber"]
    _both(t, with_check(f"{number[:10]}0230{number[14:17]}"))


@fault("FMT-15")
def buyer_id_wrong(_rng: Random, t: Trio) -> None:
    """The payer gives the same number as another kind of paper, which is not checked."""
    t.payment["payerIdType"] = "2"
    _both(t, t.order["buyerIdNumber"][:-1])


@fault("FMT-16")
def payer_id_wrong(rng: Random, t: Trio) -> None:
    """A passport number that the payment calls an identity card."""
    t.order["buyerIdType"] = "2"
    _both(t, f"P{rng.randrange(10**8):08d}")


@fault("FMT-17")
def no_lines(_rng: Random, t: Trio) -> None:
    """An order of nothing."""
    t.lines.clear()
    t.order["discount"] = 0
    t.recount()


@fault("FMT-17")
def too_many_lines(_rng: Random, t: Trio) -> None:
    """One line more than allowed."""
    t.order["orderList"] = [order_line(n + 1, t.goods()[0], YUAN, YUAN) for n in range(51)]
    t.order["discount"] = 0
    t.recount()


@fault("FMT-05", "FMT-06", "FMT-07")
def texts_too_long(_rng: Random, t: Trio) -> None:
    """Each document has a note of a character too many."""
    for document in (t.order, t.payment, t.waybill):
        document["note"] = "长" * 1001


@fault("PAY-04")
def other_payer(rng: Random, t: Trio) -> None:
    """Paid by somebody else under the buyer's name."""
    t.payment["payerIdNumber"] = identity_number(rng.randrange(10**7))


@fault("PAY-04", "WAY-01", "WAY-02", "WAY-03")
def nobody_agrees(rng: Random, t: Trio) -> None:
    """Paid by one, bought by another, sent to a third."""
    t.payment |= {"payerIdNumber": identity_number(rng.randrange(10**7)), "payerName": "赵试付"}
    t.waybill |= {"consignee": "钱样收", "consigneeTelephone": "10011112222", "consigneeAddress": "示例省虚构市他处1号"}


@story()
def buyer_with_passport(m: Maker) -> list[Case]:
    """Another kind of paper is not checked: released."""
    t = m.trio()
    t.order["buyerIdType"] = t.payment["payerIdType"] = "2"
    _both(t, f"G{m.index:08d}")
    return [m.case(t)]


@story()
def fifty_lines(m: Maker) -> list[Case]:
    """As many lines as allowed, fees that do not divide evenly, rare characters: released."""
    t = m.trio()
    t.order["orderList"] = [order_line(n + 1, i, YUAN, (n + 1) * YUAN) for n, i in enumerate(m.rng.choices(t.goods(), k=50))]
    t.order |= {"freight": 1_337_000, "note": "𠮷祥" * 500}
    t.recount()
    return [m.case(t)]


@story()
def fractions_and_gifts(m: Maker) -> list[Case]:
    """CNY 33.33 × 1.5 rounds half up to 50.00; a gift at price 0 beside it: released."""
    t = m.trio()
    first, second = m.rng.choices(t.goods(), k=2)
    t.order["orderList"] = [order_line(1, first, 150_000, 3_333_000), order_line(2, second, YUAN, 0)]
    t.order["discount"] = 0
    t.recount()
    return [m.case(t)]


@story()
def gift_with_freight(m: Maker) -> list[Case]:
    """Only gifts: the freight alone is dutiable, on the first line: released."""
    t = m.trio()
    t.order["orderList"] = [order_line(n + 1, i, YUAN, 0) for n, i in enumerate(m.rng.choices(t.goods(), k=2))]
    t.order |= {"freight": 15 * YUAN, "discount": 0}
    t.recount()
    return [m.case(t)]


@story()
def exactly_the_limit(m: Maker) -> list[Case]:
    """CNY 5,000.00 in two pieces is not over it: released."""
    t = m.trio()
    t.only(t.goods()[0], 2, 2500 * YUAN)
    return [m.case(t)]


@story()
def no_payment_named(m: Maker) -> list[Case]:
    """The order may leave the payment firm and transaction empty: released."""
    t = m.trio()
    t.order |= {"payCode": "", "payName": "", "payTransactionId": ""}
    return [m.case(t)]
