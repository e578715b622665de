"""Named profiles of load, from profiles.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent.parent / "profiles.toml"


@dataclass(frozen=True, slots=True)
class Profile:
    """How many orders come when, and how many of them are not plain clean ones.

    Orders come at `orders_per_second`, or along the festival's curve when `curve_peak_per_second` is not 0: then
    `orders_per_second` is the mean and the peak is the curve's. Delays are means of an exponential distribution, in ms
    after the order. `waybills_late`: every waybill comes after the last order and payment.
    `market`: size of the registry (firms.SIZES). `hot_guarantor_share`: of the clean orders so many are secured by one
    guarantor besides those that are anyway, `hot_item_share`: so many are of one item.
    """

    name: str
    about: str
    manifests: int
    orders_per_second: float
    curve_peak_per_second: float
    special_share: float
    payment_delay_ms: int
    waybill_delay_ms: int
    waybills_late: bool
    market: str
    hot_guarantor_share: float = 0.0
    hot_item_share: float = 0.0


def profile(name: str) -> Profile:
    """KeyError with the known names when there is none of that name."""
    known = tomllib.loads(FILE.read_text())
    if name not in known:
        raise KeyError(f"no profile '{name}'; there are {', '.join(known)}")
    return Profile(name=name, **known[name])


def profile_names() -> list[str]:
    """In the order of profiles.toml."""
    return list(tomllib.loads(FILE.read_text()))
