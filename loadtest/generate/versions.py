"""Stories of one order number with more than three documents: duplicates, changes, deletes, second and late ones.

Documents of one kind and key stand in one partition, so their order is certain; whether the decision falls between
them is not. Where both ways lead to the same fate it is certain, elsewhere each way's fate is given.
"""

from loadtest.generate.answers import OPEN, USED, Attempt
from loadtest.generate.cases import Case, Draft, Maker, copy_of, decided, story, version
from loadtest.generate.trio import FEN, YUAN

SECOND = {"order": "DOC-04", "payment": "DOC-05", "waybill": "DOC-06"}


@story()
def duplicate(m: Maker) -> list[Case]:
    """The same bytes twice, up to seconds apart: the later one is the duplicate."""
    case = m.case(m.trio())
    case.drafts.append(copy_of(m.rng.choice(case.drafts), m.rng.randrange(1, 9000), ("DOC-01",)))
    return [case]


@story()
def duplicate_elsewhere(m: Maker) -> list[Case]:
    """The second copy comes through another partition: either may be first."""
    case = m.case(m.trio())
    first = m.rng.choice(case.drafts)
    twin = copy_of(first, m.rng.randrange(1, 3000), (USED, "DOC-01"))
    first.fates, twin.misroute = twin.fates, True
    case.drafts.append(twin)
    return [case]


@story()
def duplicate_of_rejected(m: Maker) -> list[Case]:
    """The document at fault is sent again unchanged: a duplicate, not a new attempt."""
    t = m.trio()
    t.payment["amountPaid"] += FEN
    case = m.case(t, (decided(t, ["PAY-01"]),))
    case.drafts.append(copy_of(case.draft("payment"), 8000, ("DOC-01",)))
    return [case]


@story()
def changed_waybill(m: Maker) -> list[Case]:
    """A change (appType 2) that leaves the outcome as it is."""
    t = m.trio()
    case = m.case(t)
    newer = version(m.rng, t.waybill, 60_000, appType="2", goodsInfo="更正后的货物信息")
    first = case.draft("waybill")
    first.fates = (USED, "DOC-02")
    case.drafts.append(Draft(first.delay_ms + m.rng.randrange(1, 3000), "waybill", newer, (USED, "DOC-07")))
    return [case]


@story()
def changed_insurance(m: Maker) -> list[Case]:
    """A change that alters the tax: which version counts depends on when it comes."""
    t = m.trio()
    before = decided(t)
    newer = version(m.rng, t.waybill, 60_000, appType="2", insuredFee=t.waybill["insuredFee"] + 30 * YUAN)
    case = m.case(t)
    t.waybill, first = newer, case.draft("waybill")
    case.histories = ((decided(t, ["TAX-02"]),), (before,))  # what was withheld fits the first version
    first.fates = (USED, "DOC-02")
    case.drafts.append(Draft(first.delay_ms + m.rng.randrange(1, 1000), "waybill", newer, (USED, "DOC-07")))
    return [case]


@story()
def change_before_its_original(m: Maker) -> list[Case]:
    """The change is sent first: the original is superseded, or a second order."""
    t = m.trio()
    case = m.case(t)
    first = case.draft("order")
    first.document = version(m.rng, t.order, 200, appType="2", note="先到的变更单")
    case.drafts.append(Draft(first.delay_ms + m.rng.randrange(1, 2000), "order", t.order, ("DOC-02", "DOC-04")))
    return [case]


@story()
def older_change(m: Maker) -> list[Case]:
    """A change dated before what it changes has no effect, before or after the decision."""
    t = m.trio()
    case = m.case(t)
    older = version(m.rng, t.payment, -500, appType="2", note="过时的变更")
    case.drafts.append(Draft(case.draft("payment").delay_ms + m.rng.randrange(1, 9000), "payment", older, ("DOC-02", "DOC-07")))
    return [case]


@story()
def deleted_and_sent_anew(m: Maker) -> list[Case]:
    """The delete comes first, then what it deletes, then a newer one: only the last can be used."""
    t = m.trio()
    case = m.case(t)
    first = case.draft("order")
    newest = version(m.rng, t.order, 800, note="重新申报")
    case.drafts += [
        Draft(first.delay_ms + 40, "order", t.order, ("DOC-03",)),
        Draft(first.delay_ms + m.rng.randrange(80, 4000), "order", newest),
    ]
    first.document, first.fates = version(m.rng, t.order, 400, appType="3"), ("DOC-03",)
    return [case]


@story()
def deleted_for_good(m: Maker) -> list[Case]:
    """The delete of the waybill stands before it: the order stays open."""
    t = m.trio()
    case = m.open_case(t)
    first = case.draft("waybill")
    case.drafts.append(Draft(first.delay_ms + 500, "waybill", t.waybill, (OPEN,)))
    first.document = version(m.rng, t.waybill, 60_000, appType="3")
    return [case]


@story()
def deleted_in_time_or_not(m: Maker) -> list[Case]:
    """A delete after all three: either it comes before the decision and the order stays open, or it is refused."""
    t = m.trio()
    case = m.case(t, (), (decided(t),))
    for draft in case.drafts:
        draft.fates = (USED, OPEN)
    gone = version(m.rng, t.waybill, 60_000, appType="3")
    case.drafts.append(Draft(case.draft("waybill").delay_ms + m.rng.randrange(1, 2000), "waybill", gone, (OPEN, "DOC-08")))
    return [case]


@story()
def older_delete(m: Maker) -> list[Case]:
    """A delete dated before the document does not touch it."""
    t = m.trio()
    case = m.case(t)
    kind = m.rng.choice(("order", "payment", "waybill"))
    older = version(m.rng, getattr(t, kind), -500, appType="3")
    case.drafts.append(Draft(case.draft(kind).delay_ms + m.rng.randrange(1, 9000), kind, older, ("DOC-03", "DOC-08")))
    return [case]


@story()
def second_of_each_kind(m: Maker) -> list[Case]:
    """An older order, payment and waybill under the same number: refused whenever they are seen."""
    t = m.trio()
    case = m.case(t)
    for kind, code in SECOND.items():
        older = version(m.rng, getattr(t, kind), -500, note="第二份")
        case.drafts.append(Draft(case.draft(kind).delay_ms + m.rng.randrange(1, 9000), kind, older, (code,)))
    return [case]


@story()
def younger_second(m: Maker) -> list[Case]:
    """A younger second document: it wins before the decision and is refused after it; the other one the reverse."""
    t = m.trio()
    case = m.case(t)
    kind = m.rng.choice(("payment", "waybill"))
    first = case.draft(kind)
    first.fates = (USED, SECOND[kind])
    younger = version(m.rng, getattr(t, kind), 60_000, note="第二份")
    case.drafts.append(Draft(first.delay_ms + m.rng.randrange(1, 9000), kind, younger, first.fates))
    return [case]


@story()
def same_time_lower_guid(m: Maker) -> list[Case]:
    """Two waybills of the same second: the higher guid wins, and it came first."""
    t = m.trio()
    case = m.case(t)
    lower = {**t.waybill, "guid": "00000000" + t.waybill["guid"][8:]}
    case.drafts.append(Draft(case.draft("waybill").delay_ms + m.rng.randrange(1, 3000), "waybill", lower, ("DOC-06",)))
    return [case]


@story()
def rejected_then_new_order(m: Maker) -> list[Case]:
    """An order in dollars is followed by one in yuan: attempt 2, unless the right one was in time."""
    t = m.trio()
    released = decided(t)
    wrong = {**t.order, "currency": "502"}
    refused = Attempt("REJECT", frozenset({"CUR-01"}))
    case = m.case(t, (refused, released), (released,))
    first = case.draft("order")
    first.document, first.fates = wrong, (USED, "DOC-04")
    case.drafts.append(Draft(first.delay_ms + 9000, "order", version(m.rng, t.order, 500)))
    return [case]


@story()
def rejected_then_new_payment(m: Maker) -> list[Case]:
    """The payment was short; the payment firm sends the right one: order and waybill are kept for attempt 2."""
    t = m.trio()
    released = decided(t)
    wrong = {**t.payment, "amountPaid": t.payment["amountPaid"] - FEN}
    case = m.case(t, (Attempt("REJECT", frozenset({"PAY-01"})), released), (released,))
    first = case.draft("payment")
    first.document, first.fates = wrong, (USED, "DOC-05")
    case.drafts.append(Draft(first.delay_ms + 9000, "payment", version(m.rng, t.payment, 5000)))
    return [case]


@story()
def rejected_twice(m: Maker) -> list[Case]:
    """A refused waybill is followed by another that is refused: two attempts, or one if both were there."""
    t = m.trio()
    refused = decided(t, ["WAY-04"])
    t.waybill["packNo"] = 2
    case = m.case(t, (refused, refused), (refused,))
    first = case.draft("waybill")
    first.fates = (USED, "DOC-06")
    case.drafts.append(Draft(first.delay_ms + 9000, "waybill", version(m.rng, t.waybill, 5000)))
    return [case]
