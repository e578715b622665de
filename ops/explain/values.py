"""Values that rules read, in people's units beside the stored ones."""

from datetime import datetime
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")
UTC = "+00:00"  # how a time ends that was read

MONEY = (
    "goodsValue", "freight", "discount", "taxTotal", "actualPaid", "price", "totalPrice", "amountPaid", "insuredFee",
    "total_sum", "price_times_qty",
)  # fmt: skip


def shown_value(name: str, stored: str | int | None, labels: dict[str, str]) -> str:
    """As stored, and behind it what it means: CNY of money columns (_e5, _fen), units of quantities, kg of weights (_mg), shares in
    percent (_1e4, _1e6), times on Beijing's clocks."""
    if stored is None:
        return labels["unknown"]
    value = str(stored)
    if value == "":
        return labels["empty"]
    if value in ("True", "False"):
        return labels["yes" if value == "True" else "no"]
    if value.endswith(UTC):
        return labels["beijing_time"].format(time=f"{datetime.fromisoformat(value).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}")
    if not value.lstrip("-").isdigit():
        return value
    if name.endswith("_fen"):
        return f"CNY {decimals(int(value), 2)}"
    if name == "use_no":
        return labels["first_use" if value == "1" else "later_use"].format(n=value)
    if name == "rate_1e6":
        return f"{int(value) / 10_000:g}%"
    if name.endswith("_1e4"):
        return f"{int(value) / 100:g}%"
    if name.endswith("_mg"):
        return kilogram(int(value))
    if name.endswith("_e5"):
        plain = decimals(int(value), 5)
        return f"CNY {plain}" if name.removesuffix("_e5").partition("_")[2] in MONEY else plain
    return value


def decimals(units: int, places: int) -> str:
    """Units of 10^-places as a decimal number; of more than two places those that are zero are left out."""
    whole, part = divmod(abs(units), 10**places)
    fraction = f"{part:0{places}d}"
    fraction = fraction[:2] + fraction[2:].rstrip("0")
    return f"{'-' if units < 0 else ''}{whole:,}.{fraction}"


def kilogram(milligrams: int) -> str:
    """Milligrams as kg."""
    return f"{decimals(milligrams, 6)} kg"
