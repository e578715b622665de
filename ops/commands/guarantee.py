"""guarantee: what the guarantors answer for, what of it is frozen, and by which instrument it is covered."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from ops.commands.lookups import with_orders
from ops.commands.show import OUT, AsJson, NotFound, print_json, show_list, table, yuan
from pipeline.law import SHANGHAI
from schemas.endpoints import Endpoints
from schemas.filings import stored
from sinks.guarantees import unpacked
from sinks.store import Store

app = typer.Typer(help="Guarantee accounts: what is guaranteed, frozen and free, by guarantor and instrument.", no_args_is_help=True)
On = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Acceptance date, as 2019-11-11; today without it.")]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """`instruments`: in their order of use, each with what of it is `used` and whether it is `valid` that day."""

    guarantor: str
    entry_no: int
    limit_fen: int
    frozen_fen: int
    instruments: list[Row]

    @property
    def free_fen(self) -> int:
        """What may still be frozen; below 0 when instruments ran out under what is frozen."""
        return self.limit_fen - self.frozen_fen

    def to_json(self) -> Row:
        return {"guarantor": self.guarantor, "limit_fen": self.limit_fen, "frozen_fen": self.frozen_fen, "free_fen": self.free_fen,
                "entry_no": self.entry_no, "instruments": self.instruments}  # fmt: skip


def accounts(standing: Iterable[Sequence[Any]], filed: Iterable[Row], day: date) -> list[Account]:
    """The accounts on a day. `standing`: guarantor, number of the last entry, fen frozen; `filed`: instruments as filed."""
    stands = {guarantor: (entry_no, frozen) for guarantor, entry_no, frozen in standing}
    by_guarantor: dict[str, list[Row]] = {guarantor: [] for guarantor in stands}
    for one in filed:
        by_guarantor.setdefault(one["guarantorCode"], []).append(one)
    return [_account(guarantor, *stands.get(guarantor, (0, 0)), some, day) for guarantor, some in sorted(by_guarantor.items())]


def _account(guarantor: str, entry_no: int, frozen: int, filed: list[Row], day: date) -> Account:
    """The balance lies on the instruments valid that day in their order: each covers it up to its amount."""
    instruments: list[Row] = []
    limit, left = 0, frozen
    for one in sorted(filed, key=lambda one: (one["useOrder"], one["instrumentNo"])):
        valid = one["status"] == "active" and one["validFrom"] <= day.isoformat() <= one["validTo"]
        used = min(left, one["amountFen"]) if valid else 0
        limit, left = limit + (one["amountFen"] if valid else 0), left - used
        instruments.append({**one, "valid": valid, "usedFen": used})
    return Account(guarantor, entry_no, limit, frozen, instruments)


@app.command("list")
def list_(on: On = None, json_: AsJson = False) -> None:
    """List the accounts, those with the smallest free share first."""
    found = asyncio.run(_accounts(None, _day(on)))
    found.sort(key=lambda a: (a.free_fen / a.limit_fen if a.limit_fen else -1, a.guarantor))
    if json_:
        print_json([a.to_json() for a in found])
        return
    rows = [
        (a.guarantor, sum(i["valid"] for i in a.instruments), yuan(a.limit_fen), yuan(a.frozen_fen), yuan(a.free_fen),
         f"{100 * a.free_fen / a.limit_fen:.1f} %" if a.limit_fen else "-", a.entry_no)
        for a in found
    ]  # fmt: skip
    show_list("Guarantee accounts", ("guarantor", "valid instruments", "guaranteed CNY", "frozen CNY", "free CNY", "free", "entries"), rows,
              "Nothing is guaranteed: `tidegate registry send` files an instrument.")  # fmt: skip


@app.command()
def show(
    guarantor: Annotated[str, typer.Argument(help="Customs code of the guarantor.")],
    on: On = None,
    entries: Annotated[int, typer.Option(min=0, help="So many of the last entries.")] = 10,
    json_: AsJson = False,
) -> None:
    """Show an account: its instruments in their order of use, what each covers, and its last entries."""
    found = asyncio.run(_accounts(guarantor, _day(on)))
    if not found:
        raise NotFound(f"no guarantee of {guarantor} is filed")
    (account,), last = found, asyncio.run(_entries(guarantor, entries)) if entries else []
    if json_:
        print_json({**account.to_json(), "entries": last})
        return
    OUT.print(f"[bold]{guarantor}[/]: guaranteed CNY {yuan(account.limit_fen)}, frozen {yuan(account.frozen_fen)}, free {yuan(account.free_fen)}")
    rows = [
        (i["useOrder"], i["instrumentNo"], i["kind"], yuan(i["amountFen"]), i["validFrom"], i["validTo"], i["status"], i["valid"], yuan(i["usedFen"]))
        for i in account.instruments
    ]  # fmt: skip
    OUT.print(table("Instruments", ("order", "number", "kind", "CNY", "from", "to", "status", "valid", "covers CNY"), rows))
    show_list("Last entries", ("entry", "platform", "order number", "CNY", "frozen after CNY"),
              [(e["entry_no"], e["ebp_code"], e["order_no"], yuan(e["amount_fen"]), yuan(e["frozen_after_fen"])) for e in last], "Nothing was frozen.")  # fmt: skip


def _day(on: datetime | None) -> date:
    return on.date() if on else (datetime.now(UTC) + SHANGHAI).date()


async def _accounts(guarantor: str | None, day: date) -> list[Account]:
    store = Store(Endpoints.resolve().postgres)
    try:
        standing = await store.fetch("guarantee_list", guarantor)
        filed = [dict(stored(r["value"]).content) for r in await store.fetch("guarantee_instruments", guarantor)]
    finally:
        await store.close()
    return accounts([tuple(r) for r in standing], filed, day)


async def _entries(guarantor: str, most: int) -> list[Row]:
    """The youngest first."""
    store = Store(Endpoints.resolve().postgres)
    try:
        rows = await store.fetch("guarantee_entries", guarantor, most)
        names = ("entry_no", "manifest_id", "amount_fen", "frozen_after_fen")
        found: Iterator[Row] = (dict(zip(names, entry, strict=True)) for row in rows for entry in reversed(list(unpacked(row))))
        return await with_orders(store, islice(found, most))
    finally:
        await store.close()
