"""How many persons, phones, addresses and orders were lately seen together (docs/decisions.md, section 13), over a mapping:
a Faust Table, or a dict in tests."""

from collections.abc import Callable, MutableMapping
from hashlib import blake2b
from typing import NamedTuple

from loadtest.plain_faust.manifest import Manifest

HOUR_MS = 3_600_000
WINDOWS_MS = {"1h": HOUR_MS, "24h": 24 * HOUR_MS, "30d": 720 * HOUR_MS}
MOST = 100  # a subject with so many in the longest window gets no more
COUNTED = (
    ("phone_persons", "phone", "person"), ("address_persons", "address", "person"), ("person_phones", "person", "phone"),
    ("person_addresses", "person", "address"), ("person_orders", "person", "order"),
)  # fmt: skip
Seen = MutableMapping[str, list[list[int | str]]]
"""Subject → what manifests left with it, as Sighting; a list when it comes from a changelog."""


class Sighting(NamedTuple):
    """A manifest: when it was accepted, in ms, and pseudonyms."""

    at_ms: int
    person: str
    phone: str
    address: str
    order: str


def count(m: Manifest, seen: Seen, key: bytes) -> dict[str, int]:
    """The counters of a manifest, which leaves a sighting. `key` as of Ledgers."""
    o = m.order
    texts = (f"{o['buyerIdType']}|{o['buyerIdNumber'].upper()}", o["consigneeTelephone"], o["consigneeAddress"])
    person, phone, address = (blake2b(text.encode(), digest_size=8, key=key).hexdigest() for text in texts)
    own = Sighting(m.accepted_ms, person, phone, address, o["orderNo"])
    met: dict[str, list[Sighting]] = {}
    for subject, hashed in (("person", person), ("phone", phone), ("address", address)):
        name = f"{subject}|{hashed}"
        left = [Sighting(*x) for x in seen.get(name) or ()]  # type: ignore[arg-type]
        met[subject] = [x for x in left if 0 <= m.accepted_ms - x.at_ms < WINDOWS_MS["30d"]]
        if len(met[subject]) < MOST:
            seen[name] = [*map(list, left), list(own)]
    found: dict[str, int] = {}
    for counter, subject, what in COUNTED:
        for window, length in WINDOWS_MS.items():
            values = {getattr(x, what) for x in met[subject] if m.accepted_ms - x.at_ms < length}
            found[f"{counter}_{window}"] = len(values | {getattr(own, what)})
    return found


def _over(counter: str) -> Callable[[Manifest], bool]:
    """A rule that fires when this counter is over its limit in any window."""

    def over(m: Manifest) -> bool:
        return any([m.counted[f"{counter}_{window}"] > m.law.limits[f"{counter}_{window}_most"] for window in WINDOWS_MS])

    return over


RULES = [(f"VEL-{n:02d}", _over(counter)) for n, (counter, _, _) in enumerate(COUNTED, start=1)]
