"""How amounts and verdicts are written."""

import pytest

from loadtest.verify import Discrepancy, Proof
from ops.commands.load import _verdict
from ops.commands.show import yuan


@pytest.mark.parametrize(("fen", "text"), [(None, "-"), (0, "0.00"), (123_456, "1,234.56"), (-3022, "-30.22"), (-5, "-0.05"), (-100, "-1.00")])
def test_money(fen: int | None, text: str) -> None:
    assert yuan(fen) == text


@pytest.mark.parametrize(
    ("records", "differing", "said"), [(0, 0, "Nothing to verify yet"), (3, 0, "Verified: every decision right"), (3, 2, "2 discrepancies"), (0, 1, "1 discrepancies")]
)
def test_the_verdict_of_a_proof(records: int, differing: int, said: str) -> None:
    told = [Discrepancy("a place", "x", "1", "2")] * differing
    assert said in _verdict(Proof({"records": records}, {}, told, differing))
