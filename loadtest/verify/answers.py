"""Comparison with the answers that the generator knows of its own set (loadtest/generate)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtest.generate import GeneratedSet
from loadtest.verify.evidence import KINDS, Evidence, ManifestRow, Place, record_place
from loadtest.verify.proof import Report
from loadtest.verify.whereabouts import Whereabouts

History = tuple[tuple[str, frozenset[str], int], ...]
"""(outcome, finding codes, tax in fen) of each attempt."""


class KnownAnswers:
    """The answers of one set, whose documents are all that the topics hold."""

    def __init__(self, folder: Path) -> None:
        self._set = GeneratedSet.open(folder)

    def check(self, evidence: Evidence, found: Whereabouts, report: Report) -> None:
        """Histories of order numbers, groups of rivals, and what became of each document."""
        histories = _histories(evidence)
        accepted: dict[str, int] = {}
        wanted: dict[str, int] = {}
        for answer in self._set.answers().iter_rows(named=True):
            key = answer["ebp_code"], answer["order_no"]
            history = histories.pop(key, ())
            allowed = [_history(h) for h in answer["histories"]]
            report.counts["answers"] += 1
            if history not in allowed:
                place = f"order {key[0]}|{key[1]} ({answer['story']})"
                report.differs(place, "attempts", " or ".join(map(_told, allowed)), _told(history))
            if answer["group"]:
                wanted[answer["group"]] = answer["accepted"]
                is_accepted = any(outcome != "REJECT" for outcome, _, _ in history)
                accepted[answer["group"]] = accepted.get(answer["group"], 0) + is_accepted
        for group, count in wanted.items():
            report.same(f"group {group}", "accepted", count, accepted[group])
        for ebp_code, order_no in histories:
            report.differs(f"order {ebp_code}|{order_no}", "attempts", "an order of the set", "one that is not")
        self._check_documents(evidence, found, report)

    def _check_documents(self, evidence: Evidence, found: Whereabouts, report: Report) -> None:
        special: dict[int, list[str]] = dict(self._set.fates().select("sequence", "fates").iter_rows())
        places = _places(evidence)
        for sequence, sent in enumerate(self._set.documents()):
            kind = KINDS.index(sent.kind) + 1
            place = next(places.get((kind, sent.partition), iter(())), None)
            name = f"document {sequence} of the set"
            if place is None:
                report.differs(name, "record", f"one in partition {sent.partition} of {sent.kind}", "none")
                continue
            if (evidence.inputs[place].value or b"") != sent.value:
                report.differs(record_place(*place), "value", name, "something else")
                continue
            became = _became(place, found)
            if became not in special.get(sequence, ("used",)):
                report.differs(record_place(*place), "what became of it", special.get(sequence, ["used"]), became)
        for left in places.values():
            for place in left:
                report.differs(record_place(*place), "record", "a document of the set", "one more")


def _places(evidence: Evidence) -> dict[tuple[int, int], Iterator[Place]]:
    """Places in offset order by (kind, partition)."""
    found: dict[tuple[int, int], list[Place]] = {}
    for place in evidence.inputs:
        found.setdefault(place[:2], []).append(place)
    return {where: iter(sorted(places)) for where, places in found.items()}


def _became(place: Place, found: Whereabouts) -> str:
    if place in found.fates:
        return found.fates[place].code
    if place in found.dead:
        return found.dead[place].code
    return "used" if place in found.used else "open" if place in found.open else "lost"


def _histories(evidence: Evidence) -> dict[tuple[str, str], History]:
    codes: dict[int, set[str]] = {}
    for finding in evidence.tables.findings:
        codes.setdefault(finding.manifest_id, set()).add(finding.code)
    attempts: dict[tuple[str, str], list[ManifestRow]] = {}
    for row in evidence.tables.manifests:
        attempts.setdefault((row.ebp_code, row.order_no), []).append(row)
    return {
        key: tuple(
            (m.outcome, frozenset(codes.get(m.manifest_id, ())), m.tax_fen)
            for m in sorted(rows, key=lambda m: m.attempt)
        )
        for key, rows in attempts.items()
    }


def _history(attempts: list[dict[str, Any]]) -> History:
    return tuple((a["outcome"], frozenset(a["codes"]), a["tax_fen"]) for a in attempts)


def _told(history: History) -> str:
    told = [f"{outcome} {'+'.join(sorted(codes))} tax {tax}".replace("  ", " ") for outcome, codes, tax in history]
    return ", then ".join(told) or "open"
