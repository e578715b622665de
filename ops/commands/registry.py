"""registry: enterprises, goods and relations as filed with customs."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer

from loadtest.generate.firms import SIZES
from ops.commands.json_files import content_of
from ops.commands.reach import ready
from ops.commands.show import ERR, OUT, AsJson, NotFound, Steps, print_json, show_list
from ops.filing import publish_once, until_taken
from ops.sending import Sending, send_each
from schemas.codec import DecodeError
from schemas.contracts import REGISTRY_PARTITION, topic_name
from schemas.documents_json import JsonError, filing_from_json
from schemas.endpoints import Endpoints
from schemas.filings import PARTS, Filing, read, stored, written
from schemas.registry import adopt_ids
from sinks.named_sql import sql

app = typer.Typer(help="What is filed with customs: enterprises by role, goods items, who stands behind whose orders, guarantees and stock.", no_args_is_help=True)


@app.command()
def sample(
    market: Annotated[str, typer.Option(help=f"Size: {' or '.join(SIZES)}.")] = "small",
) -> None:
    """File an invented market, which the examples and the load profiles trade in, and wait until a worker has taken it.

    Does nothing when something is filed already. Start a worker first: `tidegate worker`.
    """
    if market not in SIZES:
        raise typer.BadParameter(f"use one of {', '.join(SIZES)}", param_hint="--market")
    endpoints = Endpoints.resolve()
    with Steps() as steps:
        filed = asyncio.run(_sample(endpoints, market, steps))
    if filed:
        OUT.print("Filed. Next: [bold]tidegate send schemas/examples/release/*.json[/]")
    else:
        OUT.print("Something is filed already, so nothing was sent: [bold]tidegate registry show[/] tells what stands.")


async def _sample(endpoints: Endpoints, market: str, steps: Steps) -> bool:
    await ready(endpoints)
    await adopt_ids()
    filed = await publish_once(endpoints, market, steps)
    ERR.print("Waiting until a worker has taken what is filed ([bold]tidegate worker[/] in another terminal) …", style="dim")
    await until_taken(endpoints, steps)
    return filed


@app.command()
def send(
    files: Annotated[list[Path], typer.Argument(help="JSON files, each one filing or a list of them.")],
    json_: AsJson = False,
) -> None:
    """Send filings from JSON files. Each has a `revision`, higher than the one before of the same entry, and one of
    enterprise, goods, relation, guarantee, stock and count (a stock-take) with all its fields (schemas/avro/filing-1.avsc; an example: schemas/examples/registry)."""
    filings = [filing for path in files for filing in _read(path)]
    sent = asyncio.run(send_filings(filings)) if filings else []
    if json_:
        print_json([dict(zip(("topic", "offset", "key"), row, strict=True)) for row in sent])
    else:
        show_list("Sent", ("topic", "offset", "entry"), sent, "The files hold no filing.")
        if sent:
            OUT.print(f"A filing that is no newer than the one before becomes a dead letter (DL-06): [bold]tidegate dead-letters list --topic {topic_name('registry')}[/]")


def _read(path: Path) -> list[Filing]:
    content = content_of(path)
    found: list[Filing] = []
    for number, one in enumerate(content if isinstance(content, list) else [content]):  # pyright: ignore
        try:
            record = filing_from_json(one)
            part = next(name for name in PARTS if name in record)
            filing = Filing(part, record["revision"], record[part])
            read(filing.key.encode(), written(filing))
        except (JsonError, DecodeError) as e:
            raise typer.BadParameter(f"{path}, filing [{number}]: {e}") from None
        found.append(filing)
    return found


async def send_filings(filings: list[Filing]) -> list[tuple[str, int, str]]:
    """Send them to the registry topic; topic, offset and key of each."""
    await adopt_ids()
    topic = topic_name("registry")
    sent = await send_each(
        Endpoints.resolve(), (Sending(topic, filing.key.encode(), written(filing), REGISTRY_PARTITION) for filing in filings)
    )
    return [(topic, place.offset, filing.key) for place, filing in zip(sent, filings, strict=True)]


@app.command()
def show(
    part: Annotated[str, typer.Argument(help="enterprise, goods, relation, guarantee, stock or count.")],
    key: Annotated[list[str], typer.Argument(help="role and code; ebcCode and itemNo; ebpCode and ebcCode; guarantorCode and instrumentNo; accountBook and bookItem.")],
    json_: AsJson = False,
) -> None:
    """Show an entry and what it was before: `tidegate registry show enterprise platform 330296P001`."""
    if part not in PARTS:
        raise typer.BadParameter(f"use one of {', '.join(PARTS)}")
    rows = asyncio.run(_history("|".join([part, *key])))
    if not rows:
        raise NotFound(f"no {part} {' '.join(key)} is filed")
    history: list[dict[str, Any]] = [
        {"version": r["version"], "revision": r["revision"], **stored(r["value"]).content} for r in rows
    ]
    if json_:
        print_json(history)
        return
    names = list(history[0])
    show_list(f"{part} {' '.join(key)}", ("field", *(f"since version {h['version']}" for h in history)), [(n, *(h[n] for h in history)) for n in names[1:]], "")


async def _history(key: str) -> list[Any]:
    connection: asyncpg.Connection = await asyncpg.connect(Endpoints.resolve().postgres, timeout=10)
    try:
        return await connection.fetch(sql("registry_history"), key)
    finally:
        await connection.close()
