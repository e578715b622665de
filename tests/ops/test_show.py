"""How amounts are written."""

import pytest

from ops.commands.show import yuan


@pytest.mark.parametrize(("fen", "text"), [(None, "-"), (0, "0.00"), (123_456, "1,234.56"), (-3022, "-30.22"), (-5, "-0.05"), (-100, "-1.00")])
def test_money(fen: int | None, text: str) -> None:
    assert yuan(fen) == text
