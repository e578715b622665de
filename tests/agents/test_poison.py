"""The limits that pause a topic-partition: 1,000 undecodable records in a row, 20 % of the last 10,000."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import poison
from agents.poison import RUN_LIMIT, WINDOW, PoisonWatch, dead_letter_rows
from agents.reading import DeadLetter
from schemas.codec import decode
from tests.pipeline.memory import Rec


def fed(watch: PoisonWatch, good: list[bool], size: int) -> str | None:
    """What the watch says first of these records, in batches of `size`."""
    for start in range(0, len(good), size):
        part = good[start : start + size]
        if why := watch.limit_passed(len(part), [n for n, one in enumerate(part) if not one]):
            return why
    return None


@pytest.mark.parametrize("size", [1, 7, 1000, 20_000])
@pytest.mark.parametrize(("bad", "paused"), [(RUN_LIMIT - 1, False), (RUN_LIMIT, True)])
def test_a_thousand_in_a_row(size: int, bad: int, paused: bool) -> None:
    records = [True] * 3 + [False] * bad + [True]
    assert (fed(PoisonWatch(), records, size) == "1000 undecodable records in a row") is paused


def test_a_good_record_ends_the_run() -> None:
    watch = PoisonWatch()
    assert fed(watch, [False] * 999, 999) is None
    assert fed(watch, [True], 1) is None
    assert fed(watch, [False] * 999, 999) is None


@pytest.mark.parametrize("size", [1, 333, 10_000, 30_000])
@pytest.mark.parametrize(("bad", "paused"), [(1_999, False), (2_000, True)])
def test_a_fifth_of_the_last_ten_thousand(size: int, bad: int, paused: bool) -> None:
    records = [n % 5 != 0 or n // 5 >= bad for n in range(WINDOW)]
    why = fed(PoisonWatch(), [True] * 12_345 + records, size)
    assert (why == f"{bad} of the last 10000 records undecodable") is paused


def test_nothing_is_said_of_a_share_before_there_are_ten_thousand() -> None:
    watch = PoisonWatch()
    assert fed(watch, [n % 2 == 0 for n in range(WINDOW - 1)], 500) is None
    assert fed(watch, [True], 1) == "4999 of the last 10000 records undecodable"


def test_what_lies_further_back_is_forgotten() -> None:
    watch = PoisonWatch()
    assert fed(watch, [n % 5 != 0 for n in range(9_995)], 9_995) is None  # 1,999 bad
    assert fed(watch, [True] * WINDOW, 100) is None
    assert fed(watch, [n % 5 != 0 for n in range(9_995)], 1_000) is None
    assert len(watch.bad) <= 2_000


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 60))
def test_how_records_are_batched_makes_no_difference(good: list[bool], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(poison, "RUN_LIMIT", 4)
        patch.setattr(poison, "WINDOW", 10)
        patch.setattr(poison, "SHARE_LIMIT", 0.5)
        runs = any(not any(good[n : n + 4]) for n in range(len(good) - 3))
        shares = any(sum(not one for one in good[n : n + 10]) >= 5 for n in range(len(good) - 9))
        assert bool(fed(PoisonWatch(), good, size)) is (runs or shares)


def test_a_dead_letter_keeps_the_record_as_it_came() -> None:
    record = Rec("cbec.order", 3, 7, 1_573_401_600_123, None, b"\x00junk", [("trace", b"\xff\x00")])
    rows = dead_letter_rows([DeadLetter(record, "DL-01", "the payload does not decode")])
    row = rows.row(0, named=True)
    assert (row["topic"], row["partition"], row["kafka_offset"]) == ("cbec.order", 3, 7)
    assert (row["record_key"], row["record_value"]) == (None, b"\x00junk")
    assert row["headers"] == '[["trace", "ff00"]]'
    told = decode("dead-letter", row["message"])
    assert (told["code"], told["value"], told["key"]) == ("DL-01", b"\x00junk", None)
    assert len(dead_letter_rows([])) == 0


@pytest.mark.parametrize(("key", "value", "headers", "repeated"), [
    (b"k" * 50_000, b"v" * 799_990, [("name", b"123")], True), (b"k" * 50_000, b"v" * 799_991, [("name", b"123")], False),
    (None, b"v" * 900_000, [], True), (None, b"v" * 900_001, [], False), (None, None, [("", None)] * 300_001, False),
], ids=["all that fits", "a byte more", "a value", "a value too large", "headers"])  # fmt: skip
def test_a_record_that_no_broker_would_take_again_is_not_repeated(key: bytes | None, value: bytes | None, headers: Any, repeated: bool) -> None:
    record = Rec("cbec.order", 3, 7, 1_573_401_600_123, key, value, headers)  # type: ignore[arg-type]
    row = dead_letter_rows([DeadLetter(record, "DL-01", "why")]).row(0, named=True)
    told = decode("dead-letter", row["message"])
    assert (row["record_key"], row["record_value"], len(json.loads(row["headers"]))) == (key, value, len(headers))
    assert len(row["message"]) + len(row["message_key"]) < 1_000_000
    assert (told["value"], told["key"], len(told["headers"])) == ((value, key, len(headers)) if repeated else (None, None, 0))
    assert row["message_key"] == ((key or b"") if repeated else b"")
    assert ("too large" in told["reason"]) is ("too large" in row["reason"]) is (not repeated)
