"""One order number by itself: what of it waits, and what meets a fate after a rejected attempt."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from pipeline.contested import CHANGE, DELETE, SECOND, Attempt, Complete, Doc, Fate, Open, open_attempts, settle

ORDER, PAYMENT, WAYBILL = range(3)
BEGUN = datetime(2019, 11, 11, tzinfo=UTC)


def doc(kind: int, offset: int, ebp_code: str = "P", receiver: tuple[str, str, str] | None = None) -> Doc:
    at = BEGUN + timedelta(seconds=offset)
    return Doc(kind, 0, ebp_code, 0, offset, at, bytes([kind, offset]), "1", at, f"{offset}", receiver)


def past(rejected: bool, fault_kinds: int = 1) -> list[Attempt]:
    """One attempt, of the documents at offset 0."""
    return [Attempt(1, rejected, fault_kinds, ((0, 0, 0), (1, 0, 0), (2, 0, 0)), (b"o", b"p", b"w"))]


def test_after_an_accepted_attempt_nothing_waits() -> None:
    """A payment more is too late, and gets a fate of its own."""
    assert open_attempts([doc(PAYMENT, 5)], {"P": past(rejected=False)}, set()) == []


def test_after_a_rejected_one_the_next_waits_for_what_was_at_fault() -> None:
    used = [doc(ORDER, 0), doc(PAYMENT, 0), doc(WAYBILL, 0)]
    assert open_attempts([*used, doc(PAYMENT, 5)], {"P": past(rejected=True)}, set()) == [Open("P", 2, 0b001, BEGUN + timedelta(seconds=5))]


@pytest.mark.parametrize(("kinds", "missing"), [((ORDER,), 0b110), ((ORDER, PAYMENT), 0b100), ((WAYBILL,), 0b011)])
def test_what_is_missing_and_since_when(kinds: tuple[int, ...], missing: int) -> None:
    docs = [doc(kind, 3 + kind) for kind in kinds]
    assert open_attempts(docs, {}, set()) == [Open("P", 1, missing, BEGUN + timedelta(seconds=3 + kinds[0]))]


def test_a_waybill_that_nobody_takes_waits_by_itself() -> None:
    lost = doc(WAYBILL, 4, "", ("a", "b", "c"))
    found = open_attempts([doc(ORDER, 3, receiver=("x", "y", "z")), lost], {}, set())
    assert found == [Open("P", 1, 0b110, BEGUN + timedelta(seconds=3)), Open("", 1, 0b011, BEGUN + timedelta(seconds=4))]


def test_what_met_a_fate_does_not_wait() -> None:
    assert open_attempts([doc(ORDER, 3)], {}, {(ORDER, 0, 3)}) == []


def test_what_a_rejected_attempt_used_is_a_duplicate_of_it() -> None:
    """Of the last attempt there was, by the document that was used first."""
    again = doc(PAYMENT, 9)
    first = Attempt(1, True, 1, ((0, 0, 0), (1, 0, 7), (2, 0, 0)), (b"o", again.digest, b"w"))
    second = Attempt(2, True, 2, ((0, 0, 1), (1, 0, 8), (2, 0, 0)), (b"O", b"P", b"w"))
    found = settle([again], {"P": [first, second]}, set())
    assert (found.complete, found.fates) == ([], [Fate(again, "P", 2, "duplicate", "DOC-01", (1, 0, 7))])


def test_the_attempt_after_two_rejected_ones() -> None:
    """Its payment and waybill are kept, for only the order was at fault; what they had of the first attempt is not."""
    payment, waybill, order = doc(PAYMENT, 2), doc(WAYBILL, 3), doc(ORDER, 9)
    first = Attempt(1, True, 7, ((0, 0, 0), (1, 0, 0), (2, 0, 0)), (b"o", b"p", b"w"))
    second = Attempt(2, True, 1, ((0, 0, 1), payment.place, waybill.place), (b"O", payment.digest, waybill.digest))
    found = settle([payment, waybill, order], {"P": [first, second]}, set())
    assert (found.complete, found.fates) == ([Complete("P", 3, (order, payment, waybill))], [])


def test_a_delete_that_a_younger_order_overtakes_is_deleted_by_nobody() -> None:
    """A younger delete is by the youngest of them, and a twin of it is a duplicate."""
    old, delete, order = doc(ORDER, 1), replace(doc(ORDER, 2), app_type=DELETE), doc(ORDER, 5)
    twin = replace(delete, offset=4, log_time=BEGUN + timedelta(seconds=4))
    others = [doc(PAYMENT, 6), doc(WAYBILL, 7)]
    found = settle([old, delete, twin, order, *others], {}, set())
    assert [c.documents for c in found.complete] == [(order, *others)]
    assert found.fates == [
        Fate(old, "P", 1, "deleted", "DOC-03", delete.place), Fate(delete, "P", 1, "deleted", "DOC-03", None),
        Fate(twin, "P", 1, "duplicate", "DOC-01", delete.place),
    ]  # fmt: skip


def test_a_waybill_again_does_not_keep_another_from_the_next_attempt() -> None:
    """The waybill was at fault. It comes again, a duplicate, with the one in its place, which names no platform."""
    receiver = ("Zhang", "1", "x")
    used = [doc(ORDER, 0, receiver=receiver), doc(PAYMENT, 0), doc(WAYBILL, 0)]
    attempt = [Attempt(1, True, 0b100, ((0, 0, 0), (1, 0, 0), (2, 0, 0)), (used[0].digest, used[1].digest, used[2].digest))]
    again = replace(doc(WAYBILL, 5), digest=used[2].digest)
    settled = settle([*used, again, doc(WAYBILL, 6, "", receiver)], {"P": attempt}, set())
    assert [c.number for c in settled.complete] == [2]
    assert [(f.document.offset, f.code) for f in settled.fates] == [(5, "DOC-01")]


def plain_fate(doc: Doc, candidates: Sequence[Doc], used: Doc, number: int) -> Fate:
    """The table of decisions.md, section 2, read row by row; `candidates` of the kind, `used` is the effective one."""
    before = [c for c in candidates if c.digest == doc.digest and c.arrival < doc.arrival]
    if before:
        return Fate(doc, "P", number, "duplicate", "DOC-01", min(before, key=lambda d: d.arrival).place)
    deletes = [c for c in candidates if c.app_type == DELETE and c.version > doc.version]
    if doc.app_type == DELETE or deletes:
        by = max(deletes, key=lambda d: d.version).place if deletes else None
        return Fate(doc, "P", number, "deleted", "DOC-03", by)
    if CHANGE in (doc.app_type, used.app_type):
        return Fate(doc, "P", number, "superseded", "DOC-02", used.place)
    return Fate(doc, "P", number, "refused", SECOND[doc.kind], used.place)


def drawn(chance: Random, kind: int, offset: int) -> Doc:
    """One of a few contents of its kind, come at one of a few times."""
    content = chance.randrange(14)  # two of them deletes
    app_type = "1112223"[content % 7]
    arrived, app_time = (BEGUN + timedelta(seconds=n) for n in (chance.randrange(6), content % 4))
    return replace(doc(kind, offset), partition=chance.randrange(2), log_time=arrived, digest=bytes([kind, content]),
                   app_type=app_type, app_time=app_time, guid=f"{content % 3}")  # fmt: skip


def test_fates_are_those_of_the_plain_definition() -> None:
    """Of whatever a seed draws, with and without what a rejected attempt left."""
    met: set[str] = set()
    for seed in range(300):
        chance = Random(seed)
        free = [drawn(chance, kind, offset) for offset, kind in enumerate(chance.choices(range(3), k=18), start=1)]
        before = [drawn(chance, kind, 0) for kind in range(3)] if seed % 2 else []
        fault_kinds = chance.randrange(1, 8)
        pasts: dict[str, list[Attempt]] = {}
        if before:
            order, payment, waybill = before
            attempt = Attempt(1, True, fault_kinds, (order.place, payment.place, waybill.place), (order.digest, payment.digest, waybill.digest))
            pasts["P"] = [attempt]
        settled = settle([*free, *before], pasts, set())
        twins = [d for d in free if before and d.digest == before[d.kind].digest]
        assert [f for f in settled.fates if f.document in twins] == [Fate(d, "P", 1, "duplicate", "DOC-01", before[d.kind].place) for d in twins]
        kept = [d for d in before if not fault_kinds & 1 << d.kind]
        of_kind = [[d for d in [*free, *kept] if d.kind == kind and d not in twins] for kind in range(3)]
        for complete in settled.complete:
            passed_over = [d for d in free if d not in twins and d is not complete.documents[d.kind]]
            expected = [plain_fate(d, of_kind[d.kind], complete.documents[d.kind], complete.number) for d in passed_over]
            assert [f for f in settled.fates if f.document not in twins] == expected
            met.update(f"{f.code} {'by' if f.by else 'by nobody'}" for f in expected)
    assert met == {f"DOC-0{n} by" for n in range(1, 7)} | {"DOC-03 by nobody"}


class Compared(bytes):
    """A digest that counts how often one is compared with another."""

    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return super().__eq__(other)

    __hash__ = bytes.__hash__


@pytest.mark.parametrize("contents", [1, 1000])
def test_of_a_thousand_of_a_kind_none_is_compared_with_all_others(contents: int) -> None:
    """A sender that repeats itself must not stop the worker: with each compared with each it would be a million times."""
    payments = [replace(doc(PAYMENT, 0), offset=n, digest=Compared((n % contents).to_bytes(2))) for n in range(1000)]
    Compared.times = 0
    settled = settle([doc(ORDER, 0), doc(WAYBILL, 0), *payments], {}, set())
    assert len(settled.fates) == 999 and Compared.times < 10_000
    assert {f.code for f in settled.fates} == {"DOC-01" if contents == 1 else "DOC-05"}
