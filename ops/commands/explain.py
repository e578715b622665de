"""explain: why a manifest was decided as it was, recomputed from what is stored."""

import asyncio
from typing import Annotated, Any

import typer

from ops.commands.lookups import Platform, nothing_came
from ops.commands.show import FAILED, AsJson, NotFound, print_json
from ops.explain.gather import gather
from ops.explain.show import show
from pipeline.documents import KINDS
from schemas.endpoints import Endpoints
from schemas.registry import adopt_ids
from sinks.store import Store

LANGUAGES = ("en", "zh")


def explain(
    order_no: Annotated[str, typer.Argument(help="orderNo of the documents.")],
    platform: Platform = None,
    attempt: Annotated[int | None, typer.Option(help="Only this attempt.", min=1)] = None,
    lang: Annotated[str, typer.Option(help="en or zh.")] = "en",
    every: Annotated[bool, typer.Option("--all", help="Also what each rule read that found nothing.")] = False,
    json_: AsJson = False,
) -> None:
    """Explain a decision: what, why, what to do, every rule with the values it read, tax and balances step by step.

    The decision is made again from the stored documents, registry and law. Exit code 1 when that does not give what is
    stored, 2 when nothing was decided under this number. Personal values are masked.
    """
    if lang not in LANGUAGES:
        raise typer.BadParameter("lang is en or zh", param_hint="--lang")
    found = asyncio.run(_found(order_no, platform, attempt))
    if not found["manifests"]:
        raise NotFound(_why_nothing(found, platform, attempt))
    if json_:
        print_json(found)
    else:
        show(found, lang, every)
    if any(m["differences"] for m in found["manifests"]):
        raise typer.Exit(FAILED)


async def _found(order_no: str, platform: str | None, attempt: int | None) -> dict[str, Any]:
    await adopt_ids(register=False)
    store = Store(Endpoints.resolve().postgres)
    try:
        return await gather(store, order_no, platform, attempt)
    finally:
        await store.close()


def _why_nothing(found: dict[str, Any], platform: str | None, attempt: int | None) -> str:
    """What is known of an order number under which nothing was decided that was asked for."""
    order_no = found["order_no"]
    if found["attempts"]:
        return f"order number {order_no} has attempts {', '.join(map(str, sorted(set(found['attempts']))))}, and no attempt {attempt}"
    came = {d["kind"] for d in found["documents"]}
    if not came:
        return f"{nothing_came(order_no, platform, found['platforms'])}: see `tidegate trace {order_no}`"
    if missing := [kind for kind in KINDS if kind not in came]:
        return f"order number {order_no} is not decided: {', '.join(missing)} did not come yet. `tidegate waiting` says who has to send it"
    return f"order number {order_no} is not decided, though documents of each kind came: `tidegate trace {order_no}` says what became of them"
