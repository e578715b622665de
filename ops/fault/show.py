"""What is seen of a fault run: a bar on a terminal, plain lines elsewhere, a table at the end."""

import statistics
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops.fault.run import RECOVERY_SECONDS, Measured, Outcome

GOAL_SECONDS = 10.0
LINE_SECONDS = 5.0


class Show:
    """`say` and `told` for a run."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description:18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, disable=not self._live,
        )  # fmt: skip
        self._task = self._bar.add_task("starting", total=None)
        self._last = ("", 0.0)

    def __enter__(self) -> "Show":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, what: str, done: int, of: int) -> None:
        self._bar.update(self._task, description=what, completed=done, total=of or None)
        now = time.monotonic()
        if not self._live and (what != self._last[0] or now - self._last[1] > LINE_SECONDS):
            self._last = (what, now)
            self.console.print(f"{what} {done}/{of}", highlight=False)

    def told(self, m: Measured) -> None:
        self.console.print(
            f"{m.at:7.1f} s  {m.kind:17} {back(m):>12}  before {m.before:.0f} documents/s"
            f"{f', outage {m.outage:.1f} s' if m.outage > 0.5 else ''}  {m.whom}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def back(m: Measured) -> str:
    """Recovery in words."""
    if not m.measured:
        return "—"
    return "never" if m.seconds is None else f"{m.seconds:.1f} s"


def _seconds(seconds: float) -> str:
    return "never" if seconds == float("inf") else f"{seconds:.1f}"


def summary(outcome: Outcome, console: Console) -> None:
    """The table by kind, and the verdict."""
    table = Table(title="Seconds until the rate was ≥ 90 % of before", box=None)
    for heading in ("fault", "times", "median", "worst", f"≤ {GOAL_SECONDS:.0f} s"):
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for kind in dict.fromkeys(m.kind for m in outcome.faults):
        of_kind = [m for m in outcome.faults if m.kind == kind]
        seconds = [m.seconds if m.seconds is not None else float("inf") for m in of_kind if m.measured]
        good = sum(s <= GOAL_SECONDS for s in seconds)
        middle, worst = (_seconds(statistics.median(seconds)), _seconds(max(seconds))) if seconds else ("—", "—")
        table.add_row(kind, str(len(of_kind)), middle, worst, f"{good} of {len(seconds)}")
    console.print(table)
    console.print(
        f"never: not within {RECOVERY_SECONDS:.0f} s; —: not measured, because the next fault came at once or all documents were sent",
        style="dim", highlight=False, soft_wrap=True,
    )  # fmt: skip
    counts, differing = (outcome.proof.counts, outcome.proof.discrepancies) if outcome.proof else ({}, [])
    console.print(
        f"{counts.get('manifests', 0)} manifests decided, {counts.get('messages_decision', 0)} decisions published, "
        f"workers started again {outcome.restarts} times, exit codes {outcome.exit_codes}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for d in differing[:20]:
        console.print(f"  {d.place}: {d.what}: expected {d.expected}, found {d.found}", highlight=False, style="red")
    console.print("verified" if outcome.verified else f"NOT verified; the workers' log is {outcome.log}", style="bold")
