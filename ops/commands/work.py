"""worker and send: processes that decide, and documents for them."""

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaProducer

from ops.commands.show import OUT, AsJson, NotFound, print_json, table
from ops.supervisor import Supervisor
from schemas.codec import encode
from schemas.contracts import KINDS, newest, topic_name
from schemas.documents_json import JsonError, from_json
from schemas.endpoints import Endpoints


def worker(
    count: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 1,
    port: Annotated[int, typer.Option(help="Metrics and health of the first; the others follow. 0: free ports.")] = 0,
) -> None:
    """Run workers and start again those that die. SIGTERM or Ctrl-C lets them finish their batch and publish it.

    Logs go to standard error, a JSON object a line. Each worker serves /metrics, /alive and /ready on loopback.
    """
    Endpoints.resolve()  # says what is missing before any process is started
    base = port or int(os.environ.get("TIDEGATE_PORT", "0"))
    Supervisor(count, base_port=base).run()


def send(
    files: Annotated[list[Path], typer.Argument(help="JSON files, each one document or a list of them.")],
    kind: Annotated[str, typer.Option(help="order, payment or waybill; else told by the file's name.")] = "",
    json_: AsJson = False,
) -> None:
    """Send documents from JSON files: field names of the schemas, decimals as strings, times in ISO 8601.

    Try `tidegate send schemas/examples/release/*.json`.
    """
    records = [record for path in files for record in _read(path, kind)]
    sent = asyncio.run(_send(records))
    if json_:
        print_json([dict(zip(("topic", "partition", "offset", "order_no"), row, strict=True)) for row in sent])
    else:
        OUT.print(table("Sent", ("topic", "partition", "offset", "order number"), sent))
        OUT.print(f"Next: [bold]tidegate trace {sent[-1][3]}[/]")


def _read(path: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    kind = kind or next((k for k in KINDS if path.stem.lower().startswith(k)), "")
    if kind not in KINDS:
        raise typer.BadParameter(f"{path}: its name does not begin with order, payment or waybill: say --kind")
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise NotFound(f"{path}") from None
    except ValueError as e:
        raise typer.BadParameter(f"{path} is not JSON: {e}") from None
    try:
        return [(kind, from_json(kind, one)) for one in (content if isinstance(content, list) else [content])]
    except JsonError as e:
        raise typer.BadParameter(f"{path}: {e}") from None


async def _send(records: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, int, int, str]]:
    producer = AIOKafkaProducer(**Endpoints.resolve().kafka_options(), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent: list[tuple[str, int, int, str]] = []
        for kind, record in records:
            key = f"{record['ebpCode']}|{record['orderNo']}".encode()
            done = await producer.send_and_wait(topic_name(kind), encode(newest(kind), record), key=key)
            sent.append((done.topic, done.partition, done.offset, record["orderNo"]))
        return sent
    finally:
        await producer.stop()
