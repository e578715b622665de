"""The events of guarantors whose account did not admit a manifest: made again from what every manifest needed (section 11)."""

from collections.abc import Iterable, Mapping
from typing import Any

from loadtest.verify.decided import Facts
from loadtest.verify.evidence import Message
from loadtest.verify.guarantees import EXHAUSTED, NOT_VALID
from loadtest.verify.messages import GUARANTEE_EVENT, decode
from loadtest.verify.proof import Report
from loadtest.verify.published import Box, compare, where
from loadtest.verify.rule_sets import RuleSets

WHAT = {EXHAUSTED: "EXHAUSTED", NOT_VALID: "NOT_VALID"}
Of = tuple[int, int, str, str]
"""Lane, batch, guarantor and finding code: of each there is one event."""


def check_events(told: Iterable[Message], facts: Mapping[int, Facts], rules: RuleSets, report: Report) -> None:
    """Each event there has to be was published once, and no other. `told`: all of them; `facts` by manifest_id."""
    box = Box("guarantee event")
    for message in sorted(told, key=lambda message: message[:3]):  # in the same order from however many shares
        found = decode(GUARANTEE_EVENT, message.value)
        if found is None:
            report.differs(where(message), "message", "a guarantee event", "something that does not decode")
        else:
            ident = _place(found["lane"], found["batchSeq"], found["guarantorCode"], found["code"])
            box.messages.setdefault(ident, []).append(message)
    for of, held in _held(facts).items():
        lane, batch_seq, guarantor, _ = of
        place = _place(*of)
        message = box.take(place, place, lane, batch_seq, report)
        if message is not None:
            expected = _expected(of, held, rules)
            compare(place, "guarantee event", message, decode(GUARANTEE_EVENT, message.value), guarantor.encode(), expected, report)
    box.rest(report)


def _held(facts: Mapping[int, Facts]) -> dict[Of, list[tuple[Facts, Mapping[str, Any]]]]:
    """Manifests, each with the values that its finding read."""
    found: dict[Of, list[tuple[Facts, Mapping[str, Any]]]] = {}
    for one in [one for one in facts.values() if one.unsecured]:
        for code, read in one.unsecured.items():
            found.setdefault((*one.lane_batch, one.secured.guarantor, code), []).append((one, read))
    return found


def _expected(of: Of, held: list[tuple[Facts, Mapping[str, Any]]], rules: RuleSets) -> dict[str, Any]:
    lane, batch_seq, guarantor, code = of
    last, read = max(held, key=lambda one: one[0].accepted_at)
    return {
        "guarantorCode": guarantor, "what": WHAT[code], "code": code, "limitFen": last.secured.limit,
        "balanceFen": read.get("balance_fen"), "entryNo": read.get("entry_no"), "manifests": len(held),
        "taxFen": sum(one.secured.amount for one, _ in held), "acceptedAt": last.accepted_at,
        "ruleSet": rules.at(last.version).version, "registryVersion": last.version, "lane": lane, "batchSeq": batch_seq,
    }  # fmt: skip


def _place(lane: int, batch_seq: int, guarantor: str, code: str) -> str:
    return f"guarantee event {guarantor} {code} lane {lane} batch {batch_seq}"
