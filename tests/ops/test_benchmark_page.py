"""docs/benchmarks.md says what docs/benchmarks-runs.csv has, and only verified runs come into it."""

from datetime import date
from typing import Any

import pytest

from ops import benchmark_page
from ops.benchmark_page import PAGE, page, recorded, row, tables

REPORT: dict[str, Any] = {
    "commit": "0123456789ab", "profile": "clean-mix", "manifests": 199_691, "manifests_per_second": 8000.4, "verified": True, "steal_percent": 0.04,
    "cpu_us_per_manifest": {"workers": 90.0, "postgres": 70.05, "broker": 12}, "peak_rss_mb": {"workers": 470.4}, "proof": {"seconds": {"reading": 20.2, "decisions": 39.9}},
}  # fmt: skip


def test_the_page_is_written_from_the_record() -> None:
    assert PAGE.read_text() == page(PAGE.read_text(), recorded()), "run python -m ops.benchmark_page"


def test_a_report_is_a_line_of_the_record() -> None:
    line = row(REPORT | {"ratio_to_baseline": 17.04}, date(2026, 11, 28))
    assert list(line) == list(recorded()[0])
    assert list(line.values()) == ["2026-11-28", "0123456", "clean-mix", "8000", "90.0", "70.0", "12.0", "470", "0.0", "60", "17.0"]


@pytest.mark.parametrize("changed", [{"verified": None}, {"verified": False}, {"manifests": 60_000}])
def test_other_runs_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="verified run of 200,000"):
        row(REPORT | changed, date(2026, 11, 28))


def test_medians_and_what_keeps_the_bounds() -> None:
    fast, slow = row(REPORT, date(2026, 11, 28)), row(REPORT | {"manifests_per_second": 7000.0}, date(2026, 11, 28))
    late = row(REPORT | {"profile": "waybills-late"}, date(2026, 11, 28))
    text = tables([fast, slow, fast | {"verifier_s": "61"}, late])
    assert "| manifests/s | 8,000 | 8,000 | 7,000 | ≥ 8,000 | 2 of 3 |" in text
    assert "| verifier, s | 60 | 60 | 61 | ≤ 60 | 2 of 3 |" in text
    assert "All bounds but the verifier's together: 2 of 3 runs." in text


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        page(benchmark_page.BEGIN, recorded())
