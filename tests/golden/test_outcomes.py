"""Outcomes and queues of what ledgers, samples and the engine find are data: core and verifier go by them alike."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from loadtest.generate.people import identity_number
from loadtest.verify import prove
from schemas.law_check import problems
from schemas.lawbook import load
from schemas.samples import SecretSeeds
from tests.conftest import changed
from tests.pipeline.memory import BASE_MS, KEY, Rec
from tests.pipeline.test_ledgers import costing
from tests.pipeline.test_weights import SUGAR, of
from tests.pipeline.trios import HOUR_MS, numbered, records
from tests.verify.played import Play

SEED = [(date(2019, 1, 1), b"a seed for tests".rjust(32))]
NOBODY_DRAWN = dict[str, Any]()


def saying(folder: Path, code: str, outcome: str, queue: str = "") -> None:
    """Have rules.toml say something else of a finding."""
    text = (folder / "rules.toml").read_text()
    start = text.index(f'code = "{code}"')
    old = text[text.index("outcome", start) : text.index("blames", start)]
    queued = f'queue = "{queue}"\n' if queue else ""
    (folder / "rules.toml").write_text(text[:start] + text[start:].replace(old, f'outcome = "{outcome}"\n{queued}', 1))


def played(folder: Path, batches: list[list[Rec]], seeds: Any = NOBODY_DRAWN) -> Play:
    """Batches by the law of a folder, proved by the verifier."""
    assert problems(folder) == []
    game = Play()
    game.store.lawbook = load(folder)
    if seeds:
        game.store.seeds = SecretSeeds(seeds)
    for batch in batches:
        game.batch(batch)
    proof = prove(game.evidence([r for batch in batches for r in batch]), KEY, seeds=seeds or ())
    assert proof.discrepancies == []
    return game


def second_of(code: str) -> list[list[Rec]]:
    """Manifests one after the other, the last of which a number or an account refuses for `code`."""
    if code == "LIM-03":
        trios = [costing(n, "4990.00") for n in range(6)]
    elif code == "LIM-04":
        trios = [of(n, (SUGAR, qty)) for n, qty in enumerate(("1", "19.00001"))]
    else:
        trios = [numbered(1), numbered(2, identity_number(5))]
        if code == "PAY-03":
            trios[1]["order"]["payTransactionId"] = trios[1]["payment"]["payTransactionId"] = trios[0]["payment"]["payTransactionId"]
        else:
            trios[1]["waybill"]["logisticsNo"] = trios[0]["waybill"]["logisticsNo"]
    return [records(trio, n, BASE_MS + HOUR_MS + 1000 * n) for n, trio in enumerate(trios)]


@pytest.mark.parametrize("code", ["LIM-03", "LIM-04", "PAY-03", "WAY-06"])
@pytest.mark.parametrize("batches", [1, 2], ids=["in one batch", "in batches of their own"])
def test_what_a_number_or_an_account_refuses_can_be_held(folder: Path, code: str, batches: int) -> None:
    """And takes nothing, as little as what is rejected for it."""
    saying(folder, code, "HOLD", "inspection")
    sent = second_of(code)
    game = played(folder, sent if batches == 2 else [[r for one in sent for r in one]])
    *others, last = sorted(game.store.manifests.values(), key=lambda m: m["accepted_at"])
    assert {m["outcome"] for m in others} == {"RELEASE"}
    assert (last["outcome"], last["queue"], last["return_status"], last["codes"]) == ("HOLD", "inspection", 500, {code})
    assert last["taxed"], "what an officer lets pass owes it"
    takers = [e.manifest_id for rows in (game.tables.entries, game.tables.weight_entries, game.tables.uses) for e in rows]
    assert len(game.tables.manifests) == len(others) + 1
    held = next(m for m in game.tables.manifests if m.outcome == "HOLD")
    assert held.manifest_id not in takers and {m.manifest_id for m in game.tables.manifests} - {held.manifest_id} == set(takers)
    assert len(game.store.frozen) == len(others)


@pytest.mark.parametrize(("outcome", "queue", "status"), [("REJECT", "", 100), ("HOLD", "orderer", 300)])
@pytest.mark.parametrize("code", ["SMP-01", "SMP-02"])
def test_a_sample_comes_to_what_the_set_says(folder: Path, code: str, outcome: str, queue: str, status: int) -> None:
    saying(folder, code, outcome, queue)
    path = folder / "samples.toml"
    most = "bonded = { inspection_1e6 = 300000, review_1e6 = 300000 }\ndirect = { inspection_1e6 = 300000, review_1e6 = 300000 }\n"
    lines = (line for line in path.read_text().splitlines(keepends=True) if not line.startswith("direct"))
    path.write_text("".join(most if line.startswith("bonded") else line for line in lines))
    batch = [r for n in range(30) for r in records(numbered(n, identity_number(n)), n)]
    game = played(folder, [batch], SEED)
    found = {(m["outcome"], m["queue"], m["return_status"], m["taxed"]) for m in game.store.manifests.values() if code in m["codes"]}
    assert found == {(outcome, queue, status, outcome == "HOLD")}
    assert len(game.store.frozen) == sum(m["outcome"] != "REJECT" for m in game.store.manifests.values())


def test_quarantine_has_the_queue_that_the_set_says(folder: Path) -> None:
    saying(folder, "SYS-02", "HOLD", "orderer")
    game = Play()
    game.store.lawbook = load(folder)
    (decided,) = [game.store.process(records(numbered(1)), quarantined=True)]
    assert decided.heads.select("outcome", "queue").rows() == [("HOLD", "orderer")]


@pytest.mark.parametrize(("code", "outcome", "queue", "reason"), [
    ("SYS-02", "REJECT", "", "SYS-02 holds: no rule could be run"),
    ("GUA-01", "REJECT", "", "what waits there is released by itself"),
    ("GUA-02", "HOLD", "review", "what waits there is released by itself"),
    ("LIM-03", "HOLD", "guarantee", "what waits there is released by itself"),
    ("SMP-01", "HOLD", "stock", "what waits there is released by itself"),
])  # fmt: skip
def test_an_outcome_that_nothing_carries_out_is_refused(folder: Path, code: str, outcome: str, queue: str, reason: str) -> None:
    saying(folder, code, outcome, queue)
    assert [p.file for p in problems(folder) if code in p.what and reason in p.what] == ["rules.toml"]


@pytest.mark.parametrize("code", ["LIM-03", "LIM-04", "PAY-03", "WAY-06", "SYS-02"])
def test_what_is_found_without_asking_for_a_class_has_none(folder: Path, code: str) -> None:
    """An entry of classes.toml would say what nothing carries out."""
    saying(folder, code, "HOLD", "review")
    changed(folder, "classes.toml", 'code = "WAY-02"\nclass = "aeo"\noutcome = "RELEASE"', f'code = "{code}"\nclass = "aeo"\noutcome = "REJECT"')
    assert [p.what for p in problems(folder)] == [f"{code} holds, whatever the class"]
