"""worker and send: processes that decide, and documents for them."""

import asyncio
import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from agents import logs
from ops.commands.json_files import content_of
from ops.commands.reach import ready
from ops.commands.show import OUT, AsJson, plain, print_json, show_list
from ops.sending import Sending, send_each
from ops.supervisor import Supervisor
from schemas.codec import encode
from schemas.contracts import KINDS, newest, topic_name
from schemas.documents_json import JsonError, from_json
from schemas.endpoints import Endpoints
from schemas.registry import adopt_ids


def worker(
    count: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 1,
    port: Annotated[int, typer.Option(
        help="Metrics and health of the first; the others follow. 0: free ports.", envvar="TIDEGATE_PORT", min=0, max=65_000)] = 0,
) -> None:  # fmt: skip
    """Run workers and start again those that die. SIGTERM or Ctrl-C lets them finish their batch and publish it.

    Logs go to standard error, a JSON object a line; the line "worker starting" names the port on which that worker
    serves /metrics, /alive and /ready (loopback only).
    """
    endpoints = Endpoints.resolve()
    asyncio.run(ready(endpoints))  # says what is missing before any process is started
    logs.configure(os.environ.get("TIDEGATE_LOG_LEVEL", "INFO"))
    Supervisor(count, base_port=port).run()


def send(
    files: Annotated[list[Path], typer.Argument(help="JSON files, each one document or a list of them.")],
    kind: Annotated[str, typer.Option(help="order, payment or waybill; else told by the file's name.")] = "",
    json_: AsJson = False,
) -> None:
    """Send documents from JSON files: field names of the schemas, decimals as strings, times in ISO 8601.

    Try `tidegate send schemas/examples/release/*.json`.
    """
    records = [record for path in files for record in _read(path, kind)]
    sent = asyncio.run(_send(records)) if records else []
    if json_:
        print_json([dict(zip(("topic", "partition", "offset", "order_no"), row, strict=True)) for row in sent])
    else:
        show_list("Sent", ("topic", "partition", "offset", "order number"), sent, "The files hold no document.")
        if sent:
            OUT.print(f"Next: [bold]tidegate trace[/] {escape(shlex.quote(plain(sent[-1][3])))}")


def _read(path: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    if kind and kind not in KINDS:
        raise typer.BadParameter(f"use one of {', '.join(KINDS)}", param_hint="--kind")
    kind = kind or next((k for k in KINDS if path.stem.lower().startswith(k)), "")
    if not kind:
        raise typer.BadParameter(f"{path}: its name does not begin with order, payment or waybill: say --kind")
    content = content_of(path)
    several = isinstance(content, list)
    found: list[tuple[str, dict[str, Any]]] = []
    for number, one in enumerate(content if several else [content]):  # pyright: ignore
        try:
            found.append((kind, from_json(kind, one)))
        except JsonError as e:
            raise typer.BadParameter(f"{path}{f', document [{number}]' if several else ''}: {e}") from None
    return found


async def _send(records: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, int, int, str]]:
    await adopt_ids()
    sent = await send_each(Endpoints.resolve(), (
        Sending(topic_name(kind), f"{record['ebpCode']}|{record['orderNo']}".encode(), encode(newest(kind), record))
        for kind, record in records
    ))  # fmt: skip
    return [(place.topic, place.partition, place.offset, record["orderNo"]) for place, (_, record) in zip(sent, records, strict=True)]
