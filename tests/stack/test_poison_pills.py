"""One record must not end a worker: whatever PostgreSQL would refuse becomes a dead letter, and its neighbours are decided.

A record that a batch cannot be committed with would be read again by the next worker, and by the one after it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka.producer import message_accumulator
from aiokafka.producer import producer as aiokafka_producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from schemas.endpoints import Endpoints
from tests.pipeline.memory import Rec
from tests.pipeline.trios import KINDS, example, numbered, rec
from tests.schemas.test_kafka_headers import Odd
from tests.stack.nodes import manifests, nodes
from tests.stack.workers import producer, workers

MANY = 12  # enough that a batch is decoded as a block
ZERO, LONG = "样\0例", "样" * 2_000


def beside(records: Iterable[Rec]) -> list[Rec]:
    """These in the midst of whole manifests; offsets count up in each topic."""
    whole = [rec(kind, numbered(n)[kind], 0) for n in range(MANY) for kind in KINDS]
    placed: dict[str, int] = {}
    mixed: list[Rec] = []
    for r in [*whole[: len(whole) // 2], *records, *whole[len(whole) // 2 :]]:
        placed[r.topic] = placed.get(r.topic, -1) + 1
        mixed.append(replace(r, offset=placed[r.topic]))
    return mixed


def with_zero() -> Iterator[tuple[str, dict[str, Any]]]:
    """U+0000 in each text field in turn, those of a line too."""
    for kind in KINDS:
        document = example()[kind]
        for field, value in document.items():
            if isinstance(value, str) and field not in TIMES_AND_AMOUNTS:
                yield kind, document | {field: ZERO}
    order = example()["order"]
    line = order["orderList"][0]
    for field in line:
        if isinstance(line[field], str) and field not in TIMES_AND_AMOUNTS:
            yield "order", order | {"orderList": [line | {field: ZERO}]}


TIMES_AND_AMOUNTS = {
    "appTime", "payTime", "goodsValue", "freight", "discount", "taxTotal", "actualPaid", "amountPaid", "insuredFee", "weight",
    "qty", "price", "totalPrice",
}  # fmt: skip


async def dead(db: asyncpg.Connection) -> list[tuple[str, str]]:
    return [tuple(r) for r in await db.fetch("SELECT DISTINCT code, reason FROM dead_letter ORDER BY 1, 2")]


async def test_a_zero_in_any_text(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    poison = [rec(kind, document, 0) for kind, document in with_zero()]
    assert len(poison) > 50
    async with nodes(endpoints, [0]) as (node,):
        done = await node.take(*beside(poison))
        assert (done.dead, done.manifests) == ({"DL-01": len(poison)}, MANY)
        assert await dead(db) == [("DL-01", "a text holds U+0000")]
        assert (await node.tick()).manifests == 0


@pytest.mark.parametrize("field", ["ebpCode", "orderNo"])
async def test_an_identity_that_no_index_takes(endpoints: Endpoints, db: asyncpg.Connection, field: str) -> None:
    poison = [rec(kind, example()[kind] | {field: text}, 0) for kind in KINDS for text in (LONG, "A" * 201)]
    async with nodes(endpoints, [0]) as (node,):
        done = await node.take(*beside(poison))
        assert (done.dead, done.manifests) == ({"DL-03": len(poison)}, MANY)
        assert await dead(db) == [("DL-03", "orderNo or ebpCode is empty or too long, or ebpCode holds a |")]


async def test_the_longest_identity_there_may_be(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """Its manifest, its report when it stays open, and a fate."""
    identity = {"ebpCode": "样" * 66, "orderNo": "例" * 66}
    trio = example()
    records = [rec(kind, trio[kind] | identity, n) for n in range(2) for kind in KINDS]
    async with nodes(endpoints, [0]) as (node,):
        done = await node.take(*records)
        assert (done.dead, done.manifests) == ({}, 1)
        assert await db.fetchval("SELECT count(*) FROM document_fate WHERE order_no = $1", identity["orderNo"]) == 3


async def test_all_other_texts_may_be_long(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    """They become findings, and take no number that an index would have to hold."""
    trio = numbered(999)
    long = {
        kind: {f: LONG for f, v in trio[kind].items() if isinstance(v, str) and f not in TIMES_AND_AMOUNTS | {"ebpCode", "orderNo"}}
        for kind in KINDS
    }
    line = trio["order"]["orderList"][0]
    trio["order"]["orderList"] = [line | {f: LONG for f, v in line.items() if isinstance(v, str) and f not in TIMES_AND_AMOUNTS}]
    poison = [rec(kind, trio[kind] | long[kind], 0) for kind in KINDS]
    async with nodes(endpoints, [0]) as (node,):
        done = await node.take(*beside(poison))
        assert (done.dead, done.manifests) == ({}, MANY + 1)
        assert done.outcomes["REJECT"] == 1
        found = next(codes for number, _, _, codes in await manifests(db) if number == "EXAMPLE-999")
        assert {"FMT-05", "FMT-06", "FMT-07"} <= set(found)


async def test_as_many_lines_as_can_be_numbered_and_more(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    trio = numbered(999)
    bare = {f: "0" if f in TIMES_AND_AMOUNTS else "" if isinstance(v, str) else 1 for f, v in trio["order"]["orderList"][0].items()}
    trio["order"]["orderList"] = [bare] * 32_767
    longer = trio["order"] | {"orderList": [bare] * 32_768, "orderNo": "LONGER"}
    async with nodes(endpoints, [0]) as (node,):
        done = await node.take(*beside([*(rec(kind, trio[kind], 0) for kind in KINDS), rec("order", longer, 0)]))
        assert (done.dead, done.manifests) == ({"DL-01": 1}, MANY + 1)
        assert await dead(db) == [("DL-01", "more lines than can be numbered")]


async def test_zeros_in_key_headers_and_value_of_a_dead_letter(endpoints: Endpoints, db: asyncpg.Connection) -> None:
    headers: list[tuple[str, Any]] = [("na\0me", b"\0"), ("", None), ("样" * 5_000, b"x")]
    poison = replace(rec("order", example()["order"], 0), key=b"\0" * 5_000, value=b"\0" * 9_000, headers=headers)
    async with nodes(endpoints, [0]) as (node,):
        done = await node.take(*beside([poison]))
        assert (sum(done.dead.values()), done.manifests) == (1, MANY)
        row = await db.fetchrow("SELECT * FROM dead_letter")
        assert row is not None and (row["record_key"], row["record_value"]) == (poison.key, poison.value)
        assert json.loads(row["headers"]) == [["na\0me", "00"], ["", None], ["样" * 5_000, "78"]]


async def test_a_header_name_that_is_no_text(topics: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka raises on it; the records around it are decided, and the verifier can read it, too."""
    whole, poison = [rec(kind, numbered(1)[kind], 0) for kind in KINDS], rec("order", numbered(2)["order"], 0, key="another")
    async with workers(topics, tmp_path, 1) as group:
        with monkeypatch.context() as patch:  # the compiled writer of batches takes only real texts
            for module in (message_accumulator, aiokafka_producer):
                patch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
            async with producer(topics) as sender:
                for r, name in ((whole[0], "fine"), (poison, Odd("odd")), *((r, Odd("odd")) for r in whole[1:])):
                    await sender.send_and_wait(r.topic, r.value, key=r.key, partition=0, headers=[(name, b"x")])
        await group.settled()
        assert [(m[0], m[2]) for m in await manifests(group.db)] == [("EXAMPLE-1", "RELEASE")]
        row = await group.db.fetchrow("SELECT code, headers FROM dead_letter")
        assert row is not None and (row["code"], json.loads(row["headers"])) == ("DL-04", [["a\\xff\\xfe", "78"]])
        assert [slot.restarts for slot in group.supervisor.slots] == [0]
        assert await group.stop() == [0]
        await group.proved(None)
