"""Personal quota, yearly weights, numbers in use, guarantees and stock (docs/decisions.md, sections 6, 11 and 15) over mappings: Faust Tables, or
dicts in tests."""

import calendar
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from loadtest.plain_faust.counters import Seen
from loadtest.plain_faust.law import SHANGHAI
from loadtest.plain_faust.manifest import Manifest

Accounts = MutableMapping[str, list[int]]
Uses = MutableMapping[str, list[str | int]]


@dataclass(frozen=True, slots=True)
class Ledgers:
    """`accounts`: `<year>|<person>` → [reserved, used] in fen; `weights`: `<year>|<group>|<person>` → the same in mg; `uses`:
    number → [document key, acceptance time in ms]; `frozen`: guarantor → fen; `seen`: what the counters are counted from;
    `stock`: item of an account book → what was taken, in 10⁻⁵ units.

    `key`: 16 to 64 bytes of the persons' pseudonyms.
    """

    accounts: Accounts
    weights: Accounts
    uses: Uses
    frozen: MutableMapping[str, int]
    seen: Seen
    key: bytes
    stock: MutableMapping[str, int] = field(default_factory=lambda: dict[str, int]())

    def post(self, m: Manifest, me: str, outcome: str) -> list[str]:
        """Codes that refuse the manifest of document key `me`, or hold it (GUA, STK); unless refused, what it needs is taken."""
        payment, waybill = m.payment, m.waybill
        paid = f"P|{payment['payCode']}|{payment['payTransactionId']}"
        parcel = f"W|{waybill['logisticsCode']}|{waybill['logisticsNo']}"
        person, hold = self._person(m), outcome == "HOLD"
        account = f"{m.law.year}|{person}"
        assert m.dutiable_fen is not None  # AMT rules reject whatever leaves it unknown
        refusals: list[str] = []
        if (use := self.uses.get(paid)) and use[0] != me:
            refusals.append("PAY-03")
        if (use := self.uses.get(parcel)) and use[0] != me and self._still_held(m, int(use[1])):
            refusals.append("WAY-06")
        if not _admits(self.accounts, account, m.dutiable_fen, m.law.limits["annual_limit_fen"]):
            refusals.append("LIM-03")
        weights = [(f"{m.law.year}|{cap.group}|{person}", mg, cap.mg) for cap, mg in m.weights()]
        if not all([_admits(self.weights, key, mg, cap_mg) for key, mg, cap_mg in weights]):
            refusals.append("LIM-04")
        if not refusals:
            wanted = _booked(m)
            held = self._short(m, wanted) or self._freeze(m)
            if not held:
                for item, (amount, _) in wanted.items():
                    self.stock[item] = (self.stock.get(item) or 0) + amount
            hold = hold or bool(held)
            self.uses[paid] = self.uses[parcel] = [me, m.accepted_ms]
            _take(self.accounts, account, m.dutiable_fen, hold)
            for key, mg, _ in weights:
                _take(self.weights, key, mg, hold)
            return held
        return refusals

    def _short(self, m: Manifest, wanted: dict[str, tuple[int, str]]) -> list[str]:
        """Why what is wanted cannot be taken from stock: of several items the first by name."""
        for item, (amount, unit) in sorted(wanted.items()):
            entered = m.registry.stocked(item, unit, m.accepted_ms)
            if entered is None:
                return ["STK-02"]
            if (self.stock.get(item) or 0) + amount > entered:
                return ["STK-01"]
        return []

    def _freeze(self, m: Manifest) -> list[str]:
        """Freeze the tax due on the guarantor's account, or say why that cannot be."""
        guarantor, due = m.relation.get("guarantorCode", ""), sum([x.tariff_fen + x.consumption_fen + x.vat_fen for x in m.tax or ()])
        if not guarantor or not due:
            return []
        limit, frozen = m.registry.guaranteed(guarantor, m.accepted_ms), self.frozen.get(guarantor) or 0
        if frozen + due > limit:
            return ["GUA-01" if limit else "GUA-02"]
        self.frozen[guarantor] = frozen + due
        return []

    def _person(self, m: Manifest) -> str:
        text = m.order["buyerIdNumber"].upper()
        return blake2b(text.encode(), digest_size=16, key=self.key).hexdigest()

    @staticmethod
    def _still_held(m: Manifest, used_ms: int) -> bool:
        earlier, later = sorted((m.accepted_ms, used_ms))
        return months_later(earlier, m.law.limits["waybill_reuse_months"]) > later


def _booked(m: Manifest) -> dict[str, tuple[int, str]]:
    """Item of an account book → how much of it is ordered, and the unit; empty where its lines have several."""
    wanted: dict[str, tuple[int, str]] = {}
    for line, good in zip(m.lines, m.goods, strict=True):
        if good is not None and good.bonded and line["qty"] is not None and line["qty"] > 0:
            amount, unit = wanted.get(good.book_item, (0, line["unit"]))
            wanted[good.book_item] = (amount + line["qty"], unit if unit == line["unit"] else "")
    return wanted


def _admits(accounts: Accounts, key: str, amount: int, limit: int) -> bool:
    reserved, used = accounts.get(key) or (0, 0)
    return reserved + used + amount <= limit


def _take(accounts: Accounts, key: str, amount: int, hold: bool) -> None:
    reserved, used = accounts.get(key) or (0, 0)
    accounts[key] = [reserved + amount, used] if hold else [reserved, used + amount]


def months_later(at_ms: int, months: int) -> int:
    """The same day of the month and time of day so many months later in Shanghai, or that month's last day; in ms."""
    at = datetime.fromtimestamp(at_ms / 1000, SHANGHAI)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at_ms + round((at.replace(year=year, month=month + 1, day=day) - at).total_seconds()) * 1000
