"""decisions and waiting: lists for officers and platforms."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import polars as pl
import typer

from agents.reading import documents, read_records, read_stored
from ops.commands.show import AsJson, print_json, show_list, yuan
from pipeline.classes import QUEUES
from pipeline.documents import BIT, KINDS
from pipeline.open_orders import open_orders
from schemas.endpoints import Endpoints
from schemas.lawbook import load
from sinks.store import Store

Platform = Annotated[str | None, typer.Option(help="Only of this platform (ebpCode).")]
CODE = re.compile(r"[A-Z]{2,4}-[0-9]{2}")
Limit = Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)]


def nothing_came(order_no: str, platform: str | None, platforms: Sequence[str]) -> str:
    """Why nothing is known of an order number of a platform, or of any. `platforms`: those that have documents under it."""
    if platform and platforms:
        return f"order number {order_no} is one of {', '.join(platforms)}, not of {platform}"
    where = f" of platform {platform}" if platform else ""
    return f"no document of order number {order_no}{where} was consumed"


def decisions(
    outcome: Annotated[str | None, typer.Option(help="RELEASE, HOLD or REJECT.")] = None,
    queue: Annotated[str | None, typer.Option(help="Queue of a HOLD: review, orderer, inspection, guarantee or stock.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this finding, such as PAY-01.")] = None,
    platform: Platform = None,
    limit: Limit = 20,
    json_: AsJson = False,
) -> None:
    """List decisions, newest first: outcome, tax, findings."""
    if outcome and outcome.upper() not in ("RELEASE", "HOLD", "REJECT"):
        raise typer.BadParameter("outcome is RELEASE, HOLD or REJECT", param_hint="--outcome")
    if queue and queue not in QUEUES[1:]:
        raise typer.BadParameter("queue is review, orderer, inspection, guarantee or stock", param_hint="--queue")
    unknown = code if code and code not in load().texts() else None
    if unknown and not CODE.fullmatch(unknown):  # another rule set may have other codes
        raise typer.BadParameter(f"no code {code}; docs/platforms.md lists all codes", param_hint="--code")
    wanted = outcome.upper() if outcome else None
    rows = asyncio.run(fetch("decisions_list", wanted, queue, platform, code, limit))
    if json_:
        print_json([dict(r) for r in rows])
        return
    shown = (
        (r["accepted_at"], r["ebp_code"], r["order_no"], r["attempt"], _outcome(r),
         yuan(r["dutiable_fen"]), yuan(r["tax_fen"]), " ".join(r["codes"]))
        for r in rows
    )  # fmt: skip
    columns = ("accepted", "platform", "order number", "attempt", "outcome", "dutiable CNY", "tax CNY", "findings")
    hint = f" This installation knows no code {unknown}; docs/platforms.md lists all." if unknown else ""
    show_list("Decisions", columns, shown, f"No decision fits.{hint}", limit)


def _outcome(r: Mapping[str, Any]) -> str:
    """With the queue, and what it was revised to."""
    queue, revised = (f" ({r['queue']})" if r["queue"] else ""), (f", then {r['revised']}" if r["revised"] else "")
    return f"{r['outcome']}{queue}{revised}"


def waiting(platform: Platform = None, limit: Limit = 20, json_: AsJson = False) -> None:
    """List open orders: which document is missing, since when, and who has to send it."""
    rows = asyncio.run(_waiting(platform, limit))
    if json_:
        print_json(rows)
        return
    columns = ("since", "platform", "order number", "attempt", "missing", "who has to send it")
    shown = ([r["since"], r["ebp_code"] or "(none)", r["order_no"], r["attempt"], ", ".join(r["missing"]), r["sender"]] for r in rows)
    show_list("Waiting", columns, shown, "No order waits for a document.", limit)


async def _waiting(platform: str | None, limit: int) -> list[dict[str, Any]]:
    store = Store(Endpoints.resolve().postgres)
    try:
        hashes = [r["order_hash"] for r in await store.fetch("waiting_orders", platform, limit)]
        stored = await store.look_up(pl.Series(hashes, dtype=pl.Int64))
        together = documents(read_records({}), read_stored(stored.documents))
        orders = together.order.select("ebpCode", "orderNo", "payCode", "payName").to_dicts()
        named = {(o["ebpCode"], o["orderNo"]): (o["payCode"], o["payName"]) for o in orders}
        found = open_orders(together, stored.past).sort("first_log_time").to_dicts()
    finally:
        await store.close()
    return [
        {
            "ebp_code": row["ebp_code"], "order_no": row["order_no"], "attempt": row["attempt"],
            "missing": [kind for kind in KINDS if row["missing"] & BIT[kind]], "since": row["first_log_time"],
            "sender": _senders(row, named.get((row["ebp_code"], row["order_no"]))),
        }
        for row in found if platform is None or row["ebp_code"] == platform
    ]  # fmt: skip


def _senders(row: dict[str, Any], payer: tuple[str, str] | None) -> str:
    who = {
        "order": f"platform {row['ebp_code']}" if row["ebp_code"] else "the platform",
        "payment": f"payment firm {payer[0]} {payer[1]}" if payer and payer[0] else "the payment firm",
        "waybill": "the carrier",
    }
    return ", ".join(who[kind] for kind in KINDS if row["missing"] & BIT[kind])


async def with_orders(store: Store, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Entries of a ledger with the platform and number of the order whose manifest made each: its own number says nothing to anybody."""
    found = list(entries)
    rows = await store.fetch("orders_of_manifests", [e["manifest_id"] for e in found]) if found else []
    orders = {r["manifest_id"]: {"ebp_code": r["ebp_code"], "order_no": r["order_no"]} for r in rows}
    return [{**e, **orders[e["manifest_id"]]} for e in found]


async def fetch(name: str, *arguments: Any) -> list[Any]:
    """Rows of a named query on the resolved database."""
    store = Store(Endpoints.resolve().postgres)
    try:
        return await store.fetch(name, *arguments)
    finally:
        await store.close()
