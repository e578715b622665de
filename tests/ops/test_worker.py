"""`tidegate worker` as a user runs it, fed by the producer of docs/platforms.md."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops.capacity import environment
from schemas.codec import decode_output
from schemas.contracts import topic_name
from schemas.documents_json import from_json
from schemas.endpoints import Endpoints
from tests.pipeline.trios import changed
from tests.stack.nodes import within
from tests.stack.surfaces import outputs

ROOT = Path(__file__).parents[2]


class Running:
    """The supervisor's process and what it and its workers log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    async def until(self, message: str, count: int = 1) -> None:
        """Until `count` lines with this message have been logged."""
        assert self.process.stderr is not None
        while sum(line["message"] == message for line in self.lines) < count:
            raw = await within(self.process.stderr.readline())
            assert raw, "the workers ended"
            self.lines.append(json.loads(raw))


@pytest.fixture
async def workers(topics: Endpoints, tmp_path: Path) -> AsyncIterator[Running]:
    """Two workers that own their lanes."""
    more = {"TIDEGATE_GROUP": topic_name("workers"), "TIDEGATE_PORT": "0"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ops.cli", "worker", "--count", "2", cwd=ROOT, env=environment(topics, tmp_path) | more,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    running = Running(process)
    yield running
    if process.returncode is None:
        process.kill()
        await process.wait()


def producer_of_the_page() -> dict[str, Any]:
    """The names that the first Python block of the page defines."""
    page = (ROOT / "docs" / "platforms.md").read_text()
    block = re.search(r"## A producer\n\n```python\n(.*?)```", page, re.DOTALL)
    assert block is not None
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(block[1], "docs/platforms.md", "exec"), names)
    return names


async def test_documents_of_the_pages_producer_are_decided_by_supervised_workers(workers: Running, topics: Endpoints) -> None:
    await workers.until("lanes assigned", 2)
    page = producer_of_the_page()
    payment = page["PAYMENT"]
    same = {f: payment[f] for f in ("orderNo", "ebpCode")}
    trio = changed({})
    order = from_json("order", trio["order"]) | same | {f: payment[f] for f in ("payCode", "payTransactionId")}
    order |= {"buyerIdNumber": payment["payerIdNumber"], "buyerName": payment["payerName"]}
    for kind, schema, document in (
        ("payment", "payment-1", payment), ("order", "order-2", order), ("waybill", "waybill-2", from_json("waybill", trio["waybill"]) | same),
    ):  # fmt: skip
        await within(page["publish"](topics.kafka, topic_name(kind), schema, document))
    # the amounts are of two stories, so it is a REJECT: but one for that reason, not for how the payment is written
    published = await outputs(topics, {"reject": 1, "receipt": 1})
    decision = next(decode_output("decision-1", value) for kind, _, value in published if kind == "reject")
    assert (decision["ebpCode"], decision["orderNo"]) == (payment["ebpCode"], payment["orderNo"])
    # the page's firms and goods are filed nowhere
    unfiled = ["REG-01", "REG-04", "REG-05", "REG-06", "REG-07"]
    assert [f["code"] for f in decision["findings"]] == ["PAY-01", *unfiled]

    # one dies: it is started again, and takes part
    starts = sum(line["message"] == "worker starting" for line in workers.lines)
    children = psutil.Process(workers.process.pid).children()
    assert len(children) == 2
    children[0].kill()
    await workers.until("worker ended")
    await workers.until("worker starting", starts + 1)
    told = next(line for line in workers.lines if line["message"] == "worker ended")
    assert (told["exit_code"], told["starts_again_in_seconds"]) == (-9, 0.25)

    # SIGTERM drains both
    workers.process.terminate()
    await workers.until("draining")
    assert workers.process.stderr is not None
    rest = [json.loads(line) for line in (await within(workers.process.stderr.read())).splitlines()]
    assert await within(workers.process.wait()) == 0
    assert sum(line["message"] == "worker stopped" for line in [*workers.lines, *rest]) >= 1
    assert not [line for line in rest if line["level"] == "critical"]
