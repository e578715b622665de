"""What the demo shows: a live view while documents come, then tables."""

import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import asyncpg
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadtest.latency import DecisionReader
from loadtest.replay import Replayed
from loadtest.verify import Proof
from ops.commands.rule_book import show_rule_book
from ops.commands.show import OUT, table, yuan
from schemas.lawbook import load

OVER_SECONDS = 3.0  # rates are means over so long: decisions come in batches
LINE_SECONDS = 10.0
BAR = 60


class View(Protocol):
    """Something that shows how far it has come."""

    def update(self, sent: int, consumed: int, outcomes: dict[str, int], behind: int) -> None: ...


@contextmanager
def live(total: int) -> Generator[View]:
    """A table that changes in place; where there is no terminal, a line each ten seconds."""
    if not OUT.is_terminal:
        yield _Lines(total)
        return
    with Live(console=OUT, refresh_per_second=4) as shown:
        yield _Board(total, shown)


class _Rates:
    """Means over the last seconds."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._seen: deque[tuple[float, tuple[int, ...]]] = deque()

    def of(self, *counts: int) -> list[float]:
        now = time.monotonic()
        self._seen.append((now, counts))
        while len(self._seen) > 2 and now - self._seen[1][0] >= OVER_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        return [(new - old) / max(0.001, now - since) for new, old in zip(counts, before, strict=True)]


class _Lines:
    def __init__(self, total: int) -> None:
        self._total, self._rates, self._next, self._done = total, _Rates(), 0.0, False

    def update(self, sent: int, consumed: int, outcomes: dict[str, int], behind: int) -> None:
        decided = sum(outcomes.values())
        rates = self._rates.of(sent, decided)
        done = sent == consumed == self._total
        if self._done or (time.monotonic() < self._next and not done):
            return
        self._next, self._done = time.monotonic() + LINE_SECONDS, done
        told = "  ".join(f"{name.lower()} {outcomes.get(name, 0):,}" for name in ("RELEASE", "HOLD", "REJECT"))
        OUT.print(
            f"{time.monotonic() - self._rates.begun:4.0f} s  sent {sent:,} documents ({rates[0]:,.0f}/s)  lag {sent - consumed:,}  "
            f"decided {decided:,} ({rates[1]:,.0f}/s)  {told}"
        )


class _Board:
    def __init__(self, total: int, shown: Live) -> None:
        self._total, self._shown, self._rates = total, shown, _Rates()

    def update(self, sent: int, consumed: int, outcomes: dict[str, int], behind: int) -> None:
        decided = sum(outcomes.values())
        in_s, used_s, out_s = self._rates.of(sent, consumed, decided)
        board = Table.grid(padding=(0, 3))
        for justify in ("left", "right", "right"):
            board.add_column(justify=justify)
        board.add_row("documents sent", f"{sent:,}", f"{in_s:,.0f}/s")
        board.add_row("documents consumed", f"{consumed:,}", f"{used_s:,.0f}/s", f"lag {max(0, sent - consumed):,}")
        board.add_row("decisions on their topics", f"{decided:,}", f"{out_s:,.0f}/s", f"{behind} batches to publish")
        for name, colour in (("RELEASE", "green"), ("HOLD", "yellow"), ("REJECT", "red")):
            count = outcomes.get(name, 0)
            board.add_row(f"   [{colour}]{name.lower()}[/]", f"{count:,}", f"{100 * count / max(1, decided):.1f} %")
        filled = int(BAR * sent / max(1, self._total))
        bar = Text(f"{time.monotonic() - self._rates.begun:4.0f} s  ") + Text("█" * filled + "░" * (BAR - filled), style="cyan")
        self._shown.update(Group(bar, board))


async def show_summary(connection: asyncpg.Connection, reader: DecisionReader, replayed: Replayed) -> None:
    """Outcomes and tax, top reasons, the rule book, latency and the replayer's own lateness."""
    texts = load().texts()
    outcomes = [
        (r["outcome"], r["n"], r["tax"])
        for r in await connection.fetch(
            "SELECT outcome, count(*) AS n, sum(tax_fen)::bigint AS tax FROM manifest GROUP BY 1 ORDER BY 2 DESC"
        )
    ]
    outcomes.append(("all", sum(n for _, n, _ in outcomes), sum(tax for *_, tax in outcomes)))
    OUT.print(table("\nDecided", ("outcome", "manifests", "tax CNY"), ((name, n, yuan(tax)) for name, n, tax in outcomes)))
    reasons = await connection.fetch("SELECT code, count(*) AS n FROM finding GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8")
    OUT.print(table("Most frequent reasons", ("code", "manifests", "meaning"), ((r["code"], r["n"], texts[r["code"]]["en"]) for r in reasons)))
    await show_rule_book(connection, texts)
    rows = [
        (what, *(round(ms) for ms in found.values()))
        for what, found in (
            ("last document due → decision readable", reader.percentiles()),
            ("how late the replayer itself was", replayed.lateness()),
        )
    ]
    OUT.print(table("Time in ms, from the intended time of the documents", ("what", "p50", "p95", "p99", "max"), rows))


def show_proof(proof: Proof) -> None:
    """What was checked, in words, and the verdict."""
    c = proof.counts
    passed = sum(c.get(f"documents_{fate}", 0) for fate in ("duplicate", "superseded", "deleted", "refused"))
    rows = (
        ("records of the three topics, each in exactly one place", c.get("records", 0)),
        ("   used by a decision", c.get("documents_used", 0)),
        ("   passed over, each with a receipt", passed),
        ("   waiting for others", c.get("documents_open", 0)),
        ("   dead letters", c.get("dead_letters", 0)),
        ("manifests decoded, judged and taxed anew", c.get("manifests", 0)),
        ("   tax recomputed to the fen, CNY", yuan(c.get("tax_fen", 0))),
        ("decisions published exactly once", c.get("messages_decision", 0)),
        ("receipts published exactly once", c.get("messages_receipt", 0)),
        ("ledger entries replayed", c.get("ledger_entries", 0)),
        ("payment and waybill numbers in use", c.get("number_uses", 0)),
        ("orders compared with the generator's known answers", c.get("answers", 0)),
    )
    OUT.print(table("Proof", ("what was checked", "count"), rows))
    seconds = sum(proof.seconds.values())
    OUT.print(
        f"[bold green]Verified in {seconds:.0f} s: every decision right, every fen, each published exactly once.[/]\n"
        if proof.verified else f"[bold red]Not verified: {proof.discrepancy_count} discrepancies.[/]\n"
    )  # fmt: skip
