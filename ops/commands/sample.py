"""sample: what was drawn of what would have been released, for an auditor who knows the seed."""

import asyncio
from typing import Annotated, Any

import asyncpg
import polars as pl
import typer

from ops.commands.registry import send_filings
from ops.commands.show import AsJson, NotFound, print_json, show_list
from pipeline.rates import bound
from schemas.endpoints import Endpoints, home_folder
from schemas.filings import Filing, stored
from schemas.lawbook import load
from schemas.samples import seeds
from sinks.named_sql import sql

app = typer.Typer(help="Samples drawn for review and inspection.", no_args_is_help=True)
NEVER = "no seed held yet"


@app.command()
def check(
    order_no: Annotated[str, typer.Argument(help="Order number.")],
    json_: AsJson = False,
) -> None:
    """Draw again: the number of each decision under the seed of its day, and whether it agrees with what was found.

    Reads `sample.key` of TIDEGATE_HOME. The rates are those of the firm's class at the registry's version of the decision.
    """
    rows = [_checked(row) for row in asyncio.run(_decisions(order_no))]
    if not rows:
        raise NotFound(f"no decision about {order_no}")
    if json_:
        print_json(rows)
        return
    columns = ("platform", "attempt", "outcome", "class", "category", "seed", "number", "per million", "draws", "found")
    show_list(f"Samples of {order_no}", columns, ([r[c.replace(" ", "_")] for c in columns] for r in rows), "")


def _checked(row: Any) -> dict[str, Any]:
    """One decision with what is drawn of it now beside what was found then."""
    day = row["accepted_on"]
    rates, seed = load().samples.on(day), seeds(home_folder() / "sample.key").on(day)
    other = len(rates.names) - 1
    category = rates.names[min((rates.categories.get(code[:2], other) for code in row["hs_codes"]), default=other)]
    inspection, review = rates.rates_1e6.get((row["class"], category, row["trade_mode"] == "1210"), (0, 0))
    number = None if seed is None else int(seed.numbers(pl.Series([row["decision_id"]], dtype=pl.Binary))[0])
    draws = "" if number is None else "SMP-01" if number < bound(inspection) else "SMP-02" if number < bound(inspection + review) else ""
    return {
        "platform": row["ebp_code"], "attempt": row["attempt"], "outcome": row["outcome"], "class": row["class"], "category": category,
        "seed": NEVER if seed is None else seed.version, "number": number, "per_million": f"{inspection} + {review}",
        "draws": draws or "nothing", "found": row["found"] or "nothing",
    }  # fmt: skip


@app.command()
def failed(
    order_no: Annotated[str, typer.Argument(help="Order number of the manifest whose sample failed.")],
    item: Annotated[int, typer.Option(help="Which line of the order, from 1.", min=1)],
    platform: Annotated[str, typer.Option(help="Platform (ebpCode), where several have the number.")] = "",
    json_: AsJson = False,
) -> None:
    """Recall the goods item of a line: every manifest with it that is decided from now on is held for inspection (GDS-10).

    Sends the item's filing with status `recalled` to the registry. What was decided before stays as it is: of a parcel released
    but still inside nothing is known yet, and what is held in a queue is not looked at anew.
    """
    rows = [r for r in asyncio.run(_decisions(order_no)) if platform in ("", r["ebp_code"])]
    if len({r["ebp_code"] for r in rows}) > 1:
        raise typer.BadParameter("several platforms have this order number: say which", param_hint="--platform")
    if not rows or item > len(rows[-1]["item_nos"]):
        raise NotFound(f"no line {item} of a decision about {order_no}")
    key = f"goods|{rows[-1]['ebc_code']}|{rows[-1]['item_nos'][item - 1]}"
    filing = asyncio.run(_recalled(key))
    sent = asyncio.run(send_filings([filing]))
    if json_:
        print_json([dict(zip(("topic", "offset", "key"), row, strict=True)) for row in sent])
    else:
        show_list("Recalled", ("topic", "offset", "entry"), sent, "")


async def _recalled(key: str) -> Filing:
    """The item's filing as it stands, recalled; NotFound when nothing is filed under the key."""
    connection: asyncpg.Connection = await asyncpg.connect(Endpoints.resolve().postgres, timeout=10)
    try:
        history = await connection.fetch(sql("registry_history"), key)
    finally:
        await connection.close()
    if not history:
        raise NotFound(f"{key} is not in the registry")
    now = stored(history[-1]["value"])
    return Filing(now.part, now.revision + 1, {**now.content, "status": "recalled"})


async def _decisions(order_no: str) -> list[Any]:
    connection: asyncpg.Connection = await asyncpg.connect(Endpoints.resolve().postgres, timeout=10)
    try:
        found: list[dict[str, Any]] = []
        for row in await connection.fetch(sql("sample_decisions"), order_no):
            value = await connection.fetchval(sql("registry_at"), f"enterprise|ecommerce|{row['ebc_code']}", row["registry_version"])
            found.append({**row, "class": stored(value).content["class"] if value else "general"})
        return found
    finally:
        await connection.close()
