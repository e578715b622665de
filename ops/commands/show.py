"""What all commands share in showing: tables for people, JSON for machines, errors with their exit code."""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ops.explain.values import beijing

DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
LONG = 10_000  # a step of fewer parts gets no line of its own where there is no terminal
ZONE = "UTC+8"  # of the times that are shown
PIPED_WIDTH = 200  # where there is no terminal nothing has to fit: a path is not to be broken in two
OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False)
for console in (OUT, ERR):
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


class NotFound(RuntimeError):
    """Nothing matches what was asked for: exit code 2."""


def print_json(data: Any) -> None:
    """Indented JSON; times in ISO 8601, bytes in hex."""
    typer.echo(json.dumps(data, indent=1, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def fail(what: str, why: str) -> None:
    """One error, in plain words on standard error."""
    ERR.print(f"[red]{what}:[/] {escape(plain(why))}", soft_wrap=True)


def plain(text: str) -> str:
    """The text without characters that a terminal would obey: what a sender wrote must not move the reader's cursor."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table of texts, shown as they are; numbers to the right, times on Beijing's clocks, as the law's days are."""
    kept = [list(row) for row in rows]
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for n, name in enumerate(columns):
        numeric = all(isinstance(row[n], int | float) for row in kept) and bool(kept)
        timed = any(isinstance(row[n], datetime) for row in kept)
        made.add_column(f"{name} ({ZONE})" if timed else name, justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        made.add_row(*(Text("" if v is None else plain(_shown(v))) for v in row))
    return made


def show_list(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], none: str, limit: int | None = None) -> None:
    """A table with the count of its rows, or `none` when there are none. `limit`: most that were asked for; a full list may go on."""
    kept = list(rows)
    OUT.print(table(f"{title} ({len(kept)})", columns, kept) if kept else none)
    if limit is not None and len(kept) >= limit:
        OUT.print(f"There may be more than {limit:,}: --limit shows them.")


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return beijing(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def yuan(fen: int | None) -> str:
    """CNY with two decimals."""
    return "-" if fen is None else f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


class Steps:
    """A progress bar for each step of long work, on standard error; plain lines where that is no terminal.

    `transient`: the bars vanish at the end, for others follow.
    """

    def __init__(self, transient: bool = False) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=ERR, disable=not ERR.is_terminal, transient=transient,
        )  # fmt: skip
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Steps":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """`done` of `total` of `what`."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what.capitalize(), total=total)
            if not ERR.is_terminal and total >= LONG:
                ERR.print(f"{what.capitalize()} …")
        self._progress.update(self._tasks[what], completed=min(done, total), total=total)

    def say(self, line: str) -> None:
        """One line above the bars."""
        self._progress.console.print(line)
