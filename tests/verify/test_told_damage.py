"""Damage to what findings tell of the values they read."""

import json
from collections.abc import Callable

import pytest

from loadtest.verify import Evidence, Proof, prove
from loadtest.verify.evidence import FindingRow, manifest_place
from tests.pipeline.memory import KEY
from tests.pipeline.trios import example, rec
from tests.verify.played import Play, lane_of
from tests.verify.test_damage import told
from tests.verify.test_stock_damage import manifest_of

Prove = Callable[[], Proof]
Told = dict[str, str | None]
Change = Callable[[Told], Told]


def one_of_each_code(evidence: Evidence, changed: Change) -> dict[str, str]:
    """Change what one finding of each code tells; code → the place of it, of those that tell something else then."""
    findings, found = evidence.tables.findings, dict[str, str]()
    for n, finding in enumerate(findings):
        read: Told = json.loads(finding.values_read)
        if finding.code not in found and changed(read) != read:
            findings[n] = finding._replace(values_read=json.dumps(changed(read)))
            found[finding.code] = f"{manifest_place(manifest_of(evidence, finding.manifest_id))} finding {finding.code}"
    return found


@pytest.mark.parametrize("changed", [
    lambda read: {name: f"{shown}1" for name, shown in read.items()},
    lambda read: dict.fromkeys(read, "***4"),
    lambda read: dict.fromkeys(read),
    lambda read: dict(list(read.items())[1:]),
    lambda read: read | {"waybill_packNo": "77"},
], ids=["other values", "masked", "null", "one not told", "one more"])  # fmt: skip
def test_every_code_is_told_of(evidence: Evidence, proved: Prove, changed: Change) -> None:
    damaged = one_of_each_code(evidence, changed)
    assert len(damaged) > 40  # rules of manifests, of lines, on counters, risk, samples and ledgers
    places = {d.place for d in proved().discrepancies}
    assert {code for code, place in damaged.items() if place not in places} == set()


def of(evidence: Evidence, code: str) -> tuple[int, FindingRow, Told]:
    n, finding = next((n, f) for n, f in enumerate(evidence.tables.findings) if f.code == code)
    return n, finding, json.loads(finding.values_read)


@pytest.mark.parametrize("code", ["RTY-01", "RTY-02", "VEL-01"])
def test_each_value_counts(evidence: Evidence, proved: Prove, code: str) -> None:
    """One alone, of what indicators of risk read beside counters, of rules on counters too."""
    n, finding, read = of(evidence, code)
    place = f"{manifest_place(manifest_of(evidence, finding.manifest_id))} finding {code}"
    for name, shown in read.items():
        evidence.tables.findings[n] = finding._replace(values_read=json.dumps(read | {name: f"{shown}1"}))
        assert told(proved(), place, "")


def test_one_on_which_a_rule_failed_tells_nothing() -> None:
    records = [rec(kind, document, 0) for kind, document in example().items()]
    game = Play()
    read, decided = game.store.begin(records, quarantined=True)
    game.commit(read, decided, {n: s.advanced(None, None, None) for n, s in game.lanes.items()}, lane_of(read))
    evidence = game.evidence(records)
    assert prove(evidence, KEY).counts["quarantined"] == 1
    n, finding, _ = of(evidence, "SYS-02")
    place = f"{manifest_place(manifest_of(evidence, finding.manifest_id))} finding SYS-02"
    assert not told(prove(evidence, KEY), place, "")
    evidence.tables.findings[n] = finding._replace(values_read='{"line_count": "1"}')
    assert told(prove(evidence, KEY), place, "values read")
