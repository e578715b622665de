"""Stories about how documents come: by another partition, schema or framing, without a platform, or not at all."""

from dataclasses import replace

from loadtest.generate.answers import OPEN, USED
from loadtest.generate.cases import Case, Draft, Maker, copy_of, decided, story, version
from loadtest.generate.trio import Trio


def _without_platform(draft: Draft) -> None:
    draft.schema, draft.key = "waybill-1", f"|{draft.document['orderNo']}".encode()


@story()
def waybill_without_platform(m: Maker) -> list[Case]:
    """The official waybill has no ebpCode; order number, consignee, phone and address find its order. Sent again, long after."""
    case = m.case(m.trio())
    waybill = case.draft("waybill")
    _without_platform(waybill)
    case.drafts.append(copy_of(waybill, 4000, ("DOC-01",)))
    return [case]


@story()
def waybill_with_empty_platform(m: Maker) -> list[Case]:
    """The same by a carrier that uses the new schema and leaves the field empty."""
    t = m.trio()
    case = m.case(t)
    draft = case.draft("waybill")
    draft.document, draft.key = {**t.waybill, "ebpCode": ""}, f"|{t.key[1]}".encode()
    return [case]


@story()
def waybill_of_nobody(m: Maker) -> list[Case]:
    """Without ebpCode and with another address: it belongs to no order, so both wait."""
    t = m.trio()
    case = m.open_case(t)
    t.waybill["consigneeAddress"] += "旁"
    _without_platform(case.draft("waybill"))
    return [case]


@story(size=2)
def waybill_of_two_orders(m: Maker) -> list[Case]:
    """Two platforms have the order number: it waits, unless only its own order was there when it was looked at."""
    first = m.trio(platform=m.index)
    second = m.trio(platform=m.index + 1, number=first.key[1])
    cases = [m.case(first, (), (decided(first),)), m.open_case(second)]
    for draft in cases[0].drafts:
        draft.fates = (OPEN, USED)
    _without_platform(cases[0].draft("waybill"))
    cases[1].drafts.remove(cases[1].draft("waybill"))
    return cases


@story()
def waybill_without_platform_changed(m: Maker) -> list[Case]:
    """Its change names no platform either: the younger is used, unless it came when the other had been."""
    case = m.case(m.trio())
    first = case.draft("waybill")
    _without_platform(first)
    first.fates = ("DOC-02", USED)
    younger = replace(first, delay_ms=first.delay_ms + 1, document=version(m.rng, first.document, 60_000, appType="2"), fates=(USED, "DOC-07"))
    case.drafts.append(younger)
    return [case]


@story()
def older_order_schema(m: Maker) -> list[Case]:
    """An order of version 1, without consigneeDistrict."""
    case = m.case(m.trio())
    case.draft("order").schema = "order-1"
    return [case]


@story()
def single_object_framing(m: Maker) -> list[Case]:
    """All three in Avro's single-object encoding."""
    case = m.case(m.trio())
    for draft in case.drafts:
        draft.single_object = True
    return [case]


@story()
def two_framings_of_one(m: Maker) -> list[Case]:
    """The digest covers the framing: the same order framed twice is a second order; either may be the one used."""
    case = m.case(m.trio())
    first = case.draft("order")
    first.fates = (USED, "DOC-04")
    twin = copy_of(first, m.rng.randrange(1, 3000), first.fates)
    twin.single_object = True
    case.drafts.append(twin)
    return [case]


@story()
def misrouted(m: Maker) -> list[Case]:
    """One document is in another partition than its key's."""
    case = m.case(m.trio())
    m.rng.choice(case.drafts).misroute = True
    return [case]


@story()
def scattered(m: Maker) -> list[Case]:
    """Payment and waybill come by a producer that hashes otherwise, the waybill first, the order last."""
    case = m.case(m.trio())
    for kind, delay_ms in (("waybill", 0), ("payment", 300), ("order", 900)):
        draft = case.draft(kind)
        draft.delay_ms, draft.misroute = delay_ms, kind != "order"
    return [case]


def _keeping(m: Maker, t: Trio, *kinds: str) -> list[Case]:
    case = m.open_case(t)
    case.drafts = [d for d in case.drafts if d.kind in kinds]
    return [case]


@story()
def one_missing(m: Maker) -> list[Case]:
    """Two of three documents: the order stays open."""
    return _keeping(m, m.trio(), *m.rng.sample(("order", "payment", "waybill"), 2))


@story()
def one_alone(m: Maker) -> list[Case]:
    """A payment, waybill or order that nothing belongs to."""
    return _keeping(m, m.trio(), m.rng.choice(("order", "payment", "waybill")))


@story()
def duplicate_of_waiting(m: Maker) -> list[Case]:
    """A duplicate has no fate before its order is decided."""
    cases = _keeping(m, m.trio(), "order", "waybill")
    cases[0].drafts.append(copy_of(cases[0].drafts[0], 2000, (OPEN,)))
    return cases
