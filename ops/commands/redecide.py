"""redecide: what another rule set, or the law of another day, would have decided."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from history.redecide import KEY, Differences
from history.redecide import redecide as redecide_history
from ops.commands.history import Folder, folder_of
from ops.commands.law import book_named
from ops.commands.show import OUT, AsJson, Steps, print_json, table, yuan
from schemas.lawbook import FOLDER

SHOWN = 5  # order numbers of each kind of difference, to people

def redecide(
    since: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of acceptance.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of acceptance.")] = None,
    rules: Annotated[str, typer.Option(help="Folder of a rule set, or one that is kept: live, shadow, or the beginning of its hash.")] = str(FOLDER),
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="By the law of this day, not of each day of acceptance.")] = None,
    history: Folder = None,
    json_: AsJson = False,
) -> None:
    """Judge the history again by a rule set and list what differs: outcomes, findings, tax.

    What the ledgers found is taken as it was, for balances of that time would be others under other rules. Nothing that
    is stored changes.
    """
    book = book_named(rules)
    if as_of and as_of.date() < (first := book.days()[0]):
        raise typer.BadParameter(f"nothing of this rule set is in force yet; the first day of its law is {first}", param_hint="--as-of")
    days = (x and x.date() for x in (since, until, as_of))
    with Steps() as steps:
        found = redecide_history(folder_of(history), book, *days, progress=steps)
    if json_:
        print_json(as_json(found, book.version))
    else:
        show(found, book.version)


def as_json(found: Differences, version: str) -> dict[str, Any]:
    """Everything, with keys that JSON has; of each kind of difference the manifests, up to history.redecide.NAMED."""
    outcomes = [{"then": then, "now": now, "manifests": n} for (then, now), n in sorted(found.outcomes.items())]
    codes = {code: {"only_then": then, "only_now": now} for code, (then, now) in sorted(found.codes.items())}
    named = {kind: _named(orders, found.count(kind)) for kind, orders in found.orders.items()}
    figures = {name: value for name, value in asdict(found).items() if name != "orders"}
    return {**figures, "rule_set": version, "differ": found.differ, "outcomes": outcomes, "codes": codes, "orders": named}


def _named(orders: list[tuple[str, str, int]], count: int) -> dict[str, Any]:
    """The manifests of a kind of difference; `count` is of all of them, `cut` whether some are not named."""
    return {"count": count, "cut": count > len(orders), "manifests": [dict(zip(KEY, order, strict=True)) for order in orders]}


def show(found: Differences, version: str) -> None:
    """Tables for people."""
    OUT.print(f"{found.manifests:,} manifests judged again by rule set {version}.")
    rows = [(f"{then} → {now}", n, orders(found, f"{then} → {now}")) for (then, now), n in sorted(found.outcomes.items())]
    OUT.print(table("Outcomes, then → now", ("outcome", "manifests", "the first of them"), rows))
    if found.codes:
        rows = [(code, then, now, orders(found, f"- {code}", f"+ {code}")) for code, (then, now) in sorted(found.codes.items())]
        OUT.print(table("Findings", ("code", "only then", "only now", "the first of them"), rows))
    change = found.tax_now_fen - found.tax_then_fen
    OUT.print(
        f"Tax CNY {yuan(found.tax_then_fen)} then, CNY {yuan(found.tax_now_fen)} now ({'+' if change >= 0 else '-'}{yuan(abs(change))}): "
        f"{found.tax_more:,} manifests pay more, {found.tax_less:,} less. {orders(found, 'tax')}"
    )
    OUT.print("Ledgers (yearly limits, numbers in use) are taken as they were.", style="dim")
    if found.unasked:
        OUT.print(f"{found.unasked:,} manifests were rejected by the rules then and are not now: the ledgers were never asked of them.")
    if found.as_they_were:
        OUT.print(f"{found.as_they_were:,} manifests that were quarantined, or whose sample failed, are left as they were.")
    if not found.differ:
        OUT.print("[bold green]No difference.[/]")


def orders(found: Differences, *kinds: str) -> str:
    """Order numbers of the first of these kinds."""
    return ", ".join(f"{order_no} ({ebp_code})" for kind in kinds for ebp_code, order_no, _ in found.orders.get(kind, [])[:SHOWN])
