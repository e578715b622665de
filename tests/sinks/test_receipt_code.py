"""Which of its findings the receipt of a manifest names."""

import polars as pl
import pytest

from sinks.publish import FINDINGS


@pytest.mark.parametrize(
    ("findings", "named"),
    [
        ([("PAY-04", "HOLD"), ("REG-01", "REJECT"), ("REG-04", "REJECT")], "REG-01"),
        ([("GDS-07", "RELEASE"), ("PAY-04", "HOLD"), ("RSK-01", "HOLD")], "PAY-04"),
        ([("GDS-07", "RELEASE")], None),
    ],
)
def test_it_names_the_first_that_decided(findings: list[tuple[str, str]], named: str | None) -> None:
    found = pl.DataFrame(findings, schema=["code", "outcome"], orient="row").with_columns(m=pl.lit(0))
    (row,) = found.group_by("m").agg(FINDINGS).to_dicts()
    assert row["code"] == named and [f["code"] for f in row["findings"]] == [code for code, _ in findings]
