"""What the rules read of one manifest, and what came of it: findings, what passed, what was not asked, signs of risk."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from history.recompute import QUARANTINE, Recomputed
from ops.explain.checks import Asked, answers
from ops.explain.lists import entries_of
from ops.explain.risks import risk
from ops.explain.thresholds import Thresholds
from ops.law_files import sources
from pipeline.risk import Indicator
from pipeline.rules import Looked, looked_at
from schemas.lawbook import Lawbook

TEXTS = ("en", "zh", "todo", "todo_zh", "law", "since", "when")


class Reading:
    """Of one decision made again; `fired`: the codes that were found. In quarantine no rule was asked."""

    def __init__(self, again: Recomputed, book: Lawbook, fired: Collection[str]) -> None:
        manifests = again.judged.manifests
        self._book, self._entries, self._fired = book, book.texts(), fired
        self._day = again.decided.heads["accepted_on"].item()
        self._lines = {x["position"]: x for x in manifests.lines.to_dicts()}
        self._thresholds = Thresholds(book, self._day, manifests.heads.row(0, named=True))
        self._looked = [] if QUARANTINE in fired else list(looked_at(manifests, book.on(self._day)))

    def finding(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of table finding, with the `lines` it is true of (none where it is about the whole), the `parameters` it was held
        against, and the `entries` of lists it goes by."""
        code, values = row["code"], json.loads(row["values_read"])
        true = [x for x in self._looked if x.rule.code == code and x.verdict]
        lines = [x.position for x in true if x.position is not None]
        concerned = [self._lines[n] for n in lines or self._lines]
        return {
            "code": code, "outcome": row["outcome"], "blames": self._entries[code]["blames"], "values": values, "lines": lines,
            "parameters": self._thresholds.of(code, values), **self._texts(code),
            "entries": entries_of(true[0].rule.reads, concerned, self._book, self._day) if true else [],
        }  # fmt: skip

    def looked(self, asked: Asked) -> dict[str, Any]:
        """`passed`: what found nothing, with what it read, of several lines each; `not_asked`: checks of ledgers, numbers and samples
        that there was no reason to make, `why` being the name of a text; `risk`: see risks.risk."""
        found: dict[str, dict[str, Any]] = {}
        signs: dict[str, dict[str, Any]] = {}
        for x in self._looked:
            if isinstance(x.rule, Indicator) and x.verdict:
                self._read(signs, x).setdefault("points", dict(x.rule.points))
            elif x.verdict is False and x.rule.code not in self._fired:
                self._read(found, x)
        not_asked: dict[str, dict[str, Any]] = {}
        for code, answer in answers(asked):
            if isinstance(answer, str):
                not_asked[code] = {"code": code, "why": answer, **self._texts(code)}
            else:
                read = [{"line": None, "values": values} for values in answer]
                found[code] = {"code": code, **self._texts(code), "read": read, "parameters": self._thresholds.of(code, answer[0])}
        return {
            "passed": [found[code] for code in self._entries if code in found.keys() - signs.keys()],
            "not_asked": list(not_asked.values()),
            "risk": risk((signs[code] for code in sorted(signs)), self._book, self._day),
        }

    def _read(self, found: dict[str, dict[str, Any]], x: Looked) -> dict[str, Any]:
        """The entry of a rule or indicator among those found, with one more reading."""
        code, values = x.rule.code, json.loads(x.values_read)
        entry = found.setdefault(code, {"code": code, **self._texts(code), "read": [], "parameters": self._thresholds.of(code, values)})
        entry["read"].append({"line": x.position, "values": values})
        return entry

    def _texts(self, code: str) -> dict[str, Any]:
        """Of an indicator, whose law is where it was seen, the titles of those sources."""
        entry = self._entries[code]
        law = {} if "law" in entry else {"law": "; ".join(sources(self._book, entry["source"]).values())}
        return {name: entry[name] for name in TEXTS if name in entry} | law
