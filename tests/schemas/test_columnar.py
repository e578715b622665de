"""The fast decoder agrees with the plain one, record by record, whatever stands beside a record."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.generate import generate, profile
from loadtest.generate.wire import encode
from schemas.codec import MAX_VALUE, MOST_LINES, NUL_IN_TEXT, TOO_MANY_LINES
from schemas.columnar import Decoded, decode_columns
from schemas.contracts import avro, schemas_of
from schemas.framing import zigzag
from schemas.packed import Packed
from tests.schemas.wire import KINDS, batches, calm, reference

CALM = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def shown(decoded: Decoded, count: int) -> list[str | dict[str, Any]]:
    """What became of each of `count` values, as tests.schemas.wire.reference shows it."""
    became: dict[int, str | dict[str, Any]] = {row: code for row, code, _ in decoded.undecodable}
    assert len(became) == len(decoded.undecodable)
    lines: dict[int, list[dict[str, Any]]] = {}
    for row, line in zip(decoded.line_rows.tolist(), decoded.lines.iter_rows(named=True), strict=True):
        mine = lines.setdefault(row, [])
        mine.append(line)
        assert line.pop("position") == len(mine)
    for row, record in zip(decoded.rows.tolist(), decoded.frame.iter_rows(named=True), strict=True):
        assert row not in became
        became[row] = record | ({"orderList": lines.pop(row, [])} if "goodsValue_e5" in record else {})
    assert lines == {}
    assert sorted(became) == list(range(count))
    return [became[row] for row in range(count)]


def check(kind: str, values: list[bytes]) -> Decoded:
    decoded = decode_columns(kind, Packed.of(values))
    for value, mine in zip(values, shown(decoded, len(values)), strict=True):
        assert mine == reference(kind, value)
    return decoded


@pytest.mark.parametrize("kind", KINDS)
def test_both_decoders_agree(kind: str) -> None:
    crowd = [encode(name, calm(avro(name)["fields"])) for name in schemas_of(kind).values()] * 3

    @CALM
    @given(batches(kind))
    def agree(values: list[bytes]) -> None:
        check(kind, values)
        check(kind, [*crowd, *values, *crowd])  # what else is there changes nothing

    agree()


@pytest.fixture(scope="module")
def sample() -> dict[str, list[bytes]]:
    """Sixty good values of each kind."""
    part = next(generate(profile("clean-mix"), 200, 11, processes=1))
    found: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
    for d in part.documents:
        if isinstance(reference(d.kind, d.value), dict):
            found[d.kind].append(d.value)
    return {kind: values[:60] for kind, values in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_batch_decodes_at_once(kind: str, sample: dict[str, list[bytes]]) -> None:
    decoded = check(kind, sample[kind])
    assert (len(decoded.frame), decoded.undecodable, decoded.alone) == (60, [], 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_record_does_not_swallow_its_neighbour(kind: str, sample: dict[str, list[bytes]]) -> None:
    good = sample[kind]
    payload = good[1][5:]
    for length in range(len(payload), len(payload) + 24):  # the guard between them is up to ten bytes
        forged = good[0][:-1] + zigzag(length)
        decoded = check(kind, [good[2], forged, good[1], *good[3:20]])
        assert [row for row, _, _ in decoded.undecodable] == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_two_records_in_one_value_are_none(kind: str, sample: dict[str, list[bytes]]) -> None:
    good = sample[kind]
    decoded = check(kind, [good[0], good[1] + good[2][5:], *good[3:20]])
    assert [(row, code) for row, code, _ in decoded.undecodable] == [(1, "DL-01")]


def test_an_int_beyond_32_bits_is_no_document() -> None:
    fields = avro("waybill-2")["fields"]
    good = encode("waybill-2", calm(fields))
    for number in (2**31, -(2**31) - 1, 2**40):
        wide = encode("waybill-2", calm(fields) | {"packNo": number})
        for values in ([wide], [good, wide], [wide, good, good], [*[good] * 20, wide]):
            assert [code for _, code, _ in check("waybill", values).undecodable] == ["DL-01"]
    assert check("waybill", [good]).undecodable == []


def test_a_count_of_items_that_cannot_be(sample: dict[str, list[bytes]]) -> None:
    good = sample["order"]
    for count in (10**6, -(10**6), 2**62, -(2**63)):
        decoded = check("order", [*good[1:12], good[0][:-1] + zigzag(count), good[12]])
        assert [row for row, _, _ in decoded.undecodable] == [11]


def order_of(*blocks: tuple[int, int]) -> bytes:
    """An order whose lines come in blocks: (count as written, items); a negative count names the bytes, too."""
    plain = calm(avro("order-2")["fields"])
    head = encode("order-2", plain | {"orderList": []})[:-1]
    item = encode("order-2", plain | {"orderList": plain["orderList"][:1]})[len(head) + 1 : -1]
    cut = [
        zigzag(count) + (zigzag(items * len(item)) if count < 0 else b"") + item * items for count, items in blocks
    ]
    return b"".join((head, *cut, b"\0"))


def test_an_array_in_several_blocks(sample: dict[str, list[bytes]]) -> None:
    """Avro lets a writer cut an array into blocks, and say the bytes of one before it."""
    cut = order_of((1, 1), (-2, 2), (3, 3))
    decoded = check("order", [*sample["order"][:10], cut, sample["order"][10]])
    assert (decoded.undecodable, decoded.alone) == ([], 0)
    assert decoded.line_rows.tolist().count(10) == 6


def test_orders_of_many_lines(sample: dict[str, list[bytes]]) -> None:
    long = [order_of((n, n)) for n in (4, 40, 7)]
    decoded = check("order", [*sample["order"][:10], *long, sample["order"][10]])
    assert (decoded.undecodable, decoded.alone) == ([], 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_with_a_zero_is_no_document(kind: str, sample: dict[str, list[bytes]]) -> None:
    """In each text field in turn; what stands beside it is taken all the same, its zeros that are no text too."""
    name = list(schemas_of(kind).values())[-1]
    plain = calm(avro(name)["fields"])
    lines: list[dict[str, Any]] = plain.get("orderList", [])
    for text in ("\0", "样\0例", "\0" * 300):
        poisoned = [plain | {field: text} for field, value in plain.items() if isinstance(value, str)]
        poisoned += [plain | {"orderList": [lines[0], lines[1] | {f: text}]} for f, v in (lines or [{}])[0].items() if isinstance(v, str)]
        for record in poisoned:
            decoded = check(kind, [*sample[kind][:20], encode(name, record), *sample[kind][20:30]])
            assert decoded.undecodable == [(20, "DL-01", NUL_IN_TEXT)]
            assert decoded.alone == 1


def test_more_lines_than_can_be_numbered(sample: dict[str, list[bytes]]) -> None:
    fields = avro("order-2")["fields"]
    plain = calm(fields)
    bare = {name: 0 if isinstance(v, int) else "" for name, v in plain["orderList"][0].items()}
    good, long = (encode("order-2", plain | {"orderList": [bare] * count}) for count in (MOST_LINES, MOST_LINES + 1))
    for crowd in ([], sample["order"][:20]):
        decoded = check("order", [*crowd, good, long])
        assert decoded.undecodable == [(len(crowd) + 1, "DL-01", TOO_MANY_LINES)]


def test_lines_in_several_blocks_count_together(sample: dict[str, list[bytes]]) -> None:
    """Blocks of bare lines: as many as can be numbered, and one more."""
    plain = calm(avro("order-2")["fields"])
    bare = {name: 0 if isinstance(v, int) else "" for name, v in plain["orderList"][0].items()}
    head, half = encode("order-2", plain | {"orderList": []})[:-1], MOST_LINES // 2
    line = encode("order-2", plain | {"orderList": [bare]})[len(head) + 1 : -1]
    good, long = (
        b"".join((head, zigzag(half), line * half, zigzag(-more), zigzag(len(line) * more), line * more, b"\0"))
        for more in (MOST_LINES - half, MOST_LINES - half + 1)
    )
    decoded = check("order", [good, long, *sample["order"][:3]])
    assert decoded.undecodable == [(1, "DL-01", TOO_MANY_LINES)]
    assert decoded.alone == 1


@pytest.mark.parametrize("text", ["\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_edges_of_utf_8(kind: str, text: str) -> None:
    """Each form at its limits is a text; one bit further, or cut short, it is none (RFC 3629 section 4)."""
    name = list(schemas_of(kind).values())[-1]
    value = encode(name, calm(avro(name)["fields"]) | {"ebpCode": f"a{text * 5}z"})
    assert check(kind, [value]).alone == 0
    form = text.encode()
    wrong = [form[:-1] + b"z", form[1:] + b"z", b"\xff" + form[1:], b"\xc0" + form[1:], b"\xed\xa0" + form[2:], b"\xf4\x90" + form[2:], b"\xe0\x80" + form[2:], b"\xf0\x80" + form[2:]]
    for bad in wrong:
        if len(bad) == len(form):
            check(kind, [value, value.replace(form, bad, 1), value])


def test_a_value_larger_than_a_document_is_none() -> None:
    assert check("order", [b"\0\0\0\0\x66" + bytes(MAX_VALUE)]).undecodable[0][1] == "DL-01"


@CALM
@given(st.sampled_from(KINDS), st.binary(max_size=40))
def test_noise_is_never_a_document(kind: str, noise: bytes) -> None:
    assert [code for _, code, _ in check(kind, [noise]).undecodable] in (["DL-01"], ["DL-02"])
