"""Which document is used and what becomes of the others: every row of the tables in decisions.md, sections 2 and 3."""

from hashlib import blake2b
from itertools import permutations
from typing import Any

import pytest

from tests.pipeline.memory import BASE_MS, MemoryStore, Rec
from tests.pipeline.trios import HOUR_MS, KINDS, changed, example, rec

BASIS = {"order": "2019-11-11T00:00:05+08:00", "payment": "2019-11-11T00:00:12+08:00", "waybill": "2019-11-11T00:20:00+08:00"}
SECOND = {"order": "DOC-04", "payment": "DOC-05", "waybill": "DOC-06"}
OLDER, YOUNGER = "2019-11-11T00:00:00+08:00", "2019-11-11T00:30:00+08:00"


class Desk:
    """Sends documents of one order number; offsets count up, log times too."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.sent: dict[str, Rec] = {}

    def make(self, name: str, kind: str, key: str | None = None, **changes: Any) -> Rec:
        """A named document of the example with changed fields."""
        count = len(self.sent)
        document = example()[kind] | changes
        assert name not in self.sent
        self.sent[name] = rec(kind, document, count, BASE_MS + HOUR_MS + 1000 * count, key=key)
        return self.sent[name]

    def again(self, name: str, of: str) -> Rec:
        """The same value once more."""
        old, count = self.sent[of], len(self.sent)
        self.sent[name] = Rec(old.topic, old.partition, count, BASE_MS + HOUR_MS + 1000 * count, old.key, old.value)
        return self.sent[name]

    def trio(self, **payment: Any) -> list[Rec]:
        """The three of the example, `payment` changed."""
        return [self.make(kind, kind, **(payment if kind == "payment" else {})) for kind in KINDS]

    def became(self) -> dict[str, str]:
        """Name → what became of it."""
        found = self.store.what_became()
        return {name: found[r.place] for name, r in self.sent.items()}

    def attempts(self) -> list[str]:
        """Outcomes of the attempts in their order."""
        return [m["outcome"] for m in sorted(self.store.manifests.values(), key=lambda m: m["attempt"])]


@pytest.fixture
def desk() -> Desk:
    return Desk()


USED = dict.fromkeys(KINDS, "used")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("app_type", "time", "code", "wins"),
    [
        ("1", OLDER, "second", False),
        ("1", YOUNGER, "second", True),
        ("2", YOUNGER, "DOC-02", True),
        ("2", OLDER, "DOC-02", False),
        ("3", OLDER, "DOC-03", False),
    ],
)
def test_another_version_before_the_decision(desk: Desk, kind: str, app_type: str, time: str, code: str, wins: bool) -> None:
    batch = [*desk.trio(), desk.make("other", kind, appType=app_type, appTime=time, note="另一份")]
    desk.store.process(batch)
    said = SECOND[kind] if code == "second" else code
    assert desk.became() == USED | ({kind: said, "other": "used"} if wins else {"other": said})
    assert len(desk.attempts()) == 1


def higher(one: Rec, other: Rec) -> bool:
    """Whether its digest is."""
    a, b = (blake2b(r.value or b"", digest_size=16).digest() for r in (one, other))
    return a > b


@pytest.mark.parametrize("kind", KINDS)
def test_versions_of_one_time_go_by_guid_and_then_by_digest(desk: Desk, kind: str) -> None:
    time = BASIS[kind]
    low, high = "00000000-0000-4000-8000-000000000000", "FFFFFFFF-0000-4000-8000-000000000000"
    a = desk.make("a", kind, guid=high, appTime=time, note="a")
    for n in range(5000):  # until the later one has the higher digest
        b = desk.make("b", kind, guid=high, appTime=time, note=f"b{n}")
        if higher(b, a):
            break
        del desk.sent["b"]
    low_one = desk.make("low", kind, guid=low, appTime=time)
    others = [desk.make(k, k) for k in KINDS if k != kind]
    desk.store.process([low_one, b, a, *others])
    became = desk.became()
    assert {n: became[n] for n in ("a", "b", "low")} == {"a": SECOND[kind], "b": "used", "low": SECOND[kind]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_twice_before_the_decision(desk: Desk, kind: str) -> None:
    batch = [*desk.trio(), desk.again("twin", kind), desk.again("third", kind)]
    desk.store.process(batch[::-1])
    assert desk.became() == USED | {"twin": "DOC-01", "third": "DOC-01"}
    by = {f["by_offset"] for f in desk.store.fates.values()}
    assert by == {desk.sent[kind].offset}


def test_a_twin_of_a_superseded_document_is_a_duplicate(desk: Desk) -> None:
    batch = [*desk.trio(), desk.again("twin", "waybill"), desk.make("newer", "waybill", appType="2", appTime=YOUNGER)]
    desk.store.process(batch)
    assert desk.became() == USED | {"waybill": "DOC-02", "twin": "DOC-01", "newer": "used"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_younger_delete_leaves_the_kind_missing_until_a_younger_document(desk: Desk, kind: str) -> None:
    desk.store.process([*desk.trio(), desk.make("gone", kind, appType="3", appTime=YOUNGER)])
    assert set(desk.became().values()) == {"open"}
    assert desk.store.open().rows(named=True)[0]["missing"] == 1 << KINDS.index(kind)
    desk.store.process([desk.make("anew", kind, appTime="2019-11-11T00:31:00+08:00")])
    assert desk.became() == USED | {kind: "DOC-03", "gone": "DOC-03", "anew": "used"}
    assert len(desk.store.open()) == 0


def test_a_delete_of_something_unknown_waits_for_it(desk: Desk) -> None:
    desk.store.process([desk.make("gone", "order", appType="3", appTime=YOUNGER)])
    desk.store.process(desk.trio())
    assert set(desk.became().values()) == {"open"}


AFTER = [("1", "second"), ("2", "DOC-07"), ("3", "DOC-08"), ("9", "second")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("payer", ["赵样例", "孙试付"], ids=["released", "held"])
@pytest.mark.parametrize(("app_type", "code"), AFTER)
def test_after_a_release_or_hold(desk: Desk, kind: str, payer: str, app_type: str, code: str) -> None:
    desk.store.process(desk.trio(payerName=payer))
    assert desk.attempts() == ["RELEASE" if payer == "赵样例" else "HOLD"]
    desk.store.process([desk.make("late", kind, appType=app_type, appTime=YOUNGER), desk.again("twin", kind)])
    said = SECOND[kind] if code == "second" else code
    assert desk.became() == USED | {"late": said, "twin": "DOC-01"}
    assert len(desk.attempts()) == 1
    fate = desk.store.fates[desk.sent["late"].place]
    assert (fate["by_offset"], fate["attempt"], fate["ebp_code"]) == (desk.sent[kind].offset, 1, "330296P001")


def test_a_reject_keeps_what_was_not_at_fault(desk: Desk) -> None:
    desk.store.process(desk.trio(amountPaid="1.00"))
    assert desk.attempts() == ["REJECT"]
    assert len(desk.store.open()) == 0, "nothing new came, so nothing waits"
    assert desk.store.again == set(), "nor is anything there that could complete another attempt"
    desk.store.process([desk.again("twin", "payment"), desk.again("twin of a kept one", "order")])
    assert desk.attempts() == ["REJECT"]
    desk.store.process([desk.make("right", "payment", appTime=YOUNGER)])
    assert desk.attempts() == ["REJECT", "RELEASE"]
    assert desk.became() == USED | {"twin": "DOC-01", "twin of a kept one": "DOC-01", "right": "used"}
    second = max(desk.store.manifests.values(), key=lambda m: m["attempt"])
    places = [second[f"{k}_offset"] for k in KINDS]
    assert places == [desk.sent[n].offset for n in ("order", "right", "waybill")]


def test_after_a_reject_even_an_older_document_of_the_kind_at_fault_is_used(desk: Desk) -> None:
    desk.store.process(desk.trio(amountPaid="1.00"))
    desk.store.process([desk.make("older", "payment", appTime=OLDER)])
    assert desk.attempts() == ["REJECT", "RELEASE"]


@pytest.mark.parametrize(("time", "fate", "note"), [(YOUNGER, "used", "neu"), (OLDER, "DOC-06", "alt")])
def test_a_kept_document_is_a_candidate_among_others(desk: Desk, time: str, fate: str, note: str) -> None:
    desk.store.process(desk.trio(amountPaid="1.00"))
    desk.store.process([desk.make("other", "waybill", appTime=time, note=note)])
    assert desk.attempts() == ["REJECT"]
    desk.store.process([desk.make("right", "payment", appTime=YOUNGER)])
    assert desk.attempts() == ["REJECT", "RELEASE"]
    assert desk.became() == USED | {"other": fate, "right": "used"}, "what was used gets no fate"


def test_a_delete_after_a_reject_takes_a_kept_document_out(desk: Desk) -> None:
    desk.store.process(desk.trio(amountPaid="1.00"))
    desk.store.process([desk.make("gone", "order", appType="3", appTime=YOUNGER), desk.make("right", "payment", appTime=YOUNGER)])
    assert desk.attempts() == ["REJECT"]
    (row,) = desk.store.open().rows(named=True)
    assert (row["attempt"], row["missing"]) == (2, 1)


def test_a_hold_finding_beside_a_reject_blames_nobody(desk: Desk) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment", amountPaid="1.00"), desk.make("waybill", "waybill", consignee="代收")])
    (manifest,) = desk.store.manifests.values()
    assert (manifest["codes"], manifest["fault_kinds"], manifest["queue"]) == (frozenset({"PAY-01", "WAY-01"}), 2, "")
    both = Desk()
    wrong = both.make("waybill", "waybill", packNo=2, consignee="代收")
    both.store.process([both.make("order", "order"), both.make("payment", "payment", amountPaid="1.00"), wrong])
    assert [m["fault_kinds"] for m in both.store.manifests.values()] == [6]


def test_three_attempts(desk: Desk) -> None:
    desk.store.process(desk.trio(amountPaid="1.00"))
    desk.store.process([desk.make("p2", "payment", amountPaid="2.00")])
    desk.store.process([desk.again("first again", "payment"), desk.make("p3", "payment", note="richtig")])
    assert desk.attempts() == ["REJECT", "REJECT", "RELEASE"]
    assert desk.became()["first again"] == "DOC-01"


# -- waybills without ebpCode (section 3)


@pytest.mark.parametrize(("attempt", "became"), [(2**15 - 2, "used"), (2**15 - 1, "DOC-05")])
def test_the_last_attempt_there_is(desk: Desk, attempt: int, became: str) -> None:
    """What comes after it is too late, though it was rejected."""
    desk.store.process(desk.trio(amountPaid="1.00"))
    ((key, rejected),) = desk.store.manifests.items()
    desk.store.manifests = {(*key[:2], attempt): rejected | {"attempt": attempt}}
    desk.store.process([desk.make("again", "payment", appTime=YOUNGER)])
    assert desk.became()["again"] == became
    assert max(m["attempt"] for m in desk.store.manifests.values()) == 2**15 - 1


def stray(desk: Desk, name: str = "stray", **changes: Any) -> Rec:
    return desk.make(name, "waybill", key="|EXAMPLE-1", **({"ebpCode": ""} | changes))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_stray_waybill_finds_its_order_whatever_comes_first(desk: Desk, order: tuple[int, ...]) -> None:
    batch = [desk.make("order", "order"), desk.make("payment", "payment"), stray(desk)]
    for n in order:
        desk.store.process([batch[n]])
    assert desk.became() == {"order": "used", "payment": "used", "stray": "used"}
    assert [m["ebp_code"] for m in desk.store.manifests.values()] == ["330296P001"]


@pytest.mark.parametrize("field", ["consignee", "consigneeTelephone", "consigneeAddress"])
def test_a_stray_waybill_of_another_receiver_waits(desk: Desk, field: str) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment"), stray(desk, **{field: "9"})])
    assert set(desk.became().values()) == {"open"}
    waits = {(r["ebp_code"], r["missing"]) for r in desk.store.open().rows(named=True)}
    assert waits == {("330296P001", 4), ("", 3)}


def test_a_stray_waybill_of_two_open_orders_waits_until_one_is_left(desk: Desk) -> None:
    other = desk.make("other order", "order", ebpCode="330296P002")
    desk.store.process([desk.make("order", "order"), other, stray(desk), desk.make("payment", "payment")])
    assert set(desk.became().values()) == {"open"}
    more = [desk.make("other payment", "payment", ebpCode="330296P002"), desk.make("other waybill", "waybill", ebpCode="330296P002")]
    desk.store.process(more)
    assert set(desk.became().values()) == {"used"}
    mine = {m["ebp_code"]: m["waybill_offset"] for m in desk.store.manifests.values()}
    assert mine == {"330296P001": desk.sent["stray"].offset, "330296P002": desk.sent["other waybill"].offset}


def test_a_stray_waybill_does_not_go_to_an_order_that_has_one(desk: Desk) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("own", "waybill"), stray(desk)])
    desk.store.process([desk.make("payment", "payment")])
    assert desk.became() == {"order": "used", "own": "used", "payment": "used", "stray": "open"}


@pytest.mark.parametrize("order", [p for p in permutations(range(4)) if p[-1] > 1])
@pytest.mark.parametrize(
    ("app_type", "time", "wins", "code"), [("2", YOUNGER, True, "DOC-02"), ("2", OLDER, False, "DOC-02"), ("1", YOUNGER, True, "DOC-06")],
)  # fmt: skip
def test_of_two_stray_waybills_the_younger_is_used(desk: Desk, order: tuple[int, ...], app_type: str, time: str, wins: bool, code: str) -> None:
    """Whichever comes first, as long as both come before the third document."""
    stray(desk, "first"), stray(desk, "second", appType=app_type, appTime=time, note="2"), desk.make("order", "order")
    batch = [*desk.sent.values(), desk.make("payment", "payment")]
    for n in order:
        desk.store.process([batch[n]])
    used, other = ("second", "first") if wins else ("first", "second")
    assert desk.became() == {used: "used", other: code, "order": "used", "payment": "used"}


@pytest.mark.parametrize("key", ["|EXAMPLE-1", None])
def test_a_delete_takes_a_stray_waybill_back(desk: Desk, key: str | None) -> None:
    """Whether it names the platform or does not either."""
    desk.store.process([stray(desk), desk.make("order", "order")])
    desk.store.process([desk.make("gone", "waybill", key=key, appType="3", appTime=YOUNGER, **({"ebpCode": ""} if key else {}))])
    desk.store.process([desk.make("payment", "payment")])
    assert desk.attempts() == []
    assert desk.store.open().select("ebp_code", "missing").rows() == [("330296P001", 4)]
    desk.store.process([stray(desk, "another", appTime="2019-11-11T00:40:00+08:00")])
    assert desk.became() == {"stray": "DOC-03", "gone": "DOC-03", "order": "used", "payment": "used", "another": "used"}


def test_a_stray_waybill_twice_is_a_duplicate(desk: Desk) -> None:
    desk.store.process([stray(desk), desk.again("twin", "stray"), desk.make("order", "order"), desk.make("payment", "payment")])
    assert desk.became() == {"stray": "used", "twin": "DOC-01", "order": "used", "payment": "used"}


def test_a_kept_stray_waybill_is_changed_by_another(desk: Desk) -> None:
    """It names no platform, so its change finds the order as it did."""
    desk.store.process([stray(desk), desk.make("order", "order"), desk.make("p1", "payment", amountPaid="1.00")])
    desk.store.process([stray(desk, "change", appType="2", appTime=YOUNGER), desk.again("twin", "stray")])
    desk.store.process([desk.make("p2", "payment", note="richtig")])
    assert desk.attempts() == ["REJECT", "RELEASE"]
    assert desk.became() == {"stray": "used", "order": "used", "p1": "used", "change": "used", "twin": "DOC-01", "p2": "used"}


@pytest.mark.parametrize(("app_type", "code"), [("1", "DOC-06"), ("2", "DOC-07"), ("3", "DOC-08")])
def test_a_stray_waybill_after_the_decision_is_of_the_order_that_used_one(desk: Desk, app_type: str, code: str) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment"), stray(desk)])
    desk.store.process([desk.again("twin", "stray"), stray(desk, "late", appType=app_type, appTime=YOUNGER)])
    assert (desk.became()["twin"], desk.became()["late"]) == ("DOC-01", code)
    assert desk.attempts() == ["RELEASE"]


def test_a_stray_waybill_after_the_decision_of_another_receiver_waits(desk: Desk) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment"), stray(desk)])
    desk.store.process([stray(desk, "late", consignee="代收")])
    assert desk.became()["late"] == "open"


def test_a_stray_waybill_after_the_decision_goes_to_an_open_order_first(desk: Desk) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment"), stray(desk)])
    desk.store.process([*elsewhere(desk), stray(desk, "late", logisticsNo="2")])
    assert desk.attempts() == ["RELEASE", "HOLD"] and set(desk.became().values()) == {"used"}


def test_a_stray_waybill_after_the_decisions_of_two_platforms_waits(desk: Desk) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment"), stray(desk)])
    desk.store.process([*elsewhere(desk), stray(desk, "another", logisticsNo="2")])
    desk.store.process([stray(desk, "of either")])
    assert desk.attempts() == ["RELEASE", "HOLD"] and desk.became()["of either"] == "open"


def elsewhere(desk: Desk) -> list[Rec]:
    """Order and payment of another platform under the same number, with a payment of their own."""
    return [desk.make(f"{kind} elsewhere", kind, ebpCode="330296P002", payTransactionId="2") for kind in ("order", "payment")]


def test_a_stray_waybill_after_a_decision_with_a_waybill_of_the_platform_waits(desk: Desk) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment"), desk.make("own", "waybill")])
    desk.store.process([stray(desk)])
    assert desk.became()["stray"] == "open"


def test_a_stray_waybill_after_a_reject_completes_the_next_attempt(desk: Desk) -> None:
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment"), desk.make("waybill", "waybill", packNo=2)])
    desk.store.process([stray(desk)])
    assert desk.attempts() == ["REJECT", "RELEASE"]
    assert set(desk.became().values()) == {"used"}


def test_a_stray_waybill_that_nobody_took_completes_the_attempt_after_a_reject(desk: Desk) -> None:
    """It came with the platform's own, or before the payment did; nothing else comes, so what was rejected is looked at again."""
    desk.store.process([stray(desk, logisticsNo="2"), desk.make("order", "order"), desk.make("waybill", "waybill", packNo=2)])
    desk.store.process([desk.make("payment", "payment")])
    assert (desk.attempts(), desk.became()["stray"]) == (["REJECT"], "open")
    desk.store.process([])
    assert desk.attempts() == ["REJECT", "RELEASE"]
    assert set(desk.became().values()) == {"used"} and desk.store.again == set()


def test_a_stray_waybill_that_an_open_order_kept_from_its_own_is_refused_when_that_is_rejected(desk: Desk) -> None:
    """It waited for the order of another receiver, which is none any more: the order itself was at fault."""
    desk.store.process([desk.make("order", "order"), desk.make("payment", "payment"), stray(desk)])
    rejected = desk.make("order elsewhere", "order", ebpCode="330296P002", consignee="代收", currency="502")
    desk.store.process([rejected, stray(desk, "late", logisticsNo="2")])
    assert desk.became()["late"] == "open"
    payment = desk.make("payment elsewhere", "payment", ebpCode="330296P002", payTransactionId="2")
    desk.store.process([payment, stray(desk, "its own", consignee="代收", logisticsNo="3")])
    assert (desk.attempts(), desk.became()["late"]) == (["RELEASE", "REJECT"], "open")
    desk.store.process([])
    assert desk.became()["late"] == "DOC-06"


def test_the_example_of_the_base_is_what_the_tests_think() -> None:
    assert {k: example()[k]["appTime"] for k in KINDS} == BASIS
    assert changed({}) == example()


def test_a_waybill_that_was_taken_in_waits_with_its_order_alone(desk: Desk) -> None:
    """Not under '' as well: it would be reported twice."""
    order, _, _ = desk.trio()
    desk.store.process([order, desk.make("stray", "waybill", ebpCode="")])
    assert desk.store.open().select("ebp_code", "attempt", "missing").rows() == [("330296P001", 1, 2)]


def test_three_deletes_are_no_attempt(desk: Desk) -> None:
    desk.store.process([desk.make(kind, kind, appType="3") for kind in KINDS])
    assert desk.attempts() == []
    assert desk.became() == dict.fromkeys(KINDS, "open")
