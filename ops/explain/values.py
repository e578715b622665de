"""Values that rules read, in people's units and words."""

from datetime import datetime
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")
UTC = "+00:00"  # how a time ends that was read

MONEY = (
    "goodsValue", "freight", "discount", "taxTotal", "actualPaid", "price", "totalPrice", "amountPaid", "insuredFee",
    "total_sum", "price_times_qty",
)  # fmt: skip
WEIGHED = ("waybill_weight_e5", "net_weight_e5")  # in 10^-5 kg
WORDED = ("_status", "_class", "trade_mode", "weight_group", "class", "category")  # columns whose values are words of ours
UNITS = ("_fen", "_e5", "_mg", "_1e4", "_1e6")
LONG = 40  # characters of a value that are shown


def shown_value(name: str, stored: str | int | None, labels: dict[str, str]) -> str:
    """What a stored value means: money in CNY (_e5, _fen), quantities in their unit, weights in kg (_mg too), shares in
    percent (_1e4, _1e6), times on Beijing's clocks, words of ours in the language."""
    if stored is None:
        return labels["unknown"]
    value = str(stored)
    if name.endswith(WORDED):
        return labels.get(f"word_{value or 'not_filed'}", value)
    if not value.strip():
        return labels["blank" if value else "empty"]
    if value in ("True", "False"):
        return labels["yes" if value == "True" else "no"]
    if value.endswith(UTC):
        return labels["beijing_time"].format(time=clock(datetime.fromisoformat(value)))
    if name == "held_by":
        platform, _, order_no = value.partition("|")
        return labels["held_by_order"].format(platform=platform, order_no=order_no)
    if name == "use_no" or name.endswith(UNITS):
        return _number(name, int(value), labels)
    return value if len(value) <= LONG else f"{value[:LONG]}…"


def _number(name: str, value: int, labels: dict[str, str]) -> str:
    """A value of a column that is a number in a unit."""
    if name.endswith("_fen"):
        return labels["money"].format(amount=decimals(value, 2))
    if name == "use_no":
        return labels["first_use" if value == 1 else "later_use"].format(n=value)
    if name.endswith(("_1e4", "_1e6")):
        return f"{value / (100 if name.endswith('_1e4') else 10_000):g}%"
    if name.endswith("_mg"):
        return kilogram(value, labels)
    if name in WEIGHED:
        return labels["kilograms"].format(amount=decimals(value, 5))
    return labels["money"].format(amount=decimals(value, 5)) if is_money(name) else decimals(value, 5)


def is_money(name: str) -> bool:
    """Whether a column in 10^-5 is money, and not a quantity."""
    return name.removesuffix("_e5").partition("_")[2] in MONEY


def clock(at: datetime) -> str:
    """A time on Beijing's clocks; with its milliseconds where it has some, for rules compare these too."""
    return beijing(at) + (f".{at.microsecond // 1000:03d}" if at.microsecond >= 1000 else "")


def beijing(at: datetime) -> str:
    """A time on Beijing's clocks, to the second."""
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def decimals(units: int, places: int) -> str:
    """Units of 10^-places as a decimal number; of more than two places those that are zero are left out."""
    whole, part = divmod(abs(units), 10**places)
    fraction = f"{part:0{places}d}"
    fraction = fraction[:2] + fraction[2:].rstrip("0")
    return f"{'-' if units < 0 else ''}{whole:,}.{fraction}"


def kilogram(milligrams: int, labels: dict[str, str]) -> str:
    """Milligrams as kg."""
    return labels["kilograms"].format(amount=decimals(milligrams, 6))

