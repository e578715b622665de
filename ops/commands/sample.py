"""sample: what was drawn of what would have been released, for an auditor who knows the seed."""

import asyncio
from dataclasses import replace
from hashlib import blake2b
from typing import Annotated, Any

import asyncpg
import polars as pl
import typer

from history.rule_sets import rule_set
from ops.commands.registry import send_filings
from ops.commands.show import AsJson, NotFound, print_json, show_list
from pipeline.rates import bound
from schemas.endpoints import Endpoints
from schemas.filings import Filing, stored
from schemas.key_files import KeyFiles
from sinks.named_sql import sql
from sinks.store import Store

app = typer.Typer(help="Samples drawn for review and inspection.", no_args_is_help=True)
NEVER = "no seed held yet"
SEEN = {"RELEASE": "Released with the item in the last {days} days", "HOLD": "Held with the item"}
SHOWN = 20  # of each, to people


@app.command()
def check(
    order_no: Annotated[str, typer.Argument(help="Order number.")],
    json_: AsJson = False,
) -> None:
    """Draw again: the number of each decision under the seed of its day, and whether it agrees with what was found.

    Reads the seeds that the workers use (TIDEGATE_SAMPLE_KEY_FILE). The rates are those of the
    rule set that decided, for the firm's class at the registry's version of the decision.
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
    rates, seed = row["book"].samples.on(day), KeyFiles.resolve().seeds().on(day)
    category = rates.category(row["hs_codes"])
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
    days: Annotated[int, typer.Option(help="Days back from the latest record in which to look for manifests with the item.", min=1)] = 30,
    json_: AsJson = False,
) -> None:
    """The sample failed: recall the goods item of a line, and reject the manifest if it is held.

    Sends two events to the registry: the item's filing with status `recalled`, so that every manifest with it that is decided
    from then on is held for inspection (GDS-10) and none is released by itself, and the failed inspection, by which the manifest
    is rejected (status 700) and what it took of limits and guarantee given back. Lists what with the item was released in
    the last days, of which no gate is known to the system, and what is held.
    """
    rows = [r for r in asyncio.run(_decisions(order_no)) if platform in ("", r["ebp_code"])]
    if len({r["ebp_code"] for r in rows}) > 1:
        raise typer.BadParameter("several platforms have this order number: say which", param_hint="--platform")
    if not rows or item > len(rows[-1]["item_nos"]):
        raise NotFound(f"no line {item} of a decision about {order_no}")
    last = rows[-1]
    sent, seen = asyncio.run(_failed(last, last["item_nos"][item - 1], days))
    if json_:
        events = [dict(zip(("topic", "offset", "key"), row, strict=True)) for row in sent]
        print_json({"sent": events, **{name.lower(): [r for r in seen if r["outcome"] == name] for name in SEEN}})
        return
    show_list("Sent", ("topic", "offset", "entry"), sent, "")
    for name, title in SEEN.items():
        found = [(r["ebp_code"], r["order_no"], r["attempt"], r["accepted_at"], r["queue"]) for r in seen if r["outcome"] == name]
        title = f"{title.format(days=days)}: {len(found)}" + (f", the latest {SHOWN} of them" if len(found) > SHOWN else "")
        show_list(title, ("platform", "order", "attempt", "accepted", "queue"), found[:SHOWN], f"{title.format(days=days)}.")


async def _failed(decision: Any, item_no: str, days: int) -> tuple[list[tuple[str, int, str]], list[dict[str, Any]]]:
    """What was sent, and what was accepted with the item (sql/item_seen.sql). NotFound when it is not filed."""
    goods = f"goods|{decision['ebc_code']}|{item_no}"
    inspected = inspection_failed(decision["ebp_code"], decision["order_no"], decision["attempt"], item_no)
    connection: asyncpg.Connection = await asyncpg.connect(Endpoints.resolve().postgres, timeout=10)
    try:
        history = await connection.fetch(sql("registry_history"), goods)
        if not history:
            raise NotFound(f"{goods} is not in the registry")
        told = await connection.fetch(sql("registry_history"), inspected.key)
        seen = [dict(row) for row in await connection.fetch(sql("item_seen"), decision["ebc_code"], item_no, days)]
    finally:
        await connection.close()
    now = stored(history[-1]["value"])
    recalled = Filing(now.part, now.revision + 1, {**now.content, "status": "recalled"})
    return await send_filings([replace(inspected, revision=len(told) + 1), recalled]), seen


def inspection_failed(ebp_code: str, order_no: str, attempt: int, item_no: str, revision: int = 1) -> Filing:
    """The event that says that an item of a manifest did not pass."""
    decision_id = blake2b(f"{ebp_code}|{order_no}|{attempt}|1".encode(), digest_size=16).hexdigest()
    content = {"decisionId": decision_id, "itemNo": item_no, "ebpCode": ebp_code, "orderNo": order_no, "attempt": attempt, "status": "failed"}
    return Filing("inspection", revision, content)


async def _decisions(order_no: str) -> list[Any]:
    """Each with the `class` of its firm and the `book` of the rule set it was decided by."""
    connection: asyncpg.Connection = await asyncpg.connect(Endpoints.resolve().postgres, timeout=10)
    store = Store(Endpoints.resolve().postgres)
    try:
        found: list[dict[str, Any]] = []
        for row in await connection.fetch(sql("sample_decisions"), order_no):
            value = await connection.fetchval(sql("registry_at"), f"enterprise|ecommerce|{row['ebc_code']}", row["registry_version"])
            book = await rule_set(store, row["rule_set"])
            found.append({**row, "class": stored(value).content["class"] if value else "general", "book": book})
        return found
    finally:
        await connection.close()
        await store.close()
