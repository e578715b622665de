"""Personal quota, yearly weights and numbers in use (docs/decisions.md, section 6) over mappings: Faust Tables, or
dicts in tests."""

import calendar
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from loadtest.plain_faust.counters import Seen
from loadtest.plain_faust.manifest import Manifest

Accounts = MutableMapping[str, list[int]]
Uses = MutableMapping[str, list[str | int]]


@dataclass(frozen=True, slots=True)
class Ledgers:
    """`accounts`: `<year>|<person>` → [reserved, used] in fen; `weights`: `<year>|<group>|<person>` → the same in mg; `uses`:
    number → [document key, acceptance time in ms]; `frozen`: guarantor → fen; `seen`: what the counters are counted from.

    `key`: 16 to 64 bytes of the persons' pseudonyms.
    """

    accounts: Accounts
    weights: Accounts
    uses: Uses
    frozen: MutableMapping[str, int]
    seen: Seen
    key: bytes

    def post(self, m: Manifest, me: str, outcome: str) -> list[str]:
        """Codes that refuse the manifest of document key `me`, or hold it (GUA); unless refused, what it needs is taken."""
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
            held = self._freeze(m)
            hold = hold or bool(held)
            self.uses[paid] = self.uses[parcel] = [me, m.accepted_ms]
            _take(self.accounts, account, m.dutiable_fen, hold)
            for key, mg, _ in weights:
                _take(self.weights, key, mg, hold)
            return held
        return refusals

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
        text = f"{m.order['buyerIdType']}|{m.order['buyerIdNumber'].upper()}"
        return blake2b(text.encode(), digest_size=16, key=self.key).hexdigest()

    @staticmethod
    def _still_held(m: Manifest, used_ms: int) -> bool:
        earlier, later = sorted((m.accepted_ms, used_ms))
        return months_later(earlier, m.law.limits["waybill_reuse_months"]) > later


def _admits(accounts: Accounts, key: str, amount: int, limit: int) -> bool:
    reserved, used = accounts.get(key) or (0, 0)
    return reserved + used + amount <= limit


def _take(accounts: Accounts, key: str, amount: int, hold: bool) -> None:
    reserved, used = accounts.get(key) or (0, 0)
    accounts[key] = [reserved + amount, used] if hold else [reserved, used + amount]


def months_later(at_ms: int, months: int) -> int:
    """The same day of the month and time of day so many months later, or that month's last day; in ms."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at_ms + round((at.replace(year=year, month=month + 1, day=day) - at).total_seconds()) * 1000
