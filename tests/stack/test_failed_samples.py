"""A generated set of which samples fail: the verifier proves what was rejected and given back, and finds what is wrong in it."""

import struct
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from loadtest.generate import Planned
from loadtest.generate.filings import filings, top_ups
from loadtest.verify import Evidence, Proof, prove
from loadtest.verify.evidence import Tables
from loadtest.verify.kafka import read_changes, read_kafka
from loadtest.verify.postgres import at_one_moment, read_tables
from ops.commands.sample import inspection_failed
from schemas.contracts import REGISTRY_PARTITION
from schemas.endpoints import Endpoints
from schemas.filings import Filing, written
from tests.pipeline.memory import KEY
from tests.stack.workers import SEEDS, Group, generated, producer, send, workers

HELD = """
SELECT m.ebp_code, m.order_no, m.attempt, m.ebc_code, m.queue, m.guarantor_code, l.item_no FROM manifest m JOIN manifest_line l USING (manifest_id)
WHERE m.outcome = 'HOLD' AND l.line_no = 1 AND NOT EXISTS (SELECT FROM revision r WHERE r.manifest_id = m.manifest_id)
ORDER BY m.manifest_id"""
REJECTED = "SELECT count(*) = $2 FROM revision v JOIN manifest m USING (manifest_id) WHERE v.outcome = 'REJECT' AND encode(m.decision_id, 'hex') = ANY ($1)"
RELEASED = """
SELECT m.ebc_code, l.item_no FROM revision v JOIN manifest m USING (manifest_id) JOIN manifest_line l USING (manifest_id)
WHERE v.outcome = 'RELEASE' ORDER BY v.manifest_id, l.line_no"""


def failing(row: Any) -> Filing:
    return inspection_failed(row["ebp_code"], row["order_no"], row["attempt"], row["item_no"])


def recall(row: Any) -> Filing | None:
    """Its first item, recalled; None when it is not filed."""
    filed = {f.key: f for f in filings("small")}.get(f"goods|{row['ebc_code']}|{row['item_no']}")
    return filed and Filing("goods", 9, {**filed.content, "status": "recalled"})


async def filed(group: Group, wanted: list[Filing]) -> None:
    events = (Planned(0, "registry", REGISTRY_PARTITION, f.key.encode(), written(f)) for f in {f.key: f for f in wanted}.values())
    async with producer(group.endpoints) as sender:
        await send(sender, events)
    await group.settled()


ENTRY = struct.Struct(">qqB")
RESERVED, RESTORED = 0, 2


async def evidence_of(endpoints: Endpoints) -> Evidence:
    changes = [await read_changes(endpoints.kafka_options(), kind) for kind in ("registry", "rules", "clock")]
    async with at_one_moment(endpoints.postgres) as connection:
        tables = await read_tables(connection)
    return Evidence(*await read_kafka(endpoints.kafka_options()), tables, *changes)


def damaged(evidence: Evidence, damage: Callable[[Tables], None]) -> Proof:
    """The proof of a copy of it."""
    tables = Tables(**{f.name: list(getattr(evidence.tables, f.name)) for f in fields(Tables)})
    damage(tables)
    return prove(Evidence(evidence.inputs, evidence.ends, evidence.outputs, tables, evidence.filings, evidence.rulings, evidence.ticks), KEY, seeds=SEEDS)


def told(proof: Proof) -> set[str]:
    return {d.what for d in proof.discrepancies}


async def test_what_failed_is_proved(topics: Endpoints, tmp_path: Path) -> None:
    documents = generated(tmp_path / "set", 900, 11)
    async with workers(topics, tmp_path / "run", 2) as group:
        async with producer(topics) as sender:
            await send(sender, documents.documents())
            await group.settled()
            held = await group.db.fetch(HELD)
            in_queues = {queue: [r for r in held if r["queue"] == queue] for queue in ("inspection", "review", "guarantee", "stock")}
            assert all(in_queues.values())
            kept = next(r for r in in_queues["guarantee"] if recall(r))
            events = [Planned(0, "registry", REGISTRY_PARTITION, e.key, e.value) for e in top_ups()]
            now, later = ([e for e in events if (f"|{kept['guarantor_code']}|".encode() in e.key) is its] for its in (False, True))
            await send(sender, now)
            await group.until("all others released", "SELECT bool_and(waits_for = $1) FROM held", f"G|{kept['guarantor_code']}")
            chosen = [*in_queues["inspection"][::2], *in_queues["review"][::2]]
            await filed(group, [failing(r) for r in chosen])
            ids = [failing(r).content["decisionId"] for r in chosen]
            await group.until("all of them rejected", REJECTED, ids, len(ids))
            out = await group.db.fetch(RELEASED)
            recalled = [recall(kept), next(f for r in out if (f := recall(r)))]
            await filed(group, [f for f in recalled if f])
            await send(sender, later)
            await group.settled()
            staying = [r for r in [*in_queues["guarantee"], *in_queues["stock"]] if r["guarantor_code"] == kept["guarantor_code"] and recall(r) in recalled]
            await group.until("nothing held that may go", "SELECT count(*) = $1 FROM held", len(staying))
            await group.until("everything published", "SELECT bool_and(batch_seq = published_seq) FROM lane")
        assert await group.stop() == [0, 0]
        await group.proved(documents)
    evidence = await evidence_of(topics)
    proof = damaged(evidence, lambda _: None)
    assert proof.verified and proof.counts["revised_to_reject"] >= 4 and proof.counts["failed_and_held"] == 0
    _find_what_is_wrong(evidence)


def _find_what_is_wrong(evidence: Evidence) -> None:
    gone = next(r for r in evidence.tables.revisions if r.outcome == "REJECT")
    latest = evidence.tables.registry_state[0].version

    def without_revision(tables: Tables) -> None:
        tables.revisions.remove(gone)

    def confirmed(tables: Tables) -> None:
        at, entry = next((n, e) for n, e in enumerate(tables.entries) if e.movement == "restore")
        tables.entries[at] = entry._replace(movement="confirm", credit="used")

    def given_back_twice(tables: Tables) -> None:
        at, row = next((n, r) for n, r in enumerate(tables.guarantee_entries) if struct.unpack_from(">qq", r.moved)[1] < 0)
        ident, amount = struct.unpack_from(">qq", row.moved)
        tables.guarantee_entries[at] = row._replace(moved=struct.pack(">qq", ident, 2 * amount) + row.moved[16:])

    def kept_in_stock(tables: Tables) -> None:
        """As if it had been reserved a second time."""
        at, row = next((n, r) for n, r in enumerate(tables.stock_entries) if ENTRY.unpack_from(r.moved)[2] == RESTORED)
        tables.stock_entries[at] = row._replace(moved=row.moved[:16] + b"\0" + row.moved[17:])

    def less_in_stock(tables: Tables) -> None:
        at, row = next((n, r) for n, r in enumerate(tables.stock_entries) if ENTRY.unpack_from(r.moved)[2] == RESTORED)
        ident, amount, movement = ENTRY.unpack_from(row.moved)
        tables.stock_entries[at] = row._replace(moved=ENTRY.pack(ident, amount - 1, movement) + row.moved[17:])

    def never_reserved(tables: Tables) -> None:
        """Its first entry is gone: there is nothing to give back."""
        ident = next(ENTRY.unpack_from(r.moved)[0] for r in tables.stock_entries if ENTRY.unpack_from(r.moved)[2] == RESTORED)
        at, row = next((n, r) for n, r in enumerate(tables.stock_entries) if (ident, RESERVED) in [(i, m) for i, _, m in ENTRY.iter_unpack(r.moved)])
        others = next(i for i, _, _ in (ENTRY.unpack_from(r.moved) for r in tables.stock_entries) if i != ident)
        moved = b"".join(ENTRY.pack(others if i == ident else i, *rest) for i, *rest in ENTRY.iter_unpack(row.moved))
        tables.stock_entries[at] = row._replace(moved=moved)

    def nothing_failed(tables: Tables) -> None:
        """It holds from a later version on than the one it was rejected by."""
        at, entry = next((n, e) for n, e in enumerate(tables.registry_entries) if e.key.startswith("inspection|"))
        tables.registry_entries[at] = entry._replace(version=latest + 1)

    def released_though_recalled(tables: Tables) -> None:
        tables.revisions[:] = [r._replace(registry_version=latest) if r.outcome == "RELEASE" else r for r in tables.revisions]

    def another_status(tables: Tables) -> None:
        tables.revisions[tables.revisions.index(gone)] = gone._replace(return_status=100)

    assert {"entries of the quota ledger", "decision"} <= told(damaged(evidence, without_revision))
    assert damaged(evidence, without_revision).counts["failed_and_held"] == 1
    assert "movement" in told(damaged(evidence, confirmed))
    assert "amount" in told(damaged(evidence, given_back_twice))
    assert {"stock it took", "reserved, used after"} <= told(damaged(evidence, kept_in_stock))
    assert {"stock it took", "reserved, used after"} <= told(damaged(evidence, less_in_stock))
    assert {"stock it took", "movement"} <= told(damaged(evidence, never_reserved))
    assert "an inspection that failed" in told(damaged(evidence, nothing_failed))
    assert "what it has that is not active, and whether one failed" in told(damaged(evidence, released_though_recalled))
    assert "revision" in told(damaged(evidence, another_status))
