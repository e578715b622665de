"""history: decisions in columns, for judging all of them again."""

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from history.build import build as build_history
from history.build import build_anew
from loadtest.verify.history import check_history
from ops.commands.load import show_counts, show_discrepancies
from ops.commands.show import FAILED, OUT, AsJson, NotFound, Steps, print_json
from schemas.endpoints import Endpoints, home_folder
from schemas.lawbook import load
from schemas.registry import adopt_ids
from sinks.store import Store

app = typer.Typer(help="The history of decisions in columns (Parquet), which `tidegate redecide` judges again.", no_args_is_help=True)
Folder = Annotated[Path | None, typer.Option(help="Folder of the history; `history` below TIDEGATE_HOME unless given.", file_okay=False)]


def folder_of(folder: Path | None) -> Path:
    """The one given, or that of this installation."""
    return folder or home_folder() / "history"


@app.command()
def build(
    folder: Folder = None,
    anew: Annotated[bool, typer.Option("--anew", help="Write all of it again, from the first batch on.")] = False,
    since: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Only write the parts with decisions of these days again.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last of these days of acceptance.")] = None,
    json_: AsJson = False,
) -> None:
    """Bring the history up to what is decided now. Reads PostgreSQL beside the workers and makes none of them wait."""
    where = folder_of(folder)
    with Steps() as steps:
        written = asyncio.run(_build(where, anew, since and since.date(), until and until.date(), steps))
    if json_:
        print_json({"folder": str(where), "manifests_written": written})
    else:
        OUT.print(f"{written:,} manifests written to {where}.")


@app.command()
def check(folder: Folder = None, json_: AsJson = False) -> None:
    """Prove the history from the tables: every decision of the batches it covers once, as it was decided, no batch left out.

    Shares no code with what wrote it. Exit code 1 when anything differs.
    """
    where = folder_of(folder)
    if not where.is_dir():
        raise NotFound(f"{where} holds no history: run `tidegate history build`")
    proof = asyncio.run(check_history(Endpoints.resolve().postgres, where))
    if json_:
        print_json(proof.to_json())
    else:
        show_counts(proof)
        show_discrepancies(proof)
    if not proof.verified:
        raise typer.Exit(FAILED)


async def _build(folder: Path, anew: bool, since: date | None, until: date | None, steps: Steps) -> int:
    await adopt_ids(register=False)
    store, personal = Store(Endpoints.resolve().postgres), frozenset(load().rules["columns"]["personal"])
    try:
        if since or until:
            return await build_anew(store, folder, personal, since, until, steps)
        return await build_history(store, folder, personal, anew, steps)
    finally:
        await store.close()
