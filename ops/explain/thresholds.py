"""What the conditions compare with: the limits they name, as they were on the day of acceptance, for the firms of the manifest."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from pipeline.accounts import QUOTA, WEIGHT
from pipeline.ledgers import NUMBERS
from schemas.lawbook import Lawbook

NAMED = re.compile(r"\{([a-z0-9_]+)\}")  # a regular expression's own braces hold digits, and no limit is called so
OF_LEDGER = {QUOTA.code: "annual_limit_fen", NUMBERS["W"]: "waybill_reuse_months"}


class Thresholds:
    """Those of one manifest. `head`: its derived columns."""

    def __init__(self, book: Lawbook, day: date, head: Mapping[str, Any]) -> None:
        limits = book.limits_on(day)
        tolerances = [x for x in book.classes.entries.get("tolerance", ()) if x["from"] <= day <= x["to"]]
        self._values = limits | {x["name"]: x["value"] for x in tolerances if head[f"{x['of']}_class"] == x["class"]}
        self._caps = {c.group: c.cap_mg for c in book.on(day).weight_caps}
        self._conditions = {code: entry["when"] for code, entry in book.texts().items() if "when" in entry}

    def of(self, code: str, read: Mapping[str, Any]) -> dict[str, int]:
        """Name → value of the limits that a code goes by, in the units their names say; `read`: the values it read.

        Of a band those of the indicators that reached it; what a ledger tells itself is not told twice.
        """
        if any(name.startswith("limit_") for name in read):
            return {}
        if code in OF_LEDGER:
            return {OF_LEDGER[code]: self._values[OF_LEDGER[code]]}
        if code == WEIGHT.code and "weight_group" in read:
            return {"cap_mg": self._caps[read["weight_group"]]}
        conditions = [self._conditions.get(x, "") for x in (code, *str(read.get("indicators", "")).split(","))]
        names = dict.fromkeys(name for condition in conditions for name in NAMED.findall(condition))
        return {name: self._values[name] for name in names if name in self._values}
