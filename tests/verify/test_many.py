"""Documents that are read together are what each is alone, or are left to be read alone."""

from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from loadtest.verify import Evidence, documents, registry
from loadtest.verify.documents import KINDS, NoDocument, kind_name
from loadtest.verify.evidence import Record
from loadtest.verify.many import MOST_ITEMS, Usual, read_many

DAMAGED = 8  # copies of each value
BYTES = (0, 1, 2, 0x7F, 0x80, 0x81, 0xC3, 0xFE, 0xFF)
TEXT = {"fields": [{"name": "text", "type": "string"}]}
USUAL = Usual(frozenset(), 10**14, 1000, 1 << 40)


def damaged(value: bytes, chance: Random) -> Iterator[bytes]:
    """Itself, and copies with a byte changed, inserted, removed, or the end cut off or prolonged."""
    yield value
    for _ in range(DAMAGED):
        at, byte = chance.randrange(5, len(value)), bytes((chance.choice(BYTES),))
        yield chance.choice((
            value[:at] + byte + value[at + 1 :], value[:at] + byte + value[at:], value[:at] + value[at + 1 :],
            value[:at], value + byte, value[:at] + bytes(10) + value[at:],
        ))  # fmt: skip


def alone(kind: str, value: bytes) -> Any:
    try:
        return documents.decode(kind, value)
    except NoDocument as e:
        return e.code


def values_of(intact: Evidence, kind: str) -> list[bytes]:
    return [r.value or b"" for (number, _, _), r in intact.inputs.items() if kind_name(number) == kind]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_ones_among_others(intact: Evidence, kind: str) -> None:
    chance = Random(1)
    values = [copy for value in values_of(intact, kind) if len(value) > 10 for copy in damaged(value, chance)]
    found = documents.read_usual(kind, values)
    expected = [alone(kind, value) for value in values]
    assert [(f, e) for f, e in zip(found, expected, strict=True) if f is not None and f != e] == []
    assert 0.1 < sum(f is None for f in found) / len(found) < 0.9
    # damage is seldom seen for a document that could be read; whatever is refused here is read alone
    assert sum(f is None and isinstance(e, dict) for f, e in zip(found, expected, strict=True)) < 0.1 * len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_nearly_all_of_a_set_are_usual(intact: Evidence, kind: str) -> None:
    values = values_of(intact, kind)
    assert sum(document is None for document in documents.read_usual(kind, values)) < 0.1 * len(values)


def test_records_are_read_as_they_are_alone(intact: Evidence) -> None:
    """Each with the key of another too."""
    records = [r for (number, _, _), r in intact.inputs.items() if number == 1]
    records += [Record(r.log_ms, other.key, r.value) for r, other in pairwise(records)]
    for record, document in zip(records, documents.read_all("order", records), strict=True):
        try:
            expected: Any = documents.read("order", record.key, record.value)
        except NoDocument as e:
            expected = e.code
        assert (document.code if isinstance(document, NoDocument) else document) == expected


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"\x02a", "a"), (b"\x04\xc3\xa9", "é"), (b"\x00", ""), (b"\x80\x01" + b"a" * 64, "a" * 64), (b"\x82\x00a", "a"),
        (b"\x01a", None), (b"\x02\xff", None), (b"\x04a", None), (b"\x02ab", None), (b"", None), (b"\x02\x00", None),
        (b"\x82\x80\x00a", None), (b"\x06\xef\xbf\xbd", None),
    ],
)  # fmt: skip
def test_one_text_among_others(payload: bytes, text: str | None) -> None:
    """Negative, no UTF-8, too long, too short, nothing, U+0000, three bytes of length, and the sign of broken UTF-8."""
    found = read_many(TEXT, [b"\x02x", payload, b"\x02\xc3", b"\x02y"], 0, {}, USUAL)
    assert [f and f["text"] for f in found] == ["x", text, None, "y"]


def test_amounts_and_times() -> None:
    schema = {"fields": [{"name": "money", "type": {"type": "bytes"}}, {"name": "at", "type": {"type": "long"}}]}
    money = (b"\0", b"\2\x05", b"\4\x03\xe8", b"\2\x80", b"\x10" + bytes(8), b"\x0e\x7f" + bytes(6), b"\2\5", b"\2\5")
    times = (b"\0", b"\2", b"\2", b"\2", b"\2", b"\2", b"\1", b"\x80\x80\x80\x80\x80\x80\x01")
    found = read_many(schema, [m + t for m, t in zip(money, times, strict=True)], 0, {}, USUAL)
    assert [f and (f["money_e5"], f["at"], f["amount_fine"]) for f in found] == [(0, 0, False), (5, 1, True), (1000, 1, False), *[None] * 5]


def test_damaged_filings_among_others(intact: Evidence) -> None:
    chance = Random(1)
    by_part = {registry.decode(value).part: value for value in (r.value or b"" for r in intact.filings.values()) if is_filing(value)}
    assert len(by_part) > 4
    values = [copy for value in by_part.values() for _ in range(20) for copy in damaged(value, chance)]
    found = registry.usual_events(values)
    assert {value: event for value, event in found.items() if registry.decode(value) != event} == {}
    assert set(by_part.values()) <= found.keys()


def is_filing(value: bytes) -> bool:
    try:
        return bool(registry.decode(value))
    except NoDocument:
        return False


@pytest.mark.parametrize(("payload", "record"), [(b"\0", None), (b"\2\2a", {"text": "a"}), (b"\4\2a", ""), (b"\1\2a", ""), (b"\2", ""), (b"\0a", "")])
def test_a_record_or_null(payload: bytes, record: Any) -> None:
    """Also branches that there are not, and one that is cut off."""
    schema = {"fields": [{"name": "one", "type": ["null", TEXT]}]}
    found = read_many(schema, [b"\2\2x", payload, b"\0"], 0, {}, USUAL)
    assert [f and f["one"] for f in found] == [{"text": "x"}, None if record == "" else record, None]
    assert (found[1] is None) == (record == "")


@pytest.mark.parametrize("count", [0, 1, 2, MOST_ITEMS, MOST_ITEMS + 1])
def test_items(count: int) -> None:
    schema = {"fields": [{"name": "list", "type": {"type": "array", "items": TEXT}}]}
    one, other = bytes((2 * count,)) + b"\x02a" * count + b"\0" * bool(count), b"\x02\x02b\0"
    found = read_many(schema, [other, one, one + b"\0", one[:-1], other], 0, {}, USUAL)
    expected = [{"text": "a"}] * count if count <= MOST_ITEMS else None
    assert [f and f["list"] for f in found] == [[{"text": "b"}], expected, None, None, [{"text": "b"}]]


def test_a_type_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="double"):
        read_many({"fields": [{"name": "x", "type": "double"}]}, [b""], 0, {}, USUAL)
