"""The tables of documents: chosen by order number, put together, counted, each line kept with its order."""

import polars as pl
import pytest

from pipeline.documents import BIT, LONGEST_IDENTITY, Documents, identity_code, together


def documents(orders: list[int], payments: list[int], waybills: list[int]) -> Documents:
    """Of these order numbers; the nth order has n + 1 lines, each with the order's hash for its item."""
    lines = [(n, place + 1, h) for n, h in enumerate(orders) for place in range(n + 1)]
    schema = {"document": pl.UInt32, "position": pl.Int64, "item": pl.Int64}
    tables = (pl.DataFrame({"order_hash": pl.Series(of, dtype=pl.Int64)}) for of in (orders, payments, waybills))
    return Documents(*tables, lines=pl.DataFrame(lines, schema=schema, orient="row"))


def shown(found: Documents) -> tuple[list[int], list[int], list[int], list[tuple[int, int, int]]]:
    """Order numbers by kind; of each line the order number of its order, its position and its item."""
    orders, payments, waybills = (found.of(kind)["order_hash"].to_list() for kind in BIT)
    return orders, payments, waybills, [(orders[n], position, item) for n, position, item in found.lines.iter_rows()]


def test_those_of_some_order_numbers_are_numbered_anew() -> None:
    every = documents([5, 6, 7], [7, 6], [6, 8])
    some = every.only(pl.Series([7, 6, 8], dtype=pl.Int64))
    assert shown(some) == ([6, 7], [7, 6], [6, 8], [(6, 1, 6), (6, 2, 6), (7, 1, 7), (7, 2, 7), (7, 3, 7)])
    assert some.lines.schema == every.lines.schema
    assert some.order.columns == ["order_hash"]


def test_of_no_order_number_there_is_none() -> None:
    every = documents([5], [5], [5])
    nothing = every.only(pl.Series([], dtype=pl.Int64))
    assert (shown(nothing), len(nothing)) == (([], [], [], []), 0)
    assert [nothing.of(kind).schema for kind in BIT] == [every.of(kind).schema for kind in BIT]


def test_each_order_number_once_and_each_document_counted() -> None:
    every = documents([5, 6, 7], [7, 6], [6, 8, 9, 9])
    assert sorted(every.hashes()) == [5, 6, 7, 8, 9]
    assert len(every) == 9
    assert [len(documents([1], [], [])), len(documents([], [1], [])), len(documents([], [], [1]))] == [1, 1, 1]


def test_parts_are_numbered_on() -> None:
    first, second, third = documents([5, 6], [5], []), documents([7], [], [5, 6]), documents([8, 9], [9], [])
    both = together([first, second, third])
    assert shown(both) == (
        [5, 6, 7, 8, 9], [5, 9], [5, 6], [(h, n, h) for h, count in ((5, 1), (6, 2), (7, 1), (8, 1), (9, 2)) for n in range(1, count + 1)],
    )  # fmt: skip
    assert both.lines.schema == first.lines.schema
    assert together([second]) is second


def test_a_kind_has_a_bit_of_its_own() -> None:
    """As platforms read them in `fault_kinds` and `missing`."""
    assert BIT == {"order": 1, "payment": 2, "waybill": 4}


@pytest.mark.parametrize(("platform", "number", "lacks", "key", "code"), [
    ("P", "N", False, b"P|N", None),
    ("", "N", True, b"|N", None),
    ("", "N", False, b"|N", "DL-03"),
    ("P", "", False, b"P|", "DL-03"),
    ("P", "", True, b"P|", "DL-03"),
    ("P|N", "1", True, b"P|N|1", "DL-03"),
    ("P", "N|1", False, b"P|N|1", None),
    ("P" * LONGEST_IDENTITY, "N", False, b"P" * LONGEST_IDENTITY + b"|N", None),
    ("P" * (LONGEST_IDENTITY + 1), "N", False, b"P" * (LONGEST_IDENTITY + 1) + b"|N", "DL-03"),
    ("P", "N" * (LONGEST_IDENTITY + 1), False, b"P|" + b"N" * (LONGEST_IDENTITY + 1), "DL-03"),
    ("P", "号" * 66 + "NN", False, b"P|" + "号".encode() * 66 + b"NN", None),
    ("P", "号" * 67, False, b"P|" + "号".encode() * 67, "DL-03"),
    ("P", "N", False, None, "DL-04"),
    ("P", "N", False, b"P|M", "DL-04"),
    ("P", "N", False, b"Q|N", "DL-04"),
    ("P", "N", False, b"PN", "DL-04"),
])  # fmt: skip
def test_identity(platform: str, number: str, lacks: bool, key: bytes | None, code: str | None) -> None:
    row = pl.DataFrame({"ebpCode": platform, "orderNo": number, "may_lack_platform": lacks, "its": pl.Series([key], dtype=pl.Binary)})
    assert row.select(identity_code("its")).item() == code
    assert row.rename({"its": "key"}).select(identity_code()).item() == code
