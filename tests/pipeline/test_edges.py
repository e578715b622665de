"""Values at the edge of what the derived columns are worked out from."""

from dataclasses import replace

import polars as pl
import pytest

from pipeline.tax import LEVIED, TAXES
from tests.golden.test_rules import codes_of
from tests.pipeline.memory import MemoryStore
from tests.pipeline.test_weights import RICE, SUGAR, of
from tests.pipeline.trios import changed, numbered, records


def test_an_order_without_lines() -> None:
    """It has no row among the sums of lines: that is a count and a sum of 0, in order, without mode, and no tax."""
    trio = changed({})
    trio["order"]["orderList"] = []
    store = MemoryStore()
    decided = store.process(records(trio))
    assert set(decided.findings["code"].to_list()) == {"FMT-17", "SUM-02"}
    shown = decided.heads.row(0, named=True)
    assert (shown["line_count"], shown["line_total_sum_e5"], shown["one_indivisible_item"]) == (0, 0, False)
    assert (shown["gnum_in_order"], shown["trade_mode"], shown["tax_known"], shown["taxed"]) == (True, "", False, False)


@pytest.mark.parametrize(("price", "qty", "total", "right"), [
    ("0.00007", "71.42857", "0.00", True),  # 0.0049999999: the last figure before half a fen
    ("0.00007", "71.42857", "0.01", False),
    ("0.00005", "100.00000", "0.01", True),  # 0.005
    ("0.00005", "100.00000", "0.00", False),
    ("0.00001", "499.99999", "0.00", True),  # 0.0049999999 again, of other factors
])  # fmt: skip
def test_price_times_quantity_to_the_last_figure(price: str, qty: str, total: str, right: bool) -> None:
    _, codes = codes_of({"line2.price": price, "line2.qty": qty, "line2.totalPrice": total})
    assert ("SUM-03" not in codes) == right


@pytest.mark.parametrize(("qty", "known"), [("0.00001", True), ("0", False)])
def test_what_is_taxed_by_its_content_needs_a_quantity(qty: str, known: bool) -> None:
    """Perfume: the least quantity there is, and none."""
    changes = {"lines": 1, "line1.itemNo": "SKU010016", "line1.unit": "011", "line1.qty": qty, "line1.price": "1000.00"}
    trio = changed({**changes, "line1.totalPrice": "0.01" if known else "0.00", "recount": known})
    if not known:
        trio["order"] |= {"goodsValue": "0.00", "actualPaid": "40.22"}
    assert MemoryStore().process(records(trio)).heads["tax_known"].to_list() == [known]


def test_what_is_taxed_by_its_content_needs_a_quantity_in_bounds() -> None:
    """Perfume of which nobody can say how much; all else of the order is as it should be."""
    decided = MemoryStore().process(records(changed({"line1.itemNo": "SKU010016", "line1.unit": "011", "line1.qty": "10000000000"})))
    shown = decided.heads.row(0, named=True)
    assert shown["line_total_sum_e5"] == shown["order_goodsValue_e5"]
    assert shown["tax_known"] is False


@pytest.mark.parametrize("changes", [{"order.goodsValue": "200.00"}, {"line1.totalPrice": "10000000000.00", "order.goodsValue": "?"}])
def test_lines_that_do_not_come_to_the_goods_value_leave_the_tax_unknown(changes: dict[str, str]) -> None:
    """Another value; and one line that nobody can read beside others that alone come to it."""
    others = MemoryStore().process(records(changed({"line1.totalPrice": "0.00", "recount": True}))).heads["order_goodsValue_e5"].item()
    changes = {name: f"{others / 100_000:.2f}" if value == "?" else value for name, value in changes.items()}
    decided = MemoryStore().process(records(changed(changes)))
    assert decided.heads["tax_known"].to_list() == [False]


def test_an_amount_by_quantity_as_large_as_the_price() -> None:
    """A tonne of brandy at CNY 1 a kg: S = 1,000.00, base (1,000.00 + 1,000.00) / 0.8 = 2,500.00, consumption tax
    0.7 x (500.00 + 1,000.00) = 1,050.00, VAT 0.7 x 2,500.00 x 0.13 = 227.50."""
    changes = {"lines": 1, "line1.itemNo": "SKU010034", "line1.unit": "011", "line1.qty": "1000", "line1.price": "1.00", "order.freight": "0.00"}
    decided = MemoryStore().process(records(changed({**changes, "recount": True})))
    assert decided.tax.select(LEVIED).rows() == [(100_000, 0, 105_000, 22_750)]


def test_a_fen_of_price_bears_all_of_the_freight() -> None:
    """The line before it is a gift; VAT 0.7 x 10.01 x 0.13 = 0.91091."""
    decided = MemoryStore().process(records(changed({"line1.price": "0.00", "line2.price": "0.01", "recount": True})))
    assert decided.tax.select(LEVIED).rows() == [(0, 0, 0, 0), (1_001, 0, 0, 91)]


def test_taxes_stay_with_their_lines_beside_manifests_that_cannot_be_taxed() -> None:
    """Before, between and behind them: as if each were alone."""
    batch = [numbered(1), numbered(2, **{"line1.itemNo": "SKU010035"}), numbered(3), numbered(4, **{"line2.itemNo": "SKU010035"})]
    decided = MemoryStore().process([r for n, trio in enumerate(batch) for r in records(trio, n)])
    alone = MemoryStore().process(records(numbered(1))).tax.select(LEVIED).rows()
    heads = decided.heads.sort("order_no")
    assert heads["taxed"].to_list() == [True, False, True, False]
    assert heads.select(pl.sum_horizontal(TAXES)).to_series().to_list() == [3_022, 0, 3_022, 0]
    taxed = decided.tax.join(decided.heads.select("m", "order_no"), on="m")
    assert [taxed.filter(order_no=f"EXAMPLE-{n}").select(LEVIED).rows() for n in (1, 2, 3, 4)] == [alone, [], alone, []]


def test_a_firm_that_is_not_filed_is_a_general_one() -> None:
    """Neither reward nor demand is its: REG-05 rejects it anyhow."""
    heads = MemoryStore().process(records(changed({"order.ebcCode": "330296T999"}))).heads
    assert heads.select("ecommerce_class", "ecommerce_status").rows() == [("general", "")]


def test_a_quarantined_manifest_quotes_nothing() -> None:
    """Nobody knows what can be read of it."""
    findings = MemoryStore().process(records(numbered(1)), quarantined=True).findings
    assert findings.select("code", "outcome", "values_read").rows() == [("SYS-02", "HOLD", "{}")]


@pytest.mark.parametrize(("bags", "net_e5"), [("3", 30_000), ("0.00019", 1), ("0.00009", 0), ("999999999.99999", 9_999_999_999_999), ("-3", -30_000)])
def test_net_weight_in_the_unit_of_a_waybill(bags: str, net_e5: int) -> None:
    """Bags of 100 g in 10^-5 kg, what is less left out."""
    assert MemoryStore().process(records(of(1, (SUGAR, bags), price="0.00"))).heads["net_weight_e5"].to_list() == [net_e5]


def test_net_weight_is_bounded() -> None:
    """Fifty lines of as many 5 kg bags as there may be."""
    heads = MemoryStore().process(records(of(1, *[(RICE, "999999999.99999")] * 50, price="0.00"))).heads
    assert heads["net_weight_e5"].to_list() == [10**14]


@pytest.mark.parametrize(("seconds", "kind"), [((0, 0, 1), 2), ((0, 1, 0), 1), ((1, 0, 0), 0), ((0, 1, 1), 2), ((1, 1, 0), 1), ((1, 1, 1), 2), ((2, 1, 0), 0)])
def test_the_document_that_completed_it(seconds: tuple[int, int, int], kind: int) -> None:
    """The last one logged; of one moment the last kind."""
    arrived = [replace(r, offset=n, timestamp=r.timestamp + 1000 * s) for n, (r, s) in enumerate(zip(records(numbered(1)), seconds, strict=True))]
    completing = MemoryStore().process(arrived).heads["completing"].to_list()[0]
    assert (completing["kind"], completing["offset"], completing["partition"]) == (kind, kind, 0)
