"""Personal quota and numbers in use (docs/decisions.md, section 6) over any two mappings: Faust Tables, or dicts in tests."""

import calendar
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from loadtest.plain_faust.manifest import Manifest

Accounts = MutableMapping[str, list[int]]
Uses = MutableMapping[str, list[str | int]]


@dataclass(frozen=True, slots=True)
class Ledgers:
    """`accounts`: `<year>|<person>` → [reserved, used] in fen; `uses`: number → [document key, acceptance time in ms].

    `key`: 16 to 64 bytes of the persons' pseudonyms.
    """

    accounts: Accounts
    uses: Uses
    key: bytes

    def post(self, m: Manifest, me: str, outcome: str) -> list[str]:
        """Codes that refuse the manifest of document key `me`; without any, what it needs is taken."""
        payment, waybill = m.payment, m.waybill
        paid = f"P|{payment['payCode']}|{payment['payTransactionId']}"
        parcel = f"W|{waybill['logisticsCode']}|{waybill['logisticsNo']}"
        account = f"{m.law.year}|{self._person(m)}"
        reserved, used = self.accounts.get(account) or (0, 0)
        assert m.dutiable_fen is not None  # AMT rules reject whatever leaves it unknown
        refusals: list[str] = []
        if (use := self.uses.get(paid)) and use[0] != me:
            refusals.append("PAY-03")
        if (use := self.uses.get(parcel)) and use[0] != me and self._still_held(m, int(use[1])):
            refusals.append("WAY-06")
        if reserved + used + m.dutiable_fen > m.law.limits["annual_limit_fen"]:
            refusals.append("LIM-03")
        if not refusals:
            self.uses[paid] = self.uses[parcel] = [me, m.accepted_ms]
            hold = outcome == "HOLD"
            self.accounts[account] = [
                reserved + (m.dutiable_fen if hold else 0), used + (0 if hold else m.dutiable_fen),
            ]  # fmt: skip
        return refusals

    def _person(self, m: Manifest) -> str:
        text = f"{m.order['buyerIdType']}|{m.order['buyerIdNumber'].upper()}"
        return blake2b(text.encode(), digest_size=16, key=self.key).hexdigest()

    @staticmethod
    def _still_held(m: Manifest, used_ms: int) -> bool:
        earlier, later = sorted((m.accepted_ms, used_ms))
        return months_later(earlier, m.law.limits["waybill_reuse_months"]) > later


def months_later(at_ms: int, months: int) -> int:
    """The same day of the month and time of day so many months later, or that month's last day; in ms."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at_ms + round((at.replace(year=year, month=month + 1, day=day) - at).total_seconds()) * 1000
