"""Each term of the rules that name many fields: mandatory ones, lengths, codes and times, at their bound and just beyond.

The fields are entered here a second time, from the message's field list; one batch holds all manifests of a table.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from schemas.lawbook import load
from tests.golden.test_law_values import LIMITS
from tests.pipeline.memory import BASE_MS, MemoryStore
from tests.pipeline.trios import HOUR_MS, KINDS, numbered, records

MANDATORY = {
    "FMT-01": "order guid appStatus orderType ebpName ebcCode ebcName buyerRegNo buyerName buyerTelephone buyerIdType buyerIdNumber "
    "consignee consigneeTelephone consigneeAddress",
    "FMT-02": "payment guid appStatus payCode payName payTransactionId ebpName payerIdType payerIdNumber payerName",
    "FMT-03": "waybill guid appStatus logisticsCode logisticsName logisticsNo consignee consigneeAddress consigneeTelephone",
    "FMT-04": "line itemName gmodel unit country",
}
MAY_BE_EMPTY = {
    "FMT-01": "order payCode payName payTransactionId batchNumbers consigneeDistrict note",
    "FMT-02": "payment telephone note",
    "FMT-03": "waybill billNo goodsInfo note",
    "FMT-04": "line itemNo itemDescribe barCode note",
}
LENGTHS: dict[str, dict[str, Any]] = {
    "FMT-05": {
        "kind": "order", "guid": 36, "orderNo": 60, "ebpCode": 18, "ebpName": 100, "ebcCode": 18, "ebcName": 100, "buyerRegNo": 60,
        "buyerName": 60, "buyerTelephone": 30, "buyerIdNumber": 60, "payCode": 18, "payName": 100, "payTransactionId": 60,
        "batchNumbers": 100, "consignee": 100, "consigneeTelephone": 50, "consigneeAddress": 200, "consigneeDistrict": 6, "note": 1000,
    },
    "FMT-06": {
        "kind": "payment", "guid": 36, "payCode": 18, "payName": 100, "payTransactionId": 60, "ebpName": 100, "payerIdNumber": 60,
        "payerName": 60, "telephone": 30, "note": 1000,
    },
    "FMT-07": {
        "kind": "waybill", "guid": 36, "logisticsCode": 18, "logisticsName": 100, "logisticsNo": 60, "billNo": 37, "goodsInfo": 200,
        "consignee": 100, "consigneeAddress": 200, "consigneeTelephone": 50, "note": 1000,
    },
    "FMT-08": {
        "kind": "line", "itemNo": 30, "itemName": 250, "gmodel": 510, "itemDescribe": 1000, "barCode": 50, "unit": 3, "country": 3, "note": 1000,
    },
}  # fmt: skip
# code → kind, field, a value that is none of the message's, values that are (appType 3 deletes: it completes nothing)
CODES = {
    "FMT-09": [("order", "orderType", "i", "I"), ("order", "appStatus", "1", "2"), ("order", "appType", "0", "1 2"),
               ("order", "appType", "4", "2"), ("order", "buyerIdType", "0", "1"), ("order", "buyerIdType", "3", "2")],
    "FMT-10": [("payment", "appStatus", "1", "2"), ("payment", "appType", "4", "1 2"), ("payment", "payerIdType", "3", "1 2")],
    "FMT-11": [("waybill", "appStatus", "1", "2"), ("waybill", "appType", "4", "1 2")],
    "PAY-02": [("order", "payCode", "330296Y002", "330296Y001"), ("order", "payTransactionId", "EXAMPLE-PAY-1 ", "")],
}  # fmt: skip
TIMES = [("order", "appTime"), ("payment", "appTime"), ("payment", "payTime"), ("waybill", "appTime")]
Probe = tuple[str, str, str, str, bool]  # code, kind, field, value, whether it is found


def found(probes: Iterable[Probe]) -> tuple[list[Probe], list[Probe]]:
    """What was asked, and how it came out: all in one batch."""
    store, asked = MemoryStore(), list(probes)
    trios = [changed(n, *probe) for n, probe in enumerate(asked, start=1)]
    store.process([r for n, trio in enumerate(trios) for r in records(trio, n)])
    codes = {(m["ebp_code"], m["order_no"]): m["codes"] for m in store.manifests.values()}
    return asked, [
        (code, kind, field, value, code in codes[trio["order"]["ebpCode"], trio["order"]["orderNo"]])
        for (code, kind, field, value, _), trio in zip(asked, trios, strict=True)
    ]


def changed(n: int, _code: str, kind: str, field: str, value: str, _found: bool) -> dict[str, Any]:
    """A manifest of its own with one field changed; what all three documents share, in all three."""
    trio = numbered(n)
    trio["order"]["payTransactionId"] = trio["payment"]["payTransactionId"] = f"EXAMPLE-PAY-{n if field != 'payTransactionId' else 1}"
    for one in KINDS if field in ("orderNo", "ebpCode") else [kind]:
        (trio["order"]["orderList"][1] if one == "line" else trio[one])[field] = value
    return trio


def test_mandatory_fields() -> None:
    probes = [
        (code, kind, field, nothing, table is MANDATORY)
        for nothing in ("", " ", "\t\n", "\u3000", "\u00a0 ")
        for table in (MANDATORY, MAY_BE_EMPTY)
        for code, (kind, *fields) in ((code, text.split()) for code, text in table.items())
        for field in fields
    ]
    asked, came = found(probes)
    assert came == asked


def test_an_order_number_of_blanks_is_none() -> None:
    asked, came = found(("FMT-01", "order", "orderNo", value, value.isspace()) for value in (" ", "\u3000\u3000\u3000", " 1"))
    assert came == asked


def test_lengths() -> None:
    probes = [
        (code, table["kind"], field, "长" * (most + more), more == 1)
        for code, table in LENGTHS.items()
        for field, most in table.items()
        if field != "kind"
        for more in (0, 1)
    ]
    asked, came = found(probes)
    assert came == asked


def test_codes() -> None:
    probes = [
        (code, kind, field, value, value == wrong)
        for code, rows in CODES.items()
        for kind, field, wrong, right in rows
        for value in (wrong, *(right.split() or [""]))
    ]
    asked, came = found(probes)
    assert came == asked


def test_no_document_is_dated_after_its_acceptance() -> None:
    at = datetime.fromtimestamp((BASE_MS + HOUR_MS) / 1000, UTC)
    asked, came = found(
        ("TIM-02", kind, field, (at + timedelta(milliseconds=late)).isoformat(), late == 1) for kind, field in TIMES for late in (0, 1)
    )
    assert came == asked


VELOCITY = {  # code → the counter and its windows
    "VEL-01": ("phone_persons", "1h 24h 30d"), "VEL-02": ("address_persons", "1h 24h 30d"), "VEL-03": ("person_phones", "1h 24h 30d"),
    "VEL-04": ("person_addresses", "1h 24h 30d"), "VEL-05": ("person_orders", "1h 24h 30d"), "VEL-06": ("same_goods_orders", "24h 30d"),
}  # fmt: skip


@pytest.mark.parametrize("code", VELOCITY)
def test_each_window_of_a_counter_alone_goes_beyond_its_bound(code: str) -> None:
    counter, windows = VELOCITY[code]
    (rule,) = (r for r in load().on(date(2019, 11, 11)).rules if r.code == code)
    columns = {f"{counter}_{w}": LIMITS[f"{counter}_{w}_most"] for w in windows.split()}
    assert set(rule.reads) == set(columns)
    beyond = [columns, *({**columns, name: most + 1} for name, most in columns.items())]
    assert pl.DataFrame(beyond).select(rule.condition).to_series().to_list() == [False, *[True] * len(columns)]


@pytest.mark.parametrize(("code", "bound", "fires"), [
    ("RSK-01", "price_low_fen", [(0, 0, False), (1, 999, True), (1, 1_000, False), (None, 0, None)]),
    ("RSK-02", "price_high_fen", [(0, 1, False), (1, 1_001, True), (1, 1_000, False), (None, 1, None)]),
])  # fmt: skip
def test_a_filed_price_of_a_fen_is_a_price(code: str, bound: str, fires: list[tuple[int | None, int, bool | None]]) -> None:
    """(filed, of the line in 10⁻⁵, whether it is found): 0 files nothing."""
    rows = [{bound: filed, "line_price_e5": price} for filed, price, _ in fires]
    condition = load().on(date(2019, 11, 11)).indicators[code].condition
    assert pl.DataFrame(rows).select(condition).to_series().to_list() == [found for *_, found in fires]


def test_the_first_order_of_a_person_near_a_limit() -> None:
    """(orders of the person, dutiable price in fen, whether it is found): from nine tenths of CNY 5,000 to 5,000, and of 26,000 on."""
    rows = [
        (1, 449_999, False), (1, 450_000, True), (1, 500_000, True), (1, 500_001, False), (1, 2_339_999, False), (1, 2_340_000, True),
        (1, 9_999_999, True), (2, 450_000, False), (2, 2_340_000, False), (0, 450_000, False),
    ]  # fmt: skip
    condition = load().on(date(2019, 11, 11)).indicators["RSK-07"].condition
    table = pl.DataFrame([row[:2] for row in rows], ["person_orders_30d", "dutiable_fen"], orient="row")
    assert table.select(condition).to_series().to_list() == [found for *_, found in rows]


def test_one_payment_firm_behind_four_persons_of_an_address_or_a_phone() -> None:
    rows = [
        (4, 1, 0, 0, True), (3, 1, 0, 0, False), (4, 2, 0, 0, False), (4, 0, 0, 0, False),
        (0, 0, 4, 1, True), (0, 0, 3, 1, False), (0, 0, 4, 2, False), (0, 0, 4, 0, False), (4, 2, 4, 2, False), (3, 1, 3, 1, False),
    ]  # fmt: skip
    columns = ["address_persons_24h", "address_pay_firms_24h", "phone_persons_24h", "phone_pay_firms_24h"]
    condition = load().on(date(2019, 11, 11)).indicators["RSK-08"].condition
    table = pl.DataFrame([row[:4] for row in rows], columns, orient="row")
    assert table.select(condition).to_series().to_list() == [found for *_, found in rows]
