"""stock: what was entered into the account books, what is reserved and deducted of it, and what is left."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any

import typer

from ops.commands.lookups import with_orders
from ops.commands.show import OUT, AsJson, NotFound, print_json, show_list, table
from schemas.endpoints import Endpoints
from schemas.filings import KEYED, stored
from sinks.stock import unpacked
from sinks.store import Store

app = typer.Typer(help="Stock of account books: what was entered, reserved, deducted and counted of each item.", no_args_is_help=True)
Row = dict[str, Any]
NOTHING = {"entry_no": 0, "reserved_e5": 0, "used_e5": 0, "difference_e5": 0, "counts": 0}
E5 = 100_000


@dataclass(frozen=True, slots=True)
class Account:
    """An item of an account book: what is `filed` of it (None: nothing), and how its account stands."""

    book_item: str
    filed: Row | None
    stands: Mapping[str, int]

    @property
    def left_e5(self) -> int:
        """What may still be taken; below 0 when a stock-take found less than is reserved, or less is filed than was."""
        s = self.stands
        return self.entered_e5 + s["difference_e5"] - s["reserved_e5"] - s["used_e5"]

    @property
    def entered_e5(self) -> int:
        return self.filed["enteredE5"] if self.filed else 0

    @property
    def told(self) -> str:
        """How it stands in a word."""
        if self.filed is None:
            return "not filed"
        return self.filed["status"] if self.filed["status"] != "active" else "missing" if self.left_e5 < 0 else "active"

    def to_json(self) -> Row:
        return {"book_item": self.book_item, "entered_e5": self.entered_e5, **self.stands, "left_e5": self.left_e5, "state": self.told,
                "filed": self.filed}  # fmt: skip


def accounts(standing: Iterable[Row], filed: Iterable[Row]) -> list[Account]:
    """All items, by name. `standing`: rows of stock_account; `filed`: stock as filed."""
    stands = {row["book_item"]: {name: row[name] for name in NOTHING} for row in standing}
    by_item = {"-".join(one[name] for name in KEYED["stock"]): one for one in filed}
    return [Account(item, by_item.get(item), stands.get(item, NOTHING)) for item in sorted({*stands, *by_item})]


@app.command("list")
def list_(
    short: Annotated[bool, typer.Option("--short", help="Only items of which nothing is left.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json_: AsJson = False,
) -> None:
    """List the items, those with the smallest share left first."""
    found = [a for a in asyncio.run(_accounts(None)) if not short or a.left_e5 <= 0]
    found.sort(key=lambda a: (a.left_e5 / a.entered_e5 if a.entered_e5 else -1, a.book_item))
    shown = found[:limit]
    if json_:
        print_json([a.to_json() for a in shown])
        return
    rows = [(a.book_item, a.told, *map(_units, (a.entered_e5, *(a.stands[x] for x in ("difference_e5", "reserved_e5", "used_e5")), a.left_e5))) for a in shown]
    show_list("Stock", ("item", "state", "entered", "difference", "reserved", "deducted", "left"), rows,
              "Nothing is filed: `tidegate registry send` files stock.")  # fmt: skip
    if len(found) > limit:
        OUT.print(f"{len(found):,} in all: --limit shows more.")


@app.command()
def show(
    book_item: Annotated[str, typer.Argument(help="Account book and number, as T3105W001-12.")],
    entries: Annotated[int, typer.Option(min=0, help="So many of the last entries.")] = 10,
    json_: AsJson = False,
) -> None:
    """Show an item: what is filed of it, its balances, stock-takes and last entries."""
    found = asyncio.run(_accounts(book_item))
    if not found:
        raise NotFound(f"no stock of {book_item} is filed")
    (account,) = found
    moved, counted = asyncio.run(_entries(book_item, entries)) if entries else ([], [])
    if json_:
        print_json({**account.to_json(), "entries": moved, "stock_takes": counted})
        return
    filed, s = account.filed or {}, account.stands
    OUT.print(f"[bold]{book_item}[/]: {account.told}; entered {_units(account.entered_e5)} of unit {filed.get('unit', '-')}, "
              f"difference {_units(s['difference_e5'])}, reserved {_units(s['reserved_e5'])}, deducted {_units(s['used_e5'])}, "
              f"left {_units(account.left_e5)}")  # fmt: skip
    if account.left_e5 < 0:
        OUT.print(f"[red]{_units(-account.left_e5)} are missing[/]: manifests that are held have more reserved than is there.")
    if filed:
        OUT.print(f"Warehouse {filed['warehouseCode']}, valid from {filed['validFrom']} to {filed['validTo']}.")
    if counted:
        OUT.print(table("Stock-takes", ("entry", "counted", "entered then", "deducted then", "difference it adds"), (
            (c["entry_no"], *(_units(c[x]) for x in ("counted_e5", "entered_e5", "used_e5", "amount_e5"))) for c in counted)))  # fmt: skip
    rows = [
        (e["entry_no"], e["ebp_code"], e["order_no"], e["movement"], *(_units(e[x]) for x in ("amount_e5", "reserved_after_e5", "used_after_e5")))
        for e in moved
    ]  # fmt: skip
    show_list("Last entries", ("entry", "platform", "order number", "movement", "quantity", "reserved after", "deducted after"), rows, "Nothing was taken.")


def _units(e5: int) -> str:
    return f"{Decimal(e5) / E5:,f}".rstrip("0").rstrip(".") if e5 % E5 else f"{e5 // E5:,}"


async def _accounts(book_item: str | None) -> list[Account]:
    key = None if book_item is None else "|".join(("stock", *book_item.rsplit("-", 1)))
    store = Store(Endpoints.resolve().postgres)
    try:
        standing = [dict(r) for r in await store.fetch("stock_list", book_item)]
        return accounts(standing, [dict(stored(r["value"]).content) for r in await store.fetch("stock_filed", key)])
    finally:
        await store.close()


async def _entries(book_item: str, most: int) -> tuple[list[Row], list[Row]]:
    store = Store(Endpoints.resolve().postgres)
    try:
        rows = await store.fetch("stock_entries", book_item, most)
        counted = [dict(r) for r in await store.fetch("stock_counts", book_item, most)]
        found = ({"entry_no": number, **entry} for row in rows for item, number, entry in unpacked(row) if item == book_item)
        return await with_orders(store, islice(sorted(found, key=lambda e: -e["entry_no"]), most)), counted
    finally:
        await store.close()
