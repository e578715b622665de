"""law: the rule sets that manifests are judged by, and the law data they are made of."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from agents import rule_sets
from ops import law_diff, ruling
from ops.commands import law_contents, law_view
from ops.commands.reach import ready
from ops.commands.share import share_1e4
from ops.commands.show import FAILED, OUT, AsJson, NotFound, print_json, show_list
from schemas import law_check
from schemas.endpoints import Endpoints
from schemas.lawbook import FILES, FOLDER, Lawbook, read
from schemas.rule_events import LIVE, LONGEST_BY, SHADOW
from sinks.store import Store

app = typer.Typer(help="The rule sets that manifests are judged by: look at them, check, compare and activate them, try one beside the live one.", no_args_is_help=True)
Which = Annotated[str, typer.Argument(help="A folder, the beginning of a hash, `live` or `shadow`.")]
By = Annotated[str, typer.Option(help="Who orders it; kept with the event.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait for a worker to take it; 0: do not wait.", min=0)]
WAIT_SECONDS = 30.0
T = TypeVar("T")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of law data; that of this installation unless given.")] = FOLDER,
    json_: AsJson = False,
) -> None:
    """List what is not sure in the law data, and refuse what cannot be used: file, line and reason.

    Exit code 1 when it is refused, 2 when the folder lacks a file.
    """
    problems = _problems(folder)
    unsure = [] if problems else law_check.unsure(folder)
    if json_:
        print_json({
            **_refusal(problems),
            "unsure": [{"file": p.file, "line": p.line, "what": p.what} for p in unsure],
            **({} if problems else _counts(folder)),
        })  # fmt: skip
    elif problems:
        _show_problems(problems)
    else:
        show_list("Not sure", ("file", "line", "what, from when, source"), ((p.file, p.line, p.what) for p in unsure), "All is sure.")
        c = _counts(folder)
        OUT.print(
            f"Usable: {c['lines']} tariff lines with a source ({c['sure']} of them sure today), {c['synthetic']} synthetic ones; "
            f"version {c['version']}."
        )
    if problems:
        raise typer.Exit(FAILED)


@app.command("list")
def list_(json_: AsJson = False) -> None:
    """List the rule sets that are kept: which is live, which is tried, from which version on each stood and by whom ordered."""
    found = _with_store(law_view.history)
    if json_:
        print_json(found)
    else:
        law_view.show_history(found)


@app.command()
def show(
    which: Which = str(FOLDER),
    code: Annotated[str, typer.Argument(help="Only this code, with its condition and the parameters in it.")] = "",
    table: Annotated[str, typer.Option(help="Only this table, such as tariff, risk or risk.indicator.")] = "",
    json_: AsJson = False,
) -> None:
    """Show a rule set: codes with what each does, its law and texts in Chinese and English, limits, risk, goods control, classes,
    samples, weights, consumption tax and sources. The rows of the tariff: --table tariff, or --json, which gives everything."""
    book = book_named(which)
    if code and code not in book.texts():
        raise NotFound(f"no code {code} in the rule set {book.version}")
    if json_ and table and not code:
        print_json({"version": book.version, **law_contents.chosen(book, table)})
    elif json_:
        print_json(law_contents.entry(book, code) if code else law_contents.contents(book))
    else:
        law_contents.show_entry(book, code) if code else law_contents.show_contents(book, table)


@app.command()
def diff(before: Which, after: Which, json_: AsJson = False) -> None:
    """Compare two rule sets: rules added, removed and changed, limits, rates and lists."""
    a, b = book_named(before), book_named(after)
    found = law_diff.differences(a.content, b.content)
    if json_:
        print_json({"before": a.version, "after": b.version, "differences": [x._asdict() for x in found]})
        return
    columns = ("file", "entry", "change", "field", "before", "after")
    show_list(f"From {a.version} to {b.version}", columns, ([x[0], x[1], x[2], x[3], *map(law_contents.text, x[4:])] for x in found), "They do not differ.")


@app.command()
def activate(
    which: Annotated[str, typer.Argument(help="A folder of law data, or the beginning of the hash of a set that is kept.")],
    by: By = "", wait: Wait = WAIT_SECONDS, json_: AsJson = False,
) -> None:  # fmt: skip
    """Make a rule set the live one, without a restart: every batch committed after it is judged by it.

    A folder is checked whole first and kept under its hash; the set that was live comes back by its hash. Exit code 1 when
    it is refused, here or by the worker that takes the event: the live set stays.
    """
    _order(LIVE, which, 0, by, wait, json_)


@app.command()
def shadow(
    which: Annotated[str, typer.Argument(help="A folder, or the beginning of a hash: try this set beside the live one.")] = "",
    share: Annotated[str, typer.Option(help="On how much of the manifests, such as 10% or 0.5%.")] = "10%",
    off: Annotated[bool, typer.Option("--off", help="Try none any more.")] = False,
    differing: Annotated[int, typer.Option(help="Name so many manifests that differ.", min=0)] = 20,
    by: By = "", wait: Wait = WAIT_SECONDS, json_: AsJson = False,
) -> None:  # fmt: skip
    """Try a rule set beside the live one, end it (--off), or without arguments show how far the two agree.

    Nothing that is tried changes a decision. Which manifests are tried follows from their decision id.
    """
    if which and off:
        raise typer.BadParameter("name a rule set or say --off, not both")
    if which or off:
        _order(SHADOW, which, share_1e4(share, "--share") if which else 0, by, wait, json_)
        return
    found = _with_store(lambda store: law_view.agreement(store, differing))
    if json_:
        print_json(found)
    else:
        law_view.show_agreement(found)


def check_folder(which: str, json_: bool) -> None:
    """Say what is wrong with a folder of law data, if it is one that cannot be used, and end with exit code 1."""
    if which and Path(which).is_dir() and (problems := _problems(Path(which))):
        if json_:
            print_json(_refusal(problems))
        else:
            _show_problems(problems)
        raise typer.Exit(FAILED)


def _order(part: str, which: str, share: int, by: str, wait: float, json_: bool) -> None:
    check_folder(which, json_)
    by = (by or os.environ.get("USER", ""))[:LONGEST_BY]
    endpoints = Endpoints.resolve()

    async def ordering(store: Store) -> ruling.Ordered:
        await ready(endpoints)
        name = await ruling.named(store, which) if which else ""
        return await ruling.order(endpoints, store, part, name, share, by, wait)

    law_view.show_ordered(part, _with_store(ordering), share, json_)


def _with_store(ask: Callable[[Store], Awaitable[T]]) -> T:
    async def asked() -> T:
        store = Store(Endpoints.resolve().postgres)
        try:
            return await ask(store)
        finally:
            await store.close()

    return asyncio.run(asked())


def book_named(which: str) -> Lawbook:
    """The rule set of a folder, or one that is kept; NotFound, LawError when it cannot be used."""
    if Path(which).is_dir():
        if problems := _problems(Path(which)):
            raise law_check.LawError("; ".join(map(str, problems)))
        return read(Path(which))
    return _with_store(lambda store: ruling.book_of(store, which))


def _problems(folder: Path) -> list[law_check.Place]:
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise NotFound(f"{folder} has no {', '.join(missing)}")
    return rule_sets.problems(folder)


def _refusal(problems: list[law_check.Place]) -> dict[str, Any]:
    return {"usable": not problems, "problems": [{"file": p.file, "line": p.line, "reason": p.what} for p in problems]}


def _show_problems(problems: list[law_check.Place]) -> None:
    show_list("Refused", ("file", "line", "reason"), ((p.file, p.line or "-", p.what) for p in problems), "")


def _counts(folder: Path) -> dict[str, int | str]:
    book = read(folder)
    rows = law_check.read(folder).tariff
    lines = {x["hs8"] for _, x in rows}
    return {
        "lines": len(lines),
        "sure": len({x["hs8"] for _, x in rows if x["sure"] == "true"}),
        "synthetic": book.tariff.lines["hs8"].n_unique() - len(lines),
        "version": book.version,
    }
